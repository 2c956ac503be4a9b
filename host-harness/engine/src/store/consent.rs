//! States of the consent flow: made once, accepted once.

use super::sql::values;
use super::{Result, Store};

/// What a state was made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentState {
    /// The key of the project that asked.
    pub project: String,
    /// The server by its name in the configuration.
    pub server: String,
    /// Where the service was told to send the user back to.
    pub redirect_uri: String,
    /// When the state ends.
    pub expires_at: i64,
    /// The PKCE verifier that belongs to it, sealed.
    pub sealed_verifier: Option<Vec<u8>>,
}

impl Store {
    /// Keeps a state by its digest, and drops those that have ended.
    ///
    /// # Errors
    /// As every write.
    pub fn add_consent_state(&self, digest: [u8; 32], state: ConsentState, now: i64) -> Result<()> {
        self.write(move |connection| {
            connection.execute(
                "DELETE FROM oauth_states WHERE expires_at <= ?1",
                values![now],
            )?;
            connection.execute(
                "INSERT INTO oauth_states VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                values![
                    digest,
                    state.project,
                    state.server,
                    state.redirect_uri,
                    state.expires_at,
                    state.sealed_verifier
                ],
            )?;
            Ok(())
        })
    }

    /// Takes a state out for good: whoever asks second, here or in another
    /// process, gets `None`.
    ///
    /// # Errors
    /// As every write.
    pub fn take_consent_state(&self, digest: [u8; 32]) -> Result<Option<ConsentState>> {
        self.write(move |connection| {
            connection.query_optional(
                "DELETE FROM oauth_states WHERE digest = ?1
                     RETURNING project, server, redirect_uri, expires_at, sealed_verifier",
                values![digest],
                |row| {
                    Ok(ConsentState {
                        project: row.get(0)?,
                        server: row.get(1)?,
                        redirect_uri: row.get(2)?,
                        expires_at: row.get(3)?,
                        sealed_verifier: row.get(4)?,
                    })
                },
            )
        })
    }
}
