//! Pull requests over real branches, forks and merges.

use serde_json::{Value, json};

use super::support::{Client, Sandbox, delivered, events, subscribe};
use crate::{Behaviour, CommitLinks, MissingRef, MockBitbucket, PullRequestState};

pub(super) const PULLS: &str = "/repositories/team/app/pullrequests";

/// A repository with `main` and `feature/one`, which is two commits ahead and
/// adds a file.
pub(super) fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    branch_with_file(&sandbox, "feature/one", "one.txt");
    sandbox
}

pub(super) fn branch_with_file(sandbox: &Sandbox, branch: &str, file: &str) {
    sandbox.git(&["checkout", "--quiet", "-b", branch, "main"]);
    sandbox.commit("prepare");
    std::fs::write(sandbox.path().join(file), "content\n").expect("a file");
    sandbox.git(&["add", "."]);
    sandbox.git(&["commit", "--quiet", "--message", "add a file"]);
    sandbox.git(&["checkout", "--quiet", "main"]);
}

pub(super) fn mock_with(sandbox: &Sandbox) -> MockBitbucket {
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .start()
        .expect("a mock");
    mock.add_user("Robin", "robin@example.com");
    mock
}

pub(super) fn new_pull_request(client: &Client) -> Value {
    let made = client.post(
        PULLS,
        &json!({ "title": "One", "source": { "branch": { "name": "feature/one" } } }),
    );
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()
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
        let rejected = client.post(PULLS, &body);
        assert_eq!(rejected.status, 400, "{body}");
        assert!(rejected.text.contains(word), "{word}: {}", rejected.text);
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
    let rejected = client.get(&format!("{PULLS}?pagelen=51"));
    assert_eq!(
        (rejected.status, rejected.message().as_str()),
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
    let approved = client.send("POST", &approve, None).expect("a response");
    assert_eq!(approved.status, 200);
    assert_eq!(approved.json()["approved"], true);
    assert_eq!(approved.json()["state"], "approved");
    assert_eq!(client.delete(&approve).status, 204);
    let changes = format!("{PULLS}/1/request-changes");
    let asked = client.send("POST", &changes, None).expect("a response");
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
        .expect("a response");
    assert_eq!(declined.json()["state"], "DECLINED");
    assert_eq!(
        declined.json()["closed_by"]["display_name"],
        "Casey Builder"
    );
    assert_eq!(events(&mock), ["pullrequest:rejected"]);
    for (method, path) in [("POST", "decline"), ("POST", "approve"), ("POST", "merge")] {
        let rejected = client
            .send(method, &format!("{PULLS}/1/{path}"), None)
            .expect("a response");
        assert_eq!(rejected.status, 400, "{path}");
    }
    let rejected = client.put(&format!("{PULLS}/1"), &json!({ "title": "x" }));
    assert_eq!(rejected.status, 400);
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
    mock.make_missing("team/app", id, MissingRef::SourceCommit)
        .expect("it");
    mock.make_missing("team/app", id, MissingRef::DestinationCommit)
        .expect("it");
    mock.make_missing("team/app", id, MissingRef::Author)
        .expect("it");
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
    let rejected = client.get(&format!("{PULLS}/1/commits?page=1"));
    assert_eq!(
        (rejected.status, rejected.message().as_str()),
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
fn default_reviewers_come_from_the_repository_and_its_project() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    mock.add_default_reviewer("team/app", "robin@example.com", true)
        .expect("a reviewer");
    let list = Client::new(&mock).get("/repositories/team/app/effective-default-reviewers");
    assert_eq!(list.strings("/user/display_name"), ["Robin"]);
    assert_eq!(list.strings("/reviewer_type"), ["project"]);
}
