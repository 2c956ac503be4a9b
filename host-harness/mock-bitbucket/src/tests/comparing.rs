//! What differs between commits.

use serde_json::{Value, json};

use super::support::{Client, Sandbox, mock_with};

const APP: &str = "/repositories/team/app";

/// `main` and `topic`, which adds, removes, changes and renames a file.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("gone.txt", b"1\n2\n");
    sandbox.write("kept.txt", b"1\n2\n3\n");
    sandbox.write("old name.txt", b"a\nb\nc\nd\n");
    sandbox.write("image.png", b"\x89PNG\0\0");
    sandbox.git(&["add", "."]);
    sandbox.commit("files");
    sandbox.git(&["checkout", "--quiet", "-b", "topic/a"]);
    sandbox.git(&["rm", "--quiet", "gone.txt"]);
    sandbox.git(&["mv", "old name.txt", "new name.txt"]);
    sandbox.write("kept.txt", b"1\n2\n3\n4\n");
    sandbox.write("image.png", b"\x89PNG\0\x01");
    sandbox.write("sub/néw", b"x\n");
    sandbox.git(&["add", "."]);
    sandbox.commit("changes");
    sandbox.git(&["checkout", "--quiet", "main"]);
    sandbox
}

fn summary(list: &Value) -> Vec<(String, Option<String>, Option<String>)> {
    let path = |side: &Value| side["path"].as_str().map(str::to_owned);
    list["values"]
        .as_array()
        .expect("values")
        .iter()
        .map(|one| {
            (
                one["status"].as_str().expect("status").to_owned(),
                path(&one["old"]),
                path(&one["new"]),
            )
        })
        .collect()
}

#[test]
fn the_newer_commit_stands_first_and_every_kind_of_change_is_told() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let list = client.get(&format!("{APP}/diffstat/topic%2Fa..main"));
    assert_eq!(list.status, 200, "{}", list.text);
    let list = list.json();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        summary(&list),
        [
            ("removed".into(), some("gone.txt"), None),
            ("modified".into(), some("image.png"), some("image.png")),
            ("modified".into(), some("kept.txt"), some("kept.txt")),
            ("renamed".into(), some("old name.txt"), some("new name.txt")),
            ("added".into(), None, some("sub/néw")),
        ]
    );
    assert_eq!(list["pagelen"], 500);
    assert_eq!(list["values"][0]["lines_removed"], 2);
    assert_eq!(list["values"][1]["lines_added"], 0, "binary");
    assert_eq!(list["values"][2]["lines_added"], 1);
    assert_eq!(list["values"][4]["new"]["escaped_path"], "sub/n\\303\\251w");
    let back = client.get(&format!("{APP}/diffstat/main..topic%2Fa?topic=false"));
    assert_eq!(summary(&back.json())[0].0, "added", "the other way round");
}

#[test]
fn one_commit_is_compared_with_its_first_parent() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let hash = sandbox.hash("main");
    let list = client.get(&format!("{APP}/diffstat/{hash}")).json();
    assert_eq!(list["size"], 4);
    let first = sandbox.hash("main~1");
    let list = client.get(&format!("{APP}/diffstat/{first}")).json();
    assert_eq!(list["size"], 0, "the first commit is empty");
}

#[test]
fn without_a_common_ancestor_there_is_an_error() {
    let sandbox = sandbox();
    sandbox.git(&["checkout", "--quiet", "--orphan", "island"]);
    sandbox.commit("alone");
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let rejected = client.get(&format!("{APP}/diffstat/island..main"));
    assert_eq!(
        (rejected.status, rejected.message().as_str()),
        (400, "No common ancestor")
    );
    let simple = client.get(&format!("{APP}/diffstat/island..main?topic=false"));
    assert_eq!(simple.status, 200);
    assert_eq!(
        client.get(&format!("{APP}/merge-base/island..main")).status,
        404
    );
    assert_eq!(
        client.get(&format!("{APP}/diffstat/nothing..main")).status,
        404
    );
}

#[test]
fn a_long_comparison_comes_in_pages() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let mut next = Some(format!("{APP}/diffstat/topic%2Fa..main?pagelen=2"));
    let mut count = 0;
    while let Some(page) = next {
        let page = client.get(&page).json();
        count += page["values"].as_array().expect("values").len();
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(count, 5);
    let rejected = client.get(&format!("{APP}/diffstat/topic%2Fa..main?pagelen=5001"));
    assert_eq!(rejected.status, 400);
}

#[test]
fn the_merge_base_is_a_commit() {
    let sandbox = sandbox();
    let base = sandbox.hash("main");
    sandbox.commit("on main");
    let mock = mock_with(&sandbox);
    let found = Client::new(&mock).get(&format!("{APP}/merge-base/topic%2Fa..main"));
    assert_eq!(found.json()["hash"], base);
}

#[test]
fn a_pull_request_leads_to_its_comparison_across_a_fork() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let fork = mock.fork("team/app", "robin").expect("a fork");
    sandbox.git(&["branch", "-D", "topic/a"]);
    let made = client.post(
        &format!("{APP}/pullrequests"),
        &json!({
            "title": "x",
            "source": { "branch": { "name": "topic/a" }, "repository": { "full_name": fork } },
        }),
    );
    assert_eq!(made.status, 201, "{}", made.text);
    let redirect = client.get(&format!("{APP}/pullrequests/1/diffstat"));
    assert_eq!(redirect.status, 302);
    let list = client.get(redirect.header("location"));
    assert_eq!(list.status, 200, "{}", list.text);
    assert_eq!(list.json()["size"], 5);
    let redirect = client.get(&format!("{APP}/pullrequests/1/diff?path=kept.txt"));
    let text = client.get(redirect.header("location"));
    assert_eq!(text.header("content-type"), "text/plain");
    assert!(text.text.contains("+4\n"), "{}", text.text);
    assert!(!text.text.contains("gone.txt"), "{}", text.text);
}
