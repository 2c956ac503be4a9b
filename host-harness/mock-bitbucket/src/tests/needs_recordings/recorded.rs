//! The mock against recordings of the real service.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::MockBitbucket;
use crate::tests::shapes::differences;
use crate::tests::support::{Client, LONG, Sandbox, delivered, subscribe};

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
#[ignore = "needs the recordings beside the checkout (../shared)"]
fn recorded_responses_and_the_mocks_have_the_same_shape() {
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
#[ignore = "needs the recordings beside the checkout (../shared)"]
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
    let (_directory, work) = crate::tests::support::clone_of(
        &mock,
        "team/app",
        "x-bitbucket-api-token-auth",
        &mock.api_token().token,
    );
    let git = |arguments: &[&str]| crate::tests::support::git_in(&work, arguments);
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
