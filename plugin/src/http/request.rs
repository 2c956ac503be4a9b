//! What is asked of the service, before any policy is applied.

use super::retry::Idempotency;
use crate::encoding;
use serde::Serialize;
use std::io::Read;
use ureq::http::Method;
use vcs_provider_interface::prelude::*;

/// One request. Reading, replacing and deleting are safe to repeat; creating
/// is not, unless it is marked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) target: Target,
    query: String,
    pub(crate) body: Option<Body>,
    pub(crate) idempotency: Idempotency,
    pub(crate) accept: &'static str,
    /// Whether a redirect is followed, or the response itself.
    pub(crate) follows_redirects: bool,
    /// What it carries besides the credential that must not be shown.
    pub(crate) secrets: Vec<Secret>,
    /// Whether what the service says of an error may be shown.
    pub(crate) quotes_errors: bool,
}

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// An encoded path below the root of the API, with its leading slash.
    Path(String),
    /// An address that the service itself gave, such as `next`.
    Address(String),
}

/// What a request sends. Its `Debug` form shows the length only.
#[derive(Clone)]
pub(crate) struct Body {
    pub(crate) content_type: String,
    pub(crate) bytes: Vec<u8>,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Body({} bytes)", self.bytes.len())
    }
}

/// A body that is read while it is sent, and so can be sent only once.
pub(crate) struct Upload<'a> {
    pub(crate) content_type: String,
    /// The length in bytes, where known.
    pub(crate) length: Option<u64>,
    pub(crate) reader: &'a mut dyn Read,
}

impl Request {
    fn new(method: Method, target: Target) -> Self {
        let idempotency = if method == Method::POST {
            Idempotency::NotIdempotent
        } else {
            Idempotency::Idempotent
        };
        Self {
            method,
            target,
            query: String::new(),
            body: None,
            idempotency,
            accept: "application/json",
            follows_redirects: true,
            secrets: Vec::new(),
            quotes_errors: true,
        }
    }

    /// Reads. The path is encoded and begins with a slash.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, Target::Path(path.into()))
    }

    /// Reads an address that the service gave.
    pub(crate) fn get_address(address: impl Into<String>) -> Self {
        Self::new(Method::GET, Target::Address(address.into()))
    }

    /// Creates. Not repeated unless the service surely did nothing.
    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, Target::Path(path.into()))
    }

    /// Replaces.
    pub(crate) fn put(path: impl Into<String>) -> Self {
        Self::new(Method::PUT, Target::Path(path.into()))
    }

    /// Deletes.
    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, Target::Path(path.into()))
    }

    /// The same request with one more query parameter, encoded here.
    #[must_use]
    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        if !self.query.is_empty() {
            self.query.push('&');
        }
        self.query.push_str(&encoding::query([(name, value)]));
        self
    }

    /// The same request for these fields of the response only.
    #[must_use]
    pub(crate) fn fields(self, fields: &str) -> Self {
        self.query("fields", fields)
    }

    /// The same request with a JSON body.
    ///
    /// # Errors
    /// `Internal` if the value has no JSON form.
    pub(crate) fn json(self, value: &impl Serialize) -> Result<Self> {
        let bytes = serde_json::to_vec(value).map_err(|error| {
            VcsError::new(
                ErrorKind::INTERNAL,
                format!("a request body could not be written: {error}"),
            )
        })?;
        Ok(self.body("application/json", bytes))
    }

    /// The same request with this body.
    #[must_use]
    pub(crate) fn body(mut self, content_type: impl Into<String>, bytes: Vec<u8>) -> Self {
        self.body = Some(Body {
            content_type: content_type.into(),
            bytes,
        });
        self
    }

    /// The same request, which does the same when it is sent twice.
    #[must_use]
    pub(crate) fn idempotent(mut self) -> Self {
        self.idempotency = Idempotency::Idempotent;
        self
    }

    /// The same request, which carries this secret in its body: whatever the
    /// service says is shown without it.
    #[must_use]
    pub(crate) fn with_secret(mut self, secret: &Secret) -> Self {
        self.secrets.push(secret.clone());
        self
    }

    /// The same request with the secret that it carries, if it carries one.
    #[must_use]
    pub(crate) fn with_secrets(self, secret: &Option<Secret>) -> Self {
        match secret {
            Some(secret) => self.with_secret(secret),
            None => self,
        }
    }

    /// The same request, of whose errors only the service's own code is shown:
    /// for those that carry secrets which the service could show in any form.
    #[must_use]
    pub(crate) fn without_quotes(mut self) -> Self {
        self.quotes_errors = false;
        self
    }

    /// The same request, for which a redirect is a response as any other.
    #[must_use]
    pub(crate) fn without_redirects(mut self) -> Self {
        self.follows_redirects = false;
        self
    }

    /// The same request for another form of response than JSON.
    #[must_use]
    pub(crate) fn accept(mut self, media_type: &'static str) -> Self {
        self.accept = media_type;
        self
    }

    /// The whole address, below this root.
    pub(crate) fn address(&self, root: &str) -> String {
        let mut address = match &self.target {
            Target::Path(path) => format!("{root}{path}"),
            Target::Address(address) => address.clone(),
        };
        if !self.query.is_empty() {
            address.push(if address.contains('?') { '&' } else { '?' });
            address.push_str(&self.query);
        }
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_root_the_path_and_the_encoded_query() {
        let request = Request::get("/repositories/a/b")
            .query("q", "name ~ \"x\"")
            .fields("+values.name");
        assert_eq!(
            request.address("https://api.bitbucket.org/2.0"),
            "https://api.bitbucket.org/2.0/repositories/a/b?q=name%20~%20%22x%22&fields=%2Bvalues.name"
        );
        assert_eq!(
            Request::get_address("https://x/y?page=2").address("ignored"),
            "https://x/y?page=2"
        );
    }

    #[test]
    fn only_creating_is_unsafe_to_repeat() {
        assert_eq!(Request::get("/x").idempotency, Idempotency::Idempotent);
        assert_eq!(Request::put("/x").idempotency, Idempotency::Idempotent);
        assert_eq!(Request::delete("/x").idempotency, Idempotency::Idempotent);
        assert_eq!(Request::post("/x").idempotency, Idempotency::NotIdempotent);
        assert_eq!(
            Request::post("/x").idempotent().idempotency,
            Idempotency::Idempotent
        );
    }
}
