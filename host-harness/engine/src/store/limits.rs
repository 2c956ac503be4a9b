//! Until when services want to be left alone by a credential, for all engines.

use super::sql::values;
use super::{Result, Store};

/// A credential that a service wants no calls with for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBack {
    /// The server by its name in the configuration.
    pub server: String,
    /// The id of the grant; empty for what the configuration names.
    pub credential: String,
    /// Until then.
    pub until: i64,
}

impl Store {
    /// Takes note that a service wants no calls with a credential; the latest time holds.
    ///
    /// # Errors
    /// As every write.
    pub fn hold_back(&self, limit: HeldBack, now: i64) -> Result<()> {
        self.write(move |connection| {
            connection.execute("DELETE FROM held_back WHERE until <= ?1", values![now])?;
            connection.execute(
                "INSERT INTO held_back (server, credential, until) VALUES (?1, ?2, ?3)
                 ON CONFLICT (server, credential) DO UPDATE SET until = excluded.until
                 WHERE held_back.until < excluded.until",
                values![limit.server, limit.credential, limit.until],
            )?;
            Ok(())
        })
    }

    /// What is held back after this time.
    ///
    /// # Errors
    /// As every read.
    pub fn held_back(&self, now: i64) -> Result<Vec<HeldBack>> {
        self.read(|connection| {
            connection.query(
                "SELECT server, credential, until FROM held_back WHERE until > ?1",
                values![now],
                |row| {
                    Ok(HeldBack {
                        server: row.get(0)?,
                        credential: row.get(1)?,
                        until: row.get(2)?,
                    })
                },
            )
        })
    }
}
