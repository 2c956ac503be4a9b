//! The mock against the official description of the API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::description::ApiDescription;
use crate::RecordedExchange;
use crate::api::call::Access;
use crate::api::routes;
use crate::tests::tour::{Tour, is_outside};

fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared")
}

fn description() -> ApiDescription {
    let path = shared().join("api/bitbucket-cloud-swagger.json");
    ApiDescription::read(&path).expect("a description")
}

fn sorted(scopes: &[impl AsRef<str>]) -> Vec<String> {
    let mut scopes: Vec<String> = scopes.iter().map(|one| one.as_ref().to_owned()).collect();
    scopes.sort();
    scopes
}

#[test]
#[ignore = "needs the official description and the recordings beside the checkout (../shared)"]
fn every_route_is_described_and_asks_for_the_described_scopes() {
    let description = description();
    let mut wrong = Vec::new();
    for route in routes::all() {
        let (method, template) = (route.method.as_str(), route.template);
        if is_outside(template) {
            continue;
        }
        if !description.knows(method, template) {
            wrong.push(format!("{method} {template}: not described"));
            continue;
        }
        let described = description.scopes(method, template);
        let (oauth, api_token) = match route.access {
            Access::Anybody => (Vec::new(), Vec::new()),
            Access::Scopes(needed) | Access::Account(needed) => {
                (sorted(needed.oauth), sorted(needed.api_token))
            }
        };
        if oauth != sorted(&described.oauth) || api_token != sorted(&described.api_token) {
            wrong.push(format!(
                "{method} {template}: {oauth:?} {api_token:?}, described {described:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "needs the official description and the recordings beside the checkout (../shared)"]
fn every_operation_responds_as_described() {
    let description = description();
    let tour = Tour::new();
    tour.everything();
    let mut wrong = Vec::new();
    for exchange in &tour.mock.requests() {
        for violation in description.violations_of(exchange) {
            wrong.push(format!("{exchange:?}: {violation}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A recorded response, as the mock would have kept it.
fn recorded_exchange(route: &str, body: Vec<u8>) -> RecordedExchange {
    RecordedExchange {
        faulted: false,
        number: 1,
        connection: 1,
        method: "GET".into(),
        path: String::new(),
        query: String::new(),
        route: route.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        status: 200,
        response_headers: vec![("content-type".into(), "application/json".into())],
        response_body: body,
        started: Duration::ZERO,
        duration: Duration::ZERO,
    }
}

/// The checks themselves are held against responses of the real service: a rule
/// that those break would be a rule of our own making.
#[test]
#[ignore = "needs the official description and the recordings beside the checkout (../shared)"]
fn recorded_responses_of_the_real_service_pass_the_same_checks() {
    let description = description();
    let directory = shared().join("fixtures/api");
    let repository = "/2.0/repositories/{workspace}/{repo_slug}";
    let mut wrong = Vec::new();
    let mut checked = 0;
    for entry in std::fs::read_dir(directory).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let route = match name.split_once("test-repos-") {
            Some((_, rest)) if rest.starts_with("pullrequests_") => "/pullrequests",
            Some((_, "pullrequests-1.json" | "pullrequests-2.json")) => {
                "/pullrequests/{pull_request_id}"
            }
            Some((_, rest)) if rest.starts_with("refs-branches_") => "/refs/branches",
            Some((_, rest)) if rest.starts_with("refs-branches-") => "/refs/branches/{name}",
            Some((_, rest)) if rest.starts_with("refs-tags_") => "/refs/tags",
            Some((_, rest)) if rest.starts_with("refs-tags-") => "/refs/tags/{name}",
            Some((_, rest)) if rest.starts_with("diffstat") => "/diffstat/{spec*}",
            Some((_, rest)) if rest.starts_with("commits_") => "/commits",
            Some((_, rest)) if rest.starts_with("hooks_") => "/hooks",
            _ => continue,
        };
        checked += 1;
        let body = std::fs::read(&path).expect("a recording");
        let exchange = recorded_exchange(&format!("{repository}{route}"), body);
        for violation in description.violations_of(&exchange) {
            wrong.push(format!("{name}: {violation}"));
        }
    }
    assert!(checked >= 10, "only {checked} recordings were recognised");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
