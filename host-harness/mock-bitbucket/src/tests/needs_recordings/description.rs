//! The official description of the API (Swagger 2.0), where it is at hand: which
//! operations there are, their scopes, and what their responses look like.

use std::io;
use std::path::Path;

use serde_json::Value;

use super::schema::Schemas;
use crate::RecordedExchange;

/// The official description of the API.
pub(super) struct ApiDescription {
    document: Value,
    schemas: Schemas,
}

/// The scopes that the description asks of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DescribedScopes {
    /// Of OAuth consumers and access tokens.
    pub(super) oauth: Vec<String>,
    /// Of API tokens.
    pub(super) api_token: Vec<String>,
}

impl ApiDescription {
    /// Reads the description from a file.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let document = serde_json::from_str(&text)?;
        let schemas = Schemas::new(&document);
        Ok(Self { document, schemas })
    }

    /// The operation of a method and a template as recorded, such as
    /// `/2.0/repositories/{workspace}`.
    fn operation(&self, method: &str, template: &str) -> Option<&Value> {
        self.document
            .get("paths")?
            .get(described_path(template)?)?
            .get(method.to_ascii_lowercase())
    }

    /// Whether the description has this operation.
    pub(super) fn knows(&self, method: &str, template: &str) -> bool {
        self.operation(method, template).is_some()
    }

    /// The scopes of an operation; empty where the description names none.
    pub(super) fn scopes(&self, method: &str, template: &str) -> DescribedScopes {
        let Some(operation) = self.operation(method, template) else {
            return DescribedScopes::default();
        };
        let texts = |list: Option<&Value>| -> Vec<String> {
            list.and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let entries = |name: &str| {
            operation
                .get(name)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        DescribedScopes {
            oauth: entries("security")
                .iter()
                .find_map(|way| way.get("oauth2"))
                .map(|scopes| texts(Some(scopes)))
                .unwrap_or_default(),
            api_token: entries("x-atlassian-oauth2-scopes")
                .iter()
                .find(|entry| entry.get("state").and_then(Value::as_str) == Some("Current"))
                .map(|entry| texts(entry.get("scopes")))
                .unwrap_or_default(),
        }
    }

    /// What is wrong with a response by the description: status and body. Errors
    /// are not looked into: the real service has more shapes than are described.
    pub(super) fn violations_of(&self, exchange: &RecordedExchange) -> Vec<String> {
        let Some(operation) = self.operation(&exchange.method, &exchange.route) else {
            return Vec::new();
        };
        if exchange.status >= 400 || exchange.status == 0 {
            return Vec::new();
        }
        let status = exchange.status.to_string();
        let Some(described) = operation["responses"].get(&status) else {
            // Redirects of renamed repositories, and of files kept elsewhere.
            let described = (300..400).contains(&exchange.status)
                || undescribed_status(&exchange.method, &exchange.route, exchange.status);
            return if described {
                Vec::new()
            } else {
                vec![format!("status {status} is not described")]
            };
        };
        let Some(schema) = described.get("schema") else {
            return Vec::new();
        };
        let is_json = exchange
            .response_headers
            .iter()
            .any(|(name, value)| name == "content-type" && value.starts_with("application/json"));
        match serde_json::from_slice(&exchange.response_body) {
            Ok(given) if is_json => self.schemas.violations_in(schema, &given),
            // The bytes of a file, or a body of which only the beginning was kept.
            _ => Vec::new(),
        }
    }
}

/// The template as the description writes it, if it is one of the API.
fn described_path(template: &str) -> Option<&str> {
    Some(match template.strip_prefix("/2.0")? {
        "/repositories/{workspace}/{repo_slug}/diffstat/{spec*}" => {
            "/repositories/{workspace}/{repo_slug}/diffstat/{spec}"
        }
        "/repositories/{workspace}/{repo_slug}/patch/{spec*}" => {
            "/repositories/{workspace}/{repo_slug}/patch/{spec}"
        }
        "/repositories/{workspace}/{repo_slug}/diff/{spec*}" => {
            "/repositories/{workspace}/{repo_slug}/diff/{spec}"
        }
        "/repositories/{workspace}/{repo_slug}/src/{commit}/{path*}" => {
            "/repositories/{workspace}/{repo_slug}/src/{commit}/{path}"
        }
        other => other,
    })
}

/// A status is created with 201 and updated with 200, by the same request; the
/// description names the first only.
fn undescribed_status(method: &str, route: &str, status: u16) -> bool {
    method == "POST" && route.ends_with("/statuses/build") && status == 200
}
