//! Where the next poll of each application begins.

use super::deliveries::{NewEvent, add_events};
use super::events::EventSource;
use super::sql::{Connection, values};
use super::{Result, Store, StoreError};

/// Where the last poll ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollCursor {
    /// The provider's opaque text.
    pub cursor: String,
    /// When the poll began that gave it.
    pub began_at: i64,
}

impl Store {
    /// The cursor of an application.
    ///
    /// # Errors
    /// As every read.
    pub fn poll_cursor(&self, application: i64) -> Result<Option<PollCursor>> {
        self.read(|connection| find(connection, application))
    }

    /// Moves the cursor and keeps the events that the poll found, both or
    /// neither.
    ///
    /// # Errors
    /// `Conflict` if somebody else has moved the cursor since it was read.
    pub fn store_poll(
        &self,
        application: i64,
        before: Option<PollCursor>,
        now: PollCursor,
        events: Vec<NewEvent>,
    ) -> Result<()> {
        self.write(move |connection| {
            if find(connection, application)? != before {
                return Err(StoreError::Conflict(
                    "another process polled at the same time".to_owned(),
                ));
            }
            connection.execute(
                "INSERT INTO poll_cursors VALUES (?1, ?2, ?3) ON CONFLICT (application)
                 DO UPDATE SET cursor = excluded.cursor, began_at = excluded.began_at",
                values![application, now.cursor, now.began_at],
            )?;
            let began_before = before.as_ref().map_or(0, |before| before.began_at);
            add_events(
                connection,
                application,
                EventSource::Poll {
                    since: began_before,
                },
                &events,
                now.began_at,
            )?;
            Ok(())
        })
    }
}

fn find(connection: &Connection, application: i64) -> Result<Option<PollCursor>> {
    connection.query_optional(
        "SELECT cursor, began_at FROM poll_cursors WHERE application = ?1",
        values![application],
        |row| {
            Ok(PollCursor {
                cursor: row.get(0)?,
                began_at: row.get(1)?,
            })
        },
    )
}
