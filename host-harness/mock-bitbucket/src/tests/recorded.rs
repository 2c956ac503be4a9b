//! The mock against recordings of the real service, where they stand beside this
//! checkout: the same keys, types and formats, or a line in the table with a reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::support::{Client, LONG, Sandbox, delivered, subscribe};
use crate::MockBitbucket;

/// Differences that are right: a part of what is said about them, and why. The recordings are
/// of 2017 to 2025, and the service goes on.
const EXCEPTIONS: &[(&str, &str)] = &include!("exceptions.in");

/// What a value looks like: its type and format.
fn kind(value: &Value) -> String {
    let text = match value {
        Value::Null => return "null".to_owned(),
        Value::Bool(_) => return "boolean".to_owned(),
        Value::Number(number) if number.is_f64() => return "number".to_owned(),
        Value::Number(_) => return "integer".to_owned(),
        Value::Array(_) => return "list".to_owned(),
        Value::Object(_) => return "object".to_owned(),
        Value::String(text) => text,
    };
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_uuid = |text: &str| text.len() == 36 && text.matches('-').count() == 4;
    if text.parse::<jiff::Timestamp>().is_ok() {
        let fraction = if text.contains('.') {
            "fraction"
        } else {
            "seconds"
        };
        let zone = if text.ends_with('Z') { "Z" } else { "offset" };
        format!("moment with {fraction} and {zone}")
    } else if text.starts_with('{') && text.ends_with('}') && is_uuid(&text[1..text.len() - 1]) {
        "uuid in braces".to_owned()
    } else if is_uuid(text) {
        "uuid".to_owned()
    } else if (text.len() == 40 || text.len() == 12) && is_hex(text) {
        format!("hash of {}", text.len())
    } else {
        "text".to_owned()
    }
}

/// Every place of a document with the kinds of value there. `[]` stands for any item.
fn places(value: &Value, at: &str, found: &mut BTreeMap<String, Vec<String>>) {
    let kinds = found.entry(at.to_owned()).or_default();
    let kind = kind(value);
    if !kinds.contains(&kind) {
        kinds.push(kind);
    }
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                places(inner, &format!("{at}.{name}"), found);
            }
        }
        Value::Array(items) => {
            for item in items {
                places(item, &format!("{at}[]"), found);
            }
        }
        _ => {}
    }
}

/// What is otherwise in the mock's document than in the recorded one. Null and an
/// empty list say nothing about what is there otherwise.
fn differences(recorded: &Value, mocked: &Value) -> Vec<String> {
    let (mut recorded_places, mut mocked_places) = (BTreeMap::new(), BTreeMap::new());
    places(recorded, "", &mut recorded_places);
    places(mocked, "", &mut mocked_places);
    let parent_is_known = |place: &str, others: &BTreeMap<String, Vec<String>>| {
        let parent = match place.strip_suffix("[]") {
            Some(parent) => parent,
            None => place.rsplit_once('.').map_or("", |(parent, _)| parent),
        };
        others
            .get(parent)
            .is_some_and(|kinds| kinds.iter().any(|kind| kind == "object"))
    };
    let mut wrong = Vec::new();
    for (place, kinds) in &recorded_places {
        match mocked_places.get(place) {
            None if parent_is_known(place, &mocked_places) => {
                wrong.push(format!("{place}: the mock lacks it"));
            }
            None => {}
            Some(others) => {
                let fits = kinds.iter().chain(others).any(|kind| kind == "null")
                    || kinds.iter().any(|kind| others.contains(kind));
                if !fits {
                    wrong.push(format!(
                        "{place}: {kinds:?} recorded, {others:?} in the mock"
                    ));
                }
            }
        }
    }
    for place in mocked_places.keys() {
        if !recorded_places.contains_key(place) && parent_is_known(place, &recorded_places) {
            wrong.push(format!("{place}: only the mock has it"));
        }
    }
    // `=` stands in front of a whole line.
    let is_excepted = |one: &String| {
        EXCEPTIONS
            .iter()
            .any(|(part, _)| match part.strip_prefix('=') {
                Some(whole) => one == whole,
                None => one.contains(part),
            })
    };
    wrong.retain(|one| !is_excepted(one));
    wrong
}

fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures")
}

fn recording(path: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(path).ok()?;
    serde_json::from_str(&text).ok()
}

struct World {
    sandbox: Sandbox,
    mock: MockBitbucket,
    client: Client,
}

fn world() -> World {
    let sandbox = Sandbox::new();
    sandbox.git(&["checkout", "--quiet", "-b", "topic"]);
    std::fs::create_dir(sandbox.path().join("folder")).expect("a directory");
    std::fs::write(sandbox.path().join("folder/file"), "a=b\n").expect("a file");
    sandbox.git(&["add", "."]);
    sandbox.commit("second");
    sandbox.git(&["checkout", "--quiet", "main"]);
    sandbox.git(&["tag", "--annotate", "--message", "first", "v1"]);
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .start()
        .expect("a mock");
    mock.add_user("Ada", "ada@example.com");
    let client = Client::new(&mock);
    World {
        sandbox,
        mock,
        client,
    }
}

#[test]
#[cfg_attr(
    not(beside_recordings),
    ignore = "the recordings do not stand beside this checkout"
)]
fn recorded_answers_and_the_mocks_have_the_same_shape() {
    let World {
        sandbox,
        mock: _mock,
        client,
    } = world();
    let app = "/repositories/team/app";
    let head = sandbox.hash("topic");
    let made = client.post(
        &format!("{app}/pullrequests"),
        &json!({ "title": "t", "source": { "branch": { "name": "topic" } } }),
    );
    assert_eq!(made.status, 201, "{}", made.text);
    let status = json!({ "key": "ci", "state": "FAILED", "url": "https://ci.example.com/" });
    client.post(&format!("{app}/commit/{head}/statuses/build"), &status);
    let hook = client.post(
        &format!("{app}/hooks"),
        &json!({ "description": "d", "url": "https://ci.example.com/", "active": true,
                 "events": ["repo:push"] }),
    );
    let uuid = hook.json()["uuid"]
        .as_str()
        .map(crate::model::links::segment);
    let hook = format!("{app}/hooks/{}", uuid.expect("a uuid"));
    let path_of = |name: &str| -> Option<String> {
        let rest = name.split_once("test-repos").map_or(name, |(_, rest)| rest);
        Some(match rest {
            ".json" | "repository.json" => app.to_owned(),
            "-hooks_pagelen_100.json" => format!("{app}/hooks?pagelen=100"),
            "-pullrequests_pagelen_50.json" => format!("{app}/pullrequests?pagelen=50"),
            "-refs-branches_pagelen_100.json" => format!("{app}/refs/branches?pagelen=100"),
            "-refs-tags_pagelen_100.json" => format!("{app}/refs/tags?pagelen=100"),
            rest if rest.starts_with("-refs-branches-") => format!("{app}/refs/branches/topic"),
            rest if rest.starts_with("-refs-tags-") => format!("{app}/refs/tags/v1"),
            rest if rest.contains("-statuses-build") => {
                format!("{app}/commit/{head}/statuses/build/ci")
            }
            rest if rest.starts_with("-commit-") => format!("{app}/commit/{head}"),
            rest if rest.starts_with("-commits_") => format!("{app}/commits?include=topic"),
            rest if rest.starts_with("-diffstat-") => format!("{app}/diffstat/topic..main"),
            rest if rest.contains("-1-commits_fields") => format!(
                "{app}/pullrequests/1/commits?fields=values.hash,values.author.raw,values.date,values.message&pagelen=1"
            ),
            "-pullrequests-1.json" | "-pullrequests-2.json" => format!("{app}/pullrequests/1"),
            rest if rest.starts_with("-hooks-") => hook.clone(),
            rest if rest.contains("_format_meta") => {
                format!("{app}/src/{head}/folder/file?format=meta")
            }
            _ => return None,
        })
    };
    let mut compared = 0;
    let mut wrong = BTreeMap::<String, Vec<String>>::new();
    for entry in std::fs::read_dir(shared().join("api")).expect("recordings") {
        let file = entry.expect("an entry").path();
        let name = file
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let (Some(path), Some(recorded)) = (path_of(&name), recording(&file)) else {
            continue;
        };
        // Some hold the bytes of a file.
        if !recorded.is_object() {
            continue;
        }
        let response = client.get(&path);
        assert_eq!(response.status, 200, "{path}: {}", response.text);
        compared += 1;
        for difference in differences(&recorded, &response.json()) {
            wrong.entry(difference).or_default().push(name.clone());
        }
    }
    assert!(compared >= 30, "only {compared} recordings were compared");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
#[cfg_attr(
    not(beside_recordings),
    ignore = "the recordings do not stand beside this checkout"
)]
fn recorded_deliveries_and_the_mocks_have_the_same_shape() {
    let World {
        sandbox,
        mock,
        client,
    } = world();
    let app = "/repositories/team/app";
    subscribe(
        &client,
        &[
            "repo:push",
            "pullrequest:created",
            "pullrequest:updated",
            "pullrequest:rejected",
            "pullrequest:fulfilled",
        ],
    );
    let main = sandbox.hash("main");
    let target = json!({ "hash": main });
    let newest = |event: &str| -> Value {
        assert!(mock.wait_until_delivered(LONG));
        let all = delivered(&mock);
        let found = all.into_iter().rev().find(|(name, _)| name == event);
        found.expect("a delivery").1
    };
    let mut sent: BTreeMap<&str, Value> = BTreeMap::new();
    let named = |name: &str| json!({ "name": name, "target": target });
    client.post(&format!("{app}/refs/branches"), &named("made"));
    sent.insert("branch_created", newest("repo:push"));
    client.delete(&format!("{app}/refs/branches/made"));
    sent.insert("branch_deleted", newest("repo:push"));
    client.post(
        &format!("{app}/refs/tags"),
        &json!({ "name": "v2", "target": target, "message": "m" }),
    );
    sent.insert("annotated_tag_created", newest("repo:push"));
    client.delete(&format!("{app}/refs/tags/v2"));
    sent.insert("tag_deleted", newest("repo:push"));
    let (_directory, work) = super::support::clone_of(
        &mock,
        "team/app",
        "x-bitbucket-api-token-auth",
        &mock.api_token().token,
    );
    let git = |arguments: &[&str]| super::support::git_in(&work, arguments);
    git(&["tag", "light"]);
    git(&["push", "--quiet", "origin", "light"]);
    sent.insert("tag_created", newest("repo:push"));
    let made = client.post(
        &format!("{app}/pullrequests"),
        &json!({ "title": "t", "source": { "branch": { "name": "topic" } } }),
    );
    assert_eq!(made.status, 201, "{}", made.text);
    sent.insert("pullrequest_created", newest("pullrequest:created"));
    client.put(&format!("{app}/pullrequests/1"), &json!({ "title": "u" }));
    sent.insert("pullrequest_updated", newest("pullrequest:updated"));
    client.post(&format!("{app}/pullrequests/1/decline"), &json!({}));
    sent.insert("pullrequest_rejected", newest("pullrequest:rejected"));
    let mut wrong = BTreeMap::<String, Vec<&str>>::new();
    for (name, mocked) in &sent {
        let file = shared().join(format!("webhooks/{name}.json"));
        let recorded = recording(&file).unwrap_or_else(|| panic!("{name} is not recorded"));
        for difference in differences(&recorded, mocked) {
            wrong.entry(difference).or_default().push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_missing_key_another_type_and_another_format_are_found() {
    let recorded = json!({ "a": "2024-01-01T00:00:00+00:00", "b": { "c": 1 }, "n": null, "l": [] });
    let same = json!({ "a": "2025-02-02T00:00:00+00:00", "b": { "c": 2 }, "n": "x", "l": [1] });
    assert_eq!(differences(&recorded, &same), Vec::<String>::new());
    let other = json!({ "a": "2025-02-02T00:00:00Z", "b": { "d": 2 }, "n": null, "l": null });
    assert_eq!(differences(&recorded, &other).len(), 3);
}
