//! Polling without deliveries.

use super::repo;
use integration_tests::bitbucket::{Bitbucket, REPO, context};
use integration_tests::sandbox::GitSandbox;
use std::time::Duration;
use vcs_provider_interface::prelude::*;

fn poll(bitbucket: &Bitbucket, cursor: Option<&str>, kinds: &[EventKind]) -> Result<PolledEvents> {
    let request = PollEventsRequest {
        repo: repo(),
        cursor: cursor.map(str::to_owned),
        kinds: kinds.to_vec(),
        ..Default::default()
    };
    bitbucket.client().poll_events(&context(), request)
}

fn names(polled: &PolledEvents) -> Vec<(EventKind, String)> {
    polled
        .events
        .iter()
        .map(|event| {
            let name = event.change.as_ref().map(|change| change.name.clone());
            let number = event
                .pull_request
                .as_ref()
                .map(|found| found.id.to_string());
            (event.kind, name.or(number).unwrap_or_default())
        })
        .collect()
}

#[test]
fn the_first_poll_tells_nothing_and_a_quiet_one_takes_three_requests() {
    let bitbucket = Bitbucket::small();
    let first = poll(&bitbucket, None, &[]).unwrap();
    assert!(first.events.is_empty());
    bitbucket.mock.clear_requests();
    let quiet = poll(&bitbucket, Some(&first.cursor), &[]).unwrap();
    assert!(quiet.events.is_empty());
    assert_eq!(quiet.requests, 3);
    assert_eq!(bitbucket.api_requests().len(), 3);
    assert_eq!(quiet.cursor, first.cursor);
}

/// Situation `too-large-to-deliver`.
#[test]
fn refs_that_were_created_moved_and_deleted_are_found() {
    let bitbucket = Bitbucket::small();
    let git = &bitbucket.git;
    let before = git.hash("main");
    let first = poll(&bitbucket, None, &[]).unwrap();
    git.write("more.txt", "more\n");
    let after = git.commit_all("More");
    git.git(&["branch", "x/y#1", "light"]);
    git.git(&["branch", "-D", "feature/one"]);
    git.git(&["tag", "v2", "light"]);
    git.git(&["tag", "-d", "light"]);
    let found = poll(&bitbucket, Some(&first.cursor), &[]).unwrap();
    assert_eq!(
        names(&found),
        [
            (EventKind::REF_DELETED, "feature/one".to_owned()),
            (EventKind::REF_DELETED, "light".to_owned()),
            (EventKind::REF_UPDATED, "main".to_owned()),
            (EventKind::REF_CREATED, "x/y#1".to_owned()),
            (EventKind::REF_CREATED, "v2".to_owned()),
        ]
    );
    let moved = found.events[2].change.as_ref().unwrap();
    assert_eq!(
        (moved.old_hash.as_deref(), moved.new_hash.as_deref()),
        (Some(&*before), Some(&*after))
    );
    assert_eq!((moved.forced, moved.truncated), (Some(false), Some(true)));
    assert!(
        poll(&bitbucket, Some(&found.cursor), &[])
            .unwrap()
            .events
            .is_empty()
    );
}

/// Situation `forced-push`.
#[test]
fn a_forced_push_is_told_from_an_ordinary_one() {
    let bitbucket = Bitbucket::small();
    let first = poll(&bitbucket, None, &[]).unwrap();
    bitbucket
        .git
        .git(&["branch", "--force", "feature/one", "light"]);
    let found = poll(&bitbucket, Some(&first.cursor), &[]).unwrap();
    assert_eq!(found.events[0].change.as_ref().unwrap().forced, Some(true));
}

#[test]
fn pull_requests_are_followed_from_creation_to_their_end() {
    let bitbucket = Bitbucket::small();
    let client = bitbucket.client();
    let open = |title: &str| {
        bitbucket
            .mock
            .open_pull_request(REPO, title, "feature/one", "main")
            .unwrap()
    };
    let tick = || bitbucket.mock.advance(Duration::from_secs(120));
    let old = open("Old");
    tick();
    let first = poll(&bitbucket, None, &[]).unwrap();
    tick();
    let new = open("New");
    let found = poll(&bitbucket, Some(&first.cursor), &[]).unwrap();
    assert_eq!(
        names(&found),
        [(EventKind::PULL_REQUEST_CREATED, new.to_string())]
    );
    tick();
    let change = UpdatePullRequestRequest {
        repo: repo(),
        id: old,
        title: Some("Older".to_owned()),
        ..Default::default()
    };
    client.pull_request_update(&context(), change).unwrap();
    tick();
    client
        .pull_request_decline(
            &context(),
            PullRequestRequest {
                repo: repo(),
                id: new,
                ..Default::default()
            },
        )
        .unwrap();
    let found = poll(&bitbucket, Some(&found.cursor), &[]).unwrap();
    assert_eq!(
        names(&found),
        [
            (EventKind::PULL_REQUEST_UPDATED, old.to_string()),
            (EventKind::PULL_REQUEST_DECLINED, new.to_string()),
        ]
    );
    assert_eq!(found.events[0].commit_changed, Some(false));
    tick();
    let merge = MergePullRequestRequest {
        repo: repo(),
        id: old,
        ..Default::default()
    };
    client.pull_request_merge(&context(), merge).unwrap();
    let wanted = [EventKind::PULL_REQUEST_MERGED];
    let found = poll(&bitbucket, Some(&found.cursor), &wanted).unwrap();
    assert_eq!(
        names(&found),
        [(EventKind::PULL_REQUEST_MERGED, old.to_string())]
    );
    // Refs were not asked about, so what happened to them is still to be told.
    let found = poll(&bitbucket, Some(&found.cursor), &[]).unwrap();
    assert_eq!(names(&found), [(EventKind::REF_UPDATED, "main".to_owned())]);
}

#[test]
fn thousands_of_refs_fit_into_a_cursor() {
    let git = GitSandbox::small();
    git.many_branches("feature/PEAR-", 2000, "main");
    let bitbucket = Bitbucket::serving(git);
    let first = poll(&bitbucket, None, &[]).unwrap();
    assert!(
        first.cursor.len() < 60_000,
        "{} characters",
        first.cursor.len()
    );
    bitbucket.git.git(&["branch", "-D", "feature/PEAR-1234"]);
    let found = poll(&bitbucket, Some(&first.cursor), &[]).unwrap();
    assert_eq!(
        names(&found),
        [(EventKind::REF_DELETED, "feature/PEAR-1234".to_owned())]
    );
}

#[test]
fn a_cursor_that_is_broken_or_of_another_repository_is_invalid() {
    let bitbucket = Bitbucket::small();
    let first = poll(&bitbucket, None, &[]).unwrap();
    for cursor in ["", "nonsense", &first.cursor[..first.cursor.len() / 2]] {
        let error = poll(&bitbucket, Some(cursor), &[]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::INVALID_INPUT);
    }
    let other = GitSandbox::small();
    bitbucket
        .mock
        .add_repository("acme/other", other.path())
        .unwrap();
    let request = PollEventsRequest {
        repo: "acme/other".to_owned(),
        cursor: Some(first.cursor),
        kinds: Vec::new(),
        ..Default::default()
    };
    let refused = bitbucket.client().poll_events(&context(), request);
    assert_eq!(refused.unwrap_err().kind, ErrorKind::INVALID_INPUT);
}

/// Situation `renamed-repository`.
#[test]
fn a_renamed_repository_is_told() {
    let bitbucket = Bitbucket::small();
    let first = poll(&bitbucket, None, &[]).unwrap();
    bitbucket
        .mock
        .rename_repository(REPO, "acme/gadget")
        .unwrap();
    let request = PollEventsRequest {
        repo: "acme/gadget".to_owned(),
        cursor: Some(first.cursor),
        kinds: Vec::new(),
        ..Default::default()
    };
    let found = bitbucket.client().poll_events(&context(), request).unwrap();
    let repo = found.events[0].repo.as_ref().unwrap();
    assert_eq!(repo.old_fullname.as_deref(), Some(REPO));
    assert_eq!(repo.fullname, "acme/gadget");
}
