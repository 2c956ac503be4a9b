//! The signature of a delivery.
//!
//! Bitbucket Cloud: `X-Hub-Signature: sha256=<hex HMAC-SHA256(secret, raw body)>`.
//! Older services signed with SHA-1 in the same header; that is rejected, and
//! so is a header that occurs twice.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use vcs_provider_interface::prelude::*;

/// The header that carries the signature.
pub(crate) const SIGNATURE_HEADER: &str = "X-Hub-Signature";

/// Checks the signature over the raw bytes, in the same time wherever the
/// first wrong byte stands.
///
/// # Errors
/// `Unauthenticated` for a missing, malformed, foreign or wrong signature;
/// `InvalidInput` for an empty key, with which anybody could sign.
pub(crate) fn verify(signatures: &[&str], body: &[u8], secret: &Secret) -> Result<()> {
    if secret.is_empty() {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            "the signing key of the hook is empty; give none at all to accept unsigned deliveries",
        ));
    }
    let signature = match signatures {
        [one] => one.trim(),
        [] => return Err(rejected("has no X-Hub-Signature header")),
        _ => return Err(rejected("has more than one X-Hub-Signature header")),
    };
    let digits = signature
        .strip_prefix("sha256=")
        .ok_or_else(|| rejected("is not signed with sha256"))?;
    let given =
        hex::decode(digits).map_err(|_| rejected("has a signature that is not hexadecimal"))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .map_err(|_| VcsError::new(ErrorKind::INTERNAL, "the signing key cannot be used"))?;
    mac.update(body);
    mac.verify_slice(&given)
        .map_err(|_| rejected("has a wrong signature; is it the key of this hook?"))
}

fn rejected(what: &str) -> VcsError {
    VcsError::new(ErrorKind::UNAUTHENTICATED, format!("the delivery {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Computed with: printf '%s' "$body" | openssl dgst -sha256 -hmac "$key"
    const BODY: &[u8] = b"{\"push\":{\"changes\":[]}}";
    const KEY: &str = "not-a-real-key";

    fn sign(body: &[u8], key: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
        mac.update(body);
        format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
    }

    fn kind_of(signatures: &[&str], body: &[u8], key: &str) -> Option<ErrorKind> {
        verify(signatures, body, &Secret::from(key))
            .err()
            .map(|error| error.kind)
    }

    /// Situation `signature`.
    #[test]
    fn only_the_right_signature_over_the_raw_bytes_is_accepted() {
        let right = sign(BODY, KEY);
        assert_eq!(kind_of(&[&right], BODY, KEY), None);
        assert_eq!(
            kind_of(&[&right.replace("sha256=", " sha256=")], BODY, KEY),
            None
        );

        let rejected = Some(ErrorKind::UNAUTHENTICATED);
        assert_eq!(
            kind_of(&[&right], b"{\"push\":{\"changes\":[] }}", KEY),
            rejected
        );
        assert_eq!(kind_of(&[&right], BODY, "another key"), rejected);
        assert_eq!(kind_of(&[], BODY, KEY), rejected);
        assert_eq!(kind_of(&[&right, &right], BODY, KEY), rejected);
        assert_eq!(kind_of(&[""], BODY, KEY), rejected);
        assert_eq!(kind_of(&["sha256="], BODY, KEY), rejected);
        assert_eq!(kind_of(&[&right[..right.len() - 2]], BODY, KEY), rejected);
        assert_eq!(kind_of(&["sha256=zz"], BODY, KEY), rejected);
        assert_eq!(
            kind_of(&[&right.replace("sha256", "sha1")], BODY, KEY),
            rejected
        );
        assert_eq!(
            kind_of(&[right.trim_start_matches("sha256=")], BODY, KEY),
            rejected
        );
    }

    #[test]
    fn a_signature_made_by_another_program_is_accepted() {
        let known = "sha256=65771d4f1b7e1f6a5c70fb8ca07c398a640a6a4d423227a7b4f1b601651db5e0";
        assert_eq!(kind_of(&[known], BODY, KEY), None);
    }

    #[test]
    fn an_empty_key_is_no_key() {
        let signed = sign(BODY, "");
        assert_eq!(
            kind_of(&[&signed], BODY, ""),
            Some(ErrorKind::INVALID_INPUT)
        );
    }
}
