//! What tells an event that polling found from the same event delivered.
//!
//! A change has a subject (`branch:main`) and a value (the hash it has now).
//! Deliveries have ids of their own, so they are compared with polled changes
//! only, and polled changes with everything:
//! - a polled change is a duplicate if its subject has that value already, or
//!   was given it since the poll before began;
//! - a delivered change is a duplicate of a polled one with the same value,
//!   once. A delivered change that begins where a polled one ended closes that
//!   one, so that a branch that is moved away and back is no duplicate.

use super::Result;
use super::events::EventSource;
use rusqlite::{Connection, OptionalExtension, params};

/// How an event changes its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The value now; empty for a ref that is gone.
    pub value: String,
    /// The value before, where the event says; empty for a ref that is new.
    pub old_value: Option<String>,
}

/// Whether the change was handled already; takes note of it if not.
pub(super) fn is_duplicate(
    connection: &Connection,
    application: i64,
    subject: &str,
    source: EventSource,
    change: &Change,
    at: i64,
) -> Result<bool> {
    let duplicate = match source {
        EventSource::Poll { since } => {
            let latest: Option<String> = connection
                .prepare_cached(
                    "SELECT value FROM changes WHERE application = ?1 AND subject = ?2
                     ORDER BY id DESC LIMIT 1",
                )?
                .query_row(params![application, subject], |row| row.get(0))
                .optional()?;
            latest.as_ref() == Some(&change.value)
                || connection
                    .prepare_cached(
                        "SELECT 1 FROM changes WHERE application = ?1 AND subject = ?2
                         AND value = ?3 AND at >= ?4",
                    )?
                    .exists(params![application, subject, change.value, since])?
        }
        EventSource::Delivery => {
            let matched = connection
                .prepare_cached(
                    "UPDATE changes SET matched = 1 WHERE application = ?1 AND subject = ?2
                     AND value = ?3 AND source <> 'delivery' AND matched = 0",
                )?
                .execute(params![application, subject, change.value])?;
            if let (0, Some(old)) = (matched, &change.old_value) {
                connection
                    .prepare_cached(
                        "UPDATE changes SET matched = 1 WHERE application = ?1 AND subject = ?2
                         AND value = ?3 AND source <> 'delivery'",
                    )?
                    .execute(params![application, subject, old])?;
            }
            matched > 0
        }
    };
    if !duplicate {
        connection
            .prepare_cached(
                "INSERT INTO changes (application, subject, value, source, at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                application,
                subject,
                change.value,
                source.to_text(),
                at
            ])?;
    }
    Ok(duplicate)
}
