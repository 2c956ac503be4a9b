//! Identifiers and secrets that the mock makes: random, or the same in every run.

use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Makes identifiers. With a seed the same sequence comes in every run.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    seed: Option<u64>,
    made: AtomicU64,
}

impl Ids {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self {
            seed,
            made: AtomicU64::new(0),
        }
    }

    /// The next identifier.
    pub(crate) fn uuid(&self) -> Uuid {
        let Some(seed) = self.seed else {
            return Uuid::new_v4();
        };
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::digest(format!("{seed} {number}").as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// The next identifier with braces, as resources have it.
    pub(crate) fn braced(&self) -> String {
        format!("{{{}}}", self.uuid())
    }

    /// So many letters and digits.
    pub(crate) fn text(&self, length: usize) -> String {
        let mut text = String::with_capacity(length + 32);
        while text.len() < length {
            text.push_str(&self.uuid().simple().to_string());
        }
        text.truncate(length);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_sequence_and_no_seed_never() {
        let (one, two) = (Ids::new(Some(7)), Ids::new(Some(7)));
        assert_eq!(one.uuid(), two.uuid());
        assert_eq!(one.text(50), two.text(50));
        assert_ne!(one.uuid(), one.uuid());
        assert_ne!(Ids::new(Some(8)).uuid(), Ids::new(Some(7)).uuid());
        assert_ne!(Ids::default().uuid(), Ids::default().uuid());
    }
}
