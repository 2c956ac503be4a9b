//! Holding requests and answers against the official description of the API.
//!
//! The description (Swagger 2.0) is not part of the project; whoever has it can
//! check a recording with it. Where the description is known to be silent or
//! wrong about the real service, that is written down here, with the reason.

use std::io;
use std::path::Path;

use serde_json::Value;

use super::contract_schema::Schemas;
use super::record::Exchange;

/// Operations whose body the description does not declare.
const UNDECLARED_BODIES: [(&str, &str); 4] = [
    ("POST", "/repositories/{workspace}/{repo_slug}/hooks"),
    ("PUT", "/repositories/{workspace}/{repo_slug}/hooks/{uid}"),
    (
        "POST",
        "/repositories/{workspace}/{repo_slug}/refs/branches",
    ),
    ("POST", "/repositories/{workspace}/{repo_slug}/downloads"),
];

/// Query parameters that the prose of the description explains, but that its
/// operations do not declare.
const UNDECLARED_PARAMETERS: [&str; 5] = ["fields", "page", "pagelen", "q", "sort"];

/// Query parameters of single operations that only the prose or recorded
/// addresses name.
const UNDECLARED_HERE: [(&str, &[&str]); 4] = [
    (
        "/repositories/{workspace}/{repo_slug}/diffstat/{spec}",
        &[
            "path",
            "ignore_whitespace",
            "renames",
            "merge",
            "topic",
            "from_pullrequest_id",
        ],
    ),
    (
        "/repositories/{workspace}/{repo_slug}/diff/{spec}",
        &["from_pullrequest_id"],
    ),
    (
        "/repositories/{workspace}/{repo_slug}/commits",
        &["include", "exclude", "path"],
    ),
    (
        "/repositories/{workspace}/{repo_slug}/commits/{revision}",
        &["include", "exclude", "path"],
    ),
];

/// Findings about the bodies of single operations that are none: the operation's
/// prose or example names the field, or the address already says it.
const EXPLAINED_IN_BODIES: [(&str, &str); 6] = [
    (
        "/repositories/{workspace}/{repo_slug}/forks",
        "/workspace: is not described",
    ),
    (
        "/repositories/{workspace}/{repo_slug}/pullrequests",
        "/description: is not described",
    ),
    (
        "/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}",
        "/description: is not described",
    ),
    (
        "/repositories/{workspace}/{repo_slug}/commit/{commit}/statuses/build/{key}",
        "/key: is missing",
    ),
    (
        "/repositories/{workspace}/{repo_slug}/commit/{commit}/reports/{reportId}/annotations",
        "/title: is not described",
    ),
    (
        "/repositories/{workspace}/{repo_slug}/commit/{commit}/reports/{reportId}/annotations/{annotationId}",
        "/title: is not described",
    ),
];

/// The official description of the API.
pub struct ApiDescription {
    document: Value,
}

/// The scopes that the description asks of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribedScopes {
    /// Of OAuth consumers and access tokens.
    pub oauth: Vec<String>,
    /// Of API tokens.
    pub api_token: Vec<String>,
}

impl ApiDescription {
    /// Reads the description from a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is not JSON.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let document = serde_json::from_str(&text)?;
        Ok(Self { document })
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
    #[must_use]
    pub fn knows(&self, method: &str, template: &str) -> bool {
        self.operation(method, template).is_some()
    }

    /// The scopes of an operation; empty where the description names none.
    #[must_use]
    pub fn scopes(&self, method: &str, template: &str) -> DescribedScopes {
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

    /// What is wrong with a request by the description: operation, parameters,
    /// body. Requests that are none of the API's (git, archives, OAuth) pass.
    #[must_use]
    pub fn request_violations(&self, exchange: &Exchange) -> Vec<String> {
        if exchange.route == "git" {
            return Vec::new();
        }
        if exchange.route.is_empty() {
            return vec!["no operation has this address".to_owned()];
        }
        let Some(path) = described_path(&exchange.route) else {
            return Vec::new();
        };
        let Some(operation) = self.operation(&exchange.method, &exchange.route) else {
            return vec![format!("{} {path} is not described", exchange.method)];
        };
        let parameters = self.parameters(path, operation);
        let mut violations = Vec::new();
        for (name, _) in url::form_urlencoded::parse(exchange.query.as_bytes()) {
            let declared = parameters
                .iter()
                .any(|one| one["in"] == "query" && one["name"] == *name);
            let explained = UNDECLARED_PARAMETERS.contains(&&*name)
                || UNDECLARED_HERE
                    .iter()
                    .any(|(here, names)| *here == path && names.contains(&&*name));
            if !declared && !explained {
                violations.push(format!("query parameter {name} is not described"));
            }
        }
        let body = parameters.iter().find(|one| one["in"] == "body");
        let Ok(given) = serde_json::from_slice::<Value>(&exchange.body) else {
            let required = body.is_some_and(|body| body["required"] == true);
            if required && exchange.body.is_empty() {
                violations.push("the body is missing".to_owned());
            }
            return violations;
        };
        match body {
            Some(body) => {
                let mut findings =
                    Schemas::new(&self.document).violations_of_request(&body["schema"], &given);
                findings.retain(|finding| {
                    !EXPLAINED_IN_BODIES
                        .iter()
                        .any(|(here, known)| *here == path && finding.ends_with(known))
                });
                violations.extend(findings);
            }
            None if UNDECLARED_BODIES.contains(&(exchange.method.as_str(), path)) => {}
            None => violations.push("a body is not described".to_owned()),
        }
        violations
    }

    /// What is wrong with an answer by the description: status and body. Errors
    /// are not looked into: the real service has more shapes than are described.
    #[must_use]
    pub fn answer_violations(&self, exchange: &Exchange) -> Vec<String> {
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
            .answer_headers
            .iter()
            .any(|(name, value)| name == "content-type" && value.starts_with("application/json"));
        match serde_json::from_slice(&exchange.answer_body) {
            Ok(given) if is_json => {
                Schemas::new(&self.document).violations_of_answer(schema, &given)
            }
            // The bytes of a file, or a body of which only the beginning was kept.
            _ => Vec::new(),
        }
    }

    fn parameters<'a>(&'a self, path: &str, operation: &'a Value) -> Vec<&'a Value> {
        let shared = self.document["paths"][path].get("parameters");
        [shared, operation.get("parameters")]
            .into_iter()
            .flatten()
            .filter_map(Value::as_array)
            .flatten()
            .collect()
    }
}

/// The template as the description writes it, if it is one of the API.
fn described_path(template: &str) -> Option<&str> {
    Some(match template.strip_prefix("/2.0")? {
        "/repositories/{workspace}/{repo_slug}/diffstat/{spec*}" => {
            "/repositories/{workspace}/{repo_slug}/diffstat/{spec}"
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
