//! Runs: what the engine made of a change of a branch or of a pull request.

use super::sql::{Connection, Row, Value, values};
use super::transaction::Transaction;
use super::{Result, Store, StoreError};

/// A run of a branch or a pull request at a commit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Run {
    /// The number.
    pub id: i64,
    /// The application.
    pub application: i64,
    /// The branch; of a pull request, its source branch.
    pub branch: String,
    /// The commit's hash: in full, or as short as the service delivered it until
    /// the rest is known.
    pub hash: String,
    /// The state in the engine's words, such as `Waiting` or `Success`.
    pub state: String,
    /// What the worker last said about it.
    pub description: String,
    /// The number of the pull request that it builds or belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<u64>,
    /// The repository that the commit is in, if it is a fork.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_repo: Option<String>,
    /// The worker that has claimed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// Until when the claim holds, if nobody renews it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<i64>,
    /// The run of a newer push that ended it before it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<i64>,
    /// The event that it comes from.
    pub event: i64,
    /// When the event was handled that it comes from.
    pub created_at: i64,
    /// When its state last changed.
    pub updated_at: i64,
    /// What a worker shows to report about a run that it claimed.
    #[serde(skip)]
    pub lease: Option<String>,
}

/// A run to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// The application.
    pub application: i64,
    /// The branch.
    pub branch: String,
    /// The commit's hash.
    pub hash: String,
    /// The event that it comes from: an event makes one run at most.
    pub event: i64,
    /// The state.
    pub state: String,
    /// The number of the pull request that it builds.
    pub pull_request: Option<u64>,
    /// The repository that the commit is in, if it is a fork.
    pub source_repo: Option<String>,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of this application; `None` means of all.
    pub application: Option<i64>,
    /// In this state.
    pub state: Option<String>,
    /// Of this branch.
    pub branch: Option<String>,
    /// With higher numbers than this.
    pub after: i64,
    /// At most so many.
    pub limit: usize,
}

/// A worker's claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The worker's name.
    pub worker: String,
    /// What it shows later.
    pub token: String,
    /// When the claim ends.
    pub until: i64,
}

pub(super) const COLUMNS: &str = "id, application, branch, hash, state, description, pull_request,
    source_repo, worker, lease_until, superseded_by, event, created_at, updated_at, lease";

impl Store {
    /// Runs, oldest first.
    ///
    /// # Errors
    /// As every read.
    pub fn list_runs(&self, filter: &RunFilter) -> Result<Vec<Run>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM runs WHERE (application = ?1 OR ?1 IS NULL)
                 AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR branch = ?3)
                 AND id > ?4 ORDER BY id LIMIT ?5"
            );
            let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
            connection.query(
                &sql,
                values![
                    filter.application,
                    filter.state,
                    filter.branch,
                    filter.after,
                    limit
                ],
                read_row,
            )
        })
    }

    /// The runs of an application, oldest first; of one branch if given.
    ///
    /// # Errors
    /// As every read.
    pub fn runs(&self, application: i64, branch: Option<&str>) -> Result<Vec<Run>> {
        self.list_runs(&RunFilter {
            application: Some(application),
            branch: branch.map(str::to_owned),
            limit: usize::MAX,
            ..RunFilter::default()
        })
    }

    /// The run of this number.
    ///
    /// # Errors
    /// `NotFound` if there is none, or no more.
    pub fn run(&self, id: i64) -> Result<Run> {
        self.read(|connection| by_id(connection, id))?
            .ok_or_else(|| no_run(id))
    }

    /// When the next claim ends.
    ///
    /// # Errors
    /// As every read.
    pub fn next_lease_end(&self) -> Result<Option<i64>> {
        self.read(|connection| {
            connection.query_one("SELECT min(lease_until) FROM runs", values![], |row| {
                row.get(0)
            })
        })
    }
}

impl Transaction<'_> {
    /// Adds a run and returns it.
    ///
    /// # Errors
    /// As every write.
    pub fn add_run(&self, new: &NewRun, now: i64) -> Result<Run> {
        let id = self.connection.query_one(
            "INSERT INTO runs (application, branch, hash, event, state, pull_request,
                     source_repo, created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8) RETURNING id",
            values![
                new.application,
                new.branch,
                new.hash,
                new.event,
                new.state,
                new.pull_request.map(signed),
                new.source_repo,
                now
            ],
            |row| row.get(0),
        )?;
        self.run(id)
    }

    /// The run of this number.
    ///
    /// # Errors
    /// `NotFound` if there is none, or no more.
    pub fn run(&self, id: i64) -> Result<Run> {
        by_id(self.connection, id)?.ok_or_else(|| no_run(id))
    }

    /// The run that an event made.
    ///
    /// # Errors
    /// As every read.
    pub fn run_of_event(&self, event: i64) -> Result<Option<Run>> {
        self.first("event = ?1", values![event])
    }

    /// The newest run of a branch, of a fork if one is named, whose hash begins
    /// as this one does or the other way round.
    ///
    /// # Errors
    /// As every read.
    pub fn run_of_commit(
        &self,
        application: i64,
        branch: &str,
        hash: &str,
        source_repo: Option<&str>,
    ) -> Result<Option<Run>> {
        self.first(
            "application = ?1 AND branch = ?2 AND source_repo IS NOT DISTINCT FROM ?4
             AND (substr(hash, 1, length(?3)) = ?3 OR substr(?3, 1, length(hash)) = hash)",
            values![application, branch, hash, source_repo],
        )
    }

    /// The runs of a branch: of the repository's own, or of a fork's.
    ///
    /// # Errors
    /// As every read.
    pub fn runs_of_branch(
        &self,
        application: i64,
        branch: &str,
        source_repo: Option<&str>,
    ) -> Result<Vec<Run>> {
        self.all(
            "application = ?1 AND branch = ?2 AND source_repo IS NOT DISTINCT FROM ?3",
            values![application, branch, source_repo],
        )
    }

    /// The runs of an application.
    ///
    /// # Errors
    /// As every read.
    pub fn runs_of_application(&self, application: i64) -> Result<Vec<Run>> {
        self.all("application = ?1", values![application])
    }

    /// The runs whose claims have ended.
    ///
    /// # Errors
    /// As every read.
    pub fn runs_with_ended_lease(&self, now: i64) -> Result<Vec<Run>> {
        self.all("lease_until <= ?1", values![now])
    }

    /// The oldest run in a state that nobody has claimed: of one application, or
    /// of any.
    ///
    /// # Errors
    /// As every read.
    pub fn next_unclaimed_run(&self, application: Option<i64>, state: &str) -> Result<Option<Run>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM runs WHERE state = ?2 AND worker IS NULL
             AND (application = ?1 OR ?1 IS NULL) ORDER BY id LIMIT 1"
        );
        self.connection
            .query_optional(&sql, values![application, state], read_row)
    }

    /// Gives a run a new state and description.
    ///
    /// # Errors
    /// As every write.
    pub fn set_run_state(&self, id: i64, state: &str, description: &str, now: i64) -> Result<()> {
        self.connection.execute(
            "UPDATE runs SET state = ?2, description = ?3, updated_at = ?4 WHERE id = ?1",
            values![id, state, description, now],
        )?;
        Ok(())
    }

    /// Gives a run to a worker, or takes it back from one.
    ///
    /// # Errors
    /// As every write.
    pub fn set_lease(&self, id: i64, lease: Option<&Lease>) -> Result<()> {
        self.connection.execute(
            "UPDATE runs SET worker = ?2, lease = ?3, lease_until = ?4 WHERE id = ?1",
            values![
                id,
                lease.map(|lease| &lease.worker),
                lease.map(|lease| &lease.token),
                lease.map(|lease| lease.until)
            ],
        )?;
        Ok(())
    }

    /// Says which run took a run's place.
    ///
    /// # Errors
    /// As every write.
    pub fn set_superseded(&self, id: i64, by: i64) -> Result<()> {
        self.connection.execute(
            "UPDATE runs SET superseded_by = ?2 WHERE id = ?1",
            values![id, by],
        )?;
        Ok(())
    }

    /// Says to which pull request a run belongs, if it belongs to none yet.
    ///
    /// # Errors
    /// As every write.
    pub fn attach_pull_request(&self, id: i64, pull_request: u64) -> Result<()> {
        self.connection.execute(
            "UPDATE runs SET pull_request = ?2 WHERE id = ?1 AND pull_request IS NULL",
            values![id, signed(pull_request)],
        )?;
        Ok(())
    }

    /// Gives a run the full hash of its commit.
    ///
    /// # Errors
    /// As every write.
    pub fn set_run_hash(&self, id: i64, hash: &str) -> Result<()> {
        self.connection
            .execute("UPDATE runs SET hash = ?2 WHERE id = ?1", values![id, hash])?;
        Ok(())
    }

    /// Removes a run.
    ///
    /// # Errors
    /// As every write.
    pub fn delete_run(&self, id: i64) -> Result<()> {
        self.connection
            .execute("DELETE FROM runs WHERE id = ?1", values![id])?;
        Ok(())
    }

    fn first(&self, condition: &str, values: &[Value<'_>]) -> Result<Option<Run>> {
        let sql = format!("SELECT {COLUMNS} FROM runs WHERE {condition} ORDER BY id DESC LIMIT 1");
        self.connection.query_optional(&sql, values, read_row)
    }

    fn all(&self, condition: &str, values: &[Value<'_>]) -> Result<Vec<Run>> {
        let sql = format!("SELECT {COLUMNS} FROM runs WHERE {condition} ORDER BY id");
        self.connection.query(&sql, values, read_row)
    }
}

fn by_id(connection: &Connection, id: i64) -> Result<Option<Run>> {
    let sql = format!("SELECT {COLUMNS} FROM runs WHERE id = ?1");
    connection.query_optional(&sql, values![id], read_row)
}

/// A number as databases keep it.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn no_run(id: i64) -> StoreError {
    StoreError::NotFound(format!("there is no run {id}"))
}

pub(super) fn read_row(row: &Row<'_>) -> Result<Run> {
    Ok(Run {
        id: row.get(0)?,
        application: row.get(1)?,
        branch: row.get(2)?,
        hash: row.get(3)?,
        state: row.get(4)?,
        description: row.get(5)?,
        pull_request: row.get::<Option<i64>>(6)?.map(i64::unsigned_abs),
        source_repo: row.get(7)?,
        worker: row.get(8)?,
        lease_until: row.get(9)?,
        superseded_by: row.get(10)?,
        event: row.get(11)?,
        created_at: row.get(12)?,
        updated_at: row.get(13)?,
        lease: row.get(14)?,
    })
}
