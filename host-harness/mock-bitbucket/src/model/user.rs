//! Accounts, and identifiers that are the same in every run.

use sha2::{Digest, Sha256};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uuid: String,
    pub(crate) account_id: String,
    pub(crate) display_name: String,
    pub(crate) nickname: String,
    pub(crate) email: String,
}

impl User {
    /// An account whose identifiers follow from its address, so that they are
    /// the same in every run.
    pub(crate) fn sample(display_name: &str, email: &str) -> Self {
        let uuid = stable_uuid(&format!("user:{email}"));
        Self {
            account_id: format!("557058:{}", uuid.trim_matches(['{', '}'])),
            uuid,
            display_name: display_name.to_owned(),
            nickname: display_name.to_owned(),
            email: email.to_owned(),
        }
    }
}

/// A uuid with braces that follows from a text, the same in every run.
pub(crate) fn stable_uuid(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
    format!("{{{uuid}}}")
}
