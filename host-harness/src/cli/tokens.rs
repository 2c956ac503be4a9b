//! `engine tokens`: tokens of callers, in the engine's store.

use super::args::tokens::{CreateTokenArguments, TokensArguments, TokensCommand};
use super::failure::Failure;
use super::output::Output;
use super::render::Row;
use super::session::config_of;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use vcs_engine::clock::{Clock, SystemClock};
use vcs_engine::open_store::open_store;
use vcs_engine::store::{Store, StoredToken};
use vcs_engine::tokens::{self, RUN_TOKEN_LIFE, Role};
use vcs_provider_interface::error::VcsError;

/// Makes, lists or revokes tokens.
pub(super) fn run(arguments: &TokensArguments, output: &Output) -> Result<(), Failure> {
    let config = config_of(&arguments.directory)?.ok_or_else(|| {
        Failure::usage("say where the configuration is, with --config FILE or ENGINE_CONFIG")
    })?;
    let store = open_store(&config.store)?;
    let now = SystemClock.now_ms();
    match &arguments.command {
        TokensCommand::Create(wanted) => create(&store, wanted, now, output),
        TokensCommand::List => {
            let rows: Vec<TokenRow> = store
                .tokens()
                .map_err(VcsError::from)?
                .into_iter()
                .map(|token| TokenRow::new(token, now))
                .collect();
            let mut list = output.list();
            list.page(&rows)
                .map_err(|error| Failure::standard_output(&error))?;
            list.finish()
        }
        TokensCommand::Revoke { id } => {
            store.revoke_token(id, now).map_err(VcsError::from)?;
            output.done()
        }
    }
}

fn create(
    store: &Store,
    wanted: &CreateTokenArguments,
    now: i64,
    output: &Output,
) -> Result<(), Failure> {
    let role = Role::new(&wanted.role, wanted.project.clone(), wanted.run)?;
    let life = match role {
        Role::Run { .. } => Some(
            wanted
                .expires
                .map_or(RUN_TOKEN_LIFE, |life| life.min(RUN_TOKEN_LIFE)),
        ),
        _ => wanted.expires,
    };
    let issued = tokens::issue(store, &role, &wanted.name, life, now)?;
    let expires = issued.expires_at.map(readable);
    output.either(
        || {
            json!({
                "id": issued.id,
                "token": issued.token.expose(),
                "role": wanted.role,
                "expires_at": issued.expires_at,
            })
        },
        // Alone on its line, so that a script or a person can copy it.
        || {
            let end = expires.clone().unwrap_or_else(|| "never".to_owned());
            format!(
                "{}\nid {}, role {}, ends {end}. The token cannot be shown again.\n",
                issued.token.expose(),
                issued.id,
                wanted.role
            )
        },
    )
}

/// A token in a list.
#[derive(Serialize)]
struct TokenRow {
    #[serde(flatten)]
    token: StoredToken,
    state: &'static str,
}

impl TokenRow {
    fn new(token: StoredToken, now: i64) -> Self {
        let state = match (token.revoked_at, token.expires_at) {
            (Some(_), _) => "revoked",
            (None, Some(end)) if end <= now => "expired",
            _ => "good",
        };
        Self { token, state }
    }
}

impl Row for TokenRow {
    const COLUMNS: &'static [&'static str] = &[
        "ID", "ROLE", "PROJECT", "STATE", "CREATED", "EXPIRES", "NAME",
    ];

    fn cells(&self) -> Vec<String> {
        let token = &self.token;
        vec![
            token.id.clone(),
            token.role.clone(),
            token.project.clone().unwrap_or_else(|| "-".to_owned()),
            self.state.to_owned(),
            readable(token.created_at),
            token
                .expires_at
                .map_or_else(|| "never".to_owned(), readable),
            token.name.clone(),
        ]
    }
}

fn readable(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds).map_or_else(
        |_| milliseconds.to_string(),
        |time| time.strftime("%Y-%m-%d %H:%M").to_string(),
    )
}
