//! The project's own table of operations.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// One operation of the API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The HTTP method.
    pub method: String,
    /// The path below `/2.0`, with its parameters in braces.
    pub path: String,
    /// Query parameters that the description declares.
    #[serde(default)]
    pub query: Vec<String>,
    /// Query parameters that the service takes without declaring them.
    #[serde(default)]
    pub tolerated: Vec<String>,
    /// The OAuth scopes that it needs.
    pub scope: Vec<String>,
    /// The scopes of an API token that it needs.
    pub api_token: Vec<String>,
    /// The fields of the body that the provider may send, with their JSON types.
    #[serde(default)]
    pub sends: BTreeMap<String, String>,
    /// The same for a body that is an array of objects.
    #[serde(default)]
    pub sends_array_of: BTreeMap<String, String>,
    /// The parts of a multipart body.
    #[serde(default)]
    pub multipart: Vec<String>,
    /// Whether the official description leaves the body out.
    #[serde(default)]
    pub body_undeclared: bool,
}

/// All operations that the provider uses.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationTable {
    /// The operations.
    #[serde(rename = "operation")]
    pub operations: Vec<Operation>,
}

impl OperationTable {
    /// Reads the table that the project carries.
    ///
    /// # Panics
    /// If the table is not well-formed, which is a defect of the checkout.
    #[must_use]
    pub fn load() -> Self {
        let text = include_str!("../../contract/operations.toml");
        match toml::from_str(text) {
            Ok(table) => table,
            Err(error) => panic!("contract/operations.toml: {error}"),
        }
    }

    /// The operation of a request. A template with fewer parameters wins, so
    /// that a fixed word is not taken for a parameter.
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        self.operations
            .iter()
            .filter(|operation| operation.method == method && operation.matches(path))
            .min_by_key(|operation| operation.path.matches('{').count())
    }
}

impl Operation {
    /// Whether a path below `/2.0` is one of this operation.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let mut template = self.path.split('/');
        let mut actual = path.split('/');
        loop {
            match (template.next(), actual.next()) {
                (None, None) => return true,
                // The path of a file is the only parameter with slashes.
                (Some("{path}"), Some(_)) => return true,
                (Some(expected), Some(segment)) => {
                    let parameter = expected.starts_with('{');
                    if (parameter && segment.is_empty()) || (!parameter && expected != segment) {
                        return false;
                    }
                }
                _ => return false,
            }
        }
    }

    /// Query parameters that the operation does not take.
    #[must_use]
    pub fn query_violations(&self, query: &str) -> Vec<String> {
        query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split('=').next().unwrap_or_default())
            .filter(|name| {
                !self
                    .query
                    .iter()
                    .chain(&self.tolerated)
                    .any(|known| known == name)
            })
            .map(|name| format!("does not take the query parameter {name:?}"))
            .collect()
    }

    /// Fields of the body that the operation does not take, or of a wrong type.
    #[must_use]
    pub fn body_violations(&self, raw: &[u8], body: Option<&Value>) -> Vec<String> {
        if raw.is_empty() {
            return Vec::new();
        }
        let Some(body) = body else {
            return vec!["the body is not JSON".to_owned()];
        };
        match body {
            Value::Object(_) => object_violations(&self.sends, body),
            Value::Array(items) if !self.sends_array_of.is_empty() => items
                .iter()
                .flat_map(|item| object_violations(&self.sends_array_of, item))
                .collect(),
            _ => vec![format!("does not take a body that is {}", json_type(body))],
        }
    }
}

fn object_violations(fields: &BTreeMap<String, String>, object: &Value) -> Vec<String> {
    let Some(object) = object.as_object() else {
        return vec![format!("takes an object, not {}", json_type(object))];
    };
    object
        .iter()
        .filter_map(|(name, value)| match fields.get(name) {
            None => Some(format!("does not take the field {name:?}")),
            Some(kind) if kind != json_type(value) => {
                let seen = json_type(value);
                Some(format!("takes the field {name:?} as {kind}, not {seen}"))
            }
            Some(_) => None,
        })
        .collect()
}

/// The name of a JSON type as the official description writes it.
fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
