//! Linking an account: the engine's own consent flow, with a store of its own,
//! through the service's real consent page.

use super::expect;
use crate::demo::DemoError;
use crate::demo::receiver::CallbackQuery;
use crate::demo::story::{Story, made};
use mock_bitbucket::ConsentDecision;
use serde_json::{Value, json};
use std::sync::Arc;
use vcs_engine::clock::{Clock, SystemClock};
use vcs_engine::config::EngineConfig;
use vcs_engine::consent::{Callback, ConsentError};
use vcs_engine::engine::{Engine, Settings};
use vcs_engine::grants::{GrantStore, StoreKey};
use vcs_engine::open_store::open_store as open_configured;
use vcs_engine::servers::Servers;
use vcs_engine::store::Store;
use vcs_provider_interface::abi::HostServer;
use vcs_provider_interface::error::{ErrorKind, Result as VcsResult, VcsError};
use vcs_provider_interface::provider::VcsServer;
use vcs_provider_interface::secret::Secret;

/// The project that the demo links for.
const PROJECT: &str = "DEMO";

/// Opens a store beside the configuration, with a key of its own.
pub(super) fn open_store(
    config: &EngineConfig,
) -> Result<(Arc<Store>, Arc<GrantStore>), DemoError> {
    let store = open_configured(&config.store)?;
    let store = Arc::new(store);
    let key = StoreKey::load(config.store.key.as_ref(), &config.store.path)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let grants = GrantStore::open(Arc::clone(&store), &key, clock)?;
    Ok((store, Arc::new(grants)))
}

/// An engine with this one server.
pub(super) fn engine_of(
    config: &EngineConfig,
    server: &Arc<HostServer>,
    store: Arc<Store>,
    grants: Arc<GrantStore>,
) -> Result<Engine, DemoError> {
    let configured = config.server(None)?;
    let servers = OneServer {
        name: configured.name.clone(),
        provider_type: configured.provider_type.clone(),
        server: Arc::clone(server),
    };
    Ok(Engine::new(
        grants,
        store,
        Arc::new(servers),
        Arc::new(SystemClock),
        Settings::of(config),
    ))
}

pub(super) fn link_account(story: &mut Story<'_>) -> Result<(), DemoError> {
    let engine = made(story.engine.as_ref(), "an engine")?;
    let mock = made(story.mock.as_ref(), "a mock")?;
    let receiver = made(story.receiver.as_ref(), "a listener")?;
    let name = made(story.config.as_ref(), "a configuration")?
        .server(None)?
        .name
        .clone();
    let consent = engine.begin_consent(PROJECT, &name)?;
    let back = mock.consent(&consent.url, &ConsentDecision::Allow)?;
    let query = receiver
        .follow(&back)
        .map_err(|error| DemoError::System("the callback".to_owned(), error))?;
    let consented = engine
        .end_consent(callback(&query))
        .map_err(|error| DemoError::Check(error.to_string()))?;
    let again = engine.end_consent(callback(&query));
    expect(matches!(again, Err(ConsentError::UnknownState)), || {
        "a state was accepted twice".to_owned()
    })?;
    let client = engine.client(Some(PROJECT), &name)?;
    story.fact("project", consented.project);
    story.fact("redirect_uri", consent.redirect_uri);
    story.fact("scopes", consented.scopes);
    story.client = Some(client);
    Ok(())
}

fn callback(query: &CallbackQuery) -> Callback {
    let secret = |name: &str| query.get(name).map(|value| Secret::from(value.as_str()));
    Callback {
        state: secret("state"),
        code: secret("code"),
        error: query.get("error").cloned(),
        expected: None,
        browser: None,
        issuer: query.get("iss").cloned(),
    }
}

/// The demo's only server, which is never replaced.
struct OneServer {
    name: String,
    provider_type: String,
    server: Arc<HostServer>,
}

impl Servers for OneServer {
    fn names(&self) -> Vec<(String, String)> {
        vec![(self.name.clone(), self.provider_type.clone())]
    }

    fn server(&self, name: &str) -> VcsResult<Arc<dyn VcsServer>> {
        if name == self.name {
            Ok(Arc::clone(&self.server) as Arc<dyn VcsServer>)
        } else {
            let message = format!("there is no server {name:?}");
            Err(VcsError::new(ErrorKind::NOT_FOUND, message))
        }
    }

    fn is_served(&self, _: &str) -> bool {
        true
    }

    fn health(&self) -> Value {
        json!({ "servers": [self.name] })
    }

    fn reload(&self) -> Value {
        json!({})
    }
}
