//! Sealing: encrypting what must not be read from the store's file, bound to
//! the place where it stands, so that it cannot be moved to another.

use super::key::StoreKey;
use crate::guard::KnownSecrets;
use crate::random;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::secret::Secret;

/// The first byte of everything sealed in this form.
const FORM: u8 = 1;
const KEY_ID_LENGTH: usize = 8;
const NONCE_LENGTH: usize = 24;
const HEADER_LENGTH: usize = 1 + KEY_ID_LENGTH + NONCE_LENGTH;

/// Seals and opens with one key: XChaCha20-Poly1305 under random nonces.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    key_id: [u8; KEY_ID_LENGTH],
    key_origin: String,
    /// Opens what was sealed with the key before.
    older: Option<(XChaCha20Poly1305, [u8; KEY_ID_LENGTH])>,
    known: Option<Arc<KnownSecrets>>,
}

impl Sealer {
    /// A sealer with this key.
    #[must_use]
    pub fn new(key: &StoreKey) -> Self {
        Self {
            cipher: XChaCha20Poly1305::new(&Key::from(key.bytes)),
            key_id: id_of(key),
            key_origin: key.origin.clone(),
            older: None,
            known: None,
        }
    }

    /// The same sealer, which also opens what was sealed with the key before.
    #[must_use]
    pub(super) fn opening_older(self, key: &StoreKey) -> Self {
        Self {
            older: Some((XChaCha20Poly1305::new(&Key::from(key.bytes)), id_of(key))),
            ..self
        }
    }

    /// Whether something was sealed with this sealer's own key.
    pub(super) fn is_own(&self, sealed: &[u8]) -> bool {
        sealed.get(1..=KEY_ID_LENGTH) == Some(&self.key_id[..])
    }

    /// The same sealer, which keeps in mind what hooks are signed with: services are
    /// told it, and may send it back.
    #[must_use]
    pub(super) fn remembering(self, known: Arc<KnownSecrets>) -> Self {
        Self {
            known: Some(known),
            ..self
        }
    }

    fn remember(&self, place: &str, secret: &Secret) {
        if let Some(known) = self.known.as_ref().filter(|_| place.starts_with("hook:")) {
            known.add(secret);
        }
    }

    /// Seals a text for a place.
    ///
    /// # Errors
    /// `Internal` if the system gives no random bytes.
    pub fn seal(&self, place: &str, text: &Secret) -> Result<Vec<u8>, VcsError> {
        self.remember(place, text);
        let internal = |error: String| VcsError::new(ErrorKind::INTERNAL, error);
        let nonce = random::bytes::<NONCE_LENGTH>().map_err(|error| internal(error.to_string()))?;
        let payload = Payload {
            msg: text.expose().as_bytes(),
            aad: place.as_bytes(),
        };
        let encrypted = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| internal("a secret could not be sealed".to_owned()))?;
        let mut sealed = Vec::with_capacity(HEADER_LENGTH + encrypted.len());
        sealed.push(FORM);
        sealed.extend_from_slice(&self.key_id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&encrypted);
        Ok(sealed)
    }

    /// Opens what was sealed for a place.
    ///
    /// # Errors
    /// `Config` if it was sealed with another key; `Internal` if it was sealed
    /// for another place or is damaged.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Secret, VcsError> {
        let damaged = || {
            VcsError::new(
                ErrorKind::INTERNAL,
                "a sealed secret in the engine's store is damaged or was moved there from elsewhere",
            )
        };
        if sealed.len() < HEADER_LENGTH || sealed[0] != FORM {
            return Err(damaged());
        }
        let (key_id, rest) = sealed[1..].split_at(KEY_ID_LENGTH);
        let older = self.older.as_ref().filter(|(_, id)| key_id == id);
        if key_id != self.key_id && older.is_none() {
            return Err(VcsError::new(
                ErrorKind::CONFIG,
                format!(
                    "the secrets in the engine's store were sealed with another key than that of \
                     {}; configure the key that the store was made with",
                    self.key_origin
                ),
            ));
        }
        let (nonce, encrypted) = rest.split_at(NONCE_LENGTH);
        let nonce: [u8; NONCE_LENGTH] = nonce.try_into().map_err(|_| damaged())?;
        let payload = Payload {
            msg: encrypted,
            aad: place.as_bytes(),
        };
        let text = older
            .map_or(&self.cipher, |(cipher, _)| cipher)
            .decrypt(&XNonce::from(nonce), payload)
            .map_err(|_| damaged())?;
        let secret = String::from_utf8(text)
            .map(Secret::new)
            .map_err(|_| damaged())?;
        self.remember(place, &secret);
        Ok(secret)
    }
}

/// Tells keys apart without giving them away.
fn id_of(key: &StoreKey) -> [u8; KEY_ID_LENGTH] {
    let digest = Sha256::new()
        .chain_update(b"id of a store key")
        .chain_update(key.bytes)
        .finalize();
    let mut id = [0; KEY_ID_LENGTH];
    id.copy_from_slice(&digest[..KEY_ID_LENGTH]);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(byte: &str) -> Sealer {
        Sealer::new(&StoreKey::from_text(&byte.repeat(32), "a test").unwrap())
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let sealer = sealer("01");
        let sealed = sealer.seal("grant:a", &Secret::from("token")).unwrap();
        assert_eq!(sealer.open("grant:a", &sealed).unwrap().expose(), "token");
        let error = sealer.open("grant:b", &sealed).unwrap_err();
        assert_eq!(error.kind, ErrorKind::INTERNAL);
        assert!(!sealed.windows(5).any(|window| window == b"token"));
    }

    #[test]
    fn another_key_is_named_as_the_reason() {
        let sealed = sealer("01")
            .seal("grant:a", &Secret::from("token"))
            .unwrap();
        let error = sealer("02").open("grant:a", &sealed).unwrap_err();
        assert_eq!(error.kind, ErrorKind::CONFIG);
        assert!(error.message.contains("another key"), "{}", error.message);
    }

    #[test]
    fn a_changed_byte_anywhere_is_noticed() {
        let sealer = sealer("01");
        let sealed = sealer.seal("p", &Secret::from("token")).unwrap();
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(sealer.open("p", &changed).is_err(), "byte {position}");
        }
        assert!(sealer.open("p", &sealed[..HEADER_LENGTH - 1]).is_err());
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let sealer = sealer("01");
        let text = Secret::from("token");
        assert_ne!(
            sealer.seal("p", &text).unwrap(),
            sealer.seal("p", &text).unwrap()
        );
    }
}
