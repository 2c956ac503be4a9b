//! Hooks that are there twice, elsewhere, or no longer.

use crate::support::{fact, quick_small, repo, sent};
use integration_tests::bitbucket::{Bitbucket, REPO, context};
use vcs_provider_interface::prelude::*;

const URL: &str = "https://ci.example.com/hooks/1";

fn hook(url: &str) -> HookRequest {
    HookRequest {
        repo: repo(),
        name: "ci".to_owned(),
        url: url.to_owned(),
        events: vec!["repo:push".to_owned()],
        secret: Some(Secret::from("key")),
        ..HookRequest::default()
    }
}

fn reconcile(bitbucket: &Bitbucket, request: HookRequest) -> (Hook, String) {
    let hook = bitbucket
        .client()
        .reconcile_hook(&context(), request)
        .expect("a hook");
    let action = fact(&hook.extra, "action").unwrap_or_default().to_owned();
    (hook, action)
}

fn at_service(bitbucket: &Bitbucket) -> Vec<(String, String)> {
    bitbucket.mock.hooks(REPO).expect("hooks")
}

/// Situation `hooks`.
#[test]
fn reconciling_creates_once_and_then_changes_nothing() {
    let bitbucket = quick_small();
    let (made, action) = reconcile(&bitbucket, hook(URL));
    assert_eq!(action, "created");
    for url in [
        URL,
        "https://ci.example.com/hooks/1/",
        "https://CI.example.com/hooks/1",
    ] {
        let (same, _) = reconcile(&bitbucket, hook(url));
        assert_eq!(same.id, made.id, "{url}");
    }
    assert_eq!(at_service(&bitbucket).len(), 1);
    assert_eq!(sent(&bitbucket, "POST", "/hooks").len(), 1);
}

/// Situation `hooks`.
#[test]
fn reconciling_repairs_a_hook_that_was_changed_by_hand() {
    let bitbucket = quick_small();
    let broken = HookRequest {
        events: vec!["pullrequest:created".to_owned()],
        disable: true,
        ..hook(URL)
    };
    let client = bitbucket.client();
    let made = client.create_hook(&context(), broken).expect("a hook");
    let (repaired, action) = reconcile(&bitbucket, hook(URL));
    assert_eq!(action, "updated");
    assert_eq!(repaired.id, made.id);
    assert!(!repaired.disable);
    assert!(repaired.events.contains(&"repo:push".to_owned()));
}

/// Situation `hooks`.
#[test]
fn of_duplicates_one_is_kept_and_hooks_of_others_stay() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let other = "https://someone.example.com/hooks/1";
    for url in [URL, "https://ci.example.com/hooks/1/", other] {
        client.create_hook(&context(), hook(url)).expect("a hook");
    }
    let (kept, _) = reconcile(&bitbucket, hook(URL));
    let present = at_service(&bitbucket);
    assert!(present.iter().any(|(_, url)| url == other), "{present:?}");
    assert!(present.iter().any(|(id, _)| *id == kept.id), "{present:?}");
    let (again, _) = reconcile(&bitbucket, hook(URL));
    assert_eq!(again.id, kept.id);
    assert_eq!(
        at_service(&bitbucket),
        present,
        "the second time changes nothing"
    );
}

/// Situation `hooks`.
#[test]
fn a_hook_that_was_deleted_by_hand_is_made_again_and_its_deletion_succeeds() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let (made, _) = reconcile(&bitbucket, hook(URL));
    assert!(
        bitbucket
            .mock
            .delete_hook(REPO, &made.id)
            .expect("a repository")
    );
    for request in [
        DeleteHookRequest {
            repo: repo(),
            id: Some(made.id.clone()),
            url: None,
            ..Default::default()
        },
        DeleteHookRequest {
            repo: repo(),
            id: None,
            url: Some(URL.to_owned()),
            ..Default::default()
        },
    ] {
        client.delete_hook(&context(), request).expect("success");
    }
    let (again, action) = reconcile(&bitbucket, hook(URL));
    assert_eq!(action, "created");
    assert_ne!(again.id, made.id);
}

/// Situation `hooks`.
#[test]
fn an_update_of_a_hook_that_is_gone_says_so() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let (made, _) = reconcile(&bitbucket, hook(URL));
    bitbucket
        .mock
        .delete_hook(REPO, &made.id)
        .expect("a repository");
    let request = HookRequest {
        id: Some(made.id),
        ..hook(URL)
    };
    let error = client.update_hook(&context(), request).expect_err("gone");
    assert_eq!(error.kind, ErrorKind::NOT_FOUND);
}

/// Situation `hooks`.
#[test]
fn a_full_repository_is_an_error_that_says_why() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    for number in 0..50 {
        let url = format!("https://ci.example.com/hooks/{number}");
        client.create_hook(&context(), hook(&url)).expect("a hook");
    }
    let error = client
        .create_hook(&context(), hook("https://ci.example.com/hooks/50"))
        .expect_err("there are fifty");
    assert!(
        [ErrorKind::INVALID_INPUT, ErrorKind::CONFLICT].contains(&error.kind),
        "{error}"
    );
    assert!(
        error.message.contains("50") || error.message.contains("many"),
        "{error}"
    );
    let (kept, _) = reconcile(&bitbucket, hook("https://ci.example.com/hooks/49"));
    assert_eq!(kept.url, "https://ci.example.com/hooks/49");
}

/// Situation `hooks`.
#[test]
fn deleting_in_a_repository_that_is_not_there_is_no_success() {
    let bitbucket = quick_small();
    let request = DeleteHookRequest {
        repo: "acme/missing".to_owned(),
        id: Some("{00000000-0000-0000-0000-000000000001}".to_owned()),
        url: None,
        ..Default::default()
    };
    let error = bitbucket
        .client()
        .delete_hook(&context(), request)
        .expect_err("there is no repository");
    assert_eq!(error.kind, ErrorKind::NOT_FOUND);
}
