//! The changes that events brought, for telling an event that polling found
//! from the same event delivered.

use super::Result;
use super::events::EventSource;
use super::sql::values;
use super::transaction::Transaction;

/// How an event changes its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The value now, such as a branch's hash; empty for a ref that is gone.
    pub value: String,
    /// The value before, where the event says; empty for a ref that is new.
    pub old_value: Option<String>,
}

impl Transaction<'_> {
    /// The value that the latest change gave a subject.
    ///
    /// # Errors
    /// As every read.
    pub fn latest_value(&self, application: i64, subject: &str) -> Result<Option<String>> {
        self.connection.query_optional(
            "SELECT value FROM changes WHERE application = ?1 AND subject = ?2
                 ORDER BY id DESC LIMIT 1",
            values![application, subject],
            |row| row.get(0),
        )
    }

    /// Whether a subject was given a value at or after a time.
    ///
    /// # Errors
    /// As every read.
    pub fn had_value_since(
        &self,
        application: i64,
        subject: &str,
        value: &str,
        since: i64,
    ) -> Result<bool> {
        self.connection.exists(
            "SELECT 1 FROM changes WHERE application = ?1 AND subject = ?2
                 AND value = ?3 AND at >= ?4",
            values![application, subject, value, since],
        )
    }

    /// Whether a delivery brought a subject from one value to the other before.
    ///
    /// # Errors
    /// As every read.
    pub fn was_delivered(
        &self,
        application: i64,
        subject: &str,
        old_value: &str,
        value: &str,
    ) -> Result<bool> {
        self.connection.exists(
            "SELECT 1 FROM changes WHERE application = ?1 AND subject = ?2
                 AND value = ?4 AND old_value = ?3 AND source = 'delivery'",
            values![application, subject, old_value, value],
        )
    }

    /// Closes the open polled changes of a subject to a value: no delivery is
    /// taken for them any more. Returns whether there was one.
    ///
    /// # Errors
    /// As every write.
    pub fn close_polled_change(
        &self,
        application: i64,
        subject: &str,
        value: &str,
    ) -> Result<bool> {
        let closed = self.connection.execute(
            "UPDATE changes SET matched = 1 WHERE application = ?1 AND subject = ?2
                 AND value = ?3 AND source <> 'delivery' AND matched = 0",
            values![application, subject, value],
        )?;
        Ok(closed > 0)
    }

    /// Keeps a change.
    ///
    /// # Errors
    /// As every write.
    pub fn add_change(
        &self,
        application: i64,
        subject: &str,
        change: &Change,
        source: EventSource,
        at: i64,
    ) -> Result<()> {
        self.connection.execute(
            "INSERT INTO changes (application, subject, value, old_value, source, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            values![
                application,
                subject,
                change.value,
                change.old_value,
                source.to_text(),
                at
            ],
        )?;
        Ok(())
    }
}
