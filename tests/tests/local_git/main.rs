//! The provider of plain git repositories, through its loaded library.

mod calls;
mod history;
mod repositories;

use integration_tests::bitbucket::pinned_copy;
use integration_tests::built_library;
use integration_tests::host::RecordingHost;
use integration_tests::sandbox::{GitSandbox, git_command, run_git};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;
use vcs_plugin_host::loader::Loader;
use vcs_provider_interface::abi::{HostProvider, HostServer};
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

const REPO: &str = "acme/widget";

fn provider() -> HostProvider {
    static LOADED: OnceLock<HostProvider> = OnceLock::new();
    *LOADED.get_or_init(|| {
        let plugin = pinned_copy(&built_library("vcs-local-git"));
        Loader::default().load(&plugin).unwrap().provider
    })
}

fn server(config: &str) -> Result<HostServer> {
    provider().new_server(config, RecordingHost::new() as Arc<dyn HostServices>)
}

/// A folder of repositories with a bare copy of the sandbox in it.
struct Folder {
    root: TempDir,
    git: GitSandbox,
    client: Box<dyn AuthorizedClient>,
}

impl Folder {
    fn small() -> Self {
        Self::of(GitSandbox::small())
    }

    fn of(git: GitSandbox) -> Self {
        let root = TempDir::new().unwrap();
        let mut clone = git_command();
        clone
            .args(["clone", "--quiet", "--mirror"])
            .arg(git.path())
            .arg(root.path().join("acme/widget.git"));
        run_git(clone, "");
        let server = server(&format!("root = {:?}", root.path())).unwrap();
        let client = server.authorized_client(Credential::anonymous()).unwrap();
        Self { root, git, client }
    }

    /// Brings what was done in the sandbox into the bare copy.
    fn push(&self) {
        let mut fetch = self.bare();
        fetch.args(["fetch", "--quiet", "--prune", "origin"]);
        run_git(fetch, "");
    }

    fn bare(&self) -> Command {
        let mut command = git_command();
        command
            .arg("--git-dir")
            .arg(self.root.path().join("acme/widget.git"));
        command
    }

    fn branch(&self, name: Option<&str>) -> Result<Branch> {
        let request = BranchRequest {
            repo: REPO.to_owned(),
            name: name.map(str::to_owned),
            ..Default::default()
        };
        self.client.branch(&context(), request)
    }

    fn branch_names(&self, request: BranchesRequest) -> Vec<String> {
        let request = BranchesRequest {
            repo: REPO.to_owned(),
            ..request
        };
        collect(|sink| self.client.branches(&context(), request, sink))
            .unwrap()
            .into_iter()
            .map(|branch| branch.display_id)
            .collect()
    }

    fn poll(&self, cursor: Option<String>) -> PolledEvents {
        let request = PollEventsRequest {
            repo: REPO.to_owned(),
            cursor,
            kinds: Vec::new(),
            ..Default::default()
        };
        self.client.poll_events(&context(), request).unwrap()
    }
}

fn context() -> HostCallContext {
    HostCallContext::new("local").with_time_limit(Duration::from_secs(60))
}
