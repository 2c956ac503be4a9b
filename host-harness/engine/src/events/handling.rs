//! Doing what follows from an event: in one transaction with marking it as
//! handled, so that a crash at any point means either not begun or done.

use super::rules::{Effects, History, is_duplicate};
use crate::store::{Change, EventSource, EventState, Result, StoredEvent, Transaction};

/// Handles an event. One that somebody else has handled meanwhile stays as it is.
pub(super) fn handle(
    transaction: &Transaction<'_>,
    id: i64,
    effects: &Effects,
    now: i64,
) -> Result<()> {
    let Some(event) = transaction.pending_event(id)? else {
        return Ok(());
    };
    let duplicate = match &effects.change {
        Some(change) => is_known(transaction, &event, change)?,
        None => false,
    };
    let state = if duplicate {
        EventState::Duplicate
    } else {
        EventState::Handled
    };
    let (note, payload) = (effects.note.as_deref(), effects.payload.as_deref());
    transaction.end_event(id, state, note, payload, now)?;
    if duplicate {
        return Ok(());
    }
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
    if let Some((branch, hash)) = &effects.run {
        transaction.add_run(application, branch, hash, id, now)?;
    }
    if let Some((branch, hash, due_at)) = &effects.deleted_branch {
        transaction.plan_cleanup(application, branch, hash.as_deref(), *due_at)?;
    }
    Ok(())
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
            polled_already: transaction.close_polled_change(application, subject, &change.value)?,
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
    transaction.add_change(application, subject, &change.value, event.source, at)?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
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
                run: Some(("main".to_owned(), "abc".to_owned())),
                ..Effects::default()
            };
            let handled = store.transact(move |transaction| handle(transaction, 1, &effects, 2));
            handled.await.unwrap();
        }
        assert_eq!(store.runs(app, Some("main")).unwrap().len(), 1);
    }
}
