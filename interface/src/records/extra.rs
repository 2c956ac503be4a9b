//! The facts that records have no field for.

use crate::abi::AbiValue;
use crate::wire::{Malformed, Wire, WireBuffer, WireReader};
use abi_stable::std_types::{RString, RVec, Tuple2};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::ops::Deref;

/// Facts without a field of their own: text under unique keys, in the order in
/// which they were added.
///
/// The layout of a record is frozen with the major version; this is how it
/// carries what nobody thought of. So that two providers, and a provider and a
/// later interface, never mean different things by one key:
///
/// - a **bare key** (`action`, `source`) belongs to the interface and is listed
///   in [`keys`]; later versions may add some;
/// - **any other key** begins with the provider's type and a dot
///   (`gitlab.web_ide`) and is documented by that provider;
/// - `field.NAME` in an error is the service's complaint about one field of the
///   request;
/// - values are plain text: numbers in decimal, flags as `true` and `false`,
///   times as [`Timestamp`](super::Timestamp), several values as JSON;
/// - a reader passes over keys that it does not know;
/// - **no secret**: those have [`Secrets`](super::Secrets).
///
/// In JSON it is an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra(Vec<(String, String)>);

impl Extra {
    /// No facts.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a fact, or replaces the one of this key.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<String>) {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|(present, _)| *present == key) {
            Some((_, present)) => *present = value,
            None => self.0.push((key, value)),
        }
    }

    /// The same facts and one more.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.insert(key, value);
        self
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(present, _)| present == key)
            .map(|(_, value)| value.as_str())
    }

    /// Takes a fact out.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        let place = self.0.iter().position(|(present, _)| present == key)?;
        Some(self.0.remove(place).1)
    }
}

impl Deref for Extra {
    type Target = [(String, String)];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<K: Into<String>, V: Into<String>> Extend<(K, V)> for Extra {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, facts: I) {
        for (key, value) in facts {
            self.insert(key, value);
        }
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Extra {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(facts: I) -> Self {
        let mut extra = Self::new();
        extra.extend(facts);
        extra
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for Extra {
    fn from(facts: [(K, V); N]) -> Self {
        facts.into_iter().collect()
    }
}

impl From<Vec<(String, String)>> for Extra {
    fn from(facts: Vec<(String, String)>) -> Self {
        facts.into_iter().collect()
    }
}

impl IntoIterator for Extra {
    type Item = (String, String);
    type IntoIter = std::vec::IntoIter<(String, String)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Extra {
    type Item = &'a (String, String);
    type IntoIter = std::slice::Iter<'a, (String, String)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Serialize for Extra {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de> Deserialize<'de> for Extra {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Facts;

        impl<'de> serde::de::Visitor<'de> for Facts {
            type Value = Extra;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object of text values")
            }

            fn visit_map<M: serde::de::MapAccess<'de>>(
                self,
                mut map: M,
            ) -> std::result::Result<Extra, M::Error> {
                let mut extra = Extra::new();
                // By way of a map, since each insertion of `Extra` looks at all.
                let mut places = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, String>()? {
                    match places.get(&key) {
                        Some(place) => extra.0[*place] = (key, value),
                        None => {
                            places.insert(key.clone(), extra.0.len());
                            extra.0.push((key, value));
                        }
                    }
                }
                Ok(extra)
            }
        }

        deserializer.deserialize_map(Facts)
    }
}

impl Wire for Extra {
    fn write(&self, buffer: &mut WireBuffer) {
        self.0.write(buffer);
    }

    fn read(reader: &mut WireReader<'_>) -> std::result::Result<Self, Malformed> {
        Wire::read(reader).map(Self)
    }
}

impl AbiValue for Extra {
    type Abi = RVec<Tuple2<RString, RString>>;

    fn into_abi(self) -> Self::Abi {
        self.0.into_abi()
    }

    fn from_abi(abi: Self::Abi) -> Self {
        Self(AbiValue::from_abi(abi))
    }
}

/// The keys that belong to the interface.
pub mod keys {
    macro_rules! keys {
        ($( $(#[$doc:meta])* $constant:ident = $key:literal; )*) => {
            $( $(#[$doc])* pub const $constant: &str = $key; )*

            /// All of them.
            pub const ALL: &[&str] = &[$($key),*];
        };
    }

    keys! {
        // Errors.
        /// Of a `Config` error: the key, as a path from the server's table.
        CONFIG_KEY = "config_key";
        /// Of a `Config` error: the line of the text that the provider was given.
        CONFIG_LINE = "config_line";
        /// Of an `Internal` error: the method after which the provider's
        /// instance takes no more calls and must be replaced.
        POISONED = "poisoned";
        /// The scopes that would have been enough, separated by commas.
        SCOPES_ACCEPTED = "scopes_accepted";
        /// The scopes that the credential has, separated by commas.
        SCOPES_GRANTED = "scopes_granted";
        /// Of `EndpointRemoved`: where the service has announced it.
        ANNOUNCEMENT_URL = "announcement_url";
        /// The service's own code for the error.
        SERVICE_ERROR = "service_error";
        /// The hashes that the service does not know, separated by commas.
        UNKNOWN_HASHES = "unknown_hashes";
        /// The full name that a repository has now.
        MOVED_TO = "moved_to";
        /// Why in one word, such as `no_common_ancestor`.
        REASON = "reason";
        /// The field of a delivery or request that the error is about.
        FIELD = "field";
        /// Where a person can do by hand what the provider may not.
        MANUAL_URL = "manual_url";
        /// The address of the hook that is to be made by hand.
        HOOK_URL = "hook_url";
        /// Of `AlreadyExists`: the number of the pull request that is there.
        PULL_REQUEST = "pull_request";
        /// Of `AlreadyExists`: the web page of what is there.
        URL = "url";
        /// The state that something is in.
        STATE = "state";
        /// The commit that a ref is at.
        HEAD = "head";
        /// The commit that something belongs to.
        COMMIT = "commit";
        // Hooks.
        /// What `reconcile_hook` did: `created`, `updated`, `unchanged`.
        ACTION = "action";
        /// How many further hooks of the same address were removed.
        DUPLICATES_REMOVED = "duplicates_removed";
        // Contents.
        /// Where streamed bytes came from, or how an event was found: `api`,
        /// `website`, `git`, `poll`.
        SOURCE = "source";
        /// Of an entry of a directory: it is a symbolic link.
        LINK = "link";
        /// Of an entry of a directory: it may be executed.
        EXECUTABLE = "executable";
        /// Of an entry of a directory: it is no text.
        BINARY = "binary";
        /// Of an entry of a directory: it is a submodule.
        SUBREPOSITORY = "subrepository";
        // Pull requests, repositories and events.
        /// Whether a pull request comes from a fork; of a fork event: the fork's
        /// full name.
        FORK = "fork";
        /// Of a fork event: the fork's id.
        FORK_ID = "fork_id";
        /// The id of the repository that a pull request comes from.
        HEAD_REPO_ID = "head_repo_id";
        /// The id of the repository that a pull request goes to.
        BASE_REPO_ID = "base_repo_id";
        /// The names of the fields that changed, separated by commas.
        CHANGED = "changed";
        /// What a person should know of what was done.
        NOTICE = "notice";
        // Statuses.
        /// Why a status was not sent although the call succeeded.
        NOT_SENT = "not_sent";
        // Grants.
        /// The account that has consented.
        ACCOUNT = "account";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_there_once_and_has_a_type() {
        let mut extra = Extra::from([("a", "1"), ("b", "true"), ("a", "2")]);
        assert_eq!(extra.len(), 2);
        assert_eq!(extra.parse::<u64>("a").unwrap(), Some(2));
        assert_eq!(extra.parse::<bool>("b").unwrap(), Some(true));
        assert_eq!(extra.parse::<bool>("c").unwrap(), None);
        let error = extra.parse::<u64>("b").unwrap_err();
        assert!(error.message.contains("`b`"), "{}", error.message);
        assert_eq!(extra.remove("b").as_deref(), Some("true"));
        assert_eq!(Extra::from_abi(extra.clone().into_abi()), extra);
    }

    #[test]
    fn the_keys_of_the_interface_are_bare_and_unique() {
        let mut sorted = keys::ALL.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), keys::ALL.len());
        assert!(keys::ALL.iter().all(|key| !key.contains('.')));
    }
}
