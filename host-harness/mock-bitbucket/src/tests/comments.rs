//! Comments of pull requests.

use serde_json::json;

use super::pull_requests::{PULLS, mock_with, new_pull_request, sandbox};
use super::support::{Client, events, subscribe};
use crate::{CredentialKind, TokenRequest};

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
