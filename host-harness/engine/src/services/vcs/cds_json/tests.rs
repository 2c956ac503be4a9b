//! Every record has the names and forms of CDS.

use super::*;
use serde_json::{Value, json};

/// CDS's own field names and forms, record by record.
const FORMS: &[(&str, &str)] = &[
    (
        "Repo",
        "id string, name string, slug string, fullname string, url string, http_url string, ssh_url string",
    ),
    (
        "Author",
        "name string, displayName string, emailAddress string, avatar string, slug string, id string",
    ),
    (
        "Commit",
        "id string, author Author, committer Author, authorTimestamp int, message string, url string, verified bool, signature string",
    ),
    (
        "Tag",
        "tag string, sha string, message string, tagger Author, hash string",
    ),
    (
        "Branch",
        "id string, display_id string, latest_commit string, default bool, parents []string",
    ),
    (
        "PullRequest",
        "id int, change_id string, url string, user Author, head PushEvent, base PushEvent, title string, merged bool, closed bool, revision string, updated time, merge_by Author, state string",
    ),
    (
        "Content",
        "Name string, IsDirectory bool, IsFile bool, Content string",
    ),
    (
        "PushEvent",
        "repo string, branch Branch, commit Commit, clone_url string",
    ),
    (
        "Hook",
        "id string, name string, events []string, method string, url string, content_type string, body string, disable bool, insecure_ssl bool",
    ),
    (
        "CommitStatus",
        "ref string, created_at time, state string, description string",
    ),
    ("Release", "id int, upload_url string"),
    (
        "Webhooks",
        "webhooks_supported bool, webhooks_disabled bool, webhooks_icon string, gerrithook_disabled bool, events []string",
    ),
    ("Polling", "polling_supported bool, polling_disabled bool"),
];

fn has_form(value: &Value, form: &str, place: &str) {
    match form {
        "string" => assert!(value.is_string(), "{place}: {value}"),
        "bool" => assert!(value.is_boolean(), "{place}: {value}"),
        "int" => assert!(value.is_i64(), "{place}: {value}"),
        "[]string" => assert!(value.as_array().unwrap().iter().all(Value::is_string)),
        "time" => {
            let text = value.as_str().unwrap_or_else(|| panic!("{place}: {value}"));
            assert!(text.parse::<Instant>().is_ok(), "{place}: {text}");
        }
        record => check(record, value, place),
    }
}

fn check(record: &str, value: &Value, place: &str) {
    let (_, fields) = FORMS.iter().find(|(name, _)| *name == record).unwrap();
    let names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
    for field in fields.split(", ") {
        let (name, form) = field.split_once(' ').unwrap();
        has_form(&value[name], form, &format!("{place}.{name}"));
        // Go matches names without regard to case: no second one may come near.
        let alike = names
            .iter()
            .filter(|other| other.eq_ignore_ascii_case(name));
        assert_eq!(alike.count(), 1, "{place}.{name}");
    }
}

fn cds<T: IntoCds>(record: &str, value: T) -> Value {
    let value = serde_json::to_value(value.into_cds()).unwrap();
    check(record, &value, record);
    value
}

#[test]
fn every_record_has_the_names_and_forms_of_cds() {
    let author = Author {
        name: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        email: "ada@example.org".to_owned(),
        ..Author::default()
    };
    let shown = cds("Author", author.clone());
    assert_eq!(shown["emailAddress"], "ada@example.org");
    assert_eq!(shown["displayName"], "Ada");
    cds("Repo", Repository::default());
    cds("Tag", Tag::default());
    cds(
        "Branch",
        Branch {
            default: Some(true),
            ..Branch::default()
        },
    );
    let commit = Commit {
        author,
        author_timestamp: Some(1_700_000_000_000),
        signature: Some(SignatureState::VALID),
        ..Commit::default()
    };
    let shown = cds("Commit", commit);
    assert_eq!(shown["authorTimestamp"], 1_700_000_000_000_i64);
    assert_eq!(shown["verified"], true);
    let pull_request = PullRequest {
        id: 7,
        updated: Some(1_700_000_000_123),
        ..PullRequest::default()
    };
    let shown = cds("PullRequest", pull_request);
    assert_eq!(shown["updated"], "2023-11-14T22:13:20.123Z");
    assert_eq!(shown["state"], "open");
    cds("Content", Content::default());
    cds("Hook", Hook::default());
    let status = Status {
        created_at: Some(0),
        commit: "abc".to_owned(),
        ..Status::default()
    };
    assert_eq!(cds("CommitStatus", status)["ref"], "abc");
    let release = Release {
        id: "42".to_owned(),
        ..Release::default()
    };
    assert_eq!(cds("Release", release)["id"], 42);
    cds("Webhooks", WebhooksInfo::default());
    cds("Polling", PollingInfo::default());
}

#[test]
fn a_time_that_is_not_known_is_left_out() {
    let shown = serde_json::to_value(PullRequest::default().into_cds()).unwrap();
    assert_eq!(shown.get("updated"), None);
    assert_eq!(json!(Vec::<Branch>::new().into_cds()), json!([]));
}
