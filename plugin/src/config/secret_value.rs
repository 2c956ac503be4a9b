//! A secret in a configuration: in place, from the environment, or from a file.

use serde::{Deserialize, Deserializer};
use std::fs;
use std::io::Read;
use vcs_provider_interface::prelude::*;

/// A file longer than this holds no secret.
const LONGEST_FILE: u64 = 64 * 1024;

/// Where a secret stands. Nothing of it is ever shown, not even where the
/// configuration is wrong.
pub(super) enum SecretValue {
    Inline(Secret),
    Env(String),
    File(String),
    /// Neither of these; told apart only when the key is known.
    Unusable,
}

impl<'de> Deserialize<'de> for SecretValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        // By way of a value, since an error of the usual way would quote it.
        Ok(match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Self::Inline(Secret::new(text)),
            toml::Value::Table(table) => {
                let mut entries = table.into_iter();
                match (entries.next(), entries.next()) {
                    (Some((key, toml::Value::String(name))), None) if key == "env" => {
                        Self::Env(name)
                    }
                    (Some((key, toml::Value::String(path))), None) if key == "file" => {
                        Self::File(path)
                    }
                    _ => Self::Unusable,
                }
            }
            _ => Self::Unusable,
        })
    }
}

impl SecretValue {
    /// Fetches the secret of this key; white space around one from a file or
    /// the environment is dropped.
    ///
    /// # Errors
    /// `Config`, with the name of the key.
    pub(super) fn resolve(self, key: &str) -> Result<Secret> {
        let reject = |why: String| Err(VcsError::new(ErrorKind::CONFIG, format!("{key}: {why}")));
        let secret = match self {
            Self::Inline(secret) => secret,
            Self::Env(name) => match std::env::var(&name) {
                Ok(text) => Secret::from(text.trim()),
                Err(_) => return reject(format!("the environment has no variable `{name}`")),
            },
            Self::File(path) => {
                let mut text = String::new();
                let read = fs::File::open(&path)
                    .and_then(|file| file.take(LONGEST_FILE).read_to_string(&mut text));
                let secret = Secret::from(text.trim());
                drop(Secret::new(text));
                match read {
                    Ok(_) => secret,
                    Err(error) => {
                        return reject(format!("the file `{path}` cannot be read: {error}"));
                    }
                }
            }
            Self::Unusable => {
                return reject(
                    "give the secret as text, as { env = \"NAME\" } or as { file = \"PATH\" }"
                        .to_owned(),
                );
            }
        };
        if secret.is_empty() {
            return reject("the secret is empty".to_owned());
        }
        Ok(secret)
    }
}
