//! The contract with Bitbucket Cloud: which operations the provider may send,
//! with which parameters and fields, held to the official description.
//!
//! The tables `contract/operations.toml` and `contract/payloads.toml` state the facts
//! in the project's own words and are always there. The official description is used
//! as well where it stands beside the checkout.

mod facts;
mod official;
mod operation;

pub use facts::{Facts, Payload, PayloadTable, derive};
pub use official::OfficialDescription;
pub use operation::{Operation, OperationTable};

use mock_bitbucket::RecordedExchange;
use serde_json::Value;
use std::sync::OnceLock;

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

struct Contract {
    operations: OperationTable,
    payloads: PayloadTable,
    official: Option<OfficialDescription>,
}

/// Whether deliveries have what the service's have.
#[must_use]
pub fn delivery_violations(deliveries: &[mock_bitbucket::Delivery]) -> Vec<Violation> {
    let table = PayloadTable::load();
    let mut found = Vec::new();
    for delivery in deliveries {
        let body = serde_json::from_slice::<Value>(&delivery.body);
        if let (Some(payload), Ok(body)) = (table.get(&delivery.event), body) {
            let messages = payload.violations(&body, false).into_iter();
            found.extend(messages.map(|message| Violation {
                request: format!("delivery of {}", delivery.event),
                message,
            }));
        }
    }
    found
}

/// Checks exchanges with the API against the table and, where it is present,
/// against the official description. Requests outside of the API (git, OAuth,
/// the web site) are not looked at.
#[must_use]
pub fn violations(exchanges: &[RecordedExchange]) -> Vec<Violation> {
    // Reading it takes longer than most tests.
    static CONTRACT: OnceLock<Contract> = OnceLock::new();
    let contract = CONTRACT.get_or_init(|| Contract {
        operations: OperationTable::load(),
        payloads: PayloadTable::load(),
        official: OfficialDescription::beside_checkout(),
    });
    exchanges
        .iter()
        .filter(|exchange| exchange.path.starts_with("/2.0/"))
        .flat_map(|exchange| {
            let path = exchange.path.trim_start_matches("/2.0");
            let found = check(contract, exchange, path);
            let request = format!("{} {path}", exchange.method);
            found.into_iter().map(move |message| Violation {
                request: request.clone(),
                message,
            })
        })
        .collect()
}

fn check(contract: &Contract, exchange: &RecordedExchange, path: &str) -> Vec<String> {
    let Some(operation) = contract.operations.find(&exchange.method, path) else {
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
    // What a planned fault made of a response is not the service's.
    let response =
        (!exchange.faulted).then(|| serde_json::from_slice::<Value>(&exchange.response_body));
    let partial = exchange.query.contains("fields=");
    if let (200, Some(Ok(response))) = (exchange.status, &response) {
        let (method, path) = (&operation.method, &operation.path);
        let payloads = &contract.payloads;
        found.extend(payloads.response_violations(method, path, response, partial));
    }
    if let (Some(official), false) = (&contract.official, form) {
        if let Some(body) = &body {
            found.extend(official.request_violations(operation, body));
        }
        match response {
            Some(Ok(response)) => {
                let status = exchange.status;
                found.extend(official.answer_violations(operation, status, &response, partial));
            }
            // The service names a content type with a 204 as well.
            Some(Err(_)) if says_json(exchange) && exchange.status != 204 => {
                found.push("the response says that it is JSON and is not".to_owned());
            }
            _ => {}
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
