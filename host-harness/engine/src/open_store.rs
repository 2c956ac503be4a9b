//! Opening the store that the configuration names.

use crate::clock::Clock;
use crate::config::{KeySource, StoreConfig};
use crate::grants::{GrantStore, StoreKey, read_private};
use crate::store::{PostgresSettings, Store};
use std::sync::Arc;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::secret::Secret;

/// Opens the store: the database of `store.url`, or the file of `store.path`.
///
/// # Errors
/// `Config` if the password cannot be read; `Unavailable` or `Internal` if the store
/// cannot be opened.
pub fn open_store(config: &StoreConfig) -> Result<Store> {
    match postgres_settings(config)? {
        Some(settings) => Ok(Store::open_postgres(&settings)?),
        None => Ok(Store::open(&config.path)?),
    }
}

/// The grants in a store, under the keys that the configuration names.
///
/// # Errors
/// `Config` if a key cannot be read, or the store was sealed with another one.
pub fn open_grants(
    config: &StoreConfig,
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
) -> Result<GrantStore> {
    let key = StoreKey::load(config.key.as_ref(), &config.path)?;
    let older = config.old_key.as_ref();
    let older = older.map(|source| StoreKey::load(Some(source), &config.path));
    GrantStore::open_with_older(store, &key, older.transpose()?.as_ref(), clock)
}

/// The schema of the store, which stays as it is; `None` if there is none yet.
///
/// # Errors
/// As [`open_store`].
pub fn schema_of(config: &StoreConfig) -> Result<Option<usize>> {
    Ok(match postgres_settings(config)? {
        Some(settings) => Store::schema_of_database(&settings)?,
        None => Store::schema_of_file(&config.path)?,
    })
}

/// How the database of `store.url` is reached; `None` for a file.
///
/// # Errors
/// `Config` if the password cannot be read.
fn postgres_settings(config: &StoreConfig) -> Result<Option<PostgresSettings>> {
    let Some(database) = &config.database else {
        return Ok(None);
    };
    let password = match &database.password {
        None => None,
        Some(KeySource::File(file)) => Some(read_private(file, "the database's password")?),
        Some(KeySource::Environment(name)) => {
            let text = std::env::var(name).map_err(|_| {
                let message =
                    format!("`store.passwordEnv`: the environment variable {name} is not set");
                VcsError::new(ErrorKind::CONFIG, message)
            })?;
            Some(Secret::new(text))
        }
    };
    let password = password.map(|text| Secret::from(text.expose().trim_end_matches(['\r', '\n'])));
    Ok(Some(PostgresSettings {
        password,
        ..database.settings.clone()
    }))
}

/// Whether there is a store to open, without making one.
#[must_use]
pub fn has_store(config: &StoreConfig) -> bool {
    config.database.is_some() || config.path.is_file()
}
