//! The rules of events: what an event is about, whether it is a duplicate, and
//! what the engine does about it.
//!
//! Pure: reads events, asks nobody, stores nothing.

use crate::clock::later;
use crate::store::{Application, Change, Cleanup, EventSource, NewEvent, PullRequestRuns};
use crate::subject::{branch_subject, commit_subject, pull_request_subject, tag_subject};
use std::time::Duration;
use vcs_provider_interface::records::{
    Event, EventKind, EventRepository, PullRequest, RefChange, RefKind,
};

/// Digits of a commit's hash that are compared: as many as the shortest hashes
/// that services deliver.
const HASH_PREFIX: usize = 12;

/// The length of a whole hash.
const HASH_LENGTH: usize = 40;

/// What handling an event does, all of it or nothing.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    /// How it changes its subject, where that can be told.
    pub change: Option<Change>,
    /// A run that it asks for.
    pub run: Option<WantedRun>,
    /// A branch that is gone: its hash before, and when its runs go.
    pub deleted_branch: Option<(String, Option<String>, i64)>,
    /// A branch that is there.
    pub present_branch: Option<PresentBranch>,
    /// The repository's full name, if it has a new one.
    pub renamed_to: Option<String>,
    /// Whether the service is to be asked for what the event lacks.
    pub completion: bool,
    /// What could not be done.
    pub note: Option<String>,
}

/// A run that an event asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedRun {
    /// The branch; of a pull request, its source branch.
    pub branch: String,
    /// The commit's hash, as long as the service delivered it.
    pub hash: String,
    /// The pull request, if the event is about one.
    pub pull_request: Option<u64>,
    /// The repository that the commit is in, if it is a fork.
    pub source_repo: Option<String>,
}

impl WantedRun {
    /// Whether the rest of the hash is worth a short wait.
    #[must_use]
    pub fn has_short_hash(&self) -> bool {
        is_short(&self.hash)
    }
}

/// A branch that an event says is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentBranch {
    /// The name.
    pub name: String,
    /// Where it points.
    pub hash: String,
    /// Whether the event made it.
    pub is_new: bool,
}

impl PresentBranch {
    /// Whether it ends a planned clean-up of the branch. A move of the branch to
    /// the very commit at which it was deleted does not: its news came late.
    #[must_use]
    pub fn ends(&self, cleanup: &Cleanup) -> bool {
        self.is_new || cleanup.deleted_hash.as_ref() != Some(&self.hash)
    }
}

/// What is known of a subject's earlier changes when an event changes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// The value that the latest change gave it.
    pub latest: Option<String>,
    /// For a polled change: whether the subject was given the same value since
    /// the poll before began.
    pub given_since_last_poll: bool,
    /// For a delivered change: whether a poll found the same change, and no
    /// delivery was taken for it yet.
    pub polled_already: bool,
    /// For a delivered change: whether another delivery brought the subject from
    /// the same value to the same value.
    pub delivered_already: bool,
}

/// Whether a change was handled already.
///
/// A polled change is compared with everything. A delivery has an id of its own,
/// but the same change may come through a second hook: it is a duplicate if it
/// was delivered before and does not go on where the subject stands now. So a
/// branch that is moved away, back and away again is handled each time.
#[must_use]
pub fn is_duplicate(source: EventSource, change: &Change, history: &History) -> bool {
    match source {
        EventSource::Poll { .. } => {
            history.latest.as_ref() == Some(&change.value) || history.given_since_last_poll
        }
        EventSource::Delivery => {
            let goes_on = history.latest.is_some() && history.latest == change.old_value;
            history.polled_already || (history.delivered_already && !goes_on)
        }
    }
}

/// What an event is about.
#[must_use]
pub fn subject(event: &Event) -> String {
    if let Some(change) = &event.change {
        return match change.kind {
            RefKind::TAG => tag_subject(&change.name),
            _ => branch_subject(&change.name),
        };
    }
    if let Some(pull_request) = &event.pull_request {
        return pull_request_subject(pull_request.id);
    }
    if let Some(status) = &event.status {
        return commit_subject(prefix(&status.commit));
    }
    "repository".to_owned()
}

/// An event in the form in which it is stored.
#[must_use]
pub fn to_stored(event: &Event) -> NewEvent {
    NewEvent {
        subject: subject(event),
        // A record of plain fields always has a JSON form; an empty payload
        // would be parked with a reason.
        payload: serde_json::to_string(event).unwrap_or_default(),
    }
}

/// Whether the provider could add something: commits that were left out, or
/// the rest of a short hash.
#[must_use]
pub fn is_incomplete(event: &Event) -> bool {
    let truncated = event.change.as_ref().is_some_and(|change| {
        change.truncated == Some(true)
            || change.new_hash.as_deref().is_some_and(is_short)
            || change.old_hash.as_deref().is_some_and(is_short)
    });
    let shortened = event.pull_request.as_ref().is_some_and(|pull_request| {
        is_short(&pull_request.head.branch.latest_commit)
            || is_short(&pull_request.base.branch.latest_commit)
    });
    truncated || shortened
}

fn is_short(hash: &str) -> bool {
    !hash.is_empty() && hash.len() < HASH_LENGTH
}

/// The full hash of a run that was made of a short one, if the completed event
/// has it.
#[must_use]
pub fn completed_hash(event: &Event, short: &str) -> Option<String> {
    let pull_request = event.pull_request.as_ref().map(|pull_request| {
        let head = &pull_request.head.branch;
        head.latest_commit.clone()
    });
    let change = event
        .change
        .as_ref()
        .and_then(|change| change.new_hash.clone());
    let full = pull_request.or(change)?;
    (full.len() >= HASH_LENGTH && full.len() > short.len() && full.starts_with(short))
        .then_some(full)
}

/// What handling an event of an application does. `received_at` is when it
/// arrived, `retention` how long the runs of a deleted branch stay.
#[must_use]
pub fn effects(
    application: &Application,
    event: &Event,
    received_at: i64,
    retention: Duration,
) -> Effects {
    if let Some(repo) = &event.repo {
        if is_another_repository(application, repo) {
            return Effects {
                note: Some(format!(
                    "for {}, which is not the application's repository",
                    repo.fullname
                )),
                ..Effects::default()
            };
        }
    }
    let mut effects = Effects {
        change: change(event),
        ..Effects::default()
    };
    match (event.kind, &event.change, &event.repo) {
        (kind, Some(change), _) if change.kind == RefKind::BRANCH => {
            branch_effects(&mut effects, kind, change, later(received_at, retention));
        }
        (EventKind::REPOSITORY_UPDATED | EventKind::REPOSITORY_MOVED, _, Some(repo)) => {
            let is_new = !repo.fullname.is_empty() && repo.fullname != application.repo;
            effects.renamed_to = is_new.then(|| repo.fullname.clone());
        }
        (EventKind::PULL_REQUEST_CREATED | EventKind::PULL_REQUEST_UPDATED, _, _) => {
            if let Some(pull_request) = &event.pull_request {
                if event.commit_changed != Some(false) {
                    pull_request_effects(&mut effects, application, pull_request);
                }
            }
        }
        _ => {}
    }
    effects
}

fn pull_request_effects(
    effects: &mut Effects,
    application: &Application,
    pull_request: &PullRequest,
) {
    let wanted = application.options.pull_requests;
    let head = &pull_request.head;
    if wanted == PullRequestRuns::Off || pull_request.closed || head.branch.latest_commit.is_empty()
    {
        return;
    }
    let Some(repo) = &head.repo else {
        effects.note = Some("no run: the pull request's source repository is gone".to_owned());
        return;
    };
    let is_fork = !repo.eq_ignore_ascii_case(&application.repo);
    if is_fork && wanted != PullRequestRuns::Forks {
        effects.note = Some(format!(
            "no run: the pull request comes from the fork {repo}, and the application does not \
             build forks"
        ));
        return;
    }
    effects.run = Some(WantedRun {
        branch: head.branch.display_id.clone(),
        hash: head.branch.latest_commit.clone(),
        pull_request: Some(pull_request.id),
        source_repo: is_fork.then(|| repo.clone()),
    });
}

fn branch_effects(effects: &mut Effects, kind: EventKind, change: &RefChange, due_at: i64) {
    match (&change.new_hash, kind) {
        (Some(hash), EventKind::REF_CREATED | EventKind::REF_UPDATED) => {
            effects.run = Some(WantedRun {
                branch: change.name.clone(),
                hash: hash.clone(),
                pull_request: None,
                source_repo: None,
            });
            effects.present_branch = Some(PresentBranch {
                name: change.name.clone(),
                hash: hash.clone(),
                is_new: kind == EventKind::REF_CREATED,
            });
        }
        (_, EventKind::REF_DELETED) => {
            effects.deleted_branch = Some((change.name.clone(), change.old_hash.clone(), due_at));
        }
        _ => {}
    }
}

/// Both the unchangeable id and the name differ; either alone may be written in
/// another form or have changed.
fn is_another_repository(application: &Application, repo: &EventRepository) -> bool {
    let plain = |id: &str| id.trim_matches(['{', '}']).to_ascii_lowercase();
    let same_id = plain(&repo.id) == plain(&application.repo_id);
    let same_name = [Some(&repo.fullname), repo.old_fullname.as_ref()]
        .into_iter()
        .flatten()
        .any(|name| name.eq_ignore_ascii_case(&application.repo));
    !same_id && !same_name
}

/// What tells an event from the same one found in another way.
fn change(event: &Event) -> Option<Change> {
    if let Some(change) = &event.change {
        return Some(Change {
            value: change.new_hash.clone().unwrap_or_default(),
            old_value: Some(change.old_hash.clone().unwrap_or_default()),
        });
    }
    let detail = match (event.kind, &event.pull_request) {
        (EventKind::PULL_REQUEST_UPDATED, Some(pull_request)) => {
            prefix(&pull_request.head.branch.latest_commit).to_owned()
        }
        (
            EventKind::PULL_REQUEST_CREATED
            | EventKind::PULL_REQUEST_MERGED
            | EventKind::PULL_REQUEST_DECLINED,
            Some(_),
        ) => String::new(),
        // Only deliveries bring the other kinds, and each has its own id.
        _ => return None,
    };
    Some(Change {
        value: format!("{}:{detail}", event.kind),
        old_value: None,
    })
}

fn prefix(hash: &str) -> &str {
    hash.get(..HASH_PREFIX).unwrap_or(hash)
}

#[cfg(test)]
pub(crate) mod tests {
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
}
