//! How a service proves that a delivery comes from it.

use crate::abi::record;
use crate::open_enum::open_enum;

open_enum! {
    /// How deliveries are proved.
    pub enum ProofKind {
        /// Not at all.
        NONE = 0 => "none",
        /// An HMAC of the body under the hook's secret, in a header.
        HMAC = 1 => "hmac",
        /// The hook's secret itself, in a header.
        TOKEN = 2 => "token",
        /// As the *Standard Webhooks* specification says: an HMAC of id,
        /// timestamp and body, with the headers `webhook-id`,
        /// `webhook-timestamp` and `webhook-signature`.
        STANDARD_WEBHOOKS = 3 => "standard-webhooks",
        /// User and password of HTTP Basic; the secret is the password.
        BASIC = 4 => "basic",
    }
}

open_enum! {
    /// Which characters a secret is made of.
    pub enum SecretAlphabet {
        /// Any printable ASCII but space; letters and digits are safe.
        PRINTABLE = 0 => "printable",
        /// Letters and digits.
        ALPHANUMERIC = 1 => "alphanumeric",
        /// Hexadecimal digits in lower case.
        HEX = 2 => "hex",
        /// The Base64 of random bytes: here lengths count the bytes.
        BASE64 = 3 => "base64",
    }
}

record! {
    /// How the deliveries of a server are proved, so that an engine can make a
    /// secret that the service takes, and a test can make a delivery.
    pub struct WebhookProof / WebhookProofAbi {
        /// How.
        pub kind: ProofKind,
        /// The header that holds the proof, such as `X-Hub-Signature`.
        pub header: String,
        /// For an HMAC: the hash, such as `sha256`.
        pub algorithm: String,
        /// For an HMAC: how it is written, `hex` or `base64`.
        pub encoding: String,
        /// What stands before it in the header, such as `sha256=`.
        pub prefix: String,
        /// The header of the delivery's own time, where it is part of the proof.
        pub timestamp_header: Option<String>,
        /// How old a delivery may be, in seconds, where the provider looks.
        pub tolerance_seconds: Option<u64>,
        /// What a hook's secret must look like.
        pub secret: SecretForm,
    }

    /// What a hook's secret must look like for the service to take it.
    pub struct SecretForm / SecretFormAbi {
        /// The fewest characters after the prefix.
        pub min_length: u64,
        /// The most characters after the prefix; `None` where there is no limit.
        pub max_length: Option<u64>,
        /// Which characters.
        pub alphabet: SecretAlphabet,
        /// What it begins with, such as `whsec_`.
        pub prefix: String,
    }
}

impl WebhookProof {
    /// An HMAC of the body in hexadecimal digits, as most services have it:
    /// `hmac("X-Hub-Signature", "sha256", "sha256=")`.
    #[must_use]
    pub fn hmac(header: &str, algorithm: &str, prefix: &str) -> Self {
        Self {
            kind: ProofKind::HMAC,
            header: header.to_owned(),
            algorithm: algorithm.to_owned(),
            encoding: "hex".to_owned(),
            prefix: prefix.to_owned(),
            ..Self::default()
        }
    }

    /// The secret itself in a header.
    #[must_use]
    pub fn token(header: &str) -> Self {
        Self {
            kind: ProofKind::TOKEN,
            header: header.to_owned(),
            ..Self::default()
        }
    }

    /// The same with this form of the secret.
    #[must_use]
    pub fn with_secret(mut self, secret: SecretForm) -> Self {
        self.secret = secret;
        self
    }

    /// Whether deliveries are proved at all.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.kind != ProofKind::NONE
    }
}
