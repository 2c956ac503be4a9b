//! The OpenAPI document is what the services do, and every error has one form.

use super::services::{Host, TOKEN};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

struct Documents(Vec<(String, Value)>);

impl Documents {
    /// The documents of both services, with the addresses they are for.
    fn of(host: &Host) -> Self {
        let documents = [host.api(""), host.vcs("")].map(|base| {
            let (status, document) = host.get(&format!("{base}/openapi.json"));
            assert_eq!(status, 200);
            (base, document)
        });
        Self(documents.to_vec())
    }

    /// Every operation: the service's address, the path, the method, what is said.
    fn operations(&self) -> Vec<(&str, &str, &str, &Value)> {
        let mut found = Vec::new();
        for (base, document) in &self.0 {
            for (path, item) in document["paths"].as_object().unwrap() {
                for (method, operation) in item.as_object().unwrap() {
                    if METHODS.contains(&&**method) {
                        found.push((&**base, &**path, &**method, operation));
                    }
                }
            }
        }
        found
    }
}

/// A path with something in its places.
fn filled(path: &str) -> String {
    let mut parts = path.split('/').map(|part| match part {
        "{run}" | "{event}" | "{message}" | "{number}" => "1",
        part if part.starts_with('{') => "x",
        part => part,
    });
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |path, part| path + "/" + part)
}

fn ask(host: &Host, method: &str, url: &str, kind: &str, body: &str) -> (u16, Value) {
    let request = ureq::http::Request::builder()
        .method(&*method.to_uppercase())
        .uri(url)
        .header("Authorization", format!("Bearer {TOKEN}"))
        .header("Content-Type", kind)
        .body(body.to_owned())
        .unwrap();
    super::services::answer(host.agent.run(request).unwrap())
}

#[test]
fn every_operation_of_the_document_is_there_and_takes_no_other_method() {
    let host = Host::start();
    let documents = Documents::of(&host);
    let mut methods: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for (base, path, method, _) in documents.operations() {
        methods.entry((base, path)).or_default().insert(method);
    }
    assert!(methods.len() > 50, "{}", methods.len());
    for ((base, path), documented) in methods {
        let url = format!("{base}{}", filled(path));
        for method in METHODS {
            // Nothing here may be done: the body fits nothing.
            let (status, body) = ask(&host, method, &url, "text/plain", "no JSON");
            let is_nowhere = body["message"] == "there is nothing at this address";
            assert!(!is_nowhere, "{method} {url}: {body}");
            assert_eq!(
                status != 405,
                documented.contains(method),
                "{method} {url}: {body}"
            );
        }
    }
}

/// Routes are made by `Routes`, which documents them. These files have others: pages,
/// the address of deliveries, and the document itself.
const UNDOCUMENTED: [(&str, usize); 4] = [
    ("mod.rs", 1),
    ("pages/mod.rs", 12),
    ("routes.rs", 1),
    ("webhook.rs", 2),
];

#[test]
fn every_other_route_is_a_page_or_the_address_of_deliveries() {
    let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/services");
    let mut open = vec![services.clone()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let routes = text.matches(".route(").count();
            if routes > 0 {
                let name = path.strip_prefix(&services).unwrap();
                found.push((name.to_str().unwrap().to_owned(), routes));
            }
        }
    }
    found.sort();
    assert_eq!(
        found,
        UNDOCUMENTED.map(|(name, routes)| (name.to_owned(), routes))
    );
}

#[test]
fn the_document_holds_together() {
    let host = Host::start();
    let documents = Documents::of(&host);
    for (_, document) in &documents.0 {
        assert!(document["openapi"].as_str().unwrap().starts_with("3."));
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(
                document.pointer(pointer).is_some(),
                "{pointer} leads nowhere"
            );
        }
    }
    let mut names = BTreeSet::new();
    for (base, path, method, operation) in documents.operations() {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert((base, name)), "{name} twice");
        let parameters = operation["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let places: BTreeSet<&str> = path
            .split('{')
            .skip(1)
            .map(|rest| rest.split('}').next().unwrap())
            .collect();
        let of_path = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path");
        let of_path: BTreeSet<&str> = of_path
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(places, of_path, "{method} {path}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.len() > 1 && responses.contains_key("default"),
            "{method} {path}"
        );
        assert!(!operation["summary"].as_str().unwrap().is_empty());
        let takes_body = matches!(method, "post" | "put");
        assert!(
            takes_body || operation.get("requestBody").is_none(),
            "{method} {path}"
        );
    }
}

#[test]
fn every_error_has_one_form() {
    let mut host = Host::start();
    host.link();
    let claim = host.api("/runs/claim");
    let json = "application/json";
    let (api, vcs) = (host.api(""), host.vcs(""));
    let mut errors = vec![
        (400, "InvalidInput", ask(&host, "post", &claim, json, "{")),
        (400, "InvalidInput", ask(&host, "post", &claim, json, "{}")),
        (
            400,
            "InvalidInput",
            ask(&host, "post", &claim, json, "{\"worker\": [\"s3cret\"]}"),
        ),
        (
            415,
            "InvalidInput",
            ask(&host, "post", &claim, "text/plain", "{}"),
        ),
        (404, "NotFound", host.get(&format!("{api}/nothing"))),
        (
            404,
            "NotFound",
            host.get(&format!("{api}/project/KEY/applications/none")),
        ),
        (404, "NotFound", host.get(&format!("{vcs}/vcs/none"))),
        (405, "Unsupported", ask(&host, "delete", &claim, json, "")),
        (
            405,
            "Unsupported",
            ask(&host, "get", &format!("{api}/webhook/x"), json, ""),
        ),
        (
            400,
            "InvalidInput",
            host.get(&format!("{api}/runs?wait=s3cret")),
        ),
        (
            400,
            "InvalidInput",
            host.get(&format!("{api}/project/KEY/applications/app/runs/s3cret")),
        ),
        (
            501,
            "Unsupported",
            host.get(&format!("{vcs}/vcs/cloud/repos/ws/app/content/a.txt")),
        ),
        (
            501,
            "Unsupported",
            host.get(&format!("{vcs}/vcs/cloud/repos/ws/app/tags")),
        ),
        (
            400,
            "InvalidInput",
            host.get(&format!("{vcs}/vcs/cloud/authorize")),
        ),
        (
            404,
            "NotFound",
            ask(&host, "post", &format!("{api}/webhook/x"), json, "{}"),
        ),
    ];
    host.token = "not-the-token-of-the-tests".to_owned();
    errors.push((
        401,
        "Unauthenticated",
        host.get(&claim.replace("/claim", "")),
    ));
    for (expected, kind, (status, body)) in errors {
        assert_eq!(
            (status, &body["kind"]),
            (expected, &Value::from(kind)),
            "{body}"
        );
        let message = body["message"].as_str().unwrap();
        assert!(
            !message.is_empty() && !message.contains("s3cret"),
            "{message}"
        );
        assert!(body["retryable"].is_boolean(), "{body}");
    }
}

#[test]
fn a_list_is_sent_as_it_comes_and_an_empty_one_is_a_list() {
    let host = Host::start();
    let (status, repos) = host.get(&host.vcs("/vcs/cloud/repos"));
    assert_eq!((status, repos.as_array().map(Vec::len)), (200, Some(1)));
    assert_eq!(repos[0]["fullname"], "ws/app");
}
