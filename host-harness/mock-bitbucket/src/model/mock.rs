//! The mocked service as a whole: everything that its requests share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::git::objects::RefKind;
use crate::git::repository::GitError;
use crate::model::clock::Clock;
use crate::model::deliveries::Deliveries;
use crate::model::ids::Ids;
use crate::model::links::Urls;
use crate::model::oauth::OAuthServer;
use crate::model::repository::Repository;
use crate::model::state::State;
use crate::model::storage_host::Storage;
use crate::model::tokens::TokenStore;
use crate::model::walks::WalkCache;
use crate::sync::lock;

/// What cannot change while the mock serves.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Waited before every response.
    pub(crate) latency: Duration,
    /// Whether raw slashes in names of refs and unknown query parameters are taken.
    pub(crate) lenient: bool,
    /// Whether hooks may point at this machine or a private network.
    pub(crate) allow_local_hook_urls: bool,
    /// The OAuth consumer's identifier.
    pub(crate) client_id: String,
    /// The OAuth consumer's secret.
    pub(crate) client_secret: String,
    /// The OAuth consumer's callback addresses; never empty.
    pub(crate) callback_urls: Vec<String>,
}

/// The whole mocked service, shared by all connections.
pub(crate) struct Mock {
    pub(crate) urls: Urls,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) ids: Arc<Ids>,
    pub(crate) state: Mutex<State>,
    pub(crate) tokens: Mutex<TokenStore>,
    pub(crate) oauth: Mutex<OAuthServer>,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) walks: WalkCache,
    pub(crate) storage: Arc<Storage>,
    /// By uuid of the repository: what its refs came to, and since when.
    refs_seen: Mutex<HashMap<String, (u64, String)>>,
    /// One lock per repository: pushes are compared with what was there before.
    push_locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// The parts of a [`Mock`] that its builder decides.
pub(crate) struct Parts {
    pub(crate) urls: Urls,
    pub(crate) settings: Settings,
    pub(crate) ids: Arc<Ids>,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) storage: Arc<Storage>,
}

impl Mock {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            urls: parts.urls,
            settings: parts.settings,
            clock: Clock::new(),
            ids: parts.ids,
            state: Mutex::default(),
            tokens: Mutex::default(),
            oauth: Mutex::default(),
            deliveries: parts.deliveries,
            walks: WalkCache::default(),
            storage: parts.storage,
            refs_seen: Mutex::default(),
            push_locks: Mutex::default(),
        }
    }

    /// The main branch, if the repository has any branch at all.
    pub(crate) fn main_branch(&self, repository: &Repository) -> Result<Option<String>, GitError> {
        let wanted = match &repository.main_branch {
            Some(name) => Some(name.clone()),
            None => repository.git.head_branch()?,
        };
        if let Some(name) = wanted {
            if repository.git.find_ref(RefKind::Branch, &name)?.is_some() {
                return Ok(Some(name));
            }
        }
        // HEAD is detached or names a branch that is not there: any branch will do.
        Ok(repository
            .git
            .refs(RefKind::Branch)?
            .first()
            .map(|first| first.name.clone()))
    }

    /// When a repository last changed: its settings, or a branch or tag of it. What
    /// was pushed past the mock counts from when it is first seen.
    pub(crate) fn updated_on(&self, repository: &Repository) -> Result<String, GitError> {
        let digest = repository.git.refs_digest()?;
        let mut seen = lock(&self.refs_seen);
        let (known, since) = seen
            .entry(repository.uuid.clone())
            .or_insert_with(|| (digest, repository.updated_on.clone()));
        if *known != digest {
            *known = digest;
            *since = self.clock.timestamp();
        }
        // All are written alike, so the later one is the greater one.
        Ok(repository.updated_on.clone().max(since.clone()))
    }

    /// The lock that pushes to a repository hold.
    pub(crate) fn push_lock(&self, uuid: &str) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(lock(&self.push_locks).entry(uuid.to_owned()).or_default())
    }
}
