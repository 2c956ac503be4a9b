//! `fields`, `q` and `sort` see whole objects, also what lists do not show.

use serde_json::{Value, json};

use super::pull_requests::{PULLS, mock_with, new_pull_request, sandbox};
use super::support::{Client, Sandbox};
use crate::MockBitbucket;

#[test]
fn lists_show_reviewers_when_fields_asks_for_them() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    mock.add_user("Robin", "robin@example.com");
    let client = Client::new(&mock);
    new_pull_request(&client);
    let robin = mock.user_uuid("robin@example.com").expect("an account");
    let body = json!({ "title": "t", "reviewers": [{ "uuid": robin }] });
    assert_eq!(client.put(&format!("{PULLS}/1"), &body).status, 200);
    let plain = client.get(PULLS).json();
    assert_eq!(plain["values"][0].get("reviewers"), None);
    let grown = client
        .get(&format!("{PULLS}?fields=%2Bvalues.reviewers"))
        .json();
    assert_eq!(grown["values"][0]["reviewers"][0]["nickname"], "Robin");
    assert_eq!(grown["values"][0]["title"], "t", "the rest stays");
    let only = client
        .get(&format!(
            "{PULLS}?fields=values.id,values.reviewers.nickname,values.state&q=reviewers.uuid%3D%22{}%22",
            crate::model::links::segment(&robin)
        ))
        .json();
    assert_eq!(
        only,
        json!({ "values": [{ "id": 1, "state": "OPEN", "reviewers": [{ "nickname": "Robin" }] }] })
    );
    let owner = client
        .get(&format!(
            "{PULLS}?fields=%2Bvalues.destination.repository.owner"
        ))
        .json();
    let shown = &owner["values"][0]["destination"]["repository"];
    assert_eq!(shown["owner"]["username"], "team");
    assert_eq!(shown["full_name"], "team/app");
    let every = client.get(&format!("{PULLS}?fields=values.*")).json();
    assert!(every["values"][0]["participants"].is_array());
}

#[test]
fn the_official_examples_of_fields_give_the_printed_shape() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let uuid = client.get("/user").json()["uuid"].clone();
    let user = format!(
        "/users/{}",
        crate::model::links::segment(uuid.as_str().expect("a uuid"))
    );
    let without = client.get(&format!("{user}?fields=-links")).json();
    for name in [
        "nickname",
        "account_status",
        "website",
        "display_name",
        "uuid",
        "created_on",
        "location",
        "type",
    ] {
        assert!(without.get(name).is_some(), "{name}");
    }
    assert_eq!(without.get("links"), None);
    let emptied = client.get(&format!("{user}?fields=-links.*")).json();
    assert_eq!(emptied["links"], json!({}));
    let chosen = client
        .get(&format!("{user}?fields=-*,%2Bnickname,%2Buuid"))
        .json();
    assert_eq!(chosen, json!({ "nickname": "Casey Builder", "uuid": uuid }));
    let created = client
        .get("/repositories/team/app?fields=%2Bowner.created_on")
        .json();
    assert!(created["owner"]["created_on"].is_string());
    assert_eq!(created["slug"], "app");
}

#[test]
fn a_field_that_there_is_not_is_an_error_in_q_and_sort() {
    let sandbox = sandbox();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    for path in [
        "/repositories/team?q=naem%3D%22app%22",
        "/repositories/team?sort=naem",
        "/repositories/team/app/refs/branches?q=target.hsah~%22a%22",
        "/repositories/team/app/pullrequests?q=titel~%22a%22",
    ] {
        let response = client.get(path);
        assert_eq!(response.status, 400, "{path}: {}", response.text);
        assert!(
            response.message().contains("field"),
            "{}",
            response.message()
        );
    }
}

#[test]
fn q_looks_into_objects_that_the_list_shows_in_brief() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path().join("picture"), [0_u8, 1, 2]).expect("a file");
    std::fs::write(sandbox.path().join("words"), "text").expect("a file");
    sandbox.git(&["add", "."]);
    let main = sandbox.commit("files");
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .repo("team/other", sandbox.path())
        .start()
        .expect("a mock");
    let client = Client::new(&mock);
    let named = |q: &str| -> Vec<String> {
        let q = crate::model::links::segment(q);
        let path = format!("/user/workspaces/team/permissions/repositories?q={q}");
        client.get(&path).strings("/repository/full_name")
    };
    assert_eq!(named("repository.slug=\"other\""), ["team/other"]);
    assert_eq!(named("permission>\"read\"").len(), 2);
    assert_eq!(named("permission>\"admin\"").len(), 0);
    let binary = client.get(&format!(
        "/repositories/team/app/src/{main}/?q=attributes%3D%22binary%22"
    ));
    assert_eq!(binary.strings("/path"), ["picture"]);
    assert_eq!(binary.json()["page"], json!(1));
    assert_eq!(binary.json().get("size"), Option::<&Value>::None);
}
