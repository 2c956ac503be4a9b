//! Grants as they lie on the disk: sealed.

use super::{Result, Store, StoreError};
use rusqlite::{OptionalExtension, Row, params};

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
            Ok(connection
                .prepare_cached("SELECT version, sealed FROM grants WHERE id = ?1")?
                .query_row([id], read_row)
                .optional()?)
        })
    }

    /// Any grant that there is, to try a key on.
    ///
    /// # Errors
    /// As every read.
    pub fn first_sealed_grant(&self) -> Result<Option<(String, SealedGrant)>> {
        self.read(|connection| {
            Ok(connection
                .query_row(
                    "SELECT version, sealed, id FROM grants LIMIT 1",
                    [],
                    |row| Ok((row.get(2)?, read_row(row)?)),
                )
                .optional()?)
        })
    }

    /// Stores a sealed grant in place of one with a lower version.
    ///
    /// # Errors
    /// `Conflict` if the stored version is the same or higher.
    pub fn store_sealed_grant(&self, id: &str, grant: SealedGrant, now: i64) -> Result<()> {
        let id = id.to_owned();
        self.write(move |connection| {
            let version = i64::try_from(grant.version)
                .map_err(|_| StoreError::Conflict("the grant's version is too high".to_owned()))?;
            let changed = connection
                .prepare_cached(
                    "INSERT INTO grants (id, version, sealed, updated_at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (id) DO UPDATE SET version = excluded.version,
                         sealed = excluded.sealed, updated_at = excluded.updated_at
                     WHERE excluded.version > grants.version",
                )?
                .execute(params![id, version, grant.sealed, now])?;
            if changed == 0 {
                return Err(StoreError::Conflict(format!(
                    "the grant has version {version} or a higher one already; load it again"
                )));
            }
            Ok(())
        })
    }
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<SealedGrant> {
    Ok(SealedGrant {
        version: row.get::<_, i64>(0)?.unsigned_abs(),
        sealed: row.get(1)?,
    })
}
