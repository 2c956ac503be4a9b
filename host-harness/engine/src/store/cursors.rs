//! Where the next poll of each application begins, and the next look at each
//! workspace.

use super::applications::{self, Application};
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
    /// The cursor of the workspace that shows what happened since; `None` if
    /// something did, or if there is none.
    pub covered_by: Option<i64>,
}

/// An application with what is known of its last poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolledApplication {
    /// The application.
    pub application: Application,
    /// When its last poll began; `None` if it was never polled.
    pub began_at: Option<i64>,
    /// See [`PollCursor::covered_by`].
    pub covered_by: Option<i64>,
}

/// What one look shows: the repositories of a workspace that a credential sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspacePlace {
    /// The server by its name in the configuration.
    pub server: String,
    /// The number of the grant; empty for what the configuration says.
    pub credential: String,
    /// The workspace.
    pub workspace: String,
}

/// Where the last look at a workspace ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceCursor {
    /// The store's number; another one after looking has begun anew.
    pub id: i64,
    /// The provider's opaque text.
    pub cursor: String,
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
    /// `Conflict` if somebody else has moved the cursor since it was read, or has
    /// seen that something happened.
    pub fn store_poll(
        &self,
        application: i64,
        before: Option<PollCursor>,
        now: PollCursor,
        events: Vec<NewEvent>,
    ) -> Result<()> {
        self.write(move |connection| {
            // Who comes second sees what the first has stored.
            let locking = connection.dialect().locking();
            let sql = format!("SELECT 1 FROM applications WHERE id = ?1{locking}");
            connection.exists(&sql, values![application])?;
            if find(connection, application)? != before {
                return Err(StoreError::Conflict(
                    "another process polled at the same time".to_owned(),
                ));
            }
            connection.execute(
                "INSERT INTO poll_cursors (application, cursor, began_at, covered_by)
                 VALUES (?1, ?2, ?3, ?4) ON CONFLICT (application)
                 DO UPDATE SET cursor = excluded.cursor, began_at = excluded.began_at,
                     covered_by = excluded.covered_by",
                values![application, now.cursor, now.began_at, now.covered_by],
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

    /// The applications of a server, with what is known of their last polls.
    ///
    /// # Errors
    /// As every read.
    pub fn polled_applications(&self, server: &str) -> Result<Vec<PolledApplication>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {}, began_at, covered_by FROM applications
                 LEFT JOIN poll_cursors ON application = id WHERE server = ?1 ORDER BY id",
                applications::COLUMNS
            );
            connection.query(&sql, values![server], |row| {
                Ok(PolledApplication {
                    application: applications::read_row(row)?,
                    began_at: row.get(9)?,
                    covered_by: row.get(10)?,
                })
            })
        })
    }

    /// Where the last look at a workspace ended.
    ///
    /// # Errors
    /// As every read.
    pub fn workspace_cursor(&self, place: &WorkspacePlace) -> Result<Option<WorkspaceCursor>> {
        self.read(|connection| find_workspace(connection, place))
    }

    /// Moves the cursor of a workspace, and notes of which applications something
    /// happened, both or neither. Returns the cursor's number.
    ///
    /// # Errors
    /// `Conflict` if somebody else has moved the cursor since it was read.
    pub fn store_workspace_look(
        &self,
        place: WorkspacePlace,
        before: Option<WorkspaceCursor>,
        cursor: String,
        changed: Vec<i64>,
        now: i64,
    ) -> Result<i64> {
        self.write(move |connection| {
            if find_workspace(connection, &place)? != before {
                return Err(StoreError::Conflict(
                    "another process looked at the workspace at the same time".to_owned(),
                ));
            }
            let id = connection.query_one(
                "INSERT INTO workspace_cursors
                     (server, credential, workspace, cursor, looked_at)
                 VALUES (?1, ?2, lower(?3), ?4, ?5)
                 ON CONFLICT (server, credential, workspace)
                 DO UPDATE SET cursor = excluded.cursor, looked_at = excluded.looked_at
                 RETURNING id",
                values![place.server, place.credential, place.workspace, cursor, now],
                |row| row.get(0),
            )?;
            for application in &changed {
                connection.execute(
                    "UPDATE poll_cursors SET covered_by = NULL WHERE application = ?1",
                    values![application],
                )?;
            }
            Ok(id)
        })
    }

    /// Drops the cursor of a workspace: the next look begins anew, and until then
    /// nothing shows what happened.
    ///
    /// # Errors
    /// As every write.
    pub fn drop_workspace_cursor(&self, id: i64) -> Result<()> {
        self.write(move |connection| {
            connection.execute("DELETE FROM workspace_cursors WHERE id = ?1", values![id])?;
            Ok(())
        })
    }
}

fn find_workspace(
    connection: &Connection,
    place: &WorkspacePlace,
) -> Result<Option<WorkspaceCursor>> {
    connection.query_optional(
        "SELECT id, cursor FROM workspace_cursors
         WHERE server = ?1 AND credential = ?2 AND workspace = lower(?3)",
        values![place.server, place.credential, place.workspace],
        |row| {
            Ok(WorkspaceCursor {
                id: row.get(0)?,
                cursor: row.get(1)?,
            })
        },
    )
}

fn find(connection: &Connection, application: i64) -> Result<Option<PollCursor>> {
    connection.query_optional(
        "SELECT cursor, began_at, covered_by FROM poll_cursors WHERE application = ?1",
        values![application],
        |row| {
            Ok(PollCursor {
                cursor: row.get(0)?,
                began_at: row.get(1)?,
                covered_by: row.get(2)?,
            })
        },
    )
}
