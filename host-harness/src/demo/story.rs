//! What the steps hand on to one another.

use super::receiver::PublicAddress;
use super::report::RequestLine;
use super::repository::DemoRepository;
use super::{DemoError, DemoOptions};
use mock_bitbucket::MockBitbucket;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use vcs_engine::config::EngineConfig;
use vcs_engine::engine::Engine;
use vcs_plugin_host::loader::LoadedProvider;
use vcs_provider_interface::abi::HostServer;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::provider::AuthorizedClient;
use vcs_provider_interface::records::Hook;
use vcs_provider_interface::secret::Secret;

/// The story so far. What a later step needs is there once an earlier one ended
/// well; the getters say so otherwise.
pub(super) struct Story<'a> {
    pub(super) options: &'a DemoOptions,
    pub(super) context: &'a HostCallContext,
    facts: Map<String, Value>,
    requests_seen: usize,
    pub(super) repository: Option<DemoRepository>,
    pub(super) repository_name: String,
    pub(super) plugin: Option<PathBuf>,
    pub(super) mock: Option<MockBitbucket>,
    pub(super) config: Option<EngineConfig>,
    pub(super) provider: Option<LoadedProvider>,
    pub(super) server: Option<Arc<HostServer>>,
    pub(super) client: Option<Box<dyn AuthorizedClient>>,
    pub(super) main_branch: String,
    pub(super) receiver: Option<PublicAddress>,
    pub(super) engine: Option<Engine>,
    pub(super) hook_secret: Option<Secret>,
    pub(super) hook: Option<Hook>,
    pub(super) pushed: Option<PushedCommit>,
    // The last field: what the others hold of it is gone before it is removed.
    folder: TempDir,
}

/// What was pushed.
#[derive(Clone, Debug)]
pub(super) struct PushedCommit {
    pub(super) branch: String,
    pub(super) hash: String,
}

impl<'a> Story<'a> {
    /// Begins with an empty folder.
    pub(super) fn begin(
        options: &'a DemoOptions,
        context: &'a HostCallContext,
    ) -> Result<Self, DemoError> {
        let folder = tempfile::Builder::new()
            .prefix("engine-demo-")
            .tempdir()
            .map_err(|error| DemoError::System("a temporary folder".to_owned(), error))?;
        Ok(Self {
            options,
            context,
            facts: Map::new(),
            requests_seen: 0,
            repository: None,
            repository_name: String::new(),
            plugin: None,
            mock: None,
            config: None,
            provider: None,
            server: None,
            client: None,
            main_branch: String::new(),
            receiver: None,
            engine: None,
            hook_secret: None,
            hook: None,
            pushed: None,
            folder,
        })
    }

    /// The folder that everything of the story stands in.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Notes something that was found.
    pub(super) fn fact(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// What was found since the last call.
    pub(super) fn take_facts(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.facts)
    }

    /// What the mock was asked since the last call.
    pub(super) fn take_requests(&mut self) -> Vec<RequestLine> {
        let Some(mock) = &self.mock else {
            return Vec::new();
        };
        let requests = mock.requests();
        let new = requests.get(self.requests_seen..).unwrap_or_default();
        let lines = new.iter().map(|exchange| RequestLine::from(&**exchange));
        let lines = lines.collect();
        self.requests_seen = requests.len();
        lines
    }

    /// The repository's full name on the mock.
    pub(super) fn repository_name(&self) -> &str {
        &self.repository_name
    }
}

/// What an earlier step made.
pub(super) fn made<'v, T: ?Sized>(value: Option<&'v T>, what: &str) -> Result<&'v T, DemoError> {
    value.ok_or_else(|| DemoError::Check(format!("no earlier step made {what}")))
}
