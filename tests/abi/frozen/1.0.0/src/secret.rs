//! A secret that cannot be shown by accident and is wiped when dropped.

use crate::abi::AbiValue;
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::hint::black_box;

/// A token, password or signing key.
///
/// `Debug` and `Display` print `[redacted]`; there is no `Serialize`. The
/// memory is overwritten when the value is dropped. Equality takes the same
/// time wherever the first difference stands.
///
/// Ownership: each side of the boundary has its own copy and wipes it; the copy
/// in transit is wiped as well.
#[derive(Clone, Default)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Wraps a secret; the string's own buffer is kept, not copied.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text.into_bytes())
    }

    /// The secret itself, for the one place that has to send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        // Built from a `String` or checked on arrival: always UTF-8.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    // Without this the compiler may leave out writes to memory that is about
    // to be freed.
    black_box(bytes);
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        if self.0.len() != other.0.len() {
            return false;
        }
        let mut difference = 0u8;
        for (left, right) in self.0.iter().zip(&other.0) {
            difference |= black_box(left ^ right);
        }
        black_box(difference) == 0
    }
}

impl Eq for Secret {}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Serialises a secret as its presence only: `"[redacted]"`, or null.
pub(crate) fn serialize_presence<S: serde::Serializer>(
    secret: &Option<Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match secret {
        Some(_) => serializer.serialize_some("[redacted]"),
        None => serializer.serialize_none(),
    }
}

pub(crate) mod on_the_boundary {
    use abi_stable::StableAbi;
    use abi_stable::std_types::RVec;

    /// The form of [`Secret`](super::Secret) that crosses the boundary; wiped when dropped.
    #[repr(C)]
    #[derive(StableAbi)]
    pub struct SecretAbi {
        pub(super) bytes: RVec<u8>,
    }

    impl Drop for SecretAbi {
        fn drop(&mut self) {
            super::wipe(&mut self.bytes);
        }
    }
}
pub(crate) use on_the_boundary::SecretAbi;

impl AbiValue for Secret {
    type Abi = SecretAbi;

    fn into_abi(mut self) -> SecretAbi {
        SecretAbi {
            bytes: std::mem::take(&mut self.0).into(),
        }
    }

    fn from_abi(abi: SecretAbi) -> Self {
        // A copy, so that the buffer of the other image is wiped in place
        // instead of being moved and freed unwiped.
        match std::str::from_utf8(&abi.bytes) {
            Ok(text) => Self::new(text.to_owned()),
            Err(_) => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_nowhere_and_compared_by_content() {
        let secret = Secret::from("correct horse");
        assert_eq!(format!("{secret:?} {secret}"), "[redacted] [redacted]");
        assert_eq!(secret, Secret::from("correct horse"));
        assert_ne!(secret, Secret::from("correct horsf"));
        assert_ne!(secret, Secret::from("correct"));
    }

    #[test]
    fn a_secret_survives_the_boundary() {
        let secret = Secret::from_abi(Secret::from("grüße").into_abi());
        assert_eq!(secret.expose(), "grüße");
    }
}
