//! How the deliveries of a service look, as data: the rules about webhooks are
//! the same for all services, the header names are not.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use vcs_provider_interface::secret::Secret;

/// The outside of a service's deliveries, for services that sign the body with
/// HMAC-SHA256.
#[derive(Clone, Debug)]
pub struct WebhookDialect {
    /// The header that names the event.
    pub event_header: String,
    /// A known event.
    pub known_event: String,
    /// A body of that event which holds at least one change.
    pub known_body: Vec<u8>,
    /// An event that the service does not have.
    pub unknown_event: String,
    /// The header of the signature.
    pub signature_header: String,
    /// What stands before the hexadecimal signature, such as `sha256=`.
    pub signature_prefix: String,
    /// Headers that every delivery carries.
    pub further_headers: Vec<(String, String)>,
}

impl WebhookDialect {
    /// The headers of a delivery, signed if there is a key.
    #[must_use]
    pub fn headers(
        &self,
        event: &str,
        body: &[u8],
        secret: Option<&Secret>,
    ) -> Vec<(String, String)> {
        let mut headers = self.further_headers.clone();
        headers.push((self.event_header.clone(), event.to_owned()));
        if let Some(signature) = secret.and_then(|secret| signature(secret, body)) {
            headers.push((
                self.signature_header.clone(),
                format!("{}{signature}", self.signature_prefix),
            ));
        }
        headers
    }

    /// Bitbucket Cloud: a push of one commit to one branch.
    #[must_use]
    pub fn bitbucket_cloud() -> Self {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Self {
            event_header: "X-Event-Key".to_owned(),
            known_event: "repo:push".to_owned(),
            known_body: include_bytes!("bitbucket_cloud_push.json").to_vec(),
            unknown_event: "repo:conformance_unknown".to_owned(),
            signature_header: "X-Hub-Signature".to_owned(),
            signature_prefix: "sha256=".to_owned(),
            further_headers: vec![
                header("Content-Type", "application/json"),
                header("X-Hook-UUID", "6f2a1c54-0b1e-4d0f-9a55-0c2f3b7d9e10"),
                header("X-Request-UUID", "a3c9d0de-4f6b-4b1f-8a92-51e7c6a40d21"),
                header("X-Attempt-Number", "1"),
            ],
        }
    }
}

/// The hexadecimal signature. `None` cannot happen: this MAC takes keys of any length.
fn signature(secret: &Secret, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
    mac.update(body);
    Some(hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_standard_example() {
        // RFC 4231, test case 2.
        let found = signature(&Secret::from("Jefe"), b"what do ya want for nothing?");
        assert_eq!(
            found.as_deref(),
            Some("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        );
    }

    #[test]
    fn only_a_delivery_with_a_key_is_signed() {
        let dialect = WebhookDialect::bitbucket_cloud();
        let has_signature = |secret: Option<&Secret>| {
            dialect
                .headers("repo:push", b"{}", secret)
                .iter()
                .any(|(name, _)| name == "X-Hub-Signature")
        };
        assert!(has_signature(Some(&Secret::from("k"))));
        assert!(!has_signature(None));
    }
}
