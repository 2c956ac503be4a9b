//! The outbox: what services are to be told, kept until they have taken it or
//! rejected it for good.
//!
//! One row for each application, target and key: a newer message takes the place
//! of one that was not taken yet. Rows outlive their application: what a service
//! was told of a run has to be put right also after the application is gone.

use super::sql::{Row, values};
use super::transaction::Transaction;
use super::{Result, Store, StoreError, leases};
use crate::clock::later;
use std::sync::Arc;
use std::time::Duration;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// A build status of a commit.
    Status,
    /// A comment on a pull request.
    Comment,
}

impl MessageKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Comment => "comment",
        }
    }

    fn from_text(text: &str) -> Self {
        match text {
            "comment" => Self::Comment,
            _ => Self::Status,
        }
    }
}

/// How far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxState {
    /// To be sent.
    Pending,
    /// The service has taken it.
    Sent,
    /// The service has rejected it for good; its note says why.
    Rejected,
}

impl OutboxState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Rejected => "rejected",
        }
    }

    fn from_text(text: &str) -> Self {
        [Self::Sent, Self::Rejected]
            .into_iter()
            .find(|state| state.as_str() == text)
            .unwrap_or(Self::Pending)
    }
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// The application.
    pub application: i64,
    /// The project whose credential is used.
    pub project: String,
    /// The server by its name in the configuration.
    pub server: String,
    /// What it is.
    pub kind: MessageKind,
    /// What it is about: a commit's hash, or the number of a pull request.
    pub target: String,
    /// What tells it from others of the target.
    pub key: String,
    /// The run that it tells of.
    pub run: i64,
    /// The message as JSON.
    pub payload: String,
}

/// A message as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OutboxMessage {
    /// The number.
    pub id: i64,
    /// The application.
    pub application: i64,
    /// The project whose credential is used.
    pub project: String,
    /// The server by its name in the configuration.
    pub server: String,
    /// What it is.
    pub kind: MessageKind,
    /// What it is about.
    pub target: String,
    /// What tells it from others of the target.
    pub key: String,
    /// The run that it tells of.
    pub run: i64,
    /// The message as JSON.
    #[serde(skip)]
    pub payload: String,
    /// Counts the messages that this row has had.
    pub sequence: i64,
    /// The one that the service has taken; 0 for none.
    pub sent_sequence: i64,
    /// One that was sent and of which nobody knows whether the service took it.
    #[serde(skip)]
    pub uncertain_sequence: Option<i64>,
    /// How far it is.
    pub state: OutboxState,
    /// How often sending failed since the last success.
    pub attempts: u32,
    /// When it is tried next.
    pub not_before: i64,
    /// Why it failed last.
    pub note: Option<String>,
    /// The service's id of what was made, such as of a comment.
    pub remote_id: Option<String>,
    /// When the message was queued.
    pub queued_at: i64,
    /// When something last changed.
    pub updated_at: i64,
}

/// How many messages there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct OutboxCount {
    /// To be sent.
    pub pending: u64,
    /// Rejected for good.
    pub rejected: u64,
}

/// The longest time that a message waits. One that seems to wait longer was put off
/// before the clock was set back, and is due.
pub const LONGEST_MESSAGE_PAUSE: Duration = Duration::from_secs(6 * 60 * 60);

pub(super) const COLUMNS: &str =
    "id, application, project, server, kind, target, key, run, payload, sequence,
    sent_sequence, uncertain_sequence, state, attempts, not_before, note, remote_id, queued_at,
    updated_at";

impl Store {
    /// The messages that can be sent now, those that have waited longest first.
    ///
    /// # Errors
    /// As every read.
    pub fn due_messages(&self, now: i64, limit: usize) -> Result<Vec<OutboxMessage>> {
        self.read(|connection| {
            let unleased = leases::unleased(connection, "'outbox:' || outbox.id");
            let sql = format!(
                "SELECT {COLUMNS} FROM outbox WHERE state = 'pending'
                 AND (not_before <= ?1 OR not_before > ?3) {unleased}
                 ORDER BY not_before, id LIMIT ?2"
            );
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let latest = later(now, LONGEST_MESSAGE_PAUSE);
            connection.query(&sql, values![now, limit, latest], read_row)
        })
    }

    /// When the next message that waits is to be tried.
    ///
    /// # Errors
    /// As every read.
    pub fn next_message_at(&self) -> Result<Option<i64>> {
        self.read(|connection| {
            connection.query_one(
                "SELECT min(not_before) FROM outbox WHERE state = 'pending'",
                values![],
                |row| row.get(0),
            )
        })
    }

    /// Messages in a state, newest first: of one application, or of all.
    ///
    /// # Errors
    /// As every read.
    pub fn messages(
        &self,
        application: Option<i64>,
        state: OutboxState,
        limit: usize,
    ) -> Result<Vec<OutboxMessage>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM outbox WHERE state = ?2
                 AND (application = ?1 OR ?1 IS NULL) ORDER BY id DESC LIMIT ?3"
            );
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            connection.query(&sql, values![application, state.as_str(), limit], read_row)
        })
    }

    /// How many messages there are: of one application, or of all.
    ///
    /// # Errors
    /// As every read.
    pub fn count_messages(&self, application: Option<i64>) -> Result<OutboxCount> {
        self.read(|connection| {
            let count = |state: OutboxState| -> Result<u64> {
                let count: i64 = connection.query_one(
                    "SELECT count(*) FROM outbox WHERE state = ?2
                         AND (?1 IS NULL OR application = ?1)",
                    values![application, state.as_str()],
                    |row| row.get(0),
                )?;
                Ok(count.unsigned_abs())
            };
            Ok(OutboxCount {
                pending: count(OutboxState::Pending)?,
                rejected: count(OutboxState::Rejected)?,
            })
        })
    }

    /// The messages of a run.
    ///
    /// # Errors
    /// As every read.
    pub fn messages_of_run(&self, run: i64) -> Result<Vec<OutboxMessage>> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM outbox WHERE run = ?1 ORDER BY id");
            connection.query(&sql, values![run], read_row)
        })
    }

    /// Takes note that a message is being sent now, by this engine alone. `None` if a
    /// newer one took its place, it is not to be sent any more, or another engine sends
    /// it.
    ///
    /// # Errors
    /// As every write.
    pub async fn begin_sending(&self, id: i64, now: i64) -> Result<Option<OutboxMessage>> {
        let name = lease_of(id);
        let Some(owner) = self.leases.reserve(&name) else {
            return Ok(None);
        };
        let leases = Arc::clone(&self.leases);
        let begun = self
            .write_async(move |connection| {
                if !leases.take(connection, &name, &owner)? {
                    return Ok(None);
                }
                let locking = connection.dialect().locking();
                let sql = format!(
                    "SELECT {COLUMNS} FROM outbox WHERE id = ?1 AND state = 'pending'{locking}"
                );
                let found = connection.query_optional(&sql, values![id], read_row)?;
                let latest = later(now, LONGEST_MESSAGE_PAUSE);
                let is_due =
                    |message: &OutboxMessage| !(now + 1..=latest).contains(&message.not_before);
                let Some(message) = found.filter(is_due) else {
                    leases::release(connection, &name, &owner)?;
                    return Ok(None);
                };
                connection.execute(
                    "UPDATE outbox SET uncertain_sequence = coalesce(uncertain_sequence, ?2)
                     WHERE id = ?1",
                    values![id, message.sequence],
                )?;
                Ok(Some(message))
            })
            .await;
        if !matches!(begun, Ok(Some(_))) {
            self.leases.forget(&lease_of(id));
        }
        begun
    }

    /// Takes note that the service has taken a message. With `confirm_at` the
    /// message is sent once more then.
    ///
    /// # Errors
    /// As every write.
    pub async fn end_sending(
        &self,
        sent: &OutboxMessage,
        remote_id: Option<String>,
        confirm_at: Option<i64>,
        now: i64,
    ) -> Result<()> {
        let (id, sequence) = (sent.id, sent.sequence);
        let name = lease_of(id);
        let owner = self.leases.forget(&name).unwrap_or_default();
        self.write_async(move |connection| {
            connection.execute(
                "UPDATE outbox SET sent_sequence = ?2, uncertain_sequence = NULL, attempts = 0,
                     note = NULL, remote_id = coalesce(?3, remote_id), updated_at = ?5,
                     state = CASE WHEN sequence = ?2 AND ?4 IS NULL THEN 'sent' ELSE state END,
                     not_before = CASE WHEN sequence = ?2 THEN coalesce(?4, 0) ELSE 0 END
                     WHERE id = ?1",
                values![id, sequence, remote_id, confirm_at, now],
            )?;
            leases::release(connection, &name, &owner)
        })
        .await
    }

    /// Takes note that sending failed: it is tried again at `retry_at`, or was
    /// rejected for good if that is `None`. A newer message that took its place
    /// meanwhile is not rejected with it. `is_uncertain` says that the service
    /// may have taken it all the same.
    ///
    /// # Errors
    /// As every write.
    pub async fn fail_sending(
        &self,
        sent: &OutboxMessage,
        reason: String,
        retry_at: Option<i64>,
        is_uncertain: bool,
        now: i64,
    ) -> Result<()> {
        let (id, sequence) = (sent.id, sent.sequence);
        let before = sent.uncertain_sequence;
        let name = lease_of(id);
        let owner = self.leases.forget(&name).unwrap_or_default();
        self.write_async(move |connection| {
            let uncertain = if is_uncertain {
                Some(before.unwrap_or(sequence))
            } else {
                before
            };
            connection.execute(
                "UPDATE outbox SET attempts = attempts + 1, note = ?3, uncertain_sequence = ?5,
                     updated_at = ?6,
                     state = CASE WHEN ?4 IS NULL AND sequence = ?2 THEN 'rejected' ELSE state END,
                     not_before = coalesce(?4, not_before) WHERE id = ?1",
                values![id, sequence, reason, retry_at, uncertain, now],
            )?;
            leases::release(connection, &name, &owner)
        })
        .await
    }

    /// Has the messages that a credential sends wait until a time.
    ///
    /// # Errors
    /// As every write.
    pub async fn postpone_messages(&self, project: &str, server: &str, until: i64) -> Result<()> {
        let (project, server) = (project.to_owned(), server.to_owned());
        self.write_async(move |connection| {
            connection.execute(
                "UPDATE outbox SET not_before = ?3 WHERE state = 'pending' AND project = ?1
                     AND server = ?2 AND not_before < ?3",
                values![project, server, until],
            )?;
            Ok(())
        })
        .await
    }

    /// Has a message that was rejected sent again.
    ///
    /// # Errors
    /// `NotFound` if no message of this number was rejected.
    pub async fn retry_message(&self, id: i64, now: i64) -> Result<()> {
        self.write_async(move |connection| {
            let changed = connection.execute(
                "UPDATE outbox SET state = 'pending', attempts = 0, not_before = 0, queued_at = ?2
                 WHERE id = ?1 AND state = 'rejected'",
                values![id, now],
            )?;
            if changed == 0 {
                return Err(StoreError::NotFound(format!(
                    "no message {id} of the outbox was rejected"
                )));
            }
            Ok(())
        })
        .await
    }
}

impl Transaction<'_> {
    /// The message of this target and key, whatever became of it.
    ///
    /// # Errors
    /// As every read.
    pub fn message(
        &self,
        application: i64,
        kind: MessageKind,
        target: &str,
        key: &str,
    ) -> Result<Option<OutboxMessage>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM outbox WHERE application = ?1 AND kind = ?2 AND target = ?3
             AND key = ?4"
        );
        self.connection.query_optional(
            &sql,
            values![application, kind.as_str(), target, key],
            read_row,
        )
    }

    /// Queues a message; it takes the place of the one with the same target and
    /// key. A pause after a failure stays: the service is not asked sooner
    /// because there is something newer to say.
    ///
    /// # Errors
    /// As every write.
    pub fn queue_message(&self, new: &NewMessage, now: i64) -> Result<()> {
        self.connection.execute(
            "INSERT INTO outbox (application, project, server, kind, target, key, run, payload,
                     queued_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)
                 ON CONFLICT (application, kind, target, key) DO UPDATE SET run = excluded.run,
                     payload = excluded.payload, sequence = outbox.sequence + 1,
                     state = 'pending', queued_at = ?9, updated_at = ?9,
                     attempts = CASE WHEN outbox.state = 'pending' THEN outbox.attempts ELSE 0 END,
                     not_before = CASE WHEN outbox.state = 'pending' AND outbox.attempts > 0
                         THEN outbox.not_before ELSE 0 END",
            values![
                new.application,
                new.project,
                new.server,
                new.kind.as_str(),
                new.target,
                new.key,
                new.run,
                new.payload,
                now
            ],
        )?;
        Ok(())
    }

    /// Removes the messages of a run about a target that was named wrongly.
    ///
    /// # Errors
    /// As every write.
    pub fn drop_messages(&self, run: i64, kind: MessageKind, target: &str) -> Result<()> {
        self.connection.execute(
            "DELETE FROM outbox WHERE run = ?1 AND kind = ?2 AND target = ?3",
            values![run, kind.as_str(), target],
        )?;
        Ok(())
    }
}

/// The lease of whoever sends a message.
fn lease_of(id: i64) -> String {
    format!("outbox:{id}")
}

pub(super) fn read_row(row: &Row<'_>) -> Result<OutboxMessage> {
    Ok(OutboxMessage {
        id: row.get(0)?,
        application: row.get(1)?,
        project: row.get(2)?,
        server: row.get(3)?,
        kind: MessageKind::from_text(&row.get::<String>(4)?),
        target: row.get(5)?,
        key: row.get(6)?,
        run: row.get(7)?,
        payload: row.get(8)?,
        sequence: row.get(9)?,
        sent_sequence: row.get(10)?,
        uncertain_sequence: row.get(11)?,
        state: OutboxState::from_text(&row.get::<String>(12)?),
        attempts: row.get(13)?,
        not_before: row.get(14)?,
        note: row.get(15)?,
        remote_id: row.get(16)?,
        queued_at: row.get(17)?,
        updated_at: row.get(18)?,
    })
}
