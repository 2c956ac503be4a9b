//! Situations of the field, produced on demand.

use serde_json::json;

use super::support::{Client, Sandbox, delivered, mock_with, subscribe};
use crate::Behaviour;

const APP: &str = "/repositories/team/app";

#[test]
fn an_order_that_changes_between_pages_repeats_items_and_loses_others() {
    let sandbox = Sandbox::new();
    for name in ["a", "b", "c"] {
        sandbox.git(&["branch", name]);
    }
    let mock = mock_with(&sandbox);
    mock.set_behaviour(Behaviour {
        unstable_order: true,
        ..Behaviour::default()
    });
    let client = Client::new(&mock);
    let names = |query: &str| {
        client
            .get(&format!("{APP}/refs/branches?pagelen=2{query}"))
            .names()
    };
    assert_eq!(names(""), ["a", "b"]);
    assert_eq!(names("&page=2"), ["b", "a"]);
    assert_eq!(names("&page=2&sort=name"), ["c", "main"]);
}

#[test]
fn lists_can_come_without_size_and_page() {
    let sandbox = Sandbox::new();
    sandbox.git(&["branch", "a"]);
    let mock = mock_with(&sandbox);
    mock.set_behaviour(Behaviour {
        bare_envelopes: true,
        ..Behaviour::default()
    });
    let list = Client::new(&mock)
        .get(&format!("{APP}/refs/branches?pagelen=1"))
        .json();
    assert!(list.get("size").is_none() && list.get("page").is_none());
    assert!(list["next"].is_string());
}

#[test]
fn a_commit_that_a_forced_push_left_behind_is_named_as_missing() {
    let sandbox = Sandbox::new();
    let old = sandbox.commit("second");
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    assert_eq!(client.get(&format!("{APP}/commit/{old}")).status, 200);
    sandbox.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    let new = sandbox.commit("other");
    mock.forget_unreachable_commits("team/app").expect("done");
    let list = client.get(&format!("{APP}/commits?include={new}&exclude={old}"));
    assert_eq!(list.status, 404);
    assert_eq!(list.json()["error"]["data"]["shas"], json!([old]));
}

#[test]
fn a_deleted_account_is_a_former_user_and_its_commits_belong_to_nobody() {
    let sandbox = Sandbox::new();
    sandbox.git(&["checkout", "--quiet", "-b", "one"]);
    let hash = sandbox.commit("by Ada");
    let mock = mock_with(&sandbox);
    mock.add_user("Ada", "ada@example.com");
    mock.open_pull_request("team/app", "x", "one", "main")
        .expect("a pull request");
    let client = Client::new(&mock);
    let commit = format!("{APP}/commit/{hash}");
    let author = client.get(&commit).json()["author"].clone();
    assert_eq!(author["user"]["display_name"], "Ada");
    mock.anonymise_user("ada@example.com").expect("an account");
    let author = client.get(&commit).json()["author"].clone();
    assert!(author.get("user").is_none());
    mock.anonymise_user("casey.builder@example.com")
        .expect("an account");
    let shown = client.get(&format!("{APP}/pullrequests/1")).json();
    assert_eq!(shown["author"]["nickname"], "Former user");
}

#[test]
fn a_rename_and_a_move_are_delivered_and_the_former_address_redirects() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    subscribe(&client, &["repo:updated", "repo:transfer", "repo:deleted"]);
    mock.rename_repository("team/app", "team/next")
        .expect("done");
    let (event, body) = delivered(&mock).pop().expect("a delivery");
    assert_eq!(event, "repo:updated");
    assert_eq!(
        body["changes"]["full_name"],
        json!({ "old": "team/app", "new": "team/next" })
    );
    mock.rename_repository("team/next", "other/next")
        .expect("done");
    let (event, body) = delivered(&mock).pop().expect("a delivery");
    assert_eq!(event, "repo:transfer");
    assert_eq!(body["previous_workspace"]["slug"], "team");
    assert_eq!(client.get(APP).status, 301);
    mock.remove_repository("other/next").expect("done");
    let (event, _) = delivered(&mock).pop().expect("a delivery");
    assert_eq!(event, "repo:deleted");
}

#[test]
fn an_anonymous_actor_has_no_identity() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    subscribe(&client, &["repo:updated"]);
    mock.set_behaviour(Behaviour {
        anonymous_actors: true,
        ..Behaviour::default()
    });
    mock.rename_repository("team/app", "team/next")
        .expect("done");
    let (_, body) = delivered(&mock).pop().expect("a delivery");
    assert_eq!(body["actor"]["display_name"], "Anonymous");
    assert!(body["actor"].get("uuid").is_none());
}
