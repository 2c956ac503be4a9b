//! Rules for branches hold at pushes, deletions and merges.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::pull_requests::{PULLS, mock_with, new_pull_request, sandbox};
use super::support::{Client, Sandbox, clone_of, git_in};
use crate::MockBitbucket;

const RULES: &str = "/repositories/team/app/branch-restrictions";

fn rule(client: &Client, rule: &Value) -> Value {
    let made = client.post(RULES, rule);
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()
}

/// Pushes and gives what the remote said; `None` when it was taken.
fn rejected(work: &Path, arguments: &[&str]) -> Option<String> {
    let push = [&["push", "origin"], arguments].concat();
    let output = Command::new("git")
        .current_dir(work)
        .env("GIT_TERMINAL_PROMPT", "0")
        .args(push)
        .output()
        .expect("git");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success()).then_some(said)
}

fn commit(work: &Path, message: &str) {
    git_in(
        work,
        &["commit", "--quiet", "--allow-empty", "--message", message],
    );
}

#[test]
fn a_push_is_stopped_where_a_rule_holds_and_nowhere_else() {
    let sandbox = Sandbox::new();
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .start()
        .expect("the mock");
    let client = Client::new(&mock);
    let token = mock.api_token().token;
    let (_directory, work) = clone_of(&mock, "team/app", "x-bitbucket-api-token-auth", &token);
    let main = sandbox.hash("main");
    let made = rule(
        &client,
        &json!({ "kind": "push", "pattern": "release/*", "users": [], "groups": [] }),
    );
    rule(&client, &json!({ "kind": "force", "pattern": "main" }));
    rule(&client, &json!({ "kind": "delete", "pattern": "it's*" }));

    commit(&work, "second");
    assert_eq!(rejected(&work, &["HEAD:main", "HEAD:it's-kept"]), None);
    let said = rejected(&work, &["HEAD:release/1"]).expect("rejected");
    assert!(said.contains("denied to update branch release/1"), "{said}");
    git_in(&work, &["reset", "--quiet", "--hard", &main]);
    commit(&work, "another second");
    let said = rejected(&work, &["--force", "HEAD:main"]).expect("rejected");
    assert!(said.contains("denied to rewrite branch main"), "{said}");
    assert_eq!(rejected(&work, &["--force", "HEAD:other"]), None);
    let said = rejected(&work, &["--delete", "it's-kept"]).expect("rejected");
    assert!(said.contains("denied to delete branch it's-kept"), "{said}");
    assert_eq!(rejected(&work, &["--delete", "other"]), None);
    assert!(sandbox.git(&["branch", "--list", "release/*"]).is_empty());

    let deleted = client.delete("/repositories/team/app/refs/branches/it's-kept");
    assert_eq!(deleted.status, 403, "{}", deleted.text);
    let branch = json!({ "name": "release/2", "target": { "hash": main } });
    let branches = "/repositories/team/app/refs/branches";
    assert_eq!(client.post(branches, &branch).status, 403);

    let me = client.get("/user").json()["uuid"].clone();
    let one = format!("{RULES}/{}", made["id"]);
    let exempted = client.put(&one, &json!({ "users": [{ "uuid": me }] }));
    assert_eq!(exempted.json()["pattern"], "release/*", "{}", exempted.text);
    assert_eq!(rejected(&work, &["HEAD:release/1"]), None);
    assert_eq!(client.post(branches, &branch).status, 201);
}

#[test]
fn a_merge_is_stopped_by_who_may_and_by_enforced_checks() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    let merge = || client.post(&format!("{PULLS}/1/merge"), &json!({}));
    let main = |kind: &str| json!({ "kind": kind, "pattern": "main" });
    let made = rule(
        &client,
        &json!({ "kind": "restrict_merges", "pattern": "m*n", "users": [], "groups": [] }),
    );
    assert_eq!(merge().status, 403);
    client.delete(&format!("{RULES}/{}", made["id"]));

    let mut approvals = main("require_approvals_to_merge");
    approvals["value"] = json!(1);
    rule(&client, &approvals);
    let mut builds = main("require_passing_builds_to_merge");
    builds["value"] = json!(1);
    rule(&client, &builds);
    let enforced = main("enforce_merge_checks");
    rule(&client, &enforced);
    let unmet = merge();
    assert_eq!(unmet.status, 400);
    assert!(
        unmet
            .message()
            .contains("1 approvals are needed, there are 0; 1 passing builds"),
        "{}",
        unmet.text
    );
    assert_eq!(
        client
            .post(&format!("{PULLS}/1/approve"), &json!({}))
            .status,
        200
    );
    let head = client.get(&format!("{PULLS}/1")).json()["source"]["commit"]["hash"].clone();
    let head = head.as_str().expect("a hash");
    let status = |state: &str| {
        let status = json!({ "key": "ci", "state": state, "url": "https://ci.example.com/1" });
        let address = format!("/repositories/team/app/commit/{head}/statuses/build");
        assert!(client.post(&address, &status).status < 300);
    };
    status("FAILED");
    assert_eq!(merge().status, 400);
    status("SUCCESSFUL");
    let merged = merge();
    assert_eq!(merged.json()["state"], "MERGED", "{}", merged.text);
}

#[test]
fn checks_that_are_not_enforced_only_advise() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    let rules = json!({ "kind": "require_approvals_to_merge", "pattern": "*", "value": 2 });
    rule(&client, &rules);
    let merged = client.post(&format!("{PULLS}/1/merge"), &json!({}));
    assert_eq!(merged.status, 200, "{}", merged.text);
}

#[test]
fn a_rule_is_checked_before_it_is_kept() {
    let sandbox = Sandbox::new();
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .start()
        .expect("the mock");
    let client = Client::new(&mock);
    for (rule, field) in [
        (json!({ "kind": "push", "pattern": "main" }), "users"),
        (json!({ "kind": "force" }), "pattern"),
        (json!({ "kind": "forced", "pattern": "main" }), "kind"),
        (
            json!({ "kind": "force", "pattern": "x", "users": [{ "uuid": "{1}" }] }),
            "users",
        ),
        (
            json!({ "kind": "delete", "branch_match_kind": "branching_model", "branch_type": "x" }),
            "branch_type",
        ),
    ] {
        let response = client.post(RULES, &rule);
        let problem = response.json()["error"]["fields"].clone();
        assert_eq!(response.status, 400, "{rule}");
        assert!(problem.get(field).is_some(), "{rule}: {problem}");
    }
    let development = json!({
        "kind": "delete",
        "branch_match_kind": "branching_model",
        "branch_type": "feature",
    });
    rule(&client, &development);
    assert_eq!(client.post(RULES, &development).status, 400);
    let branch = json!({ "name": "feature/x", "target": { "hash": sandbox.hash("main") } });
    client.post("/repositories/team/app/refs/branches", &branch);
    let deleted = client.delete("/repositories/team/app/refs/branches/feature%2Fx");
    assert_eq!(deleted.status, 403, "{}", deleted.text);
}
