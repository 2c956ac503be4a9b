//! `engine grants`: what projects have consented to, in the engine's store.

use super::args::grants::{GrantsArguments, GrantsCommand};
use super::failure::Failure;
use super::output::Output;
use super::render::Row;
use super::session::{config_of, grants_of};
use jiff::Timestamp;
use serde::Serialize;
use std::time::Duration;
use vcs_engine::consent::grant_id;
use vcs_engine::open_store::open_store;
use vcs_engine::store::ProjectGrant;
use vcs_provider_interface::error::VcsError;

/// How long to wait for an engine that renews the grant.
const LOCK_WAIT: Duration = Duration::from_secs(30);

/// Lists grants, or takes one away.
pub(super) fn run(arguments: &GrantsArguments, output: &Output) -> Result<(), Failure> {
    let config = config_of(&arguments.directory)?.ok_or_else(|| {
        Failure::usage("say where the configuration is, with --config FILE or ENGINE_CONFIG")
    })?;
    match &arguments.command {
        GrantsCommand::List => {
            let store = open_store(&config.store)?;
            let rows: Vec<GrantRow> = store
                .project_grants()
                .map_err(VcsError::from)?
                .into_iter()
                .map(GrantRow)
                .collect();
            let mut list = output.list();
            list.page(&rows)
                .map_err(|error| Failure::standard_output(&error))?;
            list.finish()
        }
        GrantsCommand::Revoke { project, server } => {
            let id = grant_id(project, server);
            grants_of(&config)?.revoke(project, server, &id, LOCK_WAIT)?;
            output.done()
        }
    }
}

/// A grant in a list.
#[derive(Serialize)]
#[serde(transparent)]
struct GrantRow(ProjectGrant);

impl Row for GrantRow {
    const COLUMNS: &'static [&'static str] = &["PROJECT", "SERVER", "CONSENTED", "RENEWED"];

    fn cells(&self) -> Vec<String> {
        let grant = &self.0;
        vec![
            grant.project.clone(),
            grant.server.clone(),
            readable(grant.consented_at),
            readable(grant.renewed_at),
        ]
    }
}

fn readable(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds).map_or_else(
        |_| milliseconds.to_string(),
        |time| time.strftime("%Y-%m-%d %H:%M").to_string(),
    )
}
