//! Commits, ranges and cursors.

use std::collections::HashSet;

use serde_json::json;

use super::support::{Client, Sandbox, mock_with};
use crate::MockBitbucket;

const COMMITS: &str = "/repositories/team/app/commits";

#[test]
fn short_hashes_are_expanded_and_nothing_else_is() {
    let sandbox = Sandbox::new();
    let hash = sandbox.hash("HEAD");
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    for given in [&hash[..7], &hash[..12], &hash, &hash.to_uppercase()] {
        let commit = client.get(&format!("/repositories/team/app/commit/{given}"));
        assert_eq!(commit.json()["hash"], hash.as_str(), "{given}");
    }
    for unknown in [
        &hash[..6],
        "main",
        "0000000",
        "HEAD",
        "zzzzzzz",
        &"0".repeat(40),
    ] {
        let missing = client.get(&format!("/repositories/team/app/commit/{unknown}"));
        assert_eq!(
            (missing.status, missing.message()),
            (404, "Changeset not found.".to_owned()),
            "{unknown}"
        );
        assert!(missing.json().get("type").is_none());
    }
}

#[test]
fn thousands_of_commits_come_whole_and_in_order_through_opaque_cursors() {
    let sandbox = Sandbox::new();
    sandbox.many_commits(2500);
    let expected: Vec<String> = sandbox
        .git(&["rev-list", "main"])
        .lines()
        .map(str::to_owned)
        .collect();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let mut next = Some(format!("{COMMITS}/main?pagelen=100"));
    let mut got = Vec::new();
    let mut pages = HashSet::new();
    while let Some(url) = next {
        assert!(pages.insert(url.clone()), "a page came twice: {url}");
        let page = client.get(&url);
        assert_eq!(page.status, 200);
        got.extend(page.strings("/hash"));
        let page = page.json();
        assert!(page.get("size").is_none() && page.get("page").is_none());
        next = page["next"].as_str().map(str::to_owned);
        if let Some(next) = &next {
            assert!(next.contains("pagelen=100&page="), "{next}");
        }
    }
    assert_eq!(got.len(), 2501);
    assert_eq!(got, expected);
    assert_eq!(pages.len(), 26);
    let wrong = client.get(&format!("{COMMITS}/main?page=2"));
    assert_eq!(
        (wrong.status, wrong.message().as_str()),
        (400, "Invalid page")
    );
}

#[test]
fn a_cursor_still_works_when_the_branch_has_moved_on() {
    let sandbox = Sandbox::new();
    let first = sandbox.hash("HEAD");
    sandbox.commit("second");
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let page = client.get(&format!(
        "{COMMITS}?include={}&pagelen=1",
        sandbox.hash("HEAD")
    ));
    sandbox.commit("third");
    let rest = client.get(page.json()["next"].as_str().unwrap_or_default());
    assert_eq!(rest.strings("/hash"), [first]);
}

#[test]
fn ranges_include_and_exclude_as_git_log_does() {
    let sandbox = Sandbox::new();
    let base = sandbox.hash("HEAD");
    sandbox.git(&["checkout", "--quiet", "-b", "topic/x"]);
    let topic = sandbox.commit("topic");
    sandbox.git(&["checkout", "--quiet", "main"]);
    let main = sandbox.commit("main");
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let range = client.get(&format!("{COMMITS}?include={topic}&exclude={main}"));
    assert_eq!(range.strings("/hash"), [topic.as_str()]);
    assert_eq!(
        client
            .get(&format!("{COMMITS}/topic%2Fx?exclude=main"))
            .strings("/hash"),
        [topic.as_str()]
    );
    let both = client.get(&format!(
        "{COMMITS}?include={topic}&include={main}&exclude={base}"
    ));
    assert_eq!(both.strings("/hash").len(), 2);
    assert_eq!(client.get(COMMITS).strings("/hash").len(), 3);
    assert_eq!(
        client
            .get(&format!("{COMMITS}?exclude=main"))
            .strings("/hash"),
        [topic.as_str()]
    );
    let form = format!("include={topic}&exclude={main}");
    let posted = client
        .send(
            "POST",
            COMMITS,
            Some(("application/x-www-form-urlencoded", form.as_bytes())),
        )
        .expect("a response");
    assert_eq!(posted.strings("/hash"), [topic.as_str()]);
    assert_eq!(client.post(COMMITS, &json!({})).status, 415);
}

#[test]
fn unknown_commits_of_a_range_are_named() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let gone = "0000000000000000000000000000000000000001";
    let missing = Client::new(&mock).get(&format!("{COMMITS}?include=main&exclude={gone}"));
    assert_eq!(missing.status, 404);
    assert_eq!(missing.json()["error"]["data"]["shas"], json!([gone]));
}

#[test]
fn merges_keep_all_parents_and_paths_narrow_the_list() {
    let sandbox = Sandbox::new();
    for name in ["a", "b"] {
        sandbox.git(&["checkout", "--quiet", "-b", name, "main"]);
        std::fs::write(sandbox.path().join(format!("{name} #1.txt")), name).expect("a file");
        sandbox.git(&["add", "."]);
        sandbox.commit(name);
    }
    sandbox.git(&["checkout", "--quiet", "main"]);
    sandbox.commit("aside");
    sandbox.git(&["merge", "--quiet", "--message", "octopus", "a", "b"]);
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let merge = client
        .get(&format!(
            "/repositories/team/app/commit/{}",
            sandbox.hash("HEAD")
        ))
        .json();
    assert_eq!(merge["parents"].as_array().map(Vec::len), Some(3));
    assert_eq!(merge["parents"][1]["hash"], sandbox.hash("a").as_str());
    let touched = client.get(&format!("{COMMITS}/main?path=a%20%231.txt"));
    assert_eq!(touched.strings("/message"), ["a\n"]);
}

#[test]
fn strange_authors_and_messages_are_shown_as_well_as_possible() {
    let sandbox = Sandbox::new();
    let tree = sandbox.hash("HEAD^{tree}");
    let mut content = format!("tree {tree}\nauthor Nobody <> 1000000000 -0330\ncommitter x <x@example.com> 1000000000 +0000\nencoding ISO-8859-1\n\n").into_bytes();
    content.extend(b"Gr\xfc\xdfe\n");
    let file = sandbox.path().join("raw-commit");
    std::fs::write(&file, content).expect("a file");
    let hash = sandbox.git(&[
        "hash-object",
        "-t",
        "commit",
        "-w",
        "--literally",
        "raw-commit",
    ]);
    let mock = mock_with(&sandbox);
    let commit = Client::new(&mock)
        .get(&format!("/repositories/team/app/commit/{hash}"))
        .json();
    assert_eq!(commit["author"]["raw"], "Nobody <>");
    assert!(commit["author"].get("user").is_none());
    assert_eq!(commit["date"], "2001-09-09T01:46:40+00:00");
    assert_eq!(commit["message"], "Gr\u{fffd}\u{fffd}e\n");
}

#[test]
fn authors_with_an_account_are_linked_to_it() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    mock.add_user("Ada L.", "ADA@example.com");
    let commit = Client::new(&mock).get(&format!("{COMMITS}/main")).json();
    let author = &commit["values"][0]["author"];
    assert_eq!(author["user"]["display_name"], "Ada L.");
    assert!(author["user"]["account_id"].is_string());
}

#[test]
fn commits_of_a_missing_repository_answer_with_a_web_page_about_the_caller() {
    let mock = MockBitbucket::builder()
        .workspace("team")
        .start()
        .expect("a mock");
    let page = Client::new(&mock).get("/repositories/team/gone/commits/main");
    assert_eq!(page.status, 404);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text.len() > 20_000);
    assert!(page.text.contains(&mock.api_token().email));
}

#[test]
fn a_branch_and_a_tag_of_one_name_are_told_apart_by_their_addresses() {
    let sandbox = Sandbox::new();
    let first = sandbox.hash("HEAD");
    sandbox.git(&["tag", "same"]);
    let second = sandbox.commit("second");
    sandbox.git(&["branch", "same"]);
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let target = |path: &str| {
        client
            .get(&format!("/repositories/team/app/refs/{path}/same"))
            .json()["target"]["hash"]
            .clone()
    };
    assert_eq!(target("branches"), second.as_str());
    assert_eq!(target("tags"), first.as_str());
    // As with git log, the tag wins where a bare name is given.
    assert_eq!(
        client.get(&format!("{COMMITS}/same")).strings("/hash"),
        [first]
    );
}
