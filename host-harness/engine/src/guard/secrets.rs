//! Secrets that this process has in hand, to be taken out of texts from outside.
//!
//! A service, or somebody between, may send back what it was sent: in an error, a
//! header, an address, a page. Providers redact what they know of; this is the
//! engine's own line, for every provider.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use regex::Regex;
use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::sync::{LazyLock, PoisonError, RwLock};
use vcs_provider_interface::error::VcsError;
use vcs_provider_interface::secret::Secret;

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Shorter texts are no secrets worth the name, and would be found everywhere.
const SHORTEST: usize = 8;

/// Secrets that are kept in mind; beyond, the oldest are forgotten.
const MOST: usize = 1024;

/// Credentials by their shape, whoever they belong to.
static SHAPES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let scheme = r"(?i)\b(?:basic|bearer)(?:\s|%20|\+)+[A-Za-z0-9+/=_.~%-]{8,}";
    let named = r#"(?i)\b(?:access_token|refresh_token|client_secret|code_verifier|password|x-token-auth)["']?(?:\s*[:=]\s*|%3[ad])["']?[^\s"'&,;}@]{8,}"#;
    let in_address = r"(?i)\b[a-z][a-z0-9+.-]*://[^\s/@:]+:[^\s/@]+@";
    Regex::new(&format!("{scheme}|{named}|{in_address}")).ok()
});

/// The secrets, in the forms in which they come back.
#[derive(Default)]
pub struct KnownSecrets {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    forms: VecDeque<Vec<Secret>>,
    digests: HashSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
    /// Finds all forms in one pass; made anew when it is asked for after a change.
    finder: Option<AhoCorasick>,
}

impl KnownSecrets {
    /// Keeps a secret in mind.
    pub fn add(&self, secret: &Secret) {
        let text = secret.expose();
        if text.len() < SHORTEST {
            return;
        }
        let digest = crate::random::digest(text);
        let is_known = |known: &Known| known.digests.contains(&digest);
        if is_known(&self.known.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if !known.digests.insert(digest) {
            return;
        }
        known.order.push_back(digest);
        known.forms.push_back(forms_of(text));
        known.finder = None;
        if known.order.len() > MOST {
            known.forms.pop_front();
            if let Some(oldest) = known.order.pop_front() {
                known.digests.remove(&oldest);
            }
        }
    }

    /// Keeps in mind what stands in a provider's table under a key that names a
    /// secret. The engine knows no provider's keys, so their words have to do.
    pub fn add_from_toml(&self, table: &toml::Table) {
        for (key, value) in table {
            let key = key.to_ascii_lowercase();
            let names_secret = ["secret", "token", "password", "passphrase"]
                .iter()
                .any(|word| key.contains(word));
            match value {
                toml::Value::Table(table) => self.add_from_toml(table),
                toml::Value::String(text) if names_secret => self.add(&Secret::from(text.as_str())),
                _ => {}
            }
        }
    }

    /// The text without the secrets.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut redacted = Cow::Borrowed(text);
        self.with_finder(|finder| {
            if finder.is_match(text) {
                let replaced = finder.replace_all_with(text);
                redacted = Cow::Owned(replaced);
            }
        });
        let by_shape =
            SHAPES
                .as_ref()
                .and_then(|shapes| match shapes.replace_all(&redacted, REDACTED) {
                    Cow::Borrowed(_) => None,
                    Cow::Owned(text) => Some(text),
                });
        match by_shape {
            Some(text) => Cow::Owned(text),
            None => redacted,
        }
    }

    /// Whether a known secret stands in the text; blind to shapes.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        let mut found = false;
        self.with_finder(|finder| found = finder.is_match(text));
        found
    }

    fn with_finder(&self, work: impl FnOnce(&Finder<'_>)) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(finder) = &known.finder {
            return work(&Finder(finder));
        }
        if known.forms.is_empty() {
            return;
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.finder.is_none() {
            let forms = known.forms.iter().flatten().map(Secret::expose);
            // The longest form first, so that no rest of it stays.
            let made = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(forms);
            match made {
                Ok(finder) => known.finder = Some(finder),
                Err(error) => {
                    tracing::error!(%error, "texts of services are redacted by shape only");
                    return;
                }
            }
        }
        if let Some(finder) = &known.finder {
            work(&Finder(finder));
        }
    }

    /// An error without the secrets.
    #[must_use]
    pub fn redact_error(&self, mut error: VcsError) -> VcsError {
        let redact = |text: &mut String| {
            if let Cow::Owned(redacted) = self.redact(text) {
                *text = redacted;
            }
        };
        redact(&mut error.message);
        if let Some(id) = &mut error.service_request_id {
            redact(id);
        }
        let facts: Vec<(String, String)> = error
            .extra
            .iter()
            .filter_map(|(key, value)| match self.redact(value) {
                Cow::Owned(redacted) => Some((key.to_owned(), redacted)),
                Cow::Borrowed(_) => None,
            })
            .collect();
        for (key, redacted) in facts {
            error.extra.insert(key, redacted);
        }
        error
    }
}

struct Finder<'f>(&'f AhoCorasick);

impl Finder<'_> {
    fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    fn replace_all_with(&self, text: &str) -> String {
        let mut replaced = String::with_capacity(text.len());
        self.0
            .replace_all_with(text, &mut replaced, |_, _, target| {
                target.push_str(REDACTED);
                true
            });
        replaced
    }
}

/// How a secret may come back: as it is, as part of an address, of a JSON text, or
/// of something in base64, wherever it begins there.
fn forms_of(text: &str) -> Vec<Secret> {
    let mut forms = vec![text.to_owned()];
    let mut add = |form: String| {
        if form.len() >= SHORTEST && !forms.contains(&form) {
            forms.push(form);
        }
    };
    let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    add(encoded.to_lowercase());
    add(encoded);
    if let Ok(json) = serde_json::to_string(text) {
        add(json.trim_matches('"').to_owned());
    }
    for shift in 0..3 {
        let shifted = [&[0; 2][..shift], text.as_bytes()].concat();
        let first = (shift * 8).div_ceil(6);
        let whole = shifted.len() * 8 / 6;
        for encoded in [
            STANDARD_NO_PAD.encode(&shifted),
            URL_SAFE_NO_PAD.encode(&shifted),
        ] {
            if let Some(form) = encoded.get(first..whole) {
                add(form.to_owned());
            }
        }
    }
    forms.into_iter().map(Secret::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANTED: &str = "pl4nted/s3cret+v\"alue";

    fn known() -> KnownSecrets {
        let known = KnownSecrets::default();
        known.add(&Secret::from(PLANTED));
        known
    }

    #[test]
    fn a_secret_is_found_in_every_form_in_which_it_comes_back() {
        let known = known();
        let basic = |user: &str| {
            base64::engine::general_purpose::STANDARD.encode(format!("{user}:{PLANTED}"))
        };
        for echo in [
            PLANTED.to_owned(),
            format!("you sent {PLANTED} to us"),
            "pl4nted%2Fs3cret%2Bv%22alue".to_owned(),
            "pl4nted%2fs3cret%2bv%22alue".to_owned(),
            serde_json::to_string(PLANTED).unwrap(),
            basic("a"),
            basic("ab"),
            basic("abc"),
        ] {
            let text = format!("400: {echo}");
            let redacted = known.redact(&text);
            assert!(redacted.contains(REDACTED), "{echo}");
            for part in ["s3cret", "czNjcmV0"] {
                assert!(!redacted.contains(part), "{redacted}");
            }
        }
        assert_eq!(known.redact("nothing of it"), "nothing of it");
    }

    #[test]
    fn a_credential_is_known_by_its_shape_too() {
        let known = KnownSecrets::default();
        for echo in [
            "Authorization: Bearer abcdefghijkl",
            "authorization: basic YWxhZGRpbjpvcGVu",
            "grant_type=refresh_token&refresh_token=abcdefghijkl",
            "{\"access_token\": \"abcdefghijkl\"}",
            "https://x-token-auth:abcdefghijkl@host/repo",
        ] {
            let redacted = known.redact(echo).into_owned();
            assert!(redacted.contains(REDACTED), "{redacted}");
            assert!(
                !redacted.contains("abcdefghijkl") && !redacted.contains("YWxhZG"),
                "{redacted}"
            );
        }
        for harmless in [
            "the token endpoint answered 400 invalid_grant",
            "bearer tokens are accepted",
            "https://host:8443/repo/src@main",
        ] {
            assert_eq!(known.redact(harmless), harmless);
        }
    }

    #[test]
    fn an_error_is_redacted_in_all_its_texts() {
        let mut error = VcsError::new(
            vcs_provider_interface::error::ErrorKind::UNAUTHENTICATED,
            format!("refused {PLANTED}"),
        );
        error.service_request_id = Some(PLANTED.to_owned());
        error.extra.insert("echo", PLANTED);
        let error = known().redact_error(error);
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }

    #[test]
    fn only_so_many_are_kept_in_mind_and_the_newest_are() {
        let known = KnownSecrets::default();
        for number in 0..MOST + 10 {
            known.add(&Secret::from(format!("secret-number-{number:06}").as_str()));
        }
        assert!(!known.is_in("secret-number-000000"));
        assert!(known.is_in(&format!("secret-number-{:06}", MOST + 9)));
        assert!(known.known.read().unwrap().forms.len() <= MOST);
    }

    #[test]
    fn secrets_of_a_table_are_known_by_their_keys() {
        let table: toml::Table =
            "clientId = 'public-identifier'\nclientSecret = 'hidden-value-1'\n[auth]\ntoken = 'hidden-value-2'"
                .parse()
                .unwrap();
        let known = KnownSecrets::default();
        known.add_from_toml(&table);
        assert!(known.is_in("hidden-value-1") && known.is_in("hidden-value-2"));
        assert!(!known.is_in("public-identifier"));
    }
}
