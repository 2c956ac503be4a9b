//! Projects, the applications in them, and the grants that projects hold.

use super::sql::{Connection, Dialect, Row, values};
use super::transaction::Transaction;
use super::{Result, Store, StoreError};
use serde_json::Value;

/// An application: a repository of a server, linked to a project.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Application {
    /// The store's number.
    pub id: i64,
    /// The key of the project.
    pub project: String,
    /// The name within the project.
    pub name: String,
    /// The server by its name in the configuration.
    pub server: String,
    /// The full name of the repository.
    pub repo: String,
    /// The service's unchangeable id of the repository; empty where unknown.
    pub repo_id: String,
    /// What runs are made for, and what is told of them.
    pub options: ApplicationOptions,
}

/// For which pull requests runs are made.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PullRequestRuns {
    /// For none.
    #[default]
    Off,
    /// For those from a branch of the repository itself.
    SameRepository,
    /// For those from forks as well: their authors decide what a worker runs.
    Forks,
}

impl PullRequestRuns {
    fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::SameRepository => "same_repository",
            Self::Forks => "forks",
        }
    }

    fn from_text(text: &str) -> Self {
        [Self::SameRepository, Self::Forks]
            .into_iter()
            .find(|runs| runs.as_str() == text)
            .unwrap_or(Self::Off)
    }
}

/// What an application asks for; everything is off by default.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct ApplicationOptions {
    /// For which pull requests runs are made.
    pub pull_requests: PullRequestRuns,
    /// Whether a newer push of a branch ends its runs that nobody has begun.
    pub supersede: bool,
    /// Whether a failed run is told in a comment on its pull request.
    pub comment_on_failure: bool,
}

/// An application to link.
#[derive(Debug, Clone)]
pub struct NewApplication {
    /// The key of the project, which is made if it is not there.
    pub project: String,
    /// The name within the project.
    pub name: String,
    /// The server by its name in the configuration.
    pub server: String,
    /// The full name of the repository.
    pub repo: String,
    /// The service's unchangeable id of the repository.
    pub repo_id: String,
    /// What it asks for; `None` leaves that of a linked one as it is.
    pub options: Option<ApplicationOptions>,
}

pub(super) const COLUMNS: &str =
    "id, project, name, server, repo, repo_id, pull_requests, supersede,
    comment_on_failure";

impl Store {
    /// Links an application, or finds it linked. Its number is none of which there
    /// still are messages: those outlive their application.
    ///
    /// # Errors
    /// `Conflict` if the application is linked to another repository.
    pub fn link_application(&self, new: NewApplication, now: i64) -> Result<Application> {
        self.write(move |connection| {
            add_project(connection, &new.project, now)?;
            if connection.dialect() == Dialect::Postgres {
                // The number is found by looking: one engine at a time.
                connection.execute(
                    "LOCK TABLE applications IN SHARE ROW EXCLUSIVE MODE",
                    values![],
                )?;
            }
            connection.execute(
                "INSERT INTO applications (id, project, name, server, repo, repo_id, created_at)
                     VALUES ((SELECT coalesce(max(used), 0) + 1 FROM (
                         SELECT max(id) AS used FROM applications
                         UNION ALL SELECT max(application) FROM outbox) AS numbers),
                     ?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (project, name) DO NOTHING",
                values![
                    new.project,
                    new.name,
                    new.server,
                    new.repo,
                    new.repo_id,
                    now
                ],
            )?;
            let linked = find(connection, &new.project, &new.name)?
                .ok_or_else(|| StoreError::Failed("the application was not kept".to_owned()))?;
            let same_repo = linked.repo_id == new.repo_id
                || linked.repo.eq_ignore_ascii_case(&new.repo) && new.repo_id.is_empty();
            if linked.server != new.server || !same_repo {
                return Err(StoreError::Conflict(format!(
                    "application {} of project {} is linked to {} on {}; unlink it first",
                    linked.name, linked.project, linked.repo, linked.server
                )));
            }
            if linked.repo != new.repo {
                rename(connection, linked.id, &new.repo)?;
            }
            let options = new.options.unwrap_or(linked.options);
            if options != linked.options {
                connection.execute(
                    "UPDATE applications SET pull_requests = ?2, supersede = ?3,
                     comment_on_failure = ?4 WHERE id = ?1",
                    values![
                        linked.id,
                        options.pull_requests.as_str(),
                        options.supersede,
                        options.comment_on_failure
                    ],
                )?;
            }
            Ok(Application {
                repo: new.repo.clone(),
                options,
                ..linked
            })
        })
    }

    /// The application of this name.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub fn application(&self, project: &str, name: &str) -> Result<Application> {
        self.read(|connection| find(connection, project, name))?
            .ok_or_else(|| {
                StoreError::NotFound(format!("project {project:?} has no application {name:?}"))
            })
    }

    /// The application of this number.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub fn application_by_id(&self, id: i64) -> Result<Application> {
        self.read(|connection| by_id(connection, id))?
            .ok_or_else(|| StoreError::NotFound(format!("there is no application {id}")))
    }

    /// All applications, in the order in which they were linked.
    ///
    /// # Errors
    /// As every read.
    pub fn applications(&self) -> Result<Vec<Application>> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM applications ORDER BY id");
            connection.query(&sql, values![], read_row)
        })
    }

    /// The id of the grant that a project holds for a server.
    ///
    /// # Errors
    /// As every read.
    pub fn project_grant(&self, project: &str, server: &str) -> Result<Option<String>> {
        self.read(|connection| {
            connection.query_optional(
                "SELECT grant_id FROM project_servers WHERE project = ?1 AND server = ?2",
                values![project, server],
                |row| row.get(0),
            )
        })
    }

    /// The servers that a project holds a grant for.
    ///
    /// # Errors
    /// As every read.
    pub fn project_servers(&self, project: &str) -> Result<Vec<String>> {
        self.read(|connection| {
            connection.query(
                "SELECT server FROM project_servers WHERE project = ?1 ORDER BY server",
                values![project],
                |row| row.get(0),
            )
        })
    }

    /// Takes note that a project holds a grant for a server.
    ///
    /// # Errors
    /// As every write.
    pub fn set_project_grant(
        &self,
        project: &str,
        server: &str,
        grant_id: &str,
        now: i64,
    ) -> Result<()> {
        let (project, server) = (project.to_owned(), server.to_owned());
        let grant_id = grant_id.to_owned();
        self.write(move |connection| {
            add_project(connection, &project, now)?;
            connection.execute(
                "INSERT INTO project_servers VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (project, server) DO UPDATE
                     SET grant_id = excluded.grant_id, linked_at = excluded.linked_at",
                values![project, server, grant_id, now],
            )?;
            Ok(())
        })
    }
}

impl Transaction<'_> {
    /// The application of this number. Nobody else changes what belongs to it until the
    /// end of the transaction.
    ///
    /// # Errors
    /// As every read.
    pub fn application(&self, id: i64) -> Result<Option<Application>> {
        let locking = self.connection.dialect().locking();
        let sql = format!("SELECT {COLUMNS} FROM applications WHERE id = ?1{locking}");
        self.connection.query_optional(&sql, values![id], read_row)
    }

    /// Unlinks an application with all that belongs to it, but for what the
    /// outbox still has to tell; `false` if it was not linked.
    ///
    /// # Errors
    /// As every write.
    pub fn unlink_application(&self, application: i64) -> Result<bool> {
        self.connection.execute(
            "DELETE FROM outbox WHERE application = ?1 AND state <> 'pending'",
            values![application],
        )?;
        let gone = self.connection.execute(
            "DELETE FROM applications WHERE id = ?1",
            values![application],
        )?;
        Ok(gone > 0)
    }

    /// Gives the application's repository the name that it has now.
    ///
    /// # Errors
    /// As every write.
    pub fn rename_repository(&self, application: i64, repo: &str) -> Result<()> {
        rename(self.connection, application, repo)
    }
}

fn rename(connection: &Connection, application: i64, repo: &str) -> Result<()> {
    connection.execute(
        "UPDATE applications SET repo = ?2 WHERE id = ?1",
        values![application, repo],
    )?;
    // What services are still to be told is told of the repository as it is called now.
    let waiting = connection.query(
        "SELECT id, payload FROM outbox WHERE application = ?1 AND state = 'pending'",
        values![application],
        |row| Ok((row.get::<i64>(0)?, row.get::<String>(1)?)),
    )?;
    for (message, payload) in waiting {
        let Ok(Value::Object(mut payload)) = serde_json::from_str(&payload) else {
            continue;
        };
        payload.insert("repo".to_owned(), repo.into());
        connection.execute(
            "UPDATE outbox SET payload = ?2 WHERE id = ?1",
            values![message, Value::Object(payload).to_string()],
        )?;
    }
    Ok(())
}

fn by_id(connection: &Connection, id: i64) -> Result<Option<Application>> {
    let sql = format!("SELECT {COLUMNS} FROM applications WHERE id = ?1");
    connection.query_optional(&sql, values![id], read_row)
}

fn add_project(connection: &Connection, key: &str, now: i64) -> Result<()> {
    connection.execute(
        "INSERT INTO projects VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING",
        values![key, now],
    )?;
    Ok(())
}

fn find(connection: &Connection, project: &str, name: &str) -> Result<Option<Application>> {
    let sql = format!("SELECT {COLUMNS} FROM applications WHERE project = ?1 AND name = ?2");
    connection.query_optional(&sql, values![project, name], read_row)
}

pub(super) fn read_row(row: &Row<'_>) -> Result<Application> {
    Ok(Application {
        id: row.get(0)?,
        project: row.get(1)?,
        name: row.get(2)?,
        server: row.get(3)?,
        repo: row.get(4)?,
        repo_id: row.get(5)?,
        options: ApplicationOptions {
            pull_requests: PullRequestRuns::from_text(&row.get::<String>(6)?),
            supersede: row.get(7)?,
            comment_on_failure: row.get(8)?,
        },
    })
}
