//! Clean-ups after deleted branches: planned once, cancelled if the branch
//! comes back, carried out once.

use super::events::PresentBranch;
use super::{Result, Store};
use rusqlite::{Connection, Row, params};

/// A planned removal of a branch's runs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Cleanup {
    /// The store's number.
    pub id: i64,
    /// The application.
    pub application: i64,
    /// The deleted branch.
    pub branch: String,
    /// When it is due.
    pub due_at: i64,
}

const COLUMNS: &str = "id, application, branch, due_at";

impl Store {
    /// The clean-ups that are due. One whose branch has events waiting is left
    /// until they were worked on: the branch may be back.
    ///
    /// # Errors
    /// As every read.
    pub fn due_cleanups(&self, now: i64) -> Result<Vec<Cleanup>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM cleanups WHERE state = 'pending' AND due_at <= ?1
                 AND NOT EXISTS (SELECT 1 FROM events WHERE events.state = 'pending'
                     AND events.application = cleanups.application
                     AND events.subject = 'branch:' || cleanups.branch)
                 ORDER BY due_at, id"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([now], read_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
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
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([application], read_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// When the next clean-up is due.
    ///
    /// # Errors
    /// As every read.
    pub fn next_cleanup_at(&self) -> Result<Option<i64>> {
        self.read(|connection| {
            Ok(connection.query_row(
                "SELECT min(due_at) FROM cleanups WHERE state = 'pending'",
                [],
                |row| row.get(0),
            )?)
        })
    }

    /// Carries a clean-up out: the branch's runs go. Returns how many there
    /// were, or `None` if it was carried out or cancelled meanwhile.
    ///
    /// # Errors
    /// As every write.
    pub fn carry_out_cleanup(&self, id: i64, now: i64) -> Result<Option<usize>> {
        self.write(move |connection| {
            if !end(connection, id, "done", now)? {
                return Ok(None);
            }
            let gone = connection.execute(
                "DELETE FROM runs WHERE (application, branch) IN
                     (SELECT application, branch FROM cleanups WHERE id = ?1)",
                [id],
            )?;
            Ok(Some(gone))
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
        params![id, state, now],
    )?;
    Ok(changed > 0)
}

/// Plans the clean-up of a deleted branch; one that is planned stays as it is.
pub(super) fn schedule(
    connection: &Connection,
    application: i64,
    branch: &str,
    deleted_hash: Option<String>,
    due_at: i64,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO cleanups (application, branch, deleted_hash, due_at)
             VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (application, branch) WHERE state = 'pending' DO NOTHING",
        )?
        .execute(params![application, branch, deleted_hash, due_at])?;
    Ok(())
}

/// Cancels the planned clean-up of a branch that is there. A move of the branch
/// to the very commit at which it was deleted is no sign of that: the news of
/// it came late.
pub(super) fn branch_is_present(
    connection: &Connection,
    application: i64,
    branch: &PresentBranch,
    now: i64,
) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE cleanups SET state = 'cancelled', ended_at = ?3
             WHERE application = ?1 AND branch = ?2 AND state = 'pending'
             AND (?4 OR deleted_hash IS NOT ?5)",
        )?
        .execute(params![
            application,
            branch.name,
            now,
            branch.is_new,
            branch.hash
        ])?;
    Ok(())
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Cleanup> {
    Ok(Cleanup {
        id: row.get(0)?,
        application: row.get(1)?,
        branch: row.get(2)?,
        due_at: row.get(3)?,
    })
}
