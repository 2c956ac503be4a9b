//! Runs: what the engine made of a change of a branch.

use super::transaction::Transaction;
use super::{Result, Store, StoreError};
use rusqlite::{OptionalExtension, Row, params};

/// A run of a branch at a commit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Run {
    /// The number.
    pub id: i64,
    /// The application.
    pub application: i64,
    /// The branch.
    pub branch: String,
    /// The commit's hash.
    pub hash: String,
    /// The state in the engine's words, such as `Waiting` or `Success`.
    pub state: String,
    /// When the event was handled that it comes from.
    pub created_at: i64,
}

const COLUMNS: &str = "id, application, branch, hash, state, created_at";

impl Store {
    /// The runs of an application, oldest first; of one branch if given.
    ///
    /// # Errors
    /// As every read.
    pub fn runs(&self, application: i64, branch: Option<&str>) -> Result<Vec<Run>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM runs WHERE application = ?1
                 AND (?2 IS NULL OR branch = ?2) ORDER BY id"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![application, branch], read_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The run of this number.
    ///
    /// # Errors
    /// `NotFound` if there is none, or no more.
    pub fn run(&self, id: i64) -> Result<Run> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM runs WHERE id = ?1");
            Ok(connection
                .prepare_cached(&sql)?
                .query_row([id], read_row)
                .optional()?)
        })?
        .ok_or_else(|| StoreError::NotFound(format!("there is no run {id}")))
    }

    /// Gives a run a new state.
    ///
    /// # Errors
    /// `NotFound` if there is no such run.
    pub fn set_run_state(&self, id: i64, state: &str) -> Result<()> {
        let state = state.to_owned();
        self.write(move |connection| {
            let changed = connection.execute(
                "UPDATE runs SET state = ?2 WHERE id = ?1",
                params![id, state],
            )?;
            if changed == 0 {
                return Err(StoreError::NotFound(format!("there is no run {id}")));
            }
            Ok(())
        })
    }
}

impl Transaction<'_> {
    /// Adds the run of an event.
    ///
    /// # Errors
    /// As every write.
    pub fn add_run(
        &self,
        application: i64,
        branch: &str,
        hash: &str,
        event: i64,
        now: i64,
    ) -> Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO runs (application, branch, hash, event, state, created_at)
                 VALUES (?1, ?2, ?3, ?4, 'Waiting', ?5)",
            )?
            .execute(params![application, branch, hash, event, now])?;
        Ok(())
    }
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        id: row.get(0)?,
        application: row.get(1)?,
        branch: row.get(2)?,
        hash: row.get(3)?,
        state: row.get(4)?,
        created_at: row.get(5)?,
    })
}
