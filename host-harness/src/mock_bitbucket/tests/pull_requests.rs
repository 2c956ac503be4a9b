//! Pull requests over real branches, forks and merges.

use serde_json::{Value, json};

use super::support::{Client, LONG, Sandbox};
use crate::mock_bitbucket::{
    Behaviour, CommitLinks, CredentialKind, Loss, MockBitbucket, PullRequestState, TokenRequest,
};

const PULLS: &str = "/repositories/team/app/pullrequests";

/// A repository with `main` and `feature/one`, which is two commits ahead and
/// adds a file.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    branch_with_file(&sandbox, "feature/one", "one.txt");
    sandbox
}

fn branch_with_file(sandbox: &Sandbox, branch: &str, file: &str) {
    sandbox.git(&["checkout", "--quiet", "-b", branch, "main"]);
    sandbox.commit("prepare");
    std::fs::write(sandbox.path().join(file), "content\n").expect("a file");
    sandbox.git(&["add", "."]);
    sandbox.git(&["commit", "--quiet", "--message", "add a file"]);
    sandbox.git(&["checkout", "--quiet", "main"]);
}

fn mock_with(sandbox: &Sandbox) -> MockBitbucket {
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .start()
        .expect("a mock");
    mock.add_user("Robin", "robin@example.com");
    mock
}

fn new_pull_request(client: &Client) -> Value {
    let made = client.post(
        PULLS,
        &json!({ "title": "One", "source": { "branch": { "name": "feature/one" } } }),
    );
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()
}

/// Subscribes to everything; the receiver is not there, but the log is.
fn subscribe(client: &Client, events: &[&str]) {
    let hook = client.post(
        "/repositories/team/app/hooks",
        &json!({
            "description": "test",
            "url": "http://127.0.0.1:9/hook",
            "active": true,
            "events": events,
        }),
    );
    assert_eq!(hook.status, 201, "{}", hook.text);
}

/// Events and bodies delivered so far.
fn delivered(mock: &MockBitbucket) -> Vec<(String, Value)> {
    assert!(mock.wait_until_delivered(LONG));
    mock.deliveries()
        .into_iter()
        .map(|one| {
            let body = serde_json::from_slice(&one.body).expect("JSON");
            (one.event, body)
        })
        .collect()
}

fn events(mock: &MockBitbucket) -> Vec<String> {
    let mut events: Vec<String> = delivered(mock)
        .into_iter()
        .map(|(event, _)| event)
        .collect();
    events.sort();
    events
}

#[test]
fn a_new_pull_request_goes_to_main_and_shows_twelve_digits_of_its_commits() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let made = new_pull_request(&client);
    assert_eq!(made["id"], 1);
    assert_eq!(made["state"], "OPEN");
    assert_eq!(made["destination"]["branch"]["name"], "main");
    let hash = sandbox.hash("feature/one");
    assert_eq!(made["source"]["commit"]["hash"], hash[..12]);
    assert_eq!(made["author"]["display_name"], "Casey Builder");
    assert_eq!(client.get(&format!("{PULLS}/1")).json()["title"], "One");
    assert_eq!(client.get(&format!("{PULLS}/2")).status, 404);
}

#[test]
fn a_second_create_for_the_same_branches_silently_overwrites_the_open_one() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    let again = client.post(
        PULLS,
        &json!({
            "title": "Other",
            "description": "new",
            "source": { "branch": { "name": "feature/one" } },
            "destination": { "branch": { "name": "main" } },
        }),
    );
    assert_eq!(again.status, 201);
    assert_eq!(again.json()["id"], 1);
    let all = client.get(PULLS).json();
    assert_eq!(all["size"], 1);
    assert_eq!(all["values"][0]["title"], "Other");
}

#[test]
fn creating_is_refused_for_branches_that_are_missing_equal_or_bring_nothing() {
    let sandbox = sandbox();
    sandbox.git(&["branch", "stale", "main"]);
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    for (body, word) in [
        (
            json!({ "source": { "branch": { "name": "feature/one" } } }),
            "title",
        ),
        (json!({ "title": "x" }), "source"),
        (
            json!({ "title": "x", "source": { "branch": { "name": "nope" } } }),
            "branch not found",
        ),
        (
            json!({ "title": "x", "source": { "branch": { "name": "main" } } }),
            "same branch",
        ),
        (
            json!({ "title": "x", "source": { "branch": { "name": "stale" } } }),
            "no changes",
        ),
        (
            json!({ "title": "x", "titel": "y", "source": { "branch": { "name": "feature/one" } } }),
            "titel",
        ),
        (
            json!({
                "title": "x",
                "source": { "branch": { "name": "feature/one" } },
                "reviewers": [{ "username": "robin" }],
            }),
            "reviewers",
        ),
    ] {
        let refused = client.post(PULLS, &body);
        assert_eq!(refused.status, 400, "{body}");
        assert!(refused.text.contains(word), "{word}: {}", refused.text);
    }
}

#[test]
fn lists_hold_open_ones_unless_states_or_a_filter_say_otherwise() {
    let sandbox = Sandbox::new();
    for number in 1..=4 {
        branch_with_file(&sandbox, &format!("b{number}"), &format!("f{number}"));
    }
    let mock = mock_with(&sandbox);
    for number in 1..=4 {
        let branch = format!("b{number}");
        mock.open_pull_request("team/app", &branch, &branch, "main")
            .expect("a pull request");
    }
    for (id, state) in [
        (2, PullRequestState::Merged),
        (3, PullRequestState::Declined),
        (4, PullRequestState::Superseded),
    ] {
        mock.set_pull_request_state("team/app", id, state)
            .expect("a pull request");
    }
    let client = Client::new(&mock);
    let ids = |query: &str| -> Vec<u64> {
        let list = client.get(&format!("{PULLS}{query}"));
        assert_eq!(list.status, 200, "{}", list.text);
        list.json()["values"]
            .as_array()
            .expect("values")
            .iter()
            .map(|one| one["id"].as_u64().expect("id"))
            .collect()
    };
    assert_eq!(ids(""), [1]);
    assert_eq!(ids("?state=MERGED&state=DECLINED"), [3, 2]);
    assert_eq!(ids("?state=SUPERSEDED"), [4]);
    assert_eq!(
        ids("?q=id%3E1&state=OPEN"),
        [4, 3, 2],
        "q makes state ignored"
    );
    assert_eq!(ids("?q=state%3D%22OPEN%22"), [1]);
    assert_eq!(ids("?state=OPEN&state=MERGED&sort=id"), [1, 2]);
    assert_eq!(client.get(&format!("{PULLS}?state=CLOSED")).status, 400);
}

#[test]
fn more_than_fifty_a_page_is_refused() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    assert_eq!(client.get(&format!("{PULLS}?pagelen=50")).status, 200);
    let refused = client.get(&format!("{PULLS}?pagelen=51"));
    assert_eq!(
        (refused.status, refused.message().as_str()),
        (400, "Invalid pagelen")
    );
}

#[test]
fn lists_lack_reviewers_and_an_update_without_them_clears_them() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let robin = mock.user_uuid("robin@example.com").expect("an account");
    let made = client.post(
        PULLS,
        &json!({
            "title": "One",
            "source": { "branch": { "name": "feature/one" } },
            "reviewers": [{ "uuid": robin }],
        }),
    );
    assert_eq!(made.json()["reviewers"][0]["display_name"], "Robin");
    assert_eq!(made.json()["participants"][0]["role"], "REVIEWER");
    let item = &client.get(PULLS).json()["values"][0];
    assert!(item.get("reviewers").is_none() && item.get("participants").is_none());
    let kept = client.put(
        &format!("{PULLS}/1"),
        &json!({ "title": "Two", "reviewers": [{ "uuid": robin }] }),
    );
    assert_eq!(kept.json()["reviewers"].as_array().map(Vec::len), Some(1));
    let cleared = client.put(&format!("{PULLS}/1"), &json!({ "description": "d" }));
    assert_eq!(cleared.status, 200);
    assert_eq!(cleared.json()["title"], "Two", "the rest stays");
    assert_eq!(cleared.json()["reviewers"], json!([]));
}

#[test]
fn verdicts_are_kept_per_account_and_told_to_hooks() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    subscribe(
        &client,
        &[
            "pullrequest:approved",
            "pullrequest:unapproved",
            "pullrequest:changes_request_created",
            "pullrequest:changes_request_removed",
        ],
    );
    let approve = format!("{PULLS}/1/approve");
    let approved = client.send("POST", &approve, None).expect("an answer");
    assert_eq!(approved.status, 200);
    assert_eq!(approved.json()["approved"], true);
    assert_eq!(approved.json()["state"], "approved");
    assert_eq!(client.delete(&approve).status, 204);
    let changes = format!("{PULLS}/1/request-changes");
    let asked = client.send("POST", &changes, None).expect("an answer");
    assert_eq!(asked.json()["state"], "changes_requested");
    assert_eq!(client.delete(&changes).status, 204);
    assert_eq!(
        events(&mock),
        [
            "pullrequest:approved",
            "pullrequest:changes_request_created",
            "pullrequest:changes_request_removed",
            "pullrequest:unapproved",
        ]
    );
    let (_, body) = delivered(&mock)
        .into_iter()
        .find(|(event, _)| event == "pullrequest:approved")
        .expect("a delivery");
    assert_eq!(body["approval"]["user"]["display_name"], "Casey Builder");
    assert_eq!(body["pullrequest"]["id"], 1);
}

#[test]
fn a_declined_pull_request_is_closed_for_good() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    subscribe(&client, &["pullrequest:rejected"]);
    let declined = client
        .send("POST", &format!("{PULLS}/1/decline"), None)
        .expect("an answer");
    assert_eq!(declined.json()["state"], "DECLINED");
    assert_eq!(
        declined.json()["closed_by"]["display_name"],
        "Casey Builder"
    );
    assert_eq!(events(&mock), ["pullrequest:rejected"]);
    for (method, path) in [("POST", "decline"), ("POST", "approve"), ("POST", "merge")] {
        let refused = client
            .send(method, &format!("{PULLS}/1/{path}"), None)
            .expect("an answer");
        assert_eq!(refused.status, 400, "{path}");
    }
    let refused = client.put(&format!("{PULLS}/1"), &json!({ "title": "x" }));
    assert_eq!(refused.status, 400);
}

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
    assert_eq!(events(&mock), ["pullrequest:fulfilled", "repo:push"]);
    let (_, push) = delivered(&mock)
        .into_iter()
        .find(|(event, _)| event == "repo:push")
        .expect("a push");
    assert_eq!(push["push"]["changes"].as_array().map(Vec::len), Some(2));
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
    let refused = client.post(
        &format!("{PULLS}/2/merge"),
        &json!({ "merge_strategy": "fast_forward" }),
    );
    assert_eq!(refused.status, 400, "main has moved on");
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
    let refused = client.post(&format!("{PULLS}/1/merge"), &json!({}));
    assert_eq!(refused.status, 400);
    assert!(refused.message().contains("conflict"));
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
fn a_branch_that_moves_during_a_merge_is_a_conflict() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    let started = client.post(&format!("{PULLS}/1/merge?async=true"), &json!({}));
    let task = started.header("location").to_owned();
    sandbox.commit("meanwhile");
    assert_eq!(client.get(&task).json()["task_status"], "PENDING");
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
    let (_folder, work) = super::support::clone_of(
        &mock,
        "team/app",
        "x-bitbucket-api-token-auth",
        &mock.api_token().token,
    );
    let git = |arguments: &[&str]| super::support::git_in(&work, arguments);
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
    let (_folder, work) = super::support::clone_of(
        &mock,
        "robin/app",
        "x-bitbucket-api-token-auth",
        &mock.api_token().token,
    );
    let git = |arguments: &[&str]| super::support::git_in(&work, arguments);
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

#[test]
fn what_was_deleted_is_null() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let fork = mock.fork("team/app", "robin").expect("a fork");
    let id = mock
        .open_pull_request_from_fork("team/app", "x", (&fork, "feature/one"), "main")
        .expect("a pull request");
    mock.remove_repository(&fork).expect("the fork");
    mock.lose("team/app", id, Loss::SourceCommit).expect("it");
    mock.lose("team/app", id, Loss::DestinationCommit)
        .expect("it");
    mock.lose("team/app", id, Loss::Author).expect("it");
    let client = Client::new(&mock);
    for shown in [
        client.get(&format!("{PULLS}/{id}")).json(),
        client.get(PULLS).json()["values"][0].clone(),
    ] {
        for pointer in [
            "/author",
            "/source/repository",
            "/source/commit",
            "/destination/commit",
        ] {
            assert_eq!(shown.pointer(pointer), Some(&Value::Null), "{pointer}");
        }
        assert_eq!(shown["source"]["branch"]["name"], "feature/one");
    }
}

#[test]
fn commits_of_a_pull_request_have_a_cursor_and_refuse_page_numbers() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    let first = client.get(&format!("{PULLS}/1/commits?pagelen=1"));
    assert_eq!(first.strings("/hash"), [sandbox.hash("feature/one")]);
    let next = first.json()["next"].as_str().expect("next").to_owned();
    let second = client.get(&next);
    assert_eq!(second.strings("/hash"), [sandbox.hash("feature/one~1")]);
    assert!(second.json().get("next").is_none());
    let refused = client.get(&format!("{PULLS}/1/commits?page=1"));
    assert_eq!(
        (refused.status, refused.message().as_str()),
        (400, "Invalid page")
    );
}

#[test]
fn statuses_of_a_pull_request_are_those_of_its_head() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    let hash = sandbox.hash("feature/one");
    let status = client.post(
        &format!("/repositories/team/app/commit/{hash}/statuses/build"),
        &json!({ "key": "ci", "state": "SUCCESSFUL", "url": "https://ci.example.com/1" }),
    );
    assert_eq!(status.status, 201, "{}", status.text);
    let list = client.get(&format!("{PULLS}/1/statuses"));
    assert_eq!(list.strings("/key"), ["ci"]);
}

#[test]
fn the_pull_requests_of_a_commit_need_an_app() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    let path = format!(
        "/repositories/team/app/commit/{}/pullrequests",
        sandbox.hash("feature/one~1")
    );
    assert_eq!(client.get(&path).json()["values"][0]["id"], 1);
    for (links, status) in [(CommitLinks::Missing, 404), (CommitLinks::Indexing, 202)] {
        mock.set_behaviour(Behaviour {
            commit_links: links,
            ..Behaviour::default()
        });
        assert_eq!(client.get(&path).status, status);
    }
}

#[test]
fn comments_are_written_changed_and_leave_a_stub() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    subscribe(
        &client,
        &[
            "pullrequest:comment_created",
            "pullrequest:comment_updated",
            "pullrequest:comment_deleted",
        ],
    );
    let comments = format!("{PULLS}/1/comments");
    let made = client.post(
        &comments,
        &json!({ "content": { "raw": "first" }, "inline": { "path": "one.txt", "to": 1 } }),
    );
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json()["inline"]["to"], 1);
    let id = made.json()["id"].as_u64().expect("an id");
    let reply = client.post(
        &comments,
        &json!({ "content": { "raw": "second" }, "parent": { "id": id } }),
    );
    assert_eq!(reply.json()["parent"]["id"], id);
    assert!(reply.json().get("inline").is_none());
    let one = format!("{comments}/{id}");
    let changed = client.put(&one, &json!({ "content": { "raw": "better" } }));
    assert_eq!(changed.json()["content"]["raw"], "better");
    assert_eq!(client.delete(&one).status, 204);
    assert_eq!(client.delete(&one).status, 404);
    let list = client.get(&comments).json();
    assert_eq!(list["size"], 2);
    assert_eq!(list["values"][0]["deleted"], true);
    assert_eq!(list["values"][0]["content"]["raw"], "");
    assert_eq!(
        events(&mock),
        [
            "pullrequest:comment_created",
            "pullrequest:comment_created",
            "pullrequest:comment_deleted",
            "pullrequest:comment_updated",
        ]
    );
}

#[test]
fn comments_have_a_limit_and_belong_to_their_author() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    new_pull_request(&client);
    let comments = format!("{PULLS}/1/comments");
    let text = |length: usize| json!({ "content": { "raw": "x".repeat(length) } });
    assert_eq!(client.post(&comments, &text(32_769)).status, 400);
    let made = client.post(&comments, &text(32_768));
    assert_eq!(made.status, 201);
    let one = format!("{comments}/{}", made.json()["id"]);
    let token = mock
        .create_token(&TokenRequest::new(CredentialKind::OAuth).account("robin@example.com"))
        .expect("a token");
    let other = Client::with(&mock, token);
    assert_eq!(other.delete(&one).status, 403);
    assert_eq!(other.put(&one, &text(1)).status, 403);
}

#[test]
fn default_reviewers_come_from_the_repository_and_its_project() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    mock.add_default_reviewer("team/app", "robin@example.com", true)
        .expect("a reviewer");
    let list = Client::new(&mock).get("/repositories/team/app/effective-default-reviewers");
    assert_eq!(list.strings("/user/display_name"), ["Robin"]);
    assert_eq!(list.strings("/reviewer_type"), ["project"]);
}
