//! Events: kept until they are handled, handled once.

use super::sql::{Connection, Row, values};
use super::transaction::Transaction;
use super::{Result, Store, StoreError};

/// Where an event came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventSource {
    /// The service delivered it.
    Delivery,
    /// A poll found it.
    Poll {
        /// When the poll before began.
        since: i64,
    },
}

impl EventSource {
    pub(super) fn to_text(self) -> String {
        match self {
            Self::Delivery => "delivery".to_owned(),
            Self::Poll { since } => format!("poll:{since}"),
        }
    }

    fn from_text(text: &str) -> Self {
        match text.strip_prefix("poll:") {
            Some(since) => Self::Poll {
                since: since.parse().unwrap_or(0),
            },
            None => Self::Delivery,
        }
    }
}

/// How far an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// To be worked on.
    Pending,
    /// Done.
    Handled,
    /// The same as one that was handled.
    Duplicate,
    /// Parked after too many failures; its note says why.
    Parked,
}

impl EventState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Handled => "handled",
            Self::Duplicate => "duplicate",
            Self::Parked => "parked",
        }
    }

    fn from_text(text: &str) -> Self {
        [Self::Handled, Self::Duplicate, Self::Parked]
            .into_iter()
            .find(|state| state.as_str() == text)
            .unwrap_or(Self::Pending)
    }
}

/// How far the completion of an event is: what its delivery left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Completion {
    /// Nothing was missing, or nobody has looked yet.
    None,
    /// The service is to be asked.
    Pending,
    /// It was completed.
    Done,
    /// It stays as it arrived; the note says why.
    Failed,
}

impl Completion {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn from_text(text: &str) -> Self {
        [Self::Pending, Self::Done, Self::Failed]
            .into_iter()
            .find(|completion| completion.as_str() == text)
            .unwrap_or(Self::None)
    }
}

/// An event as it is kept.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// The store's number: events are worked on in its order.
    pub id: i64,
    /// The application that it is for.
    pub application: i64,
    /// Where it came from.
    pub source: EventSource,
    /// What it is about, such as `branch:main`.
    pub subject: String,
    /// The event as JSON.
    pub payload: String,
    /// How far it is.
    pub state: EventState,
    /// How often it failed.
    pub attempts: u32,
    /// Why it failed last, or what could not be done about it.
    pub note: Option<String>,
    /// When it arrived.
    pub received_at: i64,
    /// How far its completion is.
    pub completion: Completion,
    /// How often its completion failed.
    pub completion_attempts: u32,
}

/// The longest time that an event is held back, in milliseconds. One that is to wait
/// longer was held back before the clock was set back, and is worked on.
const LONGEST_HOLD: i64 = 65 * 60 * 1000;

/// The same for the completion of an event.
const LONGEST_COMPLETION_PAUSE: i64 = 2 * LONGEST_HOLD;

pub(super) const COLUMNS: &str =
    "id, application, source, subject, payload, state, attempts, note, received_at, completion,
     completion_attempts";

impl Store {
    /// Events that can be worked on now, oldest first. Those of one subject are
    /// to be handled in this order; while one is held back after a failure, the
    /// later ones of its subject are as well.
    ///
    /// # Errors
    /// As every read.
    pub fn open_events(&self, now: i64, limit: usize) -> Result<Vec<StoredEvent>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM events AS event
                 WHERE state = 'pending' AND (not_before <= ?1 OR not_before > ?3)
                 AND NOT EXISTS (
                     SELECT 1 FROM events AS earlier
                     WHERE earlier.state = 'pending' AND earlier.not_before > 0
                     AND earlier.application = event.application
                     AND earlier.subject = event.subject AND earlier.id < event.id
                     AND earlier.not_before > ?1 AND earlier.not_before <= ?3)
                 ORDER BY id LIMIT ?2"
            );
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            connection.query(
                &sql,
                values![now, limit, now.saturating_add(LONGEST_HOLD)],
                read_row,
            )
        })
    }

    /// When the next event that failed is to be tried again.
    ///
    /// # Errors
    /// As every read.
    pub fn next_retry_at(&self, now: i64) -> Result<Option<i64>> {
        self.read(|connection| {
            connection.query_one(
                "SELECT min(not_before) FROM events WHERE state = 'pending' AND not_before > ?1",
                values![now],
                |row| row.get(0),
            )
        })
    }

    /// The newest events of an application, newest first.
    ///
    /// # Errors
    /// As every read.
    pub fn events_of_application(
        &self,
        application: i64,
        limit: usize,
    ) -> Result<Vec<StoredEvent>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM events WHERE application = ?1 ORDER BY id DESC LIMIT ?2"
            );
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            connection.query(&sql, values![application, limit], read_row)
        })
    }

    /// The newest parked events, newest first.
    ///
    /// # Errors
    /// As every read.
    pub fn parked_events(&self, limit: usize) -> Result<Vec<StoredEvent>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM events WHERE state = 'parked' ORDER BY id DESC LIMIT ?1"
            );
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            connection.query(&sql, values![limit], read_row)
        })
    }

    /// Events that the service is to be asked to complete now, oldest first.
    ///
    /// # Errors
    /// As every read.
    pub fn events_to_complete(&self, now: i64, limit: usize) -> Result<Vec<StoredEvent>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM events WHERE completion = 'pending'
                 AND (completion_not_before <= ?1 OR completion_not_before > ?3)
                 ORDER BY id LIMIT ?2"
            );
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let latest = now.saturating_add(LONGEST_COMPLETION_PAUSE);
            connection.query(&sql, values![now, limit, latest], read_row)
        })
    }

    /// When the next event is to be completed.
    ///
    /// # Errors
    /// As every read.
    pub fn next_completion_at(&self) -> Result<Option<i64>> {
        self.read(|connection| {
            connection.query_one(
                "SELECT min(completion_not_before) FROM events WHERE completion = 'pending'",
                values![],
                |row| row.get(0),
            )
        })
    }

    /// Puts the completion of an event off, or gives it up if `retry_at` is
    /// `None`. An event that was held back for it may be handled as it arrived.
    ///
    /// # Errors
    /// As every write.
    pub async fn fail_completion(
        &self,
        id: i64,
        reason: String,
        retry_at: Option<i64>,
    ) -> Result<()> {
        self.write_async(move |connection| {
            let completion = match retry_at {
                Some(_) => Completion::Pending,
                None => Completion::Failed,
            };
            connection.execute(
                "UPDATE events SET completion = ?2, note = ?3, completion_not_before = ?4,
                     completion_attempts = completion_attempts + 1,
                     not_before = CASE WHEN attempts = 0 THEN 0 ELSE not_before END
                     WHERE id = ?1 AND completion = 'pending'",
                values![id, completion.as_str(), reason, retry_at.unwrap_or(0)],
            )?;
            Ok(())
        })
        .await
    }

    /// Holds an event back until the service was asked about it, at most until
    /// `until`.
    ///
    /// # Errors
    /// As every write.
    pub async fn hold_for_completion(&self, id: i64, until: i64) -> Result<()> {
        self.write_async(move |connection| {
            connection.execute(
                "UPDATE events SET completion = 'pending', not_before = ?2
                     WHERE id = ?1 AND state = 'pending'",
                values![id, until],
            )?;
            Ok(())
        })
        .await
    }

    /// How many events are in a state.
    ///
    /// # Errors
    /// As every read.
    pub fn count_events(&self, state: EventState) -> Result<u64> {
        self.read(|connection| {
            let count: i64 = connection.query_one(
                "SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM event_counts WHERE state = ?1",
                values![state.as_str()],
                |row| row.get(0),
            )?;
            Ok(count.unsigned_abs())
        })
    }

    /// Whether events of a subject are waiting to be worked on.
    ///
    /// # Errors
    /// As every read.
    pub fn has_pending_events(&self, application: i64, subject: &str) -> Result<bool> {
        self.read(|connection| has_pending(connection, application, subject))
    }

    /// Takes note that an event failed: it is tried again at `retry_at`, or set
    /// aside if that is `None`.
    ///
    /// # Errors
    /// As every write.
    pub async fn fail_event(&self, id: i64, reason: String, retry_at: Option<i64>) -> Result<()> {
        self.write_async(move |connection| {
            let state = match retry_at {
                Some(_) => EventState::Pending,
                None => EventState::Parked,
            };
            connection.execute(
                "UPDATE events SET state = ?2, attempts = attempts + 1, note = ?3,
                     not_before = ?4 WHERE id = ?1 AND state = 'pending'",
                values![id, state.as_str(), reason, retry_at.unwrap_or(0)],
            )?;
            Ok(())
        })
        .await
    }

    /// Has an event that was parked worked on again.
    ///
    /// # Errors
    /// `NotFound` if no event of this number is parked.
    pub async fn retry_event(&self, id: i64) -> Result<()> {
        self.write_async(move |connection| {
            let changed = connection.execute(
                "UPDATE events SET state = 'pending', attempts = 0, not_before = 0
                 WHERE id = ?1 AND state = 'parked'",
                values![id],
            )?;
            if changed == 0 {
                return Err(StoreError::NotFound(format!("no event {id} is parked")));
            }
            Ok(())
        })
        .await
    }
}

impl Transaction<'_> {
    /// Whether events of a subject are waiting to be worked on.
    ///
    /// # Errors
    /// As every read.
    pub fn has_pending_events(&self, application: i64, subject: &str) -> Result<bool> {
        has_pending(self.connection, application, subject)
    }

    /// The event of this number, if it is still to be worked on.
    ///
    /// # Errors
    /// As every read.
    pub fn pending_event(&self, id: i64) -> Result<Option<StoredEvent>> {
        let sql = format!("SELECT {COLUMNS} FROM events WHERE id = ?1 AND state = 'pending'");
        self.connection.query_optional(&sql, values![id], read_row)
    }

    /// Whether an event of the same subject that came earlier is still to be worked on.
    ///
    /// # Errors
    /// As every read.
    pub fn has_earlier(&self, event: &StoredEvent) -> Result<bool> {
        self.connection.exists(
            "SELECT 1 FROM events WHERE state = 'pending' AND application = ?1 AND subject = ?2
             AND id < ?3",
            values![event.application, event.subject, event.id],
        )
    }

    /// Ends the work on an event.
    ///
    /// # Errors
    /// As every write.
    pub fn end_event(
        &self,
        id: i64,
        state: EventState,
        note: Option<&str>,
        now: i64,
    ) -> Result<()> {
        self.connection.execute(
            "UPDATE events SET state = ?2, handled_at = ?3, note = coalesce(?4, note)
                 WHERE id = ?1",
            values![id, state.as_str(), now, note],
        )?;
        Ok(())
    }

    /// Has the service asked for what an event lacks, once it was handled.
    ///
    /// # Errors
    /// As every write.
    pub fn request_completion(&self, id: i64) -> Result<()> {
        self.connection.execute(
            "UPDATE events SET completion = 'pending' WHERE id = ?1 AND completion = 'none'",
            values![id],
        )?;
        Ok(())
    }

    /// Keeps an event as it was completed. One that was held back for it can be
    /// handled now. `false` if it was completed or purged meanwhile.
    ///
    /// # Errors
    /// As every write.
    pub fn complete_event(&self, id: i64, payload: &str) -> Result<bool> {
        let changed = self.connection.execute(
            "UPDATE events SET completion = 'done', payload = ?2, note = NULL,
                 not_before = CASE WHEN attempts = 0 THEN 0 ELSE not_before END
                 WHERE id = ?1 AND completion = 'pending'",
            values![id, payload],
        )?;
        Ok(changed > 0)
    }
}

fn has_pending(connection: &Connection, application: i64, subject: &str) -> Result<bool> {
    connection.exists(
        "SELECT 1 FROM events WHERE state = 'pending' AND application = ?1 AND subject = ?2",
        values![application, subject],
    )
}

pub(super) fn read_row(row: &Row<'_>) -> Result<StoredEvent> {
    Ok(StoredEvent {
        id: row.get(0)?,
        application: row.get(1)?,
        source: EventSource::from_text(&row.get::<String>(2)?),
        subject: row.get(3)?,
        payload: row.get(4)?,
        state: EventState::from_text(&row.get::<String>(5)?),
        attempts: row.get(6)?,
        note: row.get(7)?,
        received_at: row.get(8)?,
        completion: Completion::from_text(&row.get::<String>(9)?),
        completion_attempts: row.get(10)?,
    })
}
