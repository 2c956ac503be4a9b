//! What administrators and pipelines use: kept, handed back, and as strict as the
//! rest.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Client, Sandbox, events, subscribe};
use super::tour::{APP, Tour};
use crate::MockBitbucket;

impl Tour {
    /// Uses every operation of administrators and of pipelines.
    pub(super) fn administration(&self) {
        let robin = self
            .mock
            .user_uuid("robin@example.com")
            .expect("an account");
        let robin = crate::model::links::segment(&robin);
        self.get(&format!("/users/{robin}"));
        let key = json!({ "key": "ssh-ed25519 AAAA me@host", "label": "ci" });
        let made = self.post(&format!("{APP}/deploy-keys"), &key);
        let one = format!("{APP}/deploy-keys/{}", made["id"]);
        self.get(&format!("{APP}/deploy-keys"));
        self.get(&one);
        self.put(&one, &json!({ "label": "other" }));
        self.act("DELETE", &one);
        let rule = json!({ "kind": "push", "pattern": "main", "users": [], "groups": [] });
        let made = self.post(&format!("{APP}/branch-restrictions"), &rule);
        let one = format!("{APP}/branch-restrictions/{}", made["id"]);
        self.get(&format!("{APP}/branch-restrictions?kind=push"));
        self.get(&one);
        self.put(&one, &json!({ "kind": "force" }));
        self.act("DELETE", &one);
        for path in [
            "/members".to_owned(),
            format!("/members/{robin}"),
            "/permissions".to_owned(),
            "/permissions/repositories".to_owned(),
            "/permissions/repositories/app".to_owned(),
            "/projects".to_owned(),
        ] {
            self.get(&format!("/workspaces/team{path}"));
        }
        self.post(
            "/workspaces/team/projects",
            &json!({ "key": "x", "name": "X" }),
        );
        self.get("/workspaces/team/projects/X");
        self.put(
            "/workspaces/team/projects/X",
            &json!({ "description": "d" }),
        );
        self.act("DELETE", "/workspaces/team/projects/X");
        self.pipelines();
        let reviewers = format!("{APP}/default-reviewers");
        self.put(&format!("{reviewers}/{robin}"), &json!({}));
        self.get(&reviewers);
        self.get(&format!("{reviewers}/{robin}"));
        self.act("DELETE", &format!("{reviewers}/{robin}"));
        self.get(&format!("{APP}/pullrequests/activity"));
        let location = self.act("GET", &format!("{APP}/pullrequests/1/patch"));
        self.get(&location);
        let main = self.sandbox.hash("main");
        self.act("POST", &format!("{APP}/commit/{main}/approve"));
        self.act("DELETE", &format!("{APP}/commit/{main}/approve"));
        for (method, path) in [("GET", "issues"), ("GET", "issues/1")] {
            let sent = self.client.send(method, &format!("{APP}/{path}"), None);
            assert_eq!(sent.expect("a response").status, 404);
        }
        let issue = self
            .client
            .post(&format!("{APP}/issues"), &json!({ "title": "t" }));
        assert_eq!(issue.status, 404);
        self.post("/repositories/team/fresh", &json!({ "is_private": true }));
        self.put("/repositories/team/fresh", &json!({ "description": "d" }));
        self.act("DELETE", "/repositories/team/fresh");
    }

    fn pipelines(&self) {
        let runs = format!("{APP}/pipelines");
        let target = json!({
            "target": { "type": "pipeline_ref_target", "ref_type": "branch", "ref_name": "main" },
        });
        let made = self.post(&runs, &target);
        let uuid = made["uuid"].as_str().map(crate::model::links::segment);
        let one = format!("{runs}/{}", uuid.expect("a uuid"));
        self.get(&runs);
        self.get(&one);
        self.get(&format!("{one}/steps"));
        self.act("POST", &format!("{one}/stopPipeline"));
        let variables = format!("{APP}/pipelines_config/variables");
        let made = self.post(
            &variables,
            &json!({ "key": "K", "value": "v", "secured": true }),
        );
        let uuid = made["uuid"].as_str().map(crate::model::links::segment);
        let one = format!("{variables}/{}", uuid.expect("a uuid"));
        self.get(&variables);
        self.get(&one);
        self.put(&one, &json!({ "value": "w" }));
        self.act("DELETE", &one);
    }
}

fn mock() -> (Sandbox, MockBitbucket) {
    let sandbox = Sandbox::new();
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .start()
        .expect("a mock");
    (sandbox, mock)
}

#[test]
fn a_pipeline_goes_through_its_states_with_the_clock() {
    let (_sandbox, mock) = mock();
    let client = Client::new(&mock);
    let run = client.post(
        &format!("{APP}/pipelines"),
        &json!({ "target": { "type": "pipeline_ref_target", "ref_type": "branch", "ref_name": "main" } }),
    );
    assert_eq!(run.status, 201, "{}", run.text);
    let one = format!("{APP}/pipelines/{}", run.json()["build_number"]);
    let state = || client.get(&one).json()["state"].clone();
    assert_eq!(state()["name"], "PENDING");
    mock.advance(Duration::from_secs(3));
    assert_eq!(state()["name"], "IN_PROGRESS");
    mock.advance(Duration::from_secs(10));
    assert_eq!(state()["result"]["name"], "SUCCESSFUL");
    let missing = client.post(
        &format!("{APP}/pipelines"),
        &json!({ "target": { "ref_name": "nowhere" } }),
    );
    assert_eq!(missing.status, 404);
}

#[test]
fn a_secured_variable_is_never_shown_and_a_key_is_there_once() {
    let (_sandbox, mock) = mock();
    let client = Client::new(&mock);
    let variables = format!("{APP}/pipelines_config/variables");
    let body = json!({ "key": "K", "value": "hidden-value", "secured": true });
    assert_eq!(client.post(&variables, &body).json().get("value"), None);
    assert!(!client.get(&variables).text.contains("hidden-value"));
    assert_eq!(client.post(&variables, &body).status, 409);
}

#[test]
fn a_repository_is_made_pushed_to_and_deleted() {
    let (_sandbox, mock) = mock();
    let client = Client::new(&mock);
    let made = client.post("/repositories/team/fresh", &json!({ "scm": "git" }));
    assert_eq!(made.status, 200, "{}", made.text);
    assert_eq!(made.json()["mainbranch"], Value::Null);
    let again = client.post("/repositories/team/fresh", &json!({}));
    assert_eq!(again.status, 400);
    let token = mock.api_token().token;
    let (_directory, work) =
        super::support::clone_of(&mock, "team/fresh", "x-bitbucket-api-token-auth", &token);
    let git = |arguments: &[&str]| super::support::git_in(&work, arguments);
    git(&["checkout", "--quiet", "-B", "main"]);
    git(&["commit", "--quiet", "--allow-empty", "--message", "first"]);
    git(&["push", "--quiet", "origin", "main"]);
    assert_eq!(
        client.get("/repositories/team/fresh").json()["mainbranch"]["name"],
        "main"
    );
    assert_eq!(client.delete("/repositories/team/fresh").status, 204);
    assert_eq!(client.get("/repositories/team/fresh").status, 404);
}

#[test]
fn a_repository_is_found_without_its_workspace_by_its_uuid() {
    let (_sandbox, mock) = mock();
    let client = Client::new(&mock);
    let uuid = client.get("/repositories/team/app").json()["uuid"].clone();
    let uuid = crate::model::links::segment(uuid.as_str().expect("a uuid"));
    let found = client.get(&format!("/repositories/%7B%7D/{uuid}"));
    assert_eq!(found.json()["full_name"], "team/app");
    assert_eq!(found.json()["owner"]["type"], "team");
}

#[test]
fn nothing_has_a_content_type_too_and_null_is_no_answer() {
    let (sandbox, mock) = mock();
    sandbox.git(&["branch", "gone"]);
    let client = Client::new(&mock);
    subscribe(&client, &["repo:push"]);
    let deleted = client.delete(&format!("{APP}/refs/branches/gone"));
    assert_eq!(deleted.status, 204);
    assert_ne!(deleted.header("content-type"), "");
    assert_eq!(events(&mock), ["repo:push"]);
    sandbox.git(&["checkout", "--quiet", "-b", "topic"]);
    sandbox.commit("topic");
    let made = client.post(
        &format!("{APP}/pullrequests"),
        &json!({
            "title": "t",
            "source": { "branch": { "name": "topic" } },
            "destination": { "branch": { "name": "main" } },
            "close_source_branch": null,
        }),
    );
    assert_eq!(made.status, 201, "{}", made.text);
}
