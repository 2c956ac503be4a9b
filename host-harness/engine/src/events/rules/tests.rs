//! The rules, one by one.

use super::*;
use crate::store::ApplicationOptions;
use vcs_provider_interface::records::{Branch, PullRequestEnd};

/// An event of a branch: from one hash to another, `None` for none.
pub(crate) fn branch_event(name: &str, old: Option<&str>, new: Option<&str>) -> Event {
    let kind = match (old, new) {
        (None, _) => EventKind::REF_CREATED,
        (_, None) => EventKind::REF_DELETED,
        _ => EventKind::REF_UPDATED,
    };
    Event {
        kind,
        key: "repo:push".to_owned(),
        change: Some(RefChange {
            kind: RefKind::BRANCH,
            name: name.to_owned(),
            old_hash: old.map(str::to_owned),
            new_hash: new.map(str::to_owned),
            ..RefChange::default()
        }),
        ..Event::default()
    }
}

fn application() -> Application {
    Application {
        id: 1,
        project: "KEY".to_owned(),
        name: "app".to_owned(),
        server: "cloud".to_owned(),
        repo: "ws/app".to_owned(),
        repo_id: "{AB-12}".to_owned(),
        options: ApplicationOptions::default(),
    }
}

fn effects_of(event: &Event) -> Effects {
    effects(&application(), event, 1_000, Duration::from_secs(60))
}

#[test]
fn a_moved_branch_is_a_run() {
    let effects = effects_of(&branch_event("main", Some("a"), Some("b")));
    let run = effects.run.unwrap();
    assert_eq!((&*run.branch, &*run.hash), ("main", "b"));
    assert_eq!(run.pull_request, None);
    assert_eq!(effects.deleted_branch, None);
}

#[test]
fn a_deleted_branch_is_a_clean_up_later_and_no_run() {
    let effects = effects_of(&branch_event("main", Some("a"), None));
    assert_eq!(effects.run, None);
    let expected = ("main".to_owned(), Some("a".to_owned()), 61_000);
    assert_eq!(effects.deleted_branch, Some(expected));
}

#[test]
fn a_tag_of_a_branch_s_name_is_neither_run_nor_clean_up() {
    for new in [Some("b"), None] {
        let mut event = branch_event("main", Some("a"), new);
        if let Some(change) = &mut event.change {
            change.kind = RefKind::TAG;
        }
        assert_eq!(subject(&event), "tag:main");
        let effects = effects_of(&event);
        assert_eq!((effects.run, effects.deleted_branch), (None, None));
    }
}

#[test]
fn an_event_of_another_repository_does_nothing() {
    let mut event = branch_event("main", None, Some("b"));
    let mut repo = EventRepository {
        id: "{ff}".to_owned(),
        fullname: "ws/other".to_owned(),
        ..EventRepository::default()
    };
    event.repo = Some(repo.clone());
    let effects = effects_of(&event);
    assert_eq!(effects.run, None);
    assert!(effects.note.unwrap().contains("ws/other"));
    repo.id = "ab-12".to_owned();
    event.repo = Some(repo);
    assert!(effects_of(&event).run.is_some());
}

#[test]
fn a_renamed_repository_gives_the_application_its_new_name() {
    let event = Event {
        kind: EventKind::REPOSITORY_UPDATED,
        repo: Some(EventRepository {
            id: "{ab-12}".to_owned(),
            fullname: "ws/renamed".to_owned(),
            ..EventRepository::default()
        }),
        ..Event::default()
    };
    assert_eq!(effects_of(&event).renamed_to.as_deref(), Some("ws/renamed"));
}

#[test]
fn an_event_is_incomplete_if_commits_or_digits_are_missing() {
    let whole = "a".repeat(HASH_LENGTH);
    let mut event = branch_event("main", None, Some(&whole));
    assert!(!is_incomplete(&event));
    if let Some(change) = &mut event.change {
        change.truncated = Some(true);
    }
    assert!(is_incomplete(&event));
    let end = |hash: &str| PullRequestEnd {
        branch: Branch {
            latest_commit: hash.to_owned(),
            ..Branch::default()
        },
        ..PullRequestEnd::default()
    };
    let pull_request = |head: &str| Event {
        kind: EventKind::PULL_REQUEST_UPDATED,
        pull_request: Some(PullRequest {
            head: end(head),
            base: end(""),
            ..PullRequest::default()
        }),
        ..Event::default()
    };
    assert!(is_incomplete(&pull_request("aaaaaaaaaaaa")));
    assert!(!is_incomplete(&pull_request(&whole)));
}

fn pull_request_event(repo: Option<&str>) -> Event {
    Event {
        kind: EventKind::PULL_REQUEST_CREATED,
        pull_request: Some(PullRequest {
            id: 7,
            head: PullRequestEnd {
                repo: repo.map(str::to_owned),
                branch: Branch {
                    display_id: "topic".to_owned(),
                    latest_commit: "abcdefabcdef".to_owned(),
                    ..Branch::default()
                },
                ..PullRequestEnd::default()
            },
            ..PullRequest::default()
        }),
        ..Event::default()
    }
}

#[test]
fn a_pull_request_is_a_run_where_the_application_asks_for_it() {
    for (wanted, repo, is_run) in [
        (PullRequestRuns::Off, Some("ws/app"), false),
        (PullRequestRuns::SameRepository, Some("ws/APP"), true),
        (PullRequestRuns::SameRepository, Some("fork/app"), false),
        (PullRequestRuns::Forks, Some("fork/app"), true),
        (PullRequestRuns::Forks, None, false),
    ] {
        let mut application = application();
        application.options.pull_requests = wanted;
        let event = pull_request_event(repo);
        let effects = effects(&application, &event, 0, Duration::ZERO);
        assert_eq!(effects.run.is_some(), is_run, "{wanted:?} {repo:?}");
        if let Some(run) = effects.run {
            assert_eq!((run.pull_request, run.has_short_hash()), (Some(7), true));
            assert_eq!(run.source_repo.is_some(), repo == Some("fork/app"));
        }
    }
}

#[test]
fn a_pull_request_whose_commit_did_not_change_is_no_new_run() {
    let mut application = application();
    application.options.pull_requests = PullRequestRuns::SameRepository;
    let mut event = pull_request_event(Some("ws/app"));
    event.kind = EventKind::PULL_REQUEST_UPDATED;
    event.commit_changed = Some(false);
    let effects = effects(&application, &event, 0, Duration::ZERO);
    assert_eq!(effects.run, None);
}

#[test]
fn the_same_change_of_a_second_hook_is_a_duplicate_and_a_new_move_is_not() {
    let change = |old: &str, new: &str| Change {
        value: new.to_owned(),
        old_value: Some(old.to_owned()),
    };
    let history = |latest: &str| History {
        latest: Some(latest.to_owned()),
        delivered_already: true,
        ..History::default()
    };
    let source = EventSource::Delivery;
    assert!(is_duplicate(source, &change("a", "b"), &history("b")));
    assert!(is_duplicate(source, &change("a", "b"), &history("c")));
    assert!(!is_duplicate(source, &change("a", "b"), &history("a")));
    assert!(!is_duplicate(
        source,
        &change("a", "b"),
        &History::default()
    ));
}

#[test]
fn an_event_is_the_same_after_being_stored() {
    let event = branch_event("ünï/cödé #1", None, Some("b"));
    let read: Event = serde_json::from_str(&to_stored(&event).payload).unwrap();
    assert_eq!(read, event);
}
