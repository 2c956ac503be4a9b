//! Names of repositories and people, and the forms of their facts.

use crate::support::{
    branches, commits, quick_small, replaced, repo, repositories, repository, rule,
};
use integration_tests::bitbucket::{REPO, context};
use serde_json::{Value, json};
use vcs_provider_interface::prelude::*;

/// Situation `who`.
#[test]
fn a_commit_by_nobody_known_has_an_author_without_account() {
    let bitbucket = quick_small();
    let found = commits(&*bitbucket.client(), "main").expect("a list");
    let author = &found[0].author;
    assert_eq!(author.id, "");
    assert_eq!(author.email, "ada@example.com");
    assert_eq!(author.display_name, "Ada Example");
}

/// Situation `who`.
#[test]
fn accounts_are_told_apart_by_their_id() {
    let bitbucket = quick_small();
    let account = |id: &str| {
        json!({"raw": "Sam <sam@example.com>", "user": {
            "type": "user", "account_id": id, "nickname": "sam", "display_name": "Sam",
        }})
    };
    bitbucket.mock.add_fault(rule(
        "*/commits?*",
        replaced([
            ("/values/0/author", account("557:1")),
            ("/values/1/author", account("557:2")),
        ]),
    ));
    let found = commits(&*bitbucket.client(), "main").expect("a list");
    assert_eq!(found[0].author.id, "557:1");
    assert_eq!(found[1].author.id, "557:2");
    assert_eq!(found[0].author.display_name, found[1].author.display_name);
}

/// Situation `who`.
#[test]
fn odd_authors_are_read() {
    for author in [
        Value::Null,
        json!({}),
        json!({"raw": "Anonymous"}),
        json!({"raw": ""}),
        json!({"raw": "no brackets sam@example.com", "user": null}),
        json!({"raw": "Former user <>", "user": {"type": "user"}}),
        json!({"raw": "Sam <sam@example.com>", "user": {"display_name": "Former user"}}),
    ] {
        let bitbucket = quick_small();
        bitbucket.mock.add_fault(rule(
            "*/commits?*",
            replaced([("/values/0/author", author.clone())]),
        ));
        let found = commits(&*bitbucket.client(), "main");
        let found = found.unwrap_or_else(|error| panic!("{author}: {error}"));
        assert_eq!(found.len(), 2, "{author}");
        assert_eq!(found[0].id, bitbucket.git.hash("main"), "{author}");
    }
}

/// Situation `slug-and-name`.
#[test]
fn the_slug_is_the_address_and_the_uuid_the_identity() {
    let bitbucket = quick_small();
    let uuid = bitbucket
        .mock
        .add_repository("acme/widget", bitbucket.git.path())
        .expect("a repository");
    bitbucket
        .mock
        .set_display_name(REPO, "My Great Widget")
        .expect("a repository");
    let client = bitbucket.client();
    for name in [REPO, "ACME/Widget", &format!("acme/{uuid}")] {
        let found = repository(&*client, name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.name, "My Great Widget");
        assert_eq!(found.slug, "widget");
        assert_eq!(found.fullname, REPO);
        assert_eq!(found.id, uuid);
    }
    assert_eq!(repositories(&*client).expect("a list")[0].slug, "widget");
    bitbucket.mock.clear_requests();
    let error = repository(&*client, "acme/My Great Widget").expect_err("that is no slug");
    assert_eq!(error.kind, ErrorKind::INVALID_INPUT);
    assert!(bitbucket.mock.requests().is_empty());
}

/// Situation `renamed-repository`.
#[test]
fn a_renamed_repository_is_followed_to_its_new_name() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let before = repository(&*client, REPO).expect("a repository");
    bitbucket
        .mock
        .rename_repository(REPO, "acme/gadget")
        .expect("a new name");
    let after = repository(&*client, REPO).expect("the old name redirects");
    assert_eq!(after.id, before.id);
    assert_eq!(after.fullname, "acme/gadget");
    assert_eq!(branches(&*client).expect("a list").len(), 2);
    let by_id = format!("acme/{}", before.id);
    assert_eq!(
        repository(&*client, &by_id).expect("a repository").fullname,
        "acme/gadget"
    );
}

/// Situation `renamed-repository`.
#[test]
fn a_change_of_a_renamed_repository_says_the_new_name() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    bitbucket
        .mock
        .rename_repository(REPO, "acme/gadget")
        .expect("a new name");
    let request = crate::support::status(&bitbucket.git.hash("main"), "build", BuildState::SUCCESS);
    let error = client
        .set_status(&context(), request)
        .expect_err("the old name");
    assert_eq!(error.kind, ErrorKind::CONFLICT, "{error}");
    assert!(error.message.contains("acme/gadget"), "{error}");
}

/// Situation `user-in-clone-address`.
#[test]
fn clone_addresses_name_no_user() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let found = repository(&*client, REPO).expect("a repository");
    assert_eq!(found.http_url, bitbucket.mock.clone_url(REPO));
    assert!(found.ssh_url.ends_with("acme/widget.git"), "{found:?}");
    let request = CheckoutRequest {
        repo: repo(),
        ..Default::default()
    };
    let checkout = client
        .checkout_credentials(&context(), request)
        .expect("credentials");
    assert_eq!(checkout.http_url, bitbucket.mock.clone_url(REPO));
    let token = bitbucket.mock.api_token();
    assert_eq!(
        checkout.secret.expect("a secret").expose(),
        token.token.expose()
    );
}

/// Situation `user-in-clone-address`.
#[test]
fn a_clone_address_with_a_user_is_what_the_service_sends() {
    let bitbucket = quick_small();
    repository(&*bitbucket.client(), REPO).expect("a repository");
    let exchange = bitbucket.mock.requests().pop().expect("a request");
    let body: Value = serde_json::from_slice(&exchange.response_body).expect("an answer");
    let sent = body["links"]["clone"].to_string();
    assert!(sent.contains('@'), "{sent}");
}

/// Situation `timestamps`.
#[test]
fn every_form_of_a_timestamp_is_read() {
    for (text, expected) in [
        ("2024-02-29T23:59:58+00:00", 1_709_251_198_000),
        ("2024-02-29T23:59:58Z", 1_709_251_198_000),
        ("2024-02-29T23:59:58.123456+00:00", 1_709_251_198_123),
        ("2024-02-29T23:59:58.999999999Z", 1_709_251_198_999),
        ("2024-03-01T01:29:58+01:30", 1_709_251_198_000),
    ] {
        let bitbucket = quick_small();
        bitbucket.mock.add_fault(rule(
            "*/commits?*",
            replaced([("/values/0/date", json!(text))]),
        ));
        let found = commits(&*bitbucket.client(), "main").expect("a list");
        assert_eq!(found[0].author_timestamp, Some(expected), "{text}");
    }
}
