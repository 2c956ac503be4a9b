//! `[store]`: where the engine keeps its data.

use super::raw::RawStore;
use super::source::Source;
use super::{ConfigError, KeySource};
use crate::store::{DEFAULT_CONNECTIONS, PostgresSettings};
use std::path::{Path, PathBuf};

/// The most connections that write.
const MOST_CONNECTIONS: usize = 100;

/// `[store]`.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The database file. With a database, the place beside which an engine makes what
    /// is its own: its token, and copies of plugins.
    pub path: PathBuf,
    /// The database that engines share; `None` for the file.
    pub database: Option<DatabaseConfig>,
    /// Where the key is that grants are encrypted with; `None` leaves it to the store.
    pub key: Option<KeySource>,
    /// Where the key before is, while what it sealed is sealed anew.
    pub old_key: Option<KeySource>,
}

/// `store.url`: a database that engines share.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// How it is reached, without the password.
    pub settings: PostgresSettings,
    /// Where the password is; `None` where the server asks for none.
    pub password: Option<KeySource>,
}

impl Source<'_> {
    /// The database of `[store]`, if it names one.
    pub(super) fn database(
        &self,
        raw: &RawStore,
        has_key: bool,
        password: Option<KeySource>,
        directory: &Path,
    ) -> Result<Option<DatabaseConfig>, ConfigError> {
        let Some(url) = &raw.url else {
            for (key, is_set) in [
                ("store.passwordFile", raw.password_file.is_some()),
                ("store.passwordEnv", raw.password_env.is_some()),
                ("store.caFile", raw.ca_file.is_some()),
                ("store.connections", raw.connections.is_some()),
            ] {
                if is_set {
                    return Err(self.error(key, "is for a database; name it in `store.url`"));
                }
            }
            return Ok(None);
        };
        if raw.path.is_some() {
            return Err(self.error("store.path", "stands beside `store.url`; keep one"));
        }
        let settings = PostgresSettings {
            ca_file: raw.ca_file.as_ref().map(|file| directory.join(file)),
            connections: raw.connections.unwrap_or(DEFAULT_CONNECTIONS),
            ..PostgresSettings::new(url)
        };
        settings
            .check()
            .map_err(|problem| self.error("store.url", problem))?;
        if !(1..=MOST_CONNECTIONS).contains(&settings.connections) {
            let message = format!("must be from 1 to {MOST_CONNECTIONS}");
            return Err(self.error("store.connections", message));
        }
        if !has_key {
            let message = "several engines share the database, and need the same key: name it in \
                           `store.keyFile` or `store.keyEnv`";
            return Err(self.error("store.url", message));
        }
        Ok(Some(DatabaseConfig { settings, password }))
    }
}
