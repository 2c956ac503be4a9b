//! Grants as they lie on the disk: sealed.

use super::sql::{Row, values};
use super::{Result, Store, StoreError};

/// A grant that only the holder of the store's key can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedGrant {
    /// Counts the rotations.
    pub version: u64,
    /// The encrypted pair.
    pub sealed: Vec<u8>,
}

impl Store {
    /// The sealed grant of this id.
    ///
    /// # Errors
    /// As every read.
    pub fn sealed_grant(&self, id: &str) -> Result<Option<SealedGrant>> {
        self.read(|connection| {
            connection.query_optional(
                "SELECT version, sealed FROM grants WHERE id = ?1",
                values![id],
                read_row,
            )
        })
    }

    /// Any grant that there is, to try a key on.
    ///
    /// # Errors
    /// As every read.
    pub fn first_sealed_grant(&self) -> Result<Option<(String, SealedGrant)>> {
        self.read(|connection| {
            connection.query_optional(
                "SELECT version, sealed, id FROM grants LIMIT 1",
                values![],
                |row| Ok((row.get(2)?, read_row(row)?)),
            )
        })
    }

    /// Stores a new sealed grant, or one in place of one with a lower version.
    ///
    /// # Errors
    /// `Conflict` if the stored version is the same or higher.
    pub fn store_sealed_grant(&self, id: &str, grant: SealedGrant, now: i64) -> Result<()> {
        let id = id.to_owned();
        self.write(move |connection| {
            let version = i64::try_from(grant.version)
                .map_err(|_| StoreError::Conflict("the grant's version is too high".to_owned()))?;
            let changed = connection.execute(
                "INSERT INTO grants (id, version, sealed, updated_at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (id) DO UPDATE SET version = excluded.version,
                         sealed = excluded.sealed, updated_at = excluded.updated_at
                     WHERE excluded.version > grants.version",
                values![id, version, grant.sealed, now],
            )?;
            if changed == 0 {
                return Err(StoreError::Conflict(format!(
                    "the grant has version {version} or a higher one already; load it again"
                )));
            }
            Ok(())
        })
    }

    /// All grants that projects hold: project, server, and since when.
    ///
    /// # Errors
    /// As every read.
    pub fn project_grants(&self) -> Result<Vec<ProjectGrant>> {
        self.read(|connection| {
            connection.query(
                "SELECT project, server, linked_at, version, updated_at FROM project_servers
                 LEFT JOIN grants ON grants.id = project_servers.grant_id
                 ORDER BY project, server",
                values![],
                |row| {
                    Ok(ProjectGrant {
                        project: row.get(0)?,
                        server: row.get(1)?,
                        consented_at: row.get(2)?,
                        version: row.get::<Option<i64>>(3)?.unwrap_or(0).unsigned_abs(),
                        renewed_at: row.get::<Option<i64>>(4)?.unwrap_or(0),
                    })
                },
            )
        })
    }

    /// Takes a project's grant for a server away and wipes the sealed pair from
    /// the file. Returns whether there was one.
    ///
    /// # Errors
    /// As every write.
    pub fn delete_project_grant(&self, project: &str, server: &str, id: &str) -> Result<bool> {
        let (project, server, id) = (project.to_owned(), server.to_owned(), id.to_owned());
        let gone = self.write(move |connection| {
            let rows = connection.execute(
                "DELETE FROM project_servers WHERE project = ?1 AND server = ?2",
                values![&project, &server],
            )?;
            let pairs = connection.execute("DELETE FROM grants WHERE id = ?1", values![&id])?;
            Ok(rows + pairs > 0)
        })?;
        // The journal still holds the pages as they were before.
        if let Err(error) = self.truncate_journal() {
            tracing::warn!(%error, "the journal still holds a revoked grant, sealed, until it is written anew");
        }
        Ok(gone)
    }
}

/// Where sealed secrets stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedTable {
    /// Pairs of tokens.
    Grants,
    /// Signing keys of hooks.
    Hooks,
}

/// A sealed secret and where it stands.
#[derive(Debug, Clone)]
pub struct SealedRow {
    /// The table.
    pub table: SealedTable,
    /// The row.
    pub id: String,
    /// The version of a grant; 0 otherwise.
    pub version: u64,
    /// What is sealed.
    pub sealed: Vec<u8>,
}

impl Store {
    /// Everything that is sealed and stays.
    ///
    /// # Errors
    /// As every read.
    pub fn sealed_rows(&self) -> Result<Vec<SealedRow>> {
        self.read(|connection| {
            let mut rows = Vec::new();
            for (table, sql) in [
                (
                    SealedTable::Grants,
                    "SELECT id, version, sealed FROM grants",
                ),
                (SealedTable::Hooks, "SELECT id, 0, sealed_secret FROM hooks"),
            ] {
                rows.extend(connection.query(sql, values![], |row| {
                    Ok(SealedRow {
                        table,
                        id: row.get(0)?,
                        version: row.get::<i64>(1)?.unsigned_abs(),
                        sealed: row.get(2)?,
                    })
                })?);
            }
            Ok(rows)
        })
    }

    /// Puts a sealed secret in the place of one; `false` if that is not there any more.
    ///
    /// # Errors
    /// As every write.
    pub fn replace_sealed(&self, old: SealedRow, sealed: Vec<u8>) -> Result<bool> {
        self.write(move |connection| {
            let sql = match old.table {
                SealedTable::Grants => {
                    "UPDATE grants SET sealed = ?3 WHERE id = ?1 AND sealed = ?2"
                }
                SealedTable::Hooks => {
                    "UPDATE hooks SET sealed_secret = ?3 WHERE id = ?1 AND sealed_secret = ?2"
                }
            };
            Ok(connection.execute(sql, values![old.id, old.sealed, sealed])? > 0)
        })
    }
}

/// A grant that a project holds, without the grant itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ProjectGrant {
    /// The key of the project.
    pub project: String,
    /// The server by its name in the configuration.
    pub server: String,
    /// When the project consented.
    pub consented_at: i64,
    /// Counts the renewals.
    pub version: u64,
    /// When it was last renewed.
    pub renewed_at: i64,
}

fn read_row(row: &Row<'_>) -> Result<SealedGrant> {
    Ok(SealedGrant {
        version: row.get::<i64>(0)?.unsigned_abs(),
        sealed: row.get(1)?,
    })
}
