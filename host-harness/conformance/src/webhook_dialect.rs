//! How the deliveries of a service look, as data: the rules about webhooks are
//! the same for all services, the header names are not.
//!
//! A dialect is a TOML document:
//!
//! ```toml
//! provider_type = "mine"
//! event_header = "X-Event"
//! known_event = "push"
//! known_body = '{"ref": "refs/heads/main"}'
//! unknown_event = "conformance_unknown"
//! signature_header = "X-Signature"
//! signature_prefix = "sha256="
//!
//! [headers]
//! X-Delivery = "a3c9d0de-4f6b-4b1f-8a92-51e7c6a40d21"
//! ```

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use std::collections::BTreeMap;
use vcs_provider_interface::secret::Secret;

/// The outside of a service's deliveries, for services that sign the body with
/// HMAC-SHA256.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookDialect {
    /// The provider type whose deliveries look so.
    pub provider_type: String,
    /// The header that names the event.
    pub event_header: String,
    /// A known event.
    pub known_event: String,
    /// A body of that event which holds at least one change.
    pub known_body: String,
    /// An event that the service does not have.
    pub unknown_event: String,
    /// The header of the signature.
    pub signature_header: String,
    /// What stands before the hexadecimal signature, such as `sha256=`.
    #[serde(default)]
    pub signature_prefix: String,
    /// Further headers that every delivery carries.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

impl WebhookDialect {
    /// Reads a dialect.
    ///
    /// # Errors
    /// A message that names the line and the key, if the text is no dialect.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// The headers of a delivery, signed if there is a key.
    #[must_use]
    pub fn headers_of(
        &self,
        event: &str,
        body: &[u8],
        secret: Option<&Secret>,
    ) -> Vec<(String, String)> {
        let further = self.headers.iter();
        let mut headers: Vec<(String, String)> = further
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        headers.push((self.event_header.clone(), event.to_owned()));
        if let Some(signature) = secret.and_then(|secret| signature(secret, body)) {
            headers.push((
                self.signature_header.clone(),
                format!("{}{signature}", self.signature_prefix),
            ));
        }
        headers
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

    const DIALECT: &str = r#"
        provider_type = "mine"
        event_header = "X-Event"
        known_event = "push"
        known_body = "{}"
        unknown_event = "none"
        signature_header = "X-Signature"
        headers = { X-Delivery = "1" }
    "#;

    #[test]
    fn only_a_delivery_with_a_key_is_signed() {
        let dialect = WebhookDialect::from_toml(DIALECT).expect("a dialect");
        let names = |secret: Option<&Secret>| -> Vec<String> {
            let headers = dialect.headers_of("push", b"{}", secret);
            headers.into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(
            names(Some(&Secret::from("k"))),
            ["X-Delivery", "X-Event", "X-Signature"]
        );
        assert_eq!(names(None), ["X-Delivery", "X-Event"]);
    }

    #[test]
    fn a_misspelt_key_is_named() {
        let wrong = DIALECT.replace("known_event", "know_event");
        let message = WebhookDialect::from_toml(&wrong).expect_err("it is wrong");
        assert!(message.contains("know_event"), "{message}");
    }
}
