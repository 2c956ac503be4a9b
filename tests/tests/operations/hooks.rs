//! Reconciling hooks.

use super::repo;
use integration_tests::bitbucket::{Bitbucket, REPO, context};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
use vcs_provider_interface::prelude::*;

const URL: &str = "https://engine.example.org/hooks/1";

fn wanted() -> HookRequest {
    HookRequest {
        repo: repo(),
        name: "CI".to_owned(),
        url: URL.to_owned(),
        events: vec!["repo:push".to_owned()],
        secret: Some(Secret::from("not-a-real-key")),
        ..HookRequest::default()
    }
}

fn action(hook: &Hook) -> &str {
    hook.extra
        .iter()
        .find(|(key, _)| key == "action")
        .map_or("", |(_, value)| value)
}

/// Situation `hooks`.
#[test]
fn a_hook_is_created_once_and_repaired_where_it_differs() {
    let bitbucket = Bitbucket::small();
    let client = bitbucket.client();
    let created = client.reconcile_hook(&context(), wanted()).unwrap();
    assert_eq!(action(&created), "created");
    let again = client.reconcile_hook(&context(), wanted()).unwrap();
    assert_eq!((action(&again), &again.id), ("unchanged", &created.id));

    let mut other = wanted();
    other.events.push("pullrequest:created".to_owned());
    other.disable = true;
    let changed = client.reconcile_hook(&context(), other).unwrap();
    assert_eq!(
        (action(&changed), &changed.id, changed.disable),
        ("updated", &created.id, true)
    );
    assert_eq!(changed.events.len(), 2);
    assert_eq!(bitbucket.mock.hooks(REPO).unwrap().len(), 1);
}

#[test]
fn a_hook_without_events_is_told_of_pushes_and_needs_no_scope_for_more() {
    let bitbucket = Bitbucket::small();
    let nameless = HookRequest {
        events: Vec::new(),
        ..wanted()
    };
    let created = bitbucket
        .client()
        .create_hook(&context(), nameless)
        .unwrap();
    assert_eq!(created.events, ["repo:push"]);
}

/// Situation `hooks`.
#[test]
fn duplicates_are_removed_and_foreign_hooks_stay() {
    let bitbucket = Bitbucket::small();
    let client = bitbucket.client();
    for url in [
        URL,
        "https://engine.example.org/hooks/1/",
        "https://engine.example.org/hooks/2",
    ] {
        client
            .create_hook(
                &context(),
                HookRequest {
                    url: url.to_owned(),
                    ..wanted()
                },
            )
            .unwrap();
    }
    let kept = client.reconcile_hook(&context(), wanted()).unwrap();
    assert_eq!(action(&kept), "unchanged");
    assert!(
        kept.extra
            .contains(&("duplicates_removed".to_owned(), "1".to_owned()))
    );
    let mut urls: Vec<String> = bitbucket
        .mock
        .hooks(REPO)
        .unwrap()
        .into_iter()
        .map(|(_, url)| url)
        .collect();
    urls.sort();
    assert_eq!(urls, [URL, "https://engine.example.org/hooks/2"]);
}

#[test]
fn where_hooks_are_made_by_hand_the_error_says_how() {
    let bitbucket = Bitbucket::with(
        GitSandbox::small(),
        MockBitbucket::builder(),
        "disableWebHooksCreation = true",
    );
    let error = bitbucket
        .client()
        .reconcile_hook(&context(), wanted())
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
    for part in [
        URL,
        "repo:push",
        "acme/widget/admin/webhooks",
        "disableWebHooksCreation",
    ] {
        assert!(error.message.contains(part), "{part}: {error}");
    }
}

/// Situation `hooks`.
#[test]
fn too_many_hooks_are_told() {
    let bitbucket = Bitbucket::small();
    let client = bitbucket.client();
    for number in 0..50 {
        let url = format!("https://other.example.org/{number}");
        client
            .create_hook(&context(), HookRequest { url, ..wanted() })
            .unwrap();
    }
    let error = client.reconcile_hook(&context(), wanted()).unwrap_err();
    assert!(error.message.contains("50"), "{error}");
}
