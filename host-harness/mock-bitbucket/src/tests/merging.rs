//! Merges, by the API and by hand.

use std::time::Duration;

use serde_json::json;

use super::pull_requests::{PULLS, branch_with_file, mock_with, new_pull_request, sandbox};
use super::support::{Client, Sandbox, clone_of, delivered, events, git_in, subscribe};
use crate::Behaviour;

#[test]
fn a_merge_makes_a_merge_commit_and_delivers_the_push_and_the_end() {
    let sandbox = sandbox();
    let (main, source) = (sandbox.hash("main"), sandbox.hash("feature/one"));
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    subscribe(&client, &["repo:push", "pullrequest:fulfilled"]);
    let merged = client.post(
        &format!("{PULLS}/1/merge"),
        &json!({ "message": "joined", "close_source_branch": true }),
    );
    assert_eq!(merged.status, 200, "{}", merged.text);
    assert_eq!(merged.json()["state"], "MERGED");
    let now = sandbox.hash("main");
    assert_eq!(merged.json()["merge_commit"]["hash"], now[..12]);
    assert_eq!(merged.json()["source"]["commit"]["hash"], source[..12]);
    assert_eq!(
        sandbox.git(&["show", "--no-patch", "--format=%P %s", "main"]),
        format!("{main} {source} joined")
    );
    assert_eq!(sandbox.git(&["show", "main:one.txt"]), "content");
    assert_eq!(sandbox.git(&["branch", "--list", "feature/one"]), "");
    let told = delivered(&mock);
    let order: Vec<&str> = told.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(order, ["repo:push", "repo:push", "pullrequest:fulfilled"]);
    let changes = |place: usize| told[place].1["push"]["changes"].clone();
    assert_eq!(changes(0).as_array().map(Vec::len), Some(1));
    assert_eq!(changes(0)[0]["new"]["name"], "main");
    assert_eq!(changes(1).as_array().map(Vec::len), Some(1));
    assert_eq!(changes(1)[0]["old"]["name"], "feature/one");
    assert_eq!(changes(1)[0]["closed"], true);
    assert_eq!(told[2].1["pullrequest"]["state"], "MERGED");
}

#[test]
fn squashing_leaves_one_commit_and_fast_forward_none() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    branch_with_file(&sandbox, "two", "two.txt");
    mock.open_pull_request("team/app", "two", "two", "main")
        .expect("a pull request");
    let before = sandbox.hash("main");
    let squashed = client.post(
        &format!("{PULLS}/1/merge"),
        &json!({ "merge_strategy": "squash" }),
    );
    assert_eq!(squashed.status, 200, "{}", squashed.text);
    assert_eq!(sandbox.git(&["show", "-s", "--format=%P", "main"]), before);
    assert_eq!(sandbox.git(&["show", "main:two.txt"]), "content");
    new_pull_request(&client);
    let rejected = client.post(
        &format!("{PULLS}/2/merge"),
        &json!({ "merge_strategy": "fast_forward" }),
    );
    assert_eq!(rejected.status, 400, "main has moved on");
    sandbox.git(&["branch", "--force", "three", "main"]);
    sandbox.git(&["checkout", "--quiet", "three"]);
    let ahead = sandbox.commit("ahead");
    mock.open_pull_request("team/app", "three", "three", "main")
        .expect("a pull request");
    let forwarded = client.post(
        &format!("{PULLS}/3/merge"),
        &json!({ "merge_strategy": "fast_forward" }),
    );
    assert_eq!(forwarded.status, 200, "{}", forwarded.text);
    assert_eq!(sandbox.hash("main"), ahead);
}

#[test]
fn conflicting_branches_are_not_merged() {
    let sandbox = sandbox();
    std::fs::write(sandbox.path().join("one.txt"), "other\n").expect("a file");
    sandbox.git(&["add", "."]);
    let main = sandbox.commit("the same file");
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    let rejected = client.post(&format!("{PULLS}/1/merge"), &json!({}));
    assert_eq!(rejected.status, 400);
    assert!(rejected.message().contains("conflict"));
    assert_eq!(sandbox.hash("main"), main);
    assert_eq!(client.get(&format!("{PULLS}/1")).json()["state"], "OPEN");
}

#[test]
fn an_asynchronous_merge_is_asked_about_until_it_is_done() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    mock.set_behaviour(Behaviour {
        merge_polls: 2,
        ..Behaviour::default()
    });
    let client = Client::new(&mock);
    new_pull_request(&client);
    let started = client.post(&format!("{PULLS}/1/merge?async=true"), &json!({}));
    assert_eq!(started.status, 202, "{}", started.text);
    let task = started.header("location").to_owned();
    for _ in 0..2 {
        assert_eq!(client.get(&task).json()["task_status"], "PENDING");
    }
    for _ in 0..2 {
        let done = client.get(&task).json();
        assert_eq!(done["task_status"], "SUCCESS");
        assert_eq!(done["merge_result"]["state"], "MERGED");
    }
    let foreign = client.get(&format!("{PULLS}/1/merge/task-status/none"));
    assert_eq!(foreign.status, 400);
}

#[test]
fn a_merge_goes_on_although_nobody_asks_about_it() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    mock.set_behaviour(Behaviour {
        merge_duration: Duration::from_secs(60),
        ..Behaviour::default()
    });
    let client = Client::new(&mock);
    new_pull_request(&client);
    subscribe(&client, &["pullrequest:fulfilled"]);
    let before = sandbox.hash("main");
    client.post(&format!("{PULLS}/1/merge?async=true"), &json!({}));
    assert_eq!(client.get(&format!("{PULLS}/1")).json()["state"], "OPEN");
    assert_eq!(sandbox.hash("main"), before);
    mock.advance(Duration::from_secs(61));
    assert!(mock.wait_for_deliveries(1, super::support::LONG));
    assert_eq!(client.get(&format!("{PULLS}/1")).json()["state"], "MERGED");
    assert_ne!(sandbox.hash("main"), before);
}

#[test]
fn a_branch_that_moves_during_a_merge_is_a_conflict() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    mock.set_behaviour(Behaviour {
        merge_duration: Duration::from_secs(60),
        ..Behaviour::default()
    });
    let started = client.post(&format!("{PULLS}/1/merge?async=true"), &json!({}));
    let task = started.header("location").to_owned();
    sandbox.commit("meanwhile");
    assert_eq!(client.get(&task).json()["task_status"], "PENDING");
    mock.advance(Duration::from_secs(61));
    while client.get(&task).status == 200 {
        assert_eq!(client.get(&format!("{PULLS}/1")).json()["state"], "OPEN");
    }
    assert_eq!(client.get(&task).status, 409);
    assert_eq!(client.get(&task).status, 409, "told again");
}

#[test]
fn a_push_to_the_source_updates_and_one_that_brings_it_in_merges() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    subscribe(
        &client,
        &[
            "pullrequest:updated",
            "pullrequest:push",
            "pullrequest:fulfilled",
        ],
    );
    let main = sandbox.hash("main");
    let (_folder, work) = clone_of(
        &mock,
        "team/app",
        "x-bitbucket-api-token-auth",
        &mock.api_token().token,
    );
    let git = |arguments: &[&str]| git_in(&work, arguments);
    git(&["checkout", "--quiet", "feature/one"]);
    git(&["commit", "--quiet", "--allow-empty", "--message", "more"]);
    git(&["push", "--quiet", "origin", "feature/one"]);
    assert_eq!(events(&mock), ["pullrequest:push", "pullrequest:updated"]);
    let head = git(&["rev-parse", "HEAD"]);
    assert_eq!(
        client.get(&format!("{PULLS}/1")).json()["source"]["commit"]["hash"],
        head[..12]
    );
    git(&["push", "--quiet", "origin", "feature/one:main"]);
    assert!(events(&mock).contains(&"pullrequest:fulfilled".to_owned()));
    let merged = client.get(&format!("{PULLS}/1")).json();
    assert_eq!(merged["state"], "MERGED");
    assert_ne!(sandbox.hash("main"), main);
}

#[test]
fn a_pull_request_from_a_fork_is_merged_across() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let fork = mock.fork("team/app", "robin").expect("a fork");
    assert_eq!(fork, "robin/app");
    let client = Client::new(&mock);
    let forks = client.get("/repositories/team/app/forks");
    assert_eq!(forks.strings("/full_name"), ["robin/app"]);
    let (_folder, work) = clone_of(
        &mock,
        "robin/app",
        "x-bitbucket-api-token-auth",
        &mock.api_token().token,
    );
    let git = |arguments: &[&str]| git_in(&work, arguments);
    git(&["checkout", "--quiet", "-b", "idea"]);
    std::fs::write(work.join("idea.txt"), "new\n").expect("a file");
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "idea"]);
    git(&["push", "--quiet", "origin", "idea"]);
    let head = git(&["rev-parse", "HEAD"]);
    let made = client.post(
        PULLS,
        &json!({
            "title": "Idea",
            "source": {
                "branch": { "name": "idea" },
                "repository": { "full_name": "robin/app" },
            },
        }),
    );
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(
        made.json()["source"]["repository"]["full_name"],
        "robin/app"
    );
    let unknown = client.get(&format!("/repositories/team/app/commit/{head}"));
    assert_eq!(
        unknown.status, 404,
        "the base does not know the fork's commit"
    );
    let commits = client.get(&format!("{PULLS}/1/commits"));
    assert_eq!(commits.strings("/hash"), std::slice::from_ref(&head));
    let merged = client.post(&format!("{PULLS}/1/merge"), &json!({}));
    assert_eq!(merged.status, 200, "{}", merged.text);
    assert_eq!(sandbox.git(&["show", "main:idea.txt"]), "new");
    let known = client.get(&format!("/repositories/team/app/commit/{head}"));
    assert_eq!(known.status, 200);
}
