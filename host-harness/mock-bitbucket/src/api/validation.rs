//! Strict reading of JSON bodies: every complaint is collected, field by field.

use serde_json::{Map, Value};
use url::{Host, Url};

use crate::model::errors::ApiError;

/// A body being read. Complaints are gathered until [`finish`](Self::finish).
pub(crate) struct Validation<'a> {
    body: &'a Map<String, Value>,
    complaints: Vec<(String, String)>,
}

impl<'a> Validation<'a> {
    pub(crate) fn new(body: &'a Map<String, Value>) -> Self {
        Self {
            body,
            complaints: Vec::new(),
        }
    }

    /// Adds a complaint.
    pub(crate) fn complain(&mut self, field: &str, complaint: impl Into<String>) {
        self.complaints.push((field.to_owned(), complaint.into()));
    }

    /// Complains about every field that is not in `known`.
    pub(crate) fn known(&mut self, known: &[&str]) {
        for field in self
            .body
            .keys()
            .filter(|field| !known.contains(&field.as_str()))
        {
            self.complain(field, "Unknown field.");
        }
    }

    /// A text that may be missing or null; at most `most` characters.
    pub(crate) fn text(&mut self, field: &str, most: usize) -> Option<&'a str> {
        match self.body.get(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => {
                let length = text.chars().count();
                if length > most {
                    self.complain(
                        field,
                        format!(
                            "Ensure this value has at most {most} characters (it has {length})."
                        ),
                    );
                }
                Some(text)
            }
            Some(_) => {
                self.complain(field, "Not a valid string.");
                None
            }
        }
    }

    /// A text that has to be there and not empty. Empty after a complaint.
    pub(crate) fn required_text(&mut self, field: &str, most: usize) -> &'a str {
        let wrong_type = !matches!(
            self.body.get(field),
            None | Some(Value::Null | Value::String(_))
        );
        match self.text(field, most) {
            Some(text) if !text.is_empty() => text,
            _ => {
                if !wrong_type {
                    self.complain(field, "This field is required.");
                }
                ""
            }
        }
    }

    /// A truth value that may be missing.
    pub(crate) fn boolean(&mut self, field: &str) -> Option<bool> {
        match self.body.get(field) {
            None => None,
            Some(Value::Bool(value)) => Some(*value),
            Some(_) => {
                self.complain(field, "Not a valid boolean.");
                None
            }
        }
    }

    /// A truth value that may be missing or null.
    pub(crate) fn boolean_or_null(&mut self, field: &str) -> Option<bool> {
        match self.body.get(field) {
            Some(Value::Null) => None,
            _ => self.boolean(field),
        }
    }

    /// A list of texts that may be missing.
    pub(crate) fn texts(&mut self, field: &str) -> Option<Vec<&'a str>> {
        let value = self.body.get(field)?;
        let texts: Option<Vec<&str>> = value
            .as_array()
            .and_then(|items| items.iter().map(Value::as_str).collect());
        if texts.is_none() {
            self.complain(field, "Not a valid list of strings.");
        }
        texts
    }

    /// The text at a path of nested objects, such as `target.hash`, which has
    /// to be there. Empty after a complaint.
    pub(crate) fn required_nested_text(&mut self, path: &str) -> &'a str {
        let mut names = path.split('.');
        let mut value = names.next().and_then(|name| self.body.get(name));
        for name in names {
            value = value.and_then(|inner| inner.get(name));
        }
        match value {
            Some(Value::String(text)) if !text.is_empty() => text,
            None | Some(Value::Null | Value::String(_)) => {
                self.complain(path, "This field is required.");
                ""
            }
            Some(_) => {
                self.complain(path, "Not a valid string.");
                ""
            }
        }
    }

    /// Ends the reading: 400 with every complaint, if there is any.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.complaints.is_empty() {
            Ok(())
        } else {
            Err(ApiError::fields(&self.complaints))
        }
    }
}

/// Whether a text is an absolute web address.
pub(crate) fn is_web_address(text: &str) -> bool {
    Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
        && text.contains("://")
}

/// Whether a text is an absolute web address on the public network.
pub(crate) fn is_public_web_address(text: &str) -> bool {
    if !is_web_address(text) {
        return false;
    }
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name.contains('.')
                && ![".localhost", ".local", ".internal"]
                    .iter()
                    .any(|end| name.ends_with(end))
        }
        Some(Host::Ipv4(address)) => {
            !(address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast())
        }
        Some(Host::Ipv6(address)) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_wrong_field_is_named() {
        let body = json!({ "key": 5, "name": "x".repeat(6), "odd": 1 });
        let Value::Object(body) = body else {
            return;
        };
        let mut check = Validation::new(&body);
        check.known(&["key", "name", "url"]);
        check.required_text("key", 40);
        check.text("name", 5);
        check.required_text("url", 450);
        let response = check.finish().err().map(ApiError::into_response);
        let Some(crate::model::response::Body::Json(body)) = response.map(|response| response.body)
        else {
            unreachable!("four complaints make an error");
        };
        let fields = &body["error"]["fields"];
        assert_eq!(fields["odd"], json!(["Unknown field."]));
        assert_eq!(fields["key"], json!(["Not a valid string."]));
        assert_eq!(
            fields["name"],
            json!(["Ensure this value has at most 5 characters (it has 6)."])
        );
        assert_eq!(fields["url"], json!(["This field is required."]));
    }

    #[test]
    fn only_addresses_on_the_public_network_are_public() {
        for public in [
            "https://ci.example.com/x",
            "http://8.8.8.8/",
            "https://[2001:4860::1]/",
        ] {
            assert!(is_public_web_address(public), "{public}");
        }
        for other in [
            "http://localhost/x",
            "http://ci/x",
            "http://127.0.0.1:80/",
            "http://10.1.2.3/",
            "http://[::1]/",
            "/relative",
            "ftp://example.com/",
            "https:example.com",
            "",
        ] {
            assert!(!is_public_web_address(other), "{other}");
        }
    }
}
