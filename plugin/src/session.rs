//! What belongs to one credential at one server and outlives a call: the
//! sender with its rate gate, and the little that is cached.

use crate::config::Config;
use crate::http::{Http, Request};
use crate::repository_name::RepositoryName;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use vcs_provider_interface::prelude::*;

/// How long the cached name of a main branch is used.
const MAIN_BRANCH_FRESH: Duration = Duration::from_secs(60);

/// The most repositories whose main branch is cached.
const MOST_CACHED: usize = 1000;

/// A credential at a server. Shared by all clients of that credential, from
/// several threads at once.
pub(crate) struct Session {
    pub(crate) http: Http,
    pub(crate) config: Arc<Config>,
    main_branches: Mutex<HashMap<RepositoryName, (Instant, Option<String>)>>,
}

impl Session {
    pub(crate) fn new(http: Http, config: Arc<Config>) -> Self {
        Self {
            http,
            config,
            main_branches: Mutex::default(),
        }
    }

    /// The name of a repository's main branch; `None` if the repository is empty.
    ///
    /// # Errors
    /// Those of a request.
    pub(crate) fn main_branch(
        &self,
        context: &dyn CallContext,
        repo: &RepositoryName,
    ) -> Result<Option<String>> {
        if let Some(known) = self.cached_main_branch(context, repo) {
            return Ok(known);
        }
        let request = Request::get(repo.path(&[])).fields("uuid,mainbranch.name");
        let response: crate::json::MainBranchOnly = self.http.json(context, &request)?;
        let name = response.name();
        self.cache_main_branch(repo, name.clone());
        Ok(name)
    }

    /// The cached main branch of a repository, where it is fresh: the
    /// outer `None` is that it has to be asked for.
    pub(crate) fn cached_main_branch(
        &self,
        context: &dyn CallContext,
        repo: &RepositoryName,
    ) -> Option<Option<String>> {
        if context.bypass_cache() {
            return None;
        }
        let (since, name) = self.cached().get(repo).cloned()?;
        (since.elapsed() < MAIN_BRANCH_FRESH).then_some(name)
    }

    /// Caches what a response said of a repository's main branch.
    pub(crate) fn cache_main_branch(&self, repo: &RepositoryName, name: Option<String>) {
        let mut cached = self.cached();
        if cached.len() >= MOST_CACHED {
            cached.clear();
        }
        cached.insert(repo.clone(), (Instant::now(), name));
    }

    fn cached(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<RepositoryName, (Instant, Option<String>)>> {
        self.main_branches
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
