//! Tokens of callers, as digests.

use super::sql::{Row, values};
use super::{Result, Store, StoreError};

/// A token as it is stored: everything but the token itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct StoredToken {
    /// The name that lists and `revoke` use; not secret.
    pub id: String,
    /// What a person called it.
    pub name: String,
    /// The word for its role.
    pub role: String,
    /// The project that it is bound to.
    pub project: Option<String>,
    /// The run that it is bound to.
    pub run: Option<i64>,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: Option<i64>,
    /// When somebody revoked it.
    pub revoked_at: Option<i64>,
}

const COLUMNS: &str = "id, name, role, project, run, created_at, expires_at, revoked_at";

impl Store {
    /// Stores a token by its digest.
    ///
    /// # Errors
    /// As every write; `NotFound` if it is bound to a run that is not there.
    pub fn add_token(&self, digest: [u8; 32], token: StoredToken) -> Result<()> {
        self.write(move |connection| {
            if let Some(run) = token.run {
                let is_there =
                    connection.exists("SELECT 1 FROM runs WHERE id = ?1", values![run])?;
                if !is_there {
                    return Err(StoreError::NotFound(format!("there is no run {run}")));
                }
            }
            connection.execute(
                "INSERT INTO tokens
                     (digest, id, name, role, project, run, created_at, expires_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                values![
                    digest,
                    token.id,
                    token.name,
                    token.role,
                    token.project,
                    token.run,
                    token.created_at,
                    token.expires_at
                ],
            )?;
            Ok(())
        })
    }

    /// The token with this digest, also one that has ended or was revoked.
    ///
    /// # Errors
    /// As every read.
    pub fn token(&self, digest: [u8; 32]) -> Result<Option<StoredToken>> {
        self.read(|connection| {
            connection.query_optional(
                &format!("SELECT {COLUMNS} FROM tokens WHERE digest = ?1"),
                values![digest],
                read_row,
            )
        })
    }

    /// All tokens but those of runs, which come and go by themselves; oldest first.
    ///
    /// # Errors
    /// As every read.
    pub fn tokens(&self) -> Result<Vec<StoredToken>> {
        self.read(|connection| {
            let sql =
                format!("SELECT {COLUMNS} FROM tokens WHERE run IS NULL ORDER BY created_at, id");
            connection.query(&sql, values![], read_row)
        })
    }

    /// Revokes a token; from then on nobody gets in with it.
    ///
    /// # Errors
    /// As every write; `NotFound` if there is none of this id.
    pub fn revoke_token(&self, id: &str, now: i64) -> Result<()> {
        let id = id.to_owned();
        self.write(move |connection| {
            let changed = connection.execute(
                "UPDATE tokens SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1",
                values![id, now],
            )?;
            if changed == 0 {
                return Err(StoreError::NotFound(format!("there is no token {id:?}")));
            }
            Ok(())
        })
    }

    /// Deletes tokens that ended or were revoked before this time.
    ///
    /// # Errors
    /// As every write.
    pub fn purge_tokens(&self, before: i64) -> Result<usize> {
        self.write(move |connection| {
            connection.execute(
                "DELETE FROM tokens WHERE expires_at < ?1 OR revoked_at < ?1",
                values![before],
            )
        })
    }
}

fn read_row(row: &Row<'_>) -> Result<StoredToken> {
    Ok(StoredToken {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        project: row.get(3)?,
        run: row.get(4)?,
        created_at: row.get(5)?,
        expires_at: row.get(6)?,
        revoked_at: row.get(7)?,
    })
}
