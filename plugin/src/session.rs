//! What belongs to one credential at one server and outlives a call: the
//! sender with its rate gate, and the little that is remembered.

use crate::config::Config;
use crate::http::{Http, Request};
use crate::repository_name::RepositoryName;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use vcs_provider_interface::prelude::*;

/// How long the name of a main branch is believed.
const MAIN_BRANCH_BELIEVED: Duration = Duration::from_secs(60);

/// Repositories whose main branch is remembered at most.
const MOST_REMEMBERED: usize = 1000;

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
        if let Some(known) = self.remembered_main_branch(context, repo) {
            return Ok(known);
        }
        let request = Request::get(repo.path(&[])).fields("uuid,mainbranch.name");
        let answer: crate::json::MainBranchOnly = self.http.json(context, &request)?;
        let name = answer.name();
        self.remember_main_branch(repo, name.clone());
        Ok(name)
    }

    /// What is remembered of a repository's main branch and may be believed: the
    /// outer `None` is that it has to be asked for.
    pub(crate) fn remembered_main_branch(
        &self,
        context: &dyn CallContext,
        repo: &RepositoryName,
    ) -> Option<Option<String>> {
        if context.bypass_cache() {
            return None;
        }
        let (since, name) = self.remembered().get(repo).cloned()?;
        (since.elapsed() < MAIN_BRANCH_BELIEVED).then_some(name)
    }

    /// Remembers what an answer said of a repository's main branch.
    pub(crate) fn remember_main_branch(&self, repo: &RepositoryName, name: Option<String>) {
        let mut remembered = self.remembered();
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(repo.clone(), (Instant::now(), name));
    }

    fn remembered(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<RepositoryName, (Instant, Option<String>)>> {
        self.main_branches
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
