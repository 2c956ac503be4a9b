//! The secrets that records have no field for.

use crate::abi::AbiValue;
use crate::secret::{Secret, SecretAbi};
use crate::wire::{Malformed, Wire, WireBuffer, WireReader};
use abi_stable::std_types::{RString, RVec, Tuple2};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Secrets under unique names, such as an SSH key beside a token: the
/// counterpart of [`Extra`](super::Extra) for what nobody may see. Names follow
/// the same rule; the bare ones are in [`secret_names`].
///
/// `Debug` and JSON show the names and `[redacted]`; reading JSON gives none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets(Vec<(String, Secret)>);

impl Secrets {
    /// No secrets.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a secret, or replaces the one of this name.
    pub fn insert(&mut self, name: impl Into<String>, secret: impl Into<Secret>) {
        let (name, secret) = (name.into(), secret.into());
        match self.0.iter_mut().find(|(present, _)| *present == name) {
            Some((_, present)) => *present = secret,
            None => self.0.push((name, secret)),
        }
    }

    /// The same secrets and one more.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, secret: impl Into<Secret>) -> Self {
        self.insert(name, secret);
        self
    }

    /// The secret of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0
            .iter()
            .find(|(present, _)| present == name)
            .map(|(_, secret)| secret)
    }

    /// All of them, with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(name, secret)| (name.as_str(), secret))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<String>> FromIterator<(N, Secret)> for Secrets {
    fn from_iter<I: IntoIterator<Item = (N, Secret)>>(all: I) -> Self {
        let mut secrets = Self::new();
        for (name, secret) in all {
            secrets.insert(name, secret);
        }
        secrets
    }
}

impl Serialize for Secrets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, _)| (name, "[redacted]")))
    }
}

impl<'de> Deserialize<'de> for Secrets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self::new())
    }
}

impl Wire for Secrets {
    fn write(&self, buffer: &mut WireBuffer) {
        self.0.write(buffer);
    }

    fn read(reader: &mut WireReader<'_>) -> std::result::Result<Self, Malformed> {
        Wire::read(reader).map(Self)
    }
}

impl AbiValue for Secrets {
    type Abi = RVec<Tuple2<RString, SecretAbi>>;

    fn into_abi(self) -> Self::Abi {
        self.0.into_abi()
    }

    fn from_abi(abi: Self::Abi) -> Self {
        Self(AbiValue::from_abi(abi))
    }
}

/// The names of secrets that belong to the interface.
pub mod secret_names {
    /// A private key for SSH, in OpenSSH's form.
    pub const SSH_PRIVATE_KEY: &str = "ssh_private_key";
    /// The passphrase of [`SSH_PRIVATE_KEY`].
    pub const SSH_PASSPHRASE: &str = "ssh_passphrase";
    /// The private key of an app that is installed at the service, in PEM form.
    pub const APP_KEY: &str = "app_key";
    /// User and password of a proxy, as `user:password`.
    pub const PROXY_USER: &str = "proxy_user";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_cross_the_boundary_and_are_shown_nowhere() {
        let secrets = Secrets::new().with(secret_names::SSH_PRIVATE_KEY, "hunter2");
        let crossed = Secrets::from_abi(secrets.clone().into_abi());
        assert_eq!(crossed, secrets);
        assert_eq!(crossed.get("ssh_private_key").unwrap().expose(), "hunter2");
        assert!(!format!("{crossed:?}").contains("hunter2"));
    }
}
