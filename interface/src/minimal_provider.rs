use std::sync::Arc;
use vcs_provider_interface::prelude::*;

/// A provider of one made-up repository.
struct Example;

impl Provider for Example {
    fn info() -> ProviderInfo {
        ProviderInfo::new("example", "Example", env!("CARGO_PKG_VERSION"))
            .with_capabilities(["repo_by_fullname", "branches"])
    }

    fn new_server(config_toml: &str, _host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>> {
        if config_toml.contains("broken") {
            return Err(VcsError::config("broken", "there is no such key"));
        }
        Ok(Box::new(ExampleServer))
    }
}

struct ExampleServer;

impl VcsServer for ExampleServer {
    fn authorized_client(&self, _credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
        Ok(Box::new(ExampleClient))
    }
}

struct ExampleClient;

impl AuthorizedClient for ExampleClient {
    fn repo_by_fullname(
        &self,
        _context: &dyn CallContext,
        request: RepositoryRequest,
    ) -> Result<Repository> {
        if request.repo != "example/one" {
            let message = format!("there is no repository {:?}", request.repo);
            return Err(VcsError::new(ErrorKind::NOT_FOUND, message));
        }
        Ok(Repository {
            id: "1".to_owned(),
            fullname: request.repo,
            ..Default::default()
        })
    }

    fn branches(
        &self,
        _context: &dyn CallContext,
        _request: BranchesRequest,
        sink: &mut dyn PageSink<Branch>,
    ) -> Result<()> {
        let main = Branch {
            id: "refs/heads/main".to_owned(),
            display_id: "main".to_owned(),
            default: Some(true),
            ..Default::default()
        };
        sink.page(vec![main], Some(1))?;
        Ok(())
    }
}

vcs_provider_interface::export_provider!(Example);
