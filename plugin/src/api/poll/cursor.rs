//! The cursor: all that a poll remembers, in a text that the host keeps.
//!
//! The provider itself remembers nothing, so a cursor works after a restart
//! and in another process. It holds every branch and tag with its hash (a
//! deleted one could not be named otherwise), the open pull requests with
//! their hashes, and how far pull requests were read.
//!
//! Form: a prefix with the version, then base64 of gzip of JSON; gzip's
//! checksum tells a damaged cursor. Size: about 45 characters for each ref and
//! 30 for each open pull request, so some 220 KB for 5,000 refs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use vcs_provider_interface::prelude::*;

/// Stands before every cursor of this version.
const PREFIX: &str = "bbc1.";

/// The longest cursor that is read, in characters: room for some 500,000 refs.
const MAX_ENCODED: usize = 24 * 1024 * 1024;

/// The most that is unpacked, in bytes; a small cursor could otherwise unpack
/// to more than there is memory.
const MAX_DECODED: u64 = 96 * 1024 * 1024;

/// Branches and tags: the bare name and the hash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefsAt {
    #[serde(rename = "b")]
    pub(crate) branches: BTreeMap<String, String>,
    #[serde(rename = "t")]
    pub(crate) tags: BTreeMap<String, String>,
}

impl RefsAt {
    /// The branches or the tags.
    pub(crate) fn of_kind_mut(&mut self, kind: RefKind) -> &mut BTreeMap<String, String> {
        if kind == RefKind::TAG {
            &mut self.tags
        } else {
            &mut self.branches
        }
    }
}

/// Pull requests as far as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PullRequestsAt {
    /// The latest change seen, in milliseconds since 1970.
    #[serde(rename = "s")]
    pub(crate) since: Option<i64>,
    /// The open ones: number and source hash, as short as the service gives it.
    #[serde(rename = "o")]
    pub(crate) open: BTreeMap<u64, String>,
    /// Changes seen shortly before `since`: number and time. They come up
    /// again in the next poll, which reads on from a little earlier.
    #[serde(rename = "r")]
    pub(crate) recent: BTreeMap<u64, i64>,
}

/// A cursor. A part is absent until it was polled for the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The repository's uuid.
    #[serde(rename = "i")]
    pub(crate) repo: String,
    /// Its full name at the time.
    #[serde(rename = "n")]
    pub(crate) fullname: String,
    #[serde(rename = "f")]
    pub(crate) refs: Option<RefsAt>,
    #[serde(rename = "p")]
    pub(crate) pull_requests: Option<PullRequestsAt>,
}

impl Cursor {
    /// The text for the host.
    ///
    /// # Errors
    /// `Internal` if it cannot be packed.
    pub(crate) fn encode(&self) -> Result<String> {
        pack(PREFIX, self)
    }

    /// Reads what [`Cursor::encode`] made.
    ///
    /// # Errors
    /// `InvalidInput` for anything else.
    pub(crate) fn decode(text: &str) -> Result<Self> {
        unpack(PREFIX, text)
    }
}

/// A cursor as text behind this prefix.
///
/// # Errors
/// `Internal` if it cannot be packed.
pub(super) fn pack(prefix: &str, cursor: &impl Serialize) -> Result<String> {
    let failed = |error: &dyn std::fmt::Display| {
        VcsError::new(
            ErrorKind::INTERNAL,
            format!("the cursor cannot be packed: {error}"),
        )
    };
    let json = serde_json::to_vec(cursor).map_err(|error| failed(&error))?;
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(&json).map_err(|error| failed(&error))?;
    let packed = packer.finish().map_err(|error| failed(&error))?;
    let mut text = prefix.to_owned();
    URL_SAFE_NO_PAD.encode_string(packed, &mut text);
    Ok(text)
}

/// Reads what [`pack`] made.
///
/// # Errors
/// `InvalidInput` for anything else.
pub(super) fn unpack<T: DeserializeOwned>(prefix: &str, text: &str) -> Result<T> {
    let encoded = text
        .strip_prefix(prefix)
        .ok_or_else(|| broken("it is not one of this provider's version"))?;
    if encoded.len() > MAX_ENCODED {
        return Err(broken("it is too long"));
    }
    let packed = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| broken("it is not base64"))?;
    let mut json = Vec::new();
    GzDecoder::new(packed.as_slice())
        .take(MAX_DECODED)
        .read_to_end(&mut json)
        .map_err(|_| broken("it is damaged"))?;
    serde_json::from_slice(&json).map_err(|_| broken("its contents are not a cursor's"))
}

/// The error of a cursor that cannot be used.
pub(super) fn broken(why: &str) -> VcsError {
    VcsError::new(
        ErrorKind::INVALID_INPUT,
        format!("the cursor cannot be used: {why}; begin again without one"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes as random as real ones, always the same.
    fn hash(seed: u64) -> String {
        use sha2::Digest;
        hex::encode(&sha2::Sha256::digest(seed.to_le_bytes())[..20])
    }

    fn cursor(refs: u64) -> Cursor {
        Cursor {
            repo: "{7c0e}".to_owned(),
            fullname: "orchard/pear".to_owned(),
            refs: Some(RefsAt {
                branches: (0..refs)
                    .map(|number| {
                        (
                            format!("feature/PEAR-{number}-prune \"the\" #{number}"),
                            hash(number),
                        )
                    })
                    .collect(),
                tags: BTreeMap::from([("v1".to_owned(), hash(0))]),
            }),
            pull_requests: Some(PullRequestsAt {
                since: Some(1_738_555_506_789),
                open: BTreeMap::from([(31, "0123456789ab".to_owned())]),
                recent: BTreeMap::from([(31, 1_738_555_506_789)]),
            }),
        }
    }

    #[test]
    fn a_cursor_survives_being_a_text() {
        for written in [cursor(3), Cursor::default()] {
            let text = written.encode().expect("a text");
            assert_eq!(Cursor::decode(&text), Ok(written));
        }
    }

    #[test]
    fn a_cursor_of_thousands_of_refs_stays_small() {
        let text = cursor(5000).encode().expect("a text");
        assert!(text.len() < 300_000, "{} characters", text.len());
        assert_eq!(Cursor::decode(&text), Ok(cursor(5000)));
    }

    #[test]
    fn a_broken_cursor_is_invalid_input() {
        let right = cursor(3).encode().expect("a text");
        let middle = right.len() / 2;
        let replaced = if right.as_bytes()[middle] == b'A' {
            "B"
        } else {
            "A"
        };
        let mut damaged = right.clone();
        damaged.replace_range(middle..=middle, replaced);
        for text in [
            "",
            "bbc1.",
            "bbc1.%%%",
            "bbc9.abc",
            "x",
            &right[..middle],
            &damaged,
        ] {
            let error = Cursor::decode(text).expect_err(text);
            assert_eq!(error.kind, ErrorKind::INVALID_INPUT, "{text}");
        }
    }

    #[test]
    fn a_cursor_that_unpacks_to_too_much_is_rejected() {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        let zeros = vec![b' '; 1024 * 1024];
        for _ in 0..97 {
            packer.write_all(&zeros).expect("memory");
        }
        let packed = packer.finish().expect("memory");
        let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(packed));
        assert_eq!(
            Cursor::decode(&text).expect_err("a bomb").kind,
            ErrorKind::INVALID_INPUT
        );
    }
}
