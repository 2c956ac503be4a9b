//! The tables against their sources: the official description, and recordings of
//! what the service really sent.

use integration_tests::contract::{
    Facts, OfficialDescription, OperationTable, PayloadTable, derive,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn recordings(directory: &str) -> Vec<(String, Value)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/fixtures")
        .join(directory);
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .into_iter()
        .filter_map(|file| {
            let document = serde_json::from_slice(&fs::read(&file).unwrap()).ok()?;
            let name = file.file_stem()?.to_string_lossy().into_owned();
            Some((name, document))
        })
        .collect()
}

/// The payload that a recorded response holds, by its own keys.
fn payload_of(response: &Value) -> Option<&'static str> {
    let has = |key: &str| response.get(key).is_some();
    Some(match response["type"].as_str()? {
        "branch" | "named_branch" => "branch",
        "tag" => "tag",
        "commit" if has("message") => "commit",
        "diffstat" => "diffstat",
        "webhook_subscription" => "hook",
        "pullrequest" => "pull_request",
        "build" => "build_status",
        "repository" if has("mainbranch") => "repository",
        _ => return None,
    })
}

fn event_of(name: &str, body: &Value) -> &'static str {
    let name = name.to_lowercase();
    match () {
        () if body.get("push").is_some() => "repo:push",
        () if name.contains("fulfilled") => "pullrequest:fulfilled",
        () if name.contains("rejected") => "pullrequest:rejected",
        () if name.contains("update") => "pullrequest:updated",
        () => "pullrequest:created",
    }
}

/// The facts that the recordings show, by payload.
fn shown() -> BTreeMap<&'static str, Facts> {
    let mut documents: BTreeMap<&'static str, Vec<Value>> = BTreeMap::new();
    for (name, response) in recordings("api") {
        // Some were recorded for a part of their fields.
        if name.contains("_fields_") {
            continue;
        }
        if let Some(items) = response["values"].as_array() {
            documents.entry("page").or_default().push(response.clone());
            for item in items {
                if let Some(payload) = payload_of(item) {
                    documents.entry(payload).or_default().push(item.clone());
                }
            }
        } else if let Some(payload) = payload_of(&response) {
            documents.entry(payload).or_default().push(response);
        }
    }
    for page in documents.get_mut("page").into_iter().flatten() {
        // What the items are stands with their own payload.
        page["values"] = Value::Array(Vec::new());
    }
    for (name, body) in recordings("webhooks") {
        documents
            .entry(event_of(&name, &body))
            .or_default()
            .push(body);
    }
    documents
        .iter()
        .map(|(payload, documents)| (*payload, derive(documents)))
        .collect()
}

#[test]
#[ignore = "needs the recordings beside the checkout (../shared)"]
fn the_facts_are_those_that_the_recordings_show() {
    let table = PayloadTable::load();
    let shown = shown();
    // To copy from, when a recording was added.
    let derived = Path::new(env!("CARGO_TARGET_TMPDIR")).join("derived-facts.toml");
    fs::write(&derived, toml::to_string(&shown).unwrap()).unwrap();
    for (name, facts) in &shown {
        let payload = table
            .get(name)
            .unwrap_or_else(|| panic!("no payload {name}"));
        let wrong: Vec<String> = facts
            .iter()
            .filter(|(path, kinds)| payload.facts.get(*path) != Some(kinds))
            .map(|(path, kinds)| format!("{path}: {kinds}, not {:?}", payload.facts.get(path)))
            .chain(
                payload
                    .facts
                    .keys()
                    .filter(|path| !facts.contains_key(*path))
                    .map(|path| format!("{path}: in no recording")),
            )
            .collect();
        let all = derived.display();
        assert!(wrong.is_empty(), "{name}, see {all}\n{}", wrong.join("\n"));
    }
    assert_eq!(
        shown.len(),
        table.payloads.len(),
        "payloads without a recording"
    );
}

#[test]
#[ignore = "needs the official description beside the checkout (../shared)"]
fn the_own_table_of_operations_agrees_with_the_official_description() {
    let official = OfficialDescription::beside_checkout().expect("the description");
    let differences = official.differences(&OperationTable::load());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
