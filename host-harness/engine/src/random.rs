//! Unguessable names and secrets, and comparing them without telling how much
//! of a guess was right.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use vcs_provider_interface::secret::Secret;

/// Bytes of randomness in everything made here: 256 bits.
const LENGTH: usize = 32;

/// The system could not give random bytes.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the system gave no random bytes: {0}")]
pub struct NoRandomness(String);

/// Fills an array with random bytes of the system.
///
/// # Errors
/// [`NoRandomness`] if the system has none to give.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| NoRandomness(error.to_string()))?;
    Ok(bytes)
}

/// So many random bytes of the system.
///
/// # Errors
/// [`NoRandomness`] if the system has none to give.
pub fn many_bytes(length: usize) -> Result<Vec<u8>, NoRandomness> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).map_err(|error| NoRandomness(error.to_string()))?;
    Ok(bytes)
}

/// A random name of 256 bits, safe in addresses and file names.
///
/// # Errors
/// [`NoRandomness`] if the system has none to give.
pub fn name() -> Result<String, NoRandomness> {
    Ok(URL_SAFE_NO_PAD.encode(bytes::<LENGTH>()?))
}

/// A random secret of 256 bits, in 43 characters.
///
/// # Errors
/// [`NoRandomness`] if the system has none to give.
pub fn secret() -> Result<Secret, NoRandomness> {
    Ok(Secret::new(name()?))
}

/// The SHA-256 digest of a secret: what is kept where only comparing is needed.
#[must_use]
pub fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Whether two digests are equal; takes the same time wherever they differ.
#[must_use]
pub fn digests_equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_long_and_never_alike() {
        let (one, other) = (name().unwrap(), name().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 43);
        assert!(
            one.chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        );
    }

    #[test]
    fn digests_are_equal_for_the_same_text_only() {
        assert!(digests_equal(&digest("state"), &digest("state")));
        assert!(!digests_equal(&digest("state"), &digest("State")));
        assert!(!digests_equal(&digest("state"), &digest("state")[..31]));
    }
}
