//! What happened, as data.

use mock_bitbucket::RecordedExchange;
use serde::Serialize;
use serde_json::{Map, Value};

/// What happened in all.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DemoReport {
    /// Whether every step did what it had to.
    pub ok: bool,
    /// The repository's full name on the mocked service.
    pub repository: String,
    /// How long it took.
    pub milliseconds: f64,
    /// The steps, up to the one that failed.
    pub steps: Vec<StepReport>,
}

/// What happened in one step.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// The name for scripts.
    pub name: &'static str,
    /// What it does.
    pub title: &'static str,
    /// Whether it did.
    pub ok: bool,
    /// Why it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took.
    pub milliseconds: f64,
    /// What was found.
    pub facts: Map<String, Value>,
    /// What the mocked service was asked.
    pub requests: Vec<RequestLine>,
}

/// One request to the mocked service.
#[derive(Clone, Debug, Serialize)]
pub struct RequestLine {
    /// The method.
    pub method: String,
    /// The path and query.
    pub path: String,
    /// The status of the response.
    pub status: u16,
    /// How long the response took.
    pub milliseconds: f64,
    /// The connection it came on.
    pub connection: u64,
}

impl From<&RecordedExchange> for RequestLine {
    fn from(exchange: &RecordedExchange) -> Self {
        let path = if exchange.query.is_empty() {
            exchange.path.clone()
        } else {
            format!("{}?{}", exchange.path, exchange.query)
        };
        Self {
            method: exchange.method.clone(),
            path,
            status: exchange.status,
            milliseconds: (exchange.duration.as_secs_f64() * 10_000.0).round() / 10.0,
            connection: exchange.connection,
        }
    }
}
