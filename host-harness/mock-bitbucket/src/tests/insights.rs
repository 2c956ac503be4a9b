//! Code Insights: reports and their annotations.

use serde_json::{Value, json};

use super::support::{Client, Sandbox, mock_with};

fn report_path(sandbox: &Sandbox) -> String {
    format!(
        "/repositories/team/app/commit/{}/reports/ci-1",
        sandbox.hash("main")
    )
}

fn report() -> Value {
    json!({
        "title": "Tests",
        "details": "All of them",
        "report_type": "TEST",
        "result": "PASSED",
        "reporter": "ci",
        "link": "https://ci.example.com/1",
        "data": [
            { "title": "Passed", "type": "NUMBER", "value": 12 },
            { "title": "Log", "type": "LINK", "value": { "text": "log", "href": "https://ci.example.com/1/log" } },
        ],
    })
}

fn annotation(id: usize) -> Value {
    json!({
        "external_id": format!("a{id}"),
        "annotation_type": "BUG",
        "summary": "Off by one",
        "severity": "LOW",
        "path": "a.txt",
        "line": 3,
    })
}

#[test]
fn a_report_is_put_again_under_the_same_identity() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let path = report_path(&sandbox);
    let made = client.put(&path, &report());
    assert_eq!(made.status, 200, "{}", made.text);
    assert_eq!(made.json()["external_id"], "ci-1");
    let mut changed = report();
    changed["result"] = json!("FAILED");
    let again = client.put(&path, &changed).json();
    assert_eq!(again["uuid"], made.json()["uuid"]);
    assert_eq!(client.get(&path).json()["result"], "FAILED");
    assert_eq!(client.delete(&path).status, 204);
    let gone = client.get(&path);
    assert_eq!(gone.status, 404);
    assert_eq!(gone.json()["code"], 404, "the shape without an envelope");
}

#[test]
fn a_report_with_anything_wrong_is_refused_as_a_whole() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let path = report_path(&sandbox);
    let entry = json!({ "title": "t", "type": "NUMBER", "value": 1 });
    for (field, value) in [
        ("title", json!("x".repeat(451))),
        ("details", Value::Null),
        ("report_type", json!("LINT")),
        ("result", json!("GREEN")),
        ("link", json!("http://localhost:8080/1")),
        ("link", json!("/relative")),
        ("data", json!(vec![entry; 11])),
        (
            "data",
            json!([{ "title": "t", "type": "BOOLEAN", "value": "yes" }]),
        ),
        (
            "data",
            json!([{ "title": "t", "type": "LINK", "value": { "text": "t", "href": "http://10.0.0.1/" } }]),
        ),
        ("unknown", json!(1)),
    ] {
        let mut body = report();
        body[field] = value;
        let rejected = client.put(&path, &body);
        assert_eq!(rejected.status, 400, "{field}");
        assert_eq!(rejected.json()["code"], 400);
        assert!(rejected.json()["message"].is_string());
    }
    assert_eq!(client.get(&path).status, 404, "nothing was kept");
}

#[test]
fn annotations_are_upserted_a_hundred_at_a_time_and_a_thousand_in_all() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let path = report_path(&sandbox);
    let annotations = format!("{path}/annotations");
    let batch = |from: usize, to: usize| Value::Array((from..to).map(annotation).collect());
    assert_eq!(
        client.post(&annotations, &batch(0, 1)).status,
        404,
        "no report"
    );
    client.put(&path, &report());
    assert_eq!(client.post(&annotations, &batch(0, 101)).status, 400);
    for number in 0..10 {
        let response = client.post(&annotations, &batch(number * 100, number * 100 + 100));
        assert_eq!(response.status, 200, "{}", response.text);
        assert_eq!(response.json().as_array().map(Vec::len), Some(100));
    }
    assert_eq!(client.post(&annotations, &batch(1000, 1001)).status, 400);
    assert_eq!(
        client.post(&annotations, &batch(0, 100)).status,
        200,
        "the same again"
    );
    assert_eq!(client.get(&annotations).json()["size"], 1000);
    client.put(&path, &report());
    assert_eq!(
        client.get(&annotations).json()["size"],
        1000,
        "old ones stay"
    );
    client.delete(&path);
    client.put(&path, &report());
    assert_eq!(client.get(&annotations).json()["size"], 0);
}

#[test]
fn an_annotation_needs_a_type_a_summary_and_an_identity() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let path = report_path(&sandbox);
    client.put(&path, &report());
    let annotations = format!("{path}/annotations");
    for (field, value) in [
        ("external_id", Value::Null),
        ("annotation_type", json!("TYPO")),
        ("summary", json!("x".repeat(451))),
        ("severity", json!("INFO")),
        ("line", json!(-1)),
        ("link", json!("http://ci/1")),
    ] {
        let mut body = annotation(1);
        body[field] = value;
        let rejected = client.post(&annotations, &json!([body]));
        assert_eq!(rejected.status, 400, "{field}");
    }
    let one = format!("{annotations}/a1");
    assert_eq!(client.put(&one, &annotation(1)).status, 200);
    assert_eq!(client.get(&one).json()["line"], 3);
    assert_eq!(client.delete(&one).status, 204);
    assert_eq!(client.get(&one).status, 404);
}
