//! Doing what follows from an event: in one transaction with marking it as
//! handled, so that a crash at any point means either not begun or done.

use super::rules::{Effects, History, WantedRun, is_duplicate};
use crate::runs::build_status::Publisher;
use crate::runs::state::WAITING;
use crate::store::{
    Application, Change, EventSource, EventState, NewRun, Result, Run, StoredEvent, Transaction,
};
use vcs_provider_interface::records::BuildState;

/// What came of an event, for the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Handled {
    /// The runs that were made, each with its branch and hash.
    pub(super) runs: Vec<(i64, String, String)>,
    /// The runs that a newer one took the place of.
    pub(super) superseded: Vec<i64>,
    /// Whether it was a duplicate.
    pub(super) duplicate: bool,
    /// What could not be done.
    pub(super) note: Option<String>,
}

/// Handles an event; `None` for one that somebody else has handled meanwhile.
pub(super) fn handle(
    transaction: &Transaction<'_>,
    publisher: &Publisher,
    id: i64,
    effects: &Effects,
    now: i64,
) -> Result<Option<Handled>> {
    let Some(event) = transaction.pending_event(id)? else {
        return Ok(None);
    };
    if transaction.has_earlier(&event)? {
        // Held back by somebody else a moment ago: this one waits for it.
        return Ok(None);
    }
    let mut handled = Handled {
        note: effects.note.clone(),
        duplicate: match &effects.change {
            Some(change) => is_known(transaction, &event, change)?,
            None => false,
        },
        ..Handled::default()
    };
    if !handled.duplicate {
        apply(transaction, publisher, &event, effects, &mut handled, now)?;
    }
    let state = if handled.duplicate {
        EventState::Duplicate
    } else {
        EventState::Handled
    };
    transaction.end_event(id, state, handled.note.as_deref(), now)?;
    if effects.completion && !handled.duplicate {
        transaction.request_completion(id)?;
    }
    Ok(Some(handled))
}

fn apply(
    transaction: &Transaction<'_>,
    publisher: &Publisher,
    event: &StoredEvent,
    effects: &Effects,
    handled: &mut Handled,
    now: i64,
) -> Result<()> {
    let application = event.application;
    if let Some(repo) = &effects.renamed_to {
        transaction.rename_repository(application, repo)?;
    }
    if let Some(branch) = &effects.present_branch {
        let planned = transaction.planned_cleanup(application, &branch.name)?;
        if let Some(cleanup) = planned.filter(|cleanup| branch.ends(cleanup)) {
            transaction.cancel_cleanup(cleanup.id, now)?;
        }
    }
    if let Some(wanted) = &effects.run {
        if let Some(application) = transaction.application(application)? {
            let made = make_run(transaction, publisher, &application, event.id, wanted, now)?;
            match made {
                Made::New { run, superseded } => {
                    handled
                        .runs
                        .push((run.id, run.branch.clone(), run.hash.clone()));
                    handled.superseded = superseded;
                }
                Made::Present(run) => {
                    handled.note = Some(format!("no run: run {run} builds this commit already"));
                }
            }
        }
    }
    if let Some((branch, hash, due_at)) = &effects.deleted_branch {
        transaction.plan_cleanup(application, branch, hash.as_deref(), *due_at)?;
    }
    Ok(())
}

enum Made {
    New { run: Box<Run>, superseded: Vec<i64> },
    Present(i64),
}

/// Makes the run of an event, unless a pull request and a push of its branch
/// bring the same commit: the first of them makes the run.
fn make_run(
    transaction: &Transaction<'_>,
    publisher: &Publisher,
    application: &Application,
    event: i64,
    wanted: &WantedRun,
    now: i64,
) -> Result<Made> {
    let (branch, source) = (&*wanted.branch, wanted.source_repo.as_deref());
    let present = transaction.run_of_commit(application.id, branch, &wanted.hash, source)?;
    if let Some(present) = present {
        if let Some(pull_request) = wanted.pull_request {
            transaction.attach_pull_request(present.id, pull_request)?;
        }
        if wanted.pull_request.is_some() || present.pull_request.is_some() {
            return Ok(Made::Present(present.id));
        }
    }
    let new = NewRun {
        application: application.id,
        branch: wanted.branch.clone(),
        hash: wanted.hash.clone(),
        event,
        state: WAITING.to_string(),
        pull_request: wanted.pull_request,
        source_repo: wanted.source_repo.clone(),
    };
    let run = transaction.add_run(&new, now)?;
    let mut superseded = Vec::new();
    if application.options.supersede {
        for older in transaction.runs_of_branch(application.id, branch, source)? {
            let is_idle = older.state == new.state && older.worker.is_none();
            if older.id == run.id || !is_idle {
                continue;
            }
            let description = format!("superseded by run {}", run.id);
            let state = BuildState::CANCELLED.to_string();
            transaction.set_run_state(older.id, &state, &description, now)?;
            transaction.set_superseded(older.id, run.id)?;
            let ended = transaction.run(older.id)?;
            publisher.publish(transaction, application, &ended, now)?;
            superseded.push(older.id);
        }
    }
    publisher.publish(transaction, application, &run, now)?;
    Ok(Made::New {
        run: Box::new(run),
        superseded,
    })
}

/// Whether the change was handled already; keeps it if not.
fn is_known(transaction: &Transaction<'_>, event: &StoredEvent, change: &Change) -> Result<bool> {
    let (application, subject) = (event.application, &*event.subject);
    let history = match event.source {
        EventSource::Poll { since } => History {
            latest: transaction.latest_value(application, subject)?,
            given_since_last_poll: transaction.had_value_since(
                application,
                subject,
                &change.value,
                since,
            )?,
            ..History::default()
        },
        EventSource::Delivery => History {
            latest: transaction.latest_value(application, subject)?,
            polled_already: transaction.close_polled_change(application, subject, &change.value)?,
            delivered_already: match &change.old_value {
                Some(old) => transaction.was_delivered(application, subject, old, &change.value)?,
                None => false,
            },
            ..History::default()
        },
    };
    if is_duplicate(event.source, change, &history) {
        return Ok(true);
    }
    if let (EventSource::Delivery, Some(old)) = (event.source, &change.old_value) {
        // It begins where a polled change ended: a branch that is moved away and
        // back is no duplicate.
        transaction.close_polled_change(application, subject, old)?;
    }
    let at = event.received_at;
    transaction.add_change(application, subject, change, event.source, at)?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status_url::StatusUrl;
    use crate::store::tests::{application, temporary};
    use crate::store::{NewDelivery, NewEvent};

    #[tokio::test]
    async fn handling_an_event_twice_makes_one_run() {
        let (_directory, store) = temporary();
        let app = application(&store, "app").id;
        let event = NewEvent {
            subject: "branch:main".to_owned(),
            payload: "{}".to_owned(),
        };
        let delivery = NewDelivery {
            hook: "hook".to_owned(),
            delivery: "1".to_owned(),
            event_key: "repo:push".to_owned(),
            application: app,
            events: vec![event],
            digest: [0; 32],
        };
        store.receive(delivery, 1).await.unwrap();
        for _ in 0..2 {
            let effects = Effects {
                run: Some(WantedRun {
                    branch: "main".to_owned(),
                    hash: "abc".to_owned(),
                    pull_request: None,
                    source_repo: None,
                }),
                ..Effects::default()
            };
            let publisher = Publisher {
                run_urls: StatusUrl::below("https://ci.example"),
            };
            let handled =
                store.transact(move |transaction| handle(transaction, &publisher, 1, &effects, 2));
            handled.await.unwrap();
        }
        assert_eq!(store.runs(app, Some("main")).unwrap().len(), 1);
    }
}
