//! `engine store`: what the engine keeps, looked at, migrated, copied and backed up.

use super::args::store::{KeyCommand, StoreArguments, StoreCommand};
use super::failure::Failure;
use super::output::Output;
use super::session::{config_of, grants_of};
use serde_json::json;
use std::path::Path;
use vcs_engine::clock::{Clock, SystemClock};
use vcs_engine::config::EngineConfig;
use vcs_engine::open_store::open_store;
use vcs_engine::store::{Store, StoreError};
use vcs_provider_interface::error::VcsError;

/// Does what is asked for.
pub(super) fn run(arguments: &StoreArguments, output: &Output) -> Result<(), Failure> {
    let config = config_of(&arguments.directory)?.ok_or_else(|| {
        Failure::usage("say where the configuration is, with --config FILE or ENGINE_CONFIG")
    })?;
    match &arguments.command {
        StoreCommand::Check => check(&config, output),
        StoreCommand::Migrate => migrate(&config, output),
        StoreCommand::Backup { file } => backup(&config, file, output),
        StoreCommand::Key(KeyCommand::Rotate) => rotate(&config, output),
        StoreCommand::Copy { from } => copy(&config, from, output),
    }
}

/// Opening a store migrates it.
fn migrate(config: &EngineConfig, output: &Output) -> Result<(), Failure> {
    let store = open_store(&config.store)?;
    output.record(&json!({ "store": store.place(), "schema": Store::newest_schema() }))
}

fn check(config: &EngineConfig, output: &Output) -> Result<(), Failure> {
    let found = vcs_engine::open_store::schema_of(&config.store)?;
    let newest = Store::newest_schema();
    if found != Some(newest) {
        let is = found.map_or("empty".to_owned(), |found| format!("of schema {found}"));
        let message = format!(
            "the store is {is}, this engine's is {newest}: run `engine store migrate`, or start \
             the engine"
        );
        return Err(VcsError::from(StoreError::Conflict(message)).into());
    }
    // The key is tried on what is sealed.
    drop(grants_of(config)?);
    let store = open_store(&config.store)?;
    store.check().map_err(VcsError::from)?;
    store.check_integrity().map_err(VcsError::from)?;
    let figures = store
        .figures(SystemClock.now_ms())
        .map_err(VcsError::from)?;
    let events: serde_json::Map<_, _> = figures
        .events
        .into_iter()
        .map(|(state, count)| (state, count.into()))
        .collect();
    output.record(&json!({ "store": store.place(), "schema": newest, "events": events }))
}

fn backup(config: &EngineConfig, file: &Path, output: &Output) -> Result<(), Failure> {
    let store = open_store(&config.store)?;
    store.back_up(file).map_err(VcsError::from)?;
    output.record(&json!({ "store": store.place(), "backup": file.display().to_string() }))
}

fn rotate(config: &EngineConfig, output: &Output) -> Result<(), Failure> {
    if config.store.old_key.is_none() {
        return Err(Failure::usage(
            "name the key before in `store.oldKeyFile` or `store.oldKeyEnv`, and the new one in \
             `store.keyFile` or `store.keyEnv`",
        ));
    }
    let sealed = grants_of(config)?.seal_anew()?;
    output.record(&json!({ "sealed_anew": sealed }))
}

fn copy(config: &EngineConfig, from: &Path, output: &Output) -> Result<(), Failure> {
    if !from.is_file() {
        return Err(Failure::usage(format!(
            "there is no store in {}",
            from.display()
        )));
    }
    let store = open_store(&config.store)?;
    let file = Store::open(from).map_err(VcsError::from)?;
    let copied = store.copy_from(&file).map_err(VcsError::from)?;
    output.record(&json!({ "from": file.place(), "to": store.place(), "tables": copied }))
}
