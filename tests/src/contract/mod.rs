//! The contract with Bitbucket Cloud: which operations the provider may send,
//! with which parameters and fields, held to the official description.
//!
//! The table `contract/operations.toml` states the facts in the project's own
//! words and is always there. The official description is used as well where
//! it stands beside the checkout.

mod official;
mod operation;

pub use official::OfficialDescription;
pub use operation::{Operation, OperationTable};

use mock_bitbucket::RecordedExchange;
use serde_json::Value;

/// What is wrong with one exchange, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Method and path.
    pub request: String,
    /// What the contract says and what was seen.
    pub message: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.request, self.message)
    }
}

/// Checks exchanges with the API against the table and, where it is present,
/// against the official description. Requests outside of the API (git, OAuth,
/// the web site) are not looked at.
#[must_use]
pub fn violations(exchanges: &[RecordedExchange]) -> Vec<Violation> {
    thread_local! {
        // Reading both takes longer than most tests.
        static CONTRACT: (OperationTable, Option<OfficialDescription>) =
            (OperationTable::load(), OfficialDescription::beside_checkout());
    }
    CONTRACT.with(|(table, official)| {
        exchanges
            .iter()
            .filter(|exchange| exchange.path.starts_with("/2.0/"))
            .flat_map(|exchange| {
                let path = exchange.path.trim_start_matches("/2.0");
                let found = check(table, official.as_ref(), exchange, path);
                let request = format!("{} {path}", exchange.method);
                found.into_iter().map(move |message| Violation {
                    request: request.clone(),
                    message,
                })
            })
            .collect()
    })
}

fn check(
    table: &OperationTable,
    official: Option<&OfficialDescription>,
    exchange: &RecordedExchange,
    path: &str,
) -> Vec<String> {
    let Some(operation) = table.find(&exchange.method, path) else {
        return vec!["no operation of the contract has this method and path".to_owned()];
    };
    let mut found = operation.query_violations(&exchange.query);
    let body = serde_json::from_slice::<Value>(&exchange.body).ok();
    let form = exchange
        .header("content-type")
        .is_some_and(|kind| !kind.starts_with("application/json"));
    if !form {
        found.extend(operation.body_violations(&exchange.body, body.as_ref()));
    }
    if let (Some(official), false) = (official, form) {
        if let Some(body) = &body {
            found.extend(official.request_violations(operation, body));
        }
        // What a planned fault made of an answer is not the service's.
        if !exchange.faulted {
            match serde_json::from_slice::<Value>(&exchange.response_body) {
                Ok(answer) => {
                    let partial = exchange.query.contains("fields=");
                    let status = exchange.status;
                    found.extend(official.answer_violations(operation, status, &answer, partial));
                }
                // The service names a content type with a 204 as well.
                Err(_) if says_json(exchange) && exchange.status != 204 => {
                    found.push("the answer says that it is JSON and is not".to_owned());
                }
                Err(_) => {}
            }
        }
    }
    found
}

fn says_json(exchange: &RecordedExchange) -> bool {
    exchange
        .response_headers
        .iter()
        .any(|(name, value)| name == "content-type" && value.starts_with("application/json"))
}
