//! Clean-ups after deleted branches: planned once, cancelled if the branch
//! comes back, carried out once.

use super::sql::{Connection, Row, values};
use super::transaction::Transaction;
use super::{Result, Store};

/// A planned removal of a branch's runs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Cleanup {
    /// The store's number.
    pub id: i64,
    /// The application.
    pub application: i64,
    /// The deleted branch.
    pub branch: String,
    /// The commit at which it was deleted, where the event said.
    pub deleted_hash: Option<String>,
    /// When it is due.
    pub due_at: i64,
    /// How often it was put off because nobody could say whether the branch is back.
    pub attempts: u32,
    /// When it is tried again, if it was put off; otherwise 0.
    pub not_before: i64,
    /// Why it was put off.
    pub note: Option<String>,
}

const COLUMNS: &str = "id, application, branch, deleted_hash, due_at, attempts, not_before, note";

impl Store {
    /// The clean-ups that are due.
    ///
    /// # Errors
    /// As every read.
    pub fn due_cleanups(&self, now: i64) -> Result<Vec<Cleanup>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM cleanups WHERE state = 'pending' AND due_at <= ?1
                 AND not_before <= ?1 ORDER BY due_at, id"
            );
            connection.query(&sql, values![now], read_row)
        })
    }

    /// The planned clean-ups of an application, next first.
    ///
    /// # Errors
    /// As every read.
    pub fn planned_cleanups(&self, application: i64) -> Result<Vec<Cleanup>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM cleanups WHERE state = 'pending' AND application = ?1
                 ORDER BY due_at, id"
            );
            connection.query(&sql, values![application], read_row)
        })
    }

    /// The clean-ups that were put off, next first.
    ///
    /// # Errors
    /// As every read.
    pub fn put_off_cleanups(&self, limit: usize) -> Result<Vec<Cleanup>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM cleanups WHERE state = 'pending' AND attempts > 0
                 ORDER BY not_before, id LIMIT ?1"
            );
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            connection.query(&sql, values![limit], read_row)
        })
    }

    /// When the next clean-up is due.
    ///
    /// # Errors
    /// As every read.
    pub fn next_cleanup_at(&self) -> Result<Option<i64>> {
        self.read(|connection| {
            connection.query_one("SELECT min(CASE WHEN due_at > not_before THEN due_at ELSE not_before END) FROM cleanups WHERE state = 'pending'", values![], |row| row.get(0),)
        })
    }

    /// Puts a clean-up off until `retry_at`.
    ///
    /// # Errors
    /// As every write.
    pub fn put_off_cleanup(&self, id: i64, reason: String, retry_at: i64) -> Result<()> {
        self.write(move |connection| {
            connection.execute(
                "UPDATE cleanups SET attempts = attempts + 1, not_before = ?2, note = ?3
                 WHERE id = ?1 AND state = 'pending'",
                values![id, retry_at, reason],
            )?;
            Ok(())
        })
    }

    /// Cancels a clean-up; `false` if it was carried out or cancelled meanwhile.
    ///
    /// # Errors
    /// As every write.
    pub fn cancel_cleanup(&self, id: i64, now: i64) -> Result<bool> {
        self.write(move |connection| end(connection, id, "cancelled", now))
    }
}

fn end(connection: &Connection, id: i64, state: &str, now: i64) -> Result<bool> {
    let changed = connection.execute(
        "UPDATE cleanups SET state = ?2, ended_at = ?3 WHERE id = ?1 AND state = 'pending'",
        values![id, state, now],
    )?;
    Ok(changed > 0)
}

impl Transaction<'_> {
    /// The planned clean-up of a branch.
    ///
    /// # Errors
    /// As every read.
    pub fn planned_cleanup(&self, application: i64, branch: &str) -> Result<Option<Cleanup>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM cleanups
             WHERE state = 'pending' AND application = ?1 AND branch = ?2"
        );
        self.connection
            .query_optional(&sql, values![application, branch], read_row)
    }

    /// Plans the clean-up of a branch; one that is planned stays as it is.
    ///
    /// # Errors
    /// As every write.
    pub fn plan_cleanup(
        &self,
        application: i64,
        branch: &str,
        deleted_hash: Option<&str>,
        due_at: i64,
    ) -> Result<()> {
        self.connection.execute(
            "INSERT INTO cleanups (application, branch, deleted_hash, due_at)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (application, branch) WHERE state = 'pending' DO NOTHING",
            values![application, branch, deleted_hash, due_at],
        )?;
        Ok(())
    }

    /// Cancels a planned clean-up.
    ///
    /// # Errors
    /// As every write.
    pub fn cancel_cleanup(&self, id: i64, now: i64) -> Result<()> {
        end(self.connection, id, "cancelled", now)?;
        Ok(())
    }

    /// Ends a planned clean-up as carried out; `false` if it was carried out or
    /// cancelled meanwhile.
    ///
    /// # Errors
    /// As every write.
    pub fn end_cleanup(&self, id: i64, now: i64) -> Result<bool> {
        end(self.connection, id, "done", now)
    }
}

fn read_row(row: &Row<'_>) -> Result<Cleanup> {
    Ok(Cleanup {
        id: row.get(0)?,
        application: row.get(1)?,
        branch: row.get(2)?,
        deleted_hash: row.get(3)?,
        due_at: row.get(4)?,
        attempts: row.get(5)?,
        not_before: row.get(6)?,
        note: row.get(7)?,
    })
}
