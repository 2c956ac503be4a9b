//! Rules about polling.

use super::super::context::{CleanUp, TestContext};
use super::super::rule::Rule;
use super::super::verdict::{Expect, Failure, Verdict, ensure};
use super::refs::{made_branch, start};
use vcs_provider_interface::error::{ErrorKind, Result};
use vcs_provider_interface::records::*;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "poll.no-cursor",
        title: "the first poll gives a cursor and no events",
        asserts: "Without a cursor polling begins now: what was there before is no event.",
        needs: &["poll_events"],
        check: first_poll_has_no_events,
    },
    Rule {
        id: "poll.nothing-changed",
        title: "where nothing changed a poll gives no events",
        asserts: "Two polls with the cursor of the one before give none.",
        needs: &["poll_events"],
        check: quiet_poll_has_no_events,
    },
    Rule {
        id: "poll.new-branch",
        title: "a new branch is just one event, and so is its end",
        asserts: "After a branch was made, a poll gives one REF_CREATED for it with its hash and \
                  the next poll none; the same with REF_DELETED after it was deleted. An old \
                  cursor gives the same event again, so that an engine that crashed loses none. \
                  A poll for other kinds gives none.",
        needs: &["poll_events", "create_branch", "delete_branch", "branch"],
        check: new_branch_is_one_event,
    },
    Rule {
        id: "poll.broken-cursor",
        title: "a broken cursor answers InvalidInput",
        asserts: "A cursor that this provider never made, or one that was cut off, is no reason \
                  to panic or to begin anew without a word.",
        needs: &["poll_events"],
        check: broken_cursor_is_invalid,
    },
];

fn poll(
    test: &TestContext<'_>,
    repo: &str,
    cursor: Option<&str>,
    kinds: &[EventKind],
) -> Result<PolledEvents> {
    let request = PollEventsRequest {
        repo: repo.to_owned(),
        cursor: cursor.map(str::to_owned),
        kinds: kinds.to_vec(),
        ..Default::default()
    };
    test.client.poll_events(&test.context(), request)
}

/// `poll.no-cursor`
pub fn first_poll_has_no_events(test: &TestContext<'_>) -> Verdict {
    let first = poll(test, &test.target.repo, None, &[]).works("the first poll")?;
    ensure(first.events.is_empty(), || {
        format!("the first poll gives {} events", first.events.len())
    })?;
    ensure(!first.cursor.is_empty(), || {
        "the first poll gives no cursor".to_owned()
    })
}

/// `poll.nothing-changed`
pub fn quiet_poll_has_no_events(test: &TestContext<'_>) -> Verdict {
    let repo = &test.target.repo;
    let mut cursor = poll(test, repo, None, &[])
        .or_skip("the first poll")?
        .cursor;
    for which in ["second", "third"] {
        let polled = poll(test, repo, Some(&cursor), &[]).works(&format!("the {which} poll"))?;
        ensure(polled.events.is_empty(), || {
            format!(
                "nothing changed, but the {which} poll gives {} events, the first of kind {}",
                polled.events.len(),
                polled.events[0].kind
            )
        })?;
        cursor = polled.cursor;
    }
    Ok(())
}

/// `poll.new-branch`
pub fn new_branch_is_one_event(test: &TestContext<'_>) -> Verdict {
    let repo = test.writable()?;
    let target = start(test, &repo)?;
    let name = test.unique("polled");
    let ours = |polled: &PolledEvents| -> Vec<Event> {
        let about = |event: &&Event| {
            event
                .change
                .as_ref()
                .is_some_and(|change| change.name == name)
        };
        polled.events.iter().filter(about).cloned().collect()
    };
    let before = poll(test, &repo, None, &[]).or_skip("the first poll")?;
    let mut clean_up = CleanUp::default();
    made_branch(test, &mut clean_up, &repo, &name, &target)?;
    let created = poll(test, &repo, Some(&before.cursor), &[]).works("the poll after")?;
    one_change(&ours(&created), EventKind::REF_CREATED, None, Some(&target))?;
    let again = poll(test, &repo, Some(&before.cursor), &[]).works("the same poll again")?;
    one_change(&ours(&again), EventKind::REF_CREATED, None, Some(&target))?;
    let other = poll(
        test,
        &repo,
        Some(&before.cursor),
        &[EventKind::PULL_REQUEST_MERGED],
    )
    .works("the poll for other kinds")?;
    ensure(ours(&other).is_empty(), || {
        "a poll for merged pull requests gives the new branch".to_owned()
    })?;
    let quiet = poll(test, &repo, Some(&created.cursor), &[]).works("the poll after that")?;
    ensure(ours(&quiet).is_empty(), || {
        "the new branch is an event a second time".to_owned()
    })?;
    let request = DeleteBranchRequest {
        repo: repo.clone(),
        name: name.clone(),
        ..Default::default()
    };
    test.client
        .delete_branch(&test.context(), request)
        .or_skip("the deletion of a branch")?;
    let deleted = poll(test, &repo, Some(&quiet.cursor), &[]).works("the last poll")?;
    one_change(&ours(&deleted), EventKind::REF_DELETED, Some(&target), None)
}

fn one_change(events: &[Event], kind: EventKind, old: Option<&str>, new: Option<&str>) -> Verdict {
    let [event] = events else {
        return Err(Failure::failed(format!(
            "one event {kind} was due, the poll gives {}",
            events.len()
        )));
    };
    let hashes = event.change.as_ref().map(|change| {
        (
            change.kind,
            change.old_hash.as_deref(),
            change.new_hash.as_deref(),
        )
    });
    ensure(
        event.kind == kind && hashes == Some((RefKind::BRANCH, old, new)),
        || format!("one event {kind} from {old:?} to {new:?} was due, the poll gives {event:?}"),
    )
}

/// `poll.broken-cursor`
pub fn broken_cursor_is_invalid(test: &TestContext<'_>) -> Verdict {
    let repo = &test.target.repo;
    let good = poll(test, repo, None, &[])
        .or_skip("the first poll")?
        .cursor;
    let half: String = good.chars().take(good.chars().count() / 2).collect();
    for (what, cursor) in [
        (
            "a foreign cursor",
            "conformance: no cursor of yours \u{0} {\"]",
        ),
        ("an empty cursor", ""),
        ("a cursor that was cut off", half.as_str()),
    ] {
        poll(test, repo, Some(cursor), &[]).fails_with(what, &[ErrorKind::INVALID_INPUT])?;
    }
    Ok(())
}
