//! What each merge strategy leaves behind.

use serde_json::{Value, json};

use super::pull_requests::{PULLS, branch_with_file, mock_with, new_pull_request, sandbox};
use super::support::{Client, Received, Sandbox};
use crate::MockBitbucket;

/// `feature/one` with two commits (the first one empty), `main` with one of its
/// own since, and an open pull request between them.
fn diverged() -> (Sandbox, MockBitbucket, Client) {
    let sandbox = sandbox();
    std::fs::write(sandbox.path().join("main.txt"), "main\n").expect("a file");
    sandbox.git(&["add", "."]);
    sandbox.commit("meanwhile");
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    (sandbox, mock, client)
}

fn merge(client: &Client, id: u64, strategy: &str) -> Received {
    client.post(
        &format!("{PULLS}/{id}/merge"),
        &json!({ "merge_strategy": strategy, "message": "brought in" }),
    )
}

/// Subjects of `main` along first parents, newest first.
fn subjects(sandbox: &Sandbox) -> Vec<String> {
    let text = sandbox.git(&["log", "--first-parent", "--format=%s", "main"]);
    text.lines().map(str::to_owned).collect()
}

fn merge_commit(reply: &Received) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json()["state"], "MERGED");
    reply.json()["merge_commit"]["hash"].clone()
}

#[test]
fn rebase_and_fast_forward_makes_each_commit_anew_and_no_merge_commit() {
    let (sandbox, _mock, client) = diverged();
    let (main, source) = (sandbox.hash("main"), sandbox.hash("feature/one"));
    let merged = merge(&client, 1, "rebase_fast_forward");
    let now = sandbox.hash("main");
    assert_eq!(merge_commit(&merged), now[..12]);
    assert_eq!(
        subjects(&sandbox),
        ["add a file", "prepare", "meanwhile", "first"]
    );
    assert_eq!(sandbox.hash("main~2"), main);
    assert_eq!(sandbox.git(&["rev-list", "--merges", "main"]), "");
    assert_eq!(sandbox.git(&["show", "main:one.txt"]), "content");
    assert_eq!(sandbox.git(&["show", "main:main.txt"]), "main");
    assert_eq!(sandbox.hash("feature/one"), source, "the source stays");
    let people = "--format=%an %ae %ad %cn";
    let of = |revision: &str, format: &str| sandbox.git(&["show", "-s", format, revision]);
    let author = "--format=%an %ae %ad";
    assert_eq!(of("main", author), of(&source, author));
    assert!(of("main", people).ends_with("Casey Builder"));
}

#[test]
fn rebase_and_merge_adds_a_merge_commit() {
    let (sandbox, _mock, client) = diverged();
    let main = sandbox.hash("main");
    let merged = merge(&client, 1, "rebase_merge");
    let now = sandbox.hash("main");
    assert_eq!(merge_commit(&merged), now[..12]);
    assert_eq!(subjects(&sandbox), ["brought in", "meanwhile", "first"]);
    assert_eq!(sandbox.hash("main^1"), main);
    assert_eq!(sandbox.hash("main^2~2"), main, "the commits stand after it");
    assert_eq!(sandbox.git(&["show", "main:one.txt"]), "content");
    assert_eq!(sandbox.git(&["diff", "main^2", "main"]), "");
}

#[test]
fn what_stands_on_the_destination_already_is_not_made_anew() {
    for (strategy, head) in [("rebase_fast_forward", "main"), ("rebase_merge", "main^2")] {
        let sandbox = sandbox();
        let mock = mock_with(&sandbox);
        let client = Client::new(&mock);
        new_pull_request(&client);
        merge_commit(&merge(&client, 1, strategy));
        assert_eq!(
            sandbox.hash(head),
            sandbox.hash("feature/one"),
            "{strategy}"
        );
    }
}

#[test]
fn merges_and_changes_that_are_there_already_are_left_out() {
    let (sandbox, _mock, client) = diverged();
    sandbox.git(&["checkout", "--quiet", "feature/one"]);
    sandbox.git(&["merge", "--quiet", "--no-edit", "main"]);
    sandbox.commit("last");
    sandbox.git(&["checkout", "--quiet", "main"]);
    sandbox.git(&["cherry-pick", "feature/one~2"]);
    merge_commit(&merge(&client, 1, "rebase_fast_forward"));
    assert_eq!(sandbox.git(&["rev-list", "--merges", "main"]), "");
    let names = subjects(&sandbox);
    let count = |name: &str| names.iter().filter(|one| *one == name).count();
    assert_eq!(count("add a file"), 1, "{names:?}");
    assert_eq!(count("last"), 1, "{names:?}");
}

#[test]
fn a_change_that_came_in_another_way_leaves_no_empty_commit() {
    let (sandbox, _mock, client) = diverged();
    // Its file together with another one: no commit that equals the source's.
    std::fs::write(sandbox.path().join("one.txt"), "content\n").expect("a file");
    std::fs::write(sandbox.path().join("more.txt"), "more\n").expect("a file");
    sandbox.git(&["add", "."]);
    sandbox.commit("both");
    merge_commit(&merge(&client, 1, "rebase_fast_forward"));
    assert_eq!(
        subjects(&sandbox),
        ["prepare", "both", "meanwhile", "first"],
        "what was empty from the start stays"
    );
}

#[test]
fn a_change_that_was_taken_and_reverted_does_not_come_again() {
    let (sandbox, _mock, client) = diverged();
    sandbox.git(&["cherry-pick", "feature/one"]);
    sandbox.git(&["revert", "--no-edit", "HEAD"]);
    merge_commit(&merge(&client, 1, "rebase_fast_forward"));
    assert_eq!(sandbox.git(&["ls-tree", "--name-only", "main"]), "main.txt");
}

#[test]
fn a_rebase_that_conflicts_at_one_commit_changes_nothing() {
    for strategy in ["rebase_fast_forward", "rebase_merge"] {
        let sandbox = sandbox();
        std::fs::write(sandbox.path().join("one.txt"), "other\n").expect("a file");
        sandbox.git(&["add", "."]);
        let main = sandbox.commit("the same file");
        let mock = mock_with(&sandbox);
        let client = Client::new(&mock);
        new_pull_request(&client);
        let rejected = merge(&client, 1, strategy);
        assert_eq!(rejected.status, 400, "{strategy}");
        assert!(rejected.message().contains("conflict"), "{}", rejected.text);
        assert_eq!(sandbox.hash("main"), main);
        assert_eq!(client.get(&format!("{PULLS}/1")).json()["state"], "OPEN");
    }
}

#[test]
fn squash_and_fast_forward_needs_a_destination_without_commits_of_its_own() {
    let (sandbox, mock, client) = diverged();
    let main = sandbox.hash("main");
    assert_eq!(merge(&client, 1, "squash_fast_forward").status, 400);
    assert_eq!(sandbox.hash("main"), main);
    branch_with_file(&sandbox, "two", "two.txt");
    mock.open_pull_request("team/app", "two", "two", "main")
        .expect("a pull request");
    merge_commit(&merge(&client, 2, "squash_fast_forward"));
    assert_eq!(sandbox.hash("main^"), main);
    assert_eq!(sandbox.git(&["show", "main:two.txt"]), "content");
}

#[test]
fn every_strategy_that_a_branch_offers_is_known_and_no_other() {
    let (_sandbox, _mock, client) = diverged();
    let branch = client
        .get("/repositories/team/app/refs/branches/main")
        .json();
    assert_eq!(branch["default_merge_strategy"], "merge_commit");
    let offered = branch["merge_strategies"].as_array().expect("a list");
    assert_eq!(offered.len(), 6);
    for strategy in offered {
        let name = strategy.as_str().expect("a name");
        let (_sandbox, _mock, client) = diverged();
        let reply = merge(&client, 1, name);
        let needs_forward = matches!(name, "fast_forward" | "squash_fast_forward");
        assert_eq!(
            reply.status,
            if needs_forward { 400 } else { 200 },
            "{name}"
        );
        assert!(!reply.text.contains("Not a strategy"), "{}", reply.text);
    }
    let rejected = merge(&client, 1, "rebase");
    assert_eq!(rejected.status, 400);
    assert!(
        rejected.text.contains("merge_strategy"),
        "{}",
        rejected.text
    );
}
