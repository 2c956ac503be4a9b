//! The mock sends what the service sends, by the facts: whole documents here, parts
//! of them and deliveries in every test that uses the provider.

use integration_tests::bitbucket::{Bitbucket, REPO};
use integration_tests::contract::PayloadTable;
use serde_json::{Value, json};
use std::time::Duration;
use ureq::Agent;

struct Raw<'a>(&'a Bitbucket, Agent);

impl<'a> Raw<'a> {
    fn new(bitbucket: &'a Bitbucket) -> Self {
        let config = Agent::config_builder()
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        Self(bitbucket, config.into())
    }

    fn url(&self, path: &str) -> String {
        format!("{}/repositories/{REPO}{path}", self.0.mock.api_url())
    }

    fn authorization(&self) -> String {
        format!("Bearer {}", self.0.mock.access_token().expose())
    }

    fn get(&self, path: &str) -> Value {
        let request = self.1.get(self.url(path));
        let response = request.header("Authorization", self.authorization()).call();
        let text = response.unwrap().body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.1.post(self.url(path));
        let response = request
            .header("Authorization", self.authorization())
            .header("Content-Type", "application/json")
            .send(body.to_string());
        let text = response.unwrap().body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

#[test]
fn whole_responses_have_every_key_that_the_service_sends() {
    let bitbucket = Bitbucket::small();
    let raw = Raw::new(&bitbucket);
    let head = bitbucket.git.hash("main");
    raw.post(
        &format!("/commit/{head}/statuses/build"),
        &json!({"key": "k", "state": "SUCCESSFUL", "url": "https://ci.example.com/1"}),
    );
    raw.post(
        "/hooks",
        &json!({"description": "d", "url": "https://ci.example.com/h", "active": true, "events": ["repo:push"]}),
    );
    let pull_request = raw.post(
        "/pullrequests",
        &json!({"title": "t", "source": {"branch": {"name": "feature/one"}}, "destination": {"branch": {"name": "main"}}}),
    );
    let table = PayloadTable::load();
    let mut found = Vec::new();
    let template = "/repositories/{workspace}/{repo_slug}";
    let pull_request = format!("/pullrequests/{}", pull_request["id"]);
    let statuses = format!("/commit/{head}/statuses");
    let diffstat = format!("/diffstat/{}..main", bitbucket.git.hash("feature/one"));
    for (path, operation) in [
        ("", ""),
        ("/refs/branches", "/refs/branches"),
        ("/refs/branches/main", "/refs/branches/{name}"),
        ("/refs/tags", "/refs/tags"),
        ("/refs/tags/v1.0.0", "/refs/tags/{name}"),
        (&format!("/commit/{head}"), "/commit/{commit}"),
        ("/commits", "/commits"),
        (&diffstat, "/diffstat/{spec}"),
        ("/hooks", "/hooks"),
        ("/pullrequests", "/pullrequests"),
        (&pull_request, "/pullrequests/{pull_request_id}"),
        (&statuses, "/commit/{commit}/statuses"),
    ] {
        let response = raw.get(path);
        let operation = format!("{template}{operation}");
        let violations = table.response_violations("GET", &operation, &response, false);
        found.extend(
            violations
                .into_iter()
                .map(|line| format!("GET {path}: {line}")),
        );
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
