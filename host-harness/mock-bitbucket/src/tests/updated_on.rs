//! When a repository counts as changed: what polling by workspace goes by.

use serde_json::json;

use super::support::{Client, Sandbox, clone_of, git_in};
use crate::{CredentialKind, MockBitbucket, TokenRequest};

fn updated_on(client: &Client, name: &str) -> String {
    client.get(&format!("/repositories/team/{name}")).json()["updated_on"]
        .as_str()
        .expect("a time")
        .to_owned()
}

/// The repositories of the workspace that changed after `since`.
fn changed_since(client: &Client, since: &str) -> Vec<String> {
    let since = since.replace(':', "%3A").replace('+', "%2B");
    client
        .get(&format!(
            "/repositories/team?q=updated_on%3E{since}&fields=values.name"
        ))
        .names()
}

#[test]
fn a_push_and_a_change_past_the_mock_move_it_for_their_repository_alone() {
    let (app, lib) = (Sandbox::new(), Sandbox::new());
    let mock = MockBitbucket::builder()
        .repo("team/app", app.path())
        .repo("team/lib", lib.path())
        .start()
        .expect("the mock");
    let client = Client::new(&mock);
    let quiet = updated_on(&client, "lib");
    let mut before = updated_on(&client, "app").max(quiet.clone());
    assert_eq!(changed_since(&client, &before), [""; 0]);

    let secret = mock
        .create_token(&TokenRequest::new(CredentialKind::ApiToken))
        .expect("a token");
    let (_clone, work) = clone_of(&mock, "team/app", "x-bitbucket-api-token-auth", &secret);
    let push = || {
        git_in(
            &work,
            &["commit", "--quiet", "--allow-empty", "--message", "second"],
        );
        git_in(&work, &["push", "--quiet", "origin", "HEAD:topic"]);
    };
    let branch = || {
        let target = json!({ "name": "by-api", "target": { "hash": app.hash("main") } });
        let made = client.post("/repositories/team/app/refs/branches", &target);
        assert_eq!(made.status, 201, "{}", made.text);
    };
    let steps: [(&str, &dyn Fn()); 5] = [
        ("a push", &push),
        ("a branch by the API", &branch),
        ("a commit past the mock", &|| drop(app.commit("third"))),
        ("a tag past the mock", &|| drop(app.git(&["tag", "v1"]))),
        ("a branch deleted past the mock", &|| {
            app.git(&["branch", "--quiet", "-D", "by-api"]);
        }),
    ];
    for (what, step) in steps {
        step();
        assert_eq!(changed_since(&client, &before), ["app"], "{what}");
        let now = updated_on(&client, "app");
        assert_eq!(updated_on(&client, "app"), now, "looking is no change");
        before = now;
    }
    assert_eq!(updated_on(&client, "lib"), quiet);
}
