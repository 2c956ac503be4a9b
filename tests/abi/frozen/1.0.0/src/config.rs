//! Secrets in a server's configuration, in the three ways in which every
//! provider takes them.

use crate::error::{Result, VcsError};
use crate::secret::Secret;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::fs;
use std::io::Read as _;

/// A file longer than this holds no secret.
const LONGEST_FILE: u64 = 64 * 1024;

/// Where a secret of the configuration stands: in place (`token = "…"`), in the
/// environment (`token = { env = "NAME" }`) or in a file
/// (`token = { file = "PATH" }`).
///
/// A field of this type never makes a parser quote what was written: anything
/// else is taken as well and becomes an error in [`resolve`](Self::resolve),
/// where the key is known.
///
/// ```
/// use vcs_provider_interface::config::SecretSource;
///
/// let written = r#"{ "env": "PATH" }"#;
/// let source: SecretSource = serde_json::from_str(written).unwrap();
/// assert!(!source.resolve("auth.token").unwrap().is_empty());
/// ```
pub struct SecretSource(Source);

enum Source {
    Inline(Secret),
    Env(String),
    File(String),
    /// None of these.
    Unusable,
}

impl SecretSource {
    /// A secret that stands in place.
    #[must_use]
    pub fn inline(secret: Secret) -> Self {
        Self(Source::Inline(secret))
    }

    /// Fetches the secret of this key; white space around one from a file or
    /// the environment is dropped. The file is on the engine's machine, and a
    /// relative path starts at the engine's working directory.
    ///
    /// # Errors
    /// `Config`, with the key and without the secret.
    pub fn resolve(self, key: &str) -> Result<Secret> {
        let secret = match self.0 {
            Source::Inline(secret) => secret,
            Source::Env(name) => match std::env::var(&name) {
                Ok(text) => trimmed(text),
                Err(_) => {
                    let why = format!("the environment has no variable `{name}`");
                    return Err(VcsError::config(key, why));
                }
            },
            Source::File(path) => read(&path)
                .map_err(|why| VcsError::config(key, format!("the file `{path}` {why}")))?,
            Source::Unusable => {
                return Err(VcsError::config(
                    key,
                    "give the secret as text, as { env = \"NAME\" } or as { file = \"PATH\" }",
                ));
            }
        };
        if secret.is_empty() {
            return Err(VcsError::config(key, "the secret is empty"));
        }
        Ok(secret)
    }
}

/// The text without white space around it; the rest is wiped.
fn trimmed(text: String) -> Secret {
    let whole = Secret::new(text);
    Secret::from(whole.expose().trim())
}

fn read(path: &str) -> std::result::Result<Secret, String> {
    let mut text = String::new();
    let read =
        fs::File::open(path).and_then(|file| file.take(LONGEST_FILE + 1).read_to_string(&mut text));
    let secret = trimmed(text);
    match read {
        Ok(length) if length as u64 > LONGEST_FILE => {
            Err(format!("is longer than {LONGEST_FILE} bytes"))
        }
        Ok(_) => Ok(secret),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Inline(secret) => write!(formatter, "{secret:?}"),
            Source::Env(name) => write!(formatter, "{{ env = {name:?} }}"),
            Source::File(path) => write!(formatter, "{{ file = {path:?} }}"),
            Source::Unusable => formatter.write_str("unusable"),
        }
    }
}

impl<'de> serde::Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(AnyForm).map(Self)
    }
}

/// Takes whatever is there, since an error of the parser would quote it.
struct AnyForm;

macro_rules! unusable {
    ($($visit:ident($type:ty);)*) => {
        $( fn $visit<E>(self, _: $type) -> std::result::Result<Source, E> {
            Ok(Source::Unusable)
        } )*
    };
}

impl<'de> Visitor<'de> for AnyForm {
    type Value = Source;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a secret")
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<Source, E> {
        Ok(Source::Inline(Secret::from(text)))
    }

    fn visit_string<E>(self, text: String) -> std::result::Result<Source, E> {
        Ok(Source::Inline(Secret::new(text)))
    }

    unusable! {
        visit_bool(bool);
        visit_i64(i64);
        visit_u64(u64);
        visit_f64(f64);
    }

    fn visit_unit<E>(self) -> std::result::Result<Source, E> {
        Ok(Source::Unusable)
    }

    fn visit_seq<A: SeqAccess<'de>>(
        self,
        mut sequence: A,
    ) -> std::result::Result<Source, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Source::Unusable)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Source, A::Error> {
        let mut found = None;
        let mut entries = 0;
        while let Some(key) = map.next_key::<String>()? {
            entries += 1;
            let value = map.next_value::<SecretSource>()?;
            if let Source::Inline(name) = value.0 {
                found = match key.as_str() {
                    "env" => Some(Source::Env(name.expose().to_owned())),
                    "file" => Some(Source::File(name.expose().to_owned())),
                    _ => None,
                };
            }
        }
        Ok(found.filter(|_| entries == 1).unwrap_or(Source::Unusable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(json: &str) -> Result<Secret> {
        let source: SecretSource = serde_json::from_str(json).unwrap();
        source.resolve("auth.token")
    }

    #[test]
    fn a_secret_stands_in_place_in_the_environment_or_in_a_file() {
        assert_eq!(resolved(r#""hunter2""#).unwrap().expose(), "hunter2");
        assert!(resolved(r#"{"env": "PATH"}"#).is_ok());
        let path = std::env::temp_dir().join(format!("secret-source-{}", std::process::id()));
        fs::write(&path, " hunter2\n").unwrap();
        let json = format!(r#"{{"file": {path:?}}}"#);
        assert_eq!(resolved(&json).unwrap().expose(), "hunter2");
        fs::write(&path, "x".repeat(70_000)).unwrap();
        let error = resolved(&json).unwrap_err();
        assert!(error.message.contains("longer than"), "{}", error.message);
        fs::remove_file(&path).unwrap();
        let error = resolved(&json).unwrap_err();
        assert!(
            error.message.contains("cannot be read"),
            "{}",
            error.message
        );
    }

    #[test]
    fn what_is_no_secret_is_an_error_that_names_the_key_and_quotes_nothing() {
        for json in [
            "1234",
            "true",
            "null",
            r#"["hunter2"]"#,
            r#"{"hunter2": "x"}"#,
            r#"{"env": "A", "file": "hunter2"}"#,
            r#"{"env": {"env": "hunter2"}}"#,
            r#""""#,
            r#"{"env": "NOT_THERE_AT_ALL"}"#,
        ] {
            let error = resolved(json).unwrap_err();
            assert_eq!(error.config_key(), Some("auth.token"), "{json}");
            assert!(error.message.starts_with("auth.token: "), "{json}");
            assert!(!error.message.contains("hunter2"), "{json}");
        }
    }

    #[test]
    fn an_error_without_a_key_has_its_line() {
        let error = VcsError::config_text("a = 1\nb = \nc = 2", 10, "there is no value");
        assert_eq!((error.config_line(), error.config_key()), (Some(2), None));
    }
}
