//! What Bitbucket accepts in a build status, and how the engine's values are
//! brought into that form before anything is sent.

use crate::repository_name::RepositoryName;
use crate::text::Host;
use sha2::{Digest, Sha256};
use ureq::http::Uri;
use vcs_provider_interface::prelude::*;

/// Bitbucket Cloud: build status key, at most 40 characters.
pub(crate) const LONGEST_KEY: usize = 40;

/// Bitbucket Cloud: build status name, at most 255 characters; the description
/// is kept to the same.
pub(crate) const LONGEST_TEXT: usize = 255;

/// Hexadecimal digits of the hash in a shortened key: 64 bits.
const KEY_HASH_DIGITS: usize = 16;

/// The public address of the website, where the configured one is not public.
const PUBLIC_WEB_URL: &str = "https://bitbucket.org";

/// Bitbucket's word for a state. Whatever began as pending ends in one of the
/// others, so that no status stays pending for ever.
pub(super) fn service_state(state: BuildState) -> Result<&'static str> {
    match state {
        BuildState::SUCCESS => Ok("SUCCESSFUL"),
        BuildState::FAIL => Ok("FAILED"),
        BuildState::STOPPED
        | BuildState::CANCELLED
        | BuildState::SKIPPED
        | BuildState::DISABLED
        | BuildState::NEVER_BUILT => Ok("STOPPED"),
        BuildState::WAITING | BuildState::CHECKING | BuildState::BUILDING => Ok("INPROGRESS"),
        other => Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!("the build state {other} is not known"),
        )),
    }
}

/// The key as Bitbucket takes it: as it is, or a readable beginning, a dash and
/// a hash of the whole, so that keys with the same beginning stay apart.
pub(super) fn service_key(key: &str) -> Result<String> {
    if key.trim().is_empty() {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            "a build status needs a key",
        ));
    }
    if key.chars().count() <= LONGEST_KEY {
        return Ok(key.to_owned());
    }
    let digest = Sha256::digest(key.as_bytes());
    let hash: String = digest
        .iter()
        .take(KEY_HASH_DIGITS / 2)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let beginning: String = key
        .chars()
        .take(LONGEST_KEY - KEY_HASH_DIGITS - 1)
        .collect();
    Ok(format!("{beginning}-{hash}"))
}

/// The address as Bitbucket takes it: absolute, of a host that others can
/// reach, with braces encoded, since it reads them as templates.
pub(super) fn checked_url(text: &str) -> Result<String> {
    let reject = |why: &str| {
        VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!("the address of a build status {why}"),
        )
    };
    let text = text.trim();
    if text
        .chars()
        .any(|character| character.is_whitespace() || character.is_control())
    {
        return Err(reject("may hold no space"));
    }
    let encoded = text.replace('{', "%7B").replace('}', "%7D");
    let no_address = || reject("has to be absolute, such as https://engine.example/build/1");
    let url: Uri = encoded.parse().map_err(|_| no_address())?;
    let authority = url.authority().ok_or_else(no_address)?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(reject("has to begin with https:// or http://"));
    }
    if authority.as_str().contains('@') {
        return Err(reject("may hold no user and no password"));
    }
    if !Host::of(&url).is_some_and(|host| host.is_outside_this_machine()) {
        return Err(reject(
            "has to name a host that Bitbucket's users can reach: Bitbucket rejects `localhost` \
             and names without a dot; check the engine's public address",
        ));
    }
    Ok(encoded)
}

/// The page of the commit: an address that says nothing of the engine.
pub(super) fn neutral_url(web_url: &str, repo: &RepositoryName, commit: &str) -> String {
    let root = if checked_url(web_url).is_ok() {
        web_url
    } else {
        PUBLIC_WEB_URL
    };
    let path = crate::encoding::path(&[repo.workspace(), repo.slug(), "commits", commit]);
    format!("{root}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Situation `status-key-length`.
    #[test]
    fn long_keys_are_shortened_readably_and_stay_apart() {
        let kept = "k".repeat(40);
        assert_eq!(service_key(&kept), Ok(kept));
        let long = format!("build/{}", "x".repeat(60));
        let other = format!("{long}y");
        let short = service_key(&long).expect("a key");
        assert_eq!(short.chars().count(), LONGEST_KEY);
        assert!(short.starts_with("build/xxx"));
        assert_eq!(service_key(&long), Ok(short.clone()));
        assert_ne!(service_key(&other), Ok(short));
        let umlauts = service_key(&"ü".repeat(41)).expect("a key");
        assert_eq!(umlauts.chars().count(), LONGEST_KEY);
        assert!(service_key("  ").is_err());
    }

    /// Situation `states`.
    #[test]
    fn every_state_has_a_word_of_the_service() {
        for state in BuildState::ALL {
            let word = service_state(*state).expect("a word");
            assert!(["SUCCESSFUL", "FAILED", "INPROGRESS", "STOPPED"].contains(&word));
        }
        assert_eq!(service_state(BuildState::SKIPPED), Ok("STOPPED"));
        assert_eq!(service_state(BuildState::CHECKING), Ok("INPROGRESS"));
        assert!(service_state(BuildState::from_number(999)).is_err());
    }

    /// Situation `status-address`.
    #[test]
    fn addresses_are_checked_before_the_call_and_braces_encoded() {
        for local in [
            "/build/1",
            "build/1",
            "",
            "http://localhost:8080/b/1",
            "http://ci.localhost/b/1",
            "http://jenkins:8080/b/1",
            "http://127.0.0.1/b/1",
            "http://[::1]/b/1",
            "ftp://ci.example.com/b",
            "https://me:pw@ci.example.com/b",
            "https://ci.example.com/a b",
        ] {
            let error = checked_url(local).expect_err(local);
            assert_eq!(error.kind, ErrorKind::INVALID_INPUT);
        }
        assert_eq!(
            checked_url("https://ci.example.com/b/{id}?x={y}#z"),
            Ok("https://ci.example.com/b/%7Bid%7D?x=%7By%7D#z".to_owned())
        );
        assert!(checked_url("http://10.1.2.3:8080/b").is_ok());
    }

    /// Situation `status-address`.
    #[test]
    fn the_neutral_address_is_public_and_names_no_engine() {
        let repo = RepositoryName::parse("team/repo").expect("a name");
        assert_eq!(
            neutral_url("https://bitbucket.org", &repo, "abcd"),
            "https://bitbucket.org/team/repo/commits/abcd"
        );
        assert_eq!(
            neutral_url("http://127.0.0.1:9", &repo, "abcd"),
            "https://bitbucket.org/team/repo/commits/abcd"
        );
    }
}
