//! The plugin of the matrix: what it implements depends on its interface.

#![forbid(unsafe_code)]

use std::sync::Arc;
use vcs_provider_interface::prelude::*;

struct Matrix;

impl Provider for Matrix {
    fn info() -> ProviderInfo {
        ProviderInfo::new("matrix", "Matrix", "1.0.0")
    }

    fn new_server(_config_toml: &str, host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>> {
        Ok(Box::new(Server { host }))
    }
}

struct Server {
    host: Arc<dyn HostServices>,
}

impl VcsServer for Server {
    fn authorized_client(&self, _credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
        #[cfg(feature = "host-name")]
        let host_name = self.host.host_name();
        #[cfg(not(feature = "host-name"))]
        let host_name = format!("not asked, log {}", self.host.is_log_enabled(LogLevel::INFO));
        Ok(Box::new(Client { host_name }))
    }

    #[cfg(feature = "greeting")]
    fn greeting(&self, _context: &dyn CallContext, request: RepositoryRequest) -> Result<Repository> {
        Ok(Repository {
            name: format!("greetings to {}", request.repo),
            ..Default::default()
        })
    }
}

struct Client {
    host_name: String,
}

impl AuthorizedClient for Client {
    fn branches(
        &self,
        _context: &dyn CallContext,
        request: BranchesRequest,
        sink: &mut dyn PageSink<Branch>,
    ) -> Result<()> {
        for name in ["one", "two"] {
            let branch = Branch {
                display_id: format!("{}/{name}", request.repo),
                parents: vec!["p".to_owned()],
                ..Default::default()
            };
            sink.page(vec![branch], Some(2))?;
        }
        Ok(())
    }

    fn repo_by_fullname(
        &self,
        context: &dyn CallContext,
        request: RepositoryRequest,
    ) -> Result<Repository> {
        match request.repo.as_str() {
            "panic" => panic!("as asked"),
            "error" => Err(VcsError::new(ErrorKind::RATE_LIMITED, context.request_id())),
            _ => Ok(Repository {
                name: self.host_name.clone(),
                ..Default::default()
            }),
        }
    }

    #[cfg(feature = "ping")]
    fn ping(&self, _context: &dyn CallContext, request: RepositoryRequest) -> Result<Repository> {
        Ok(Repository {
            name: format!("pong {}", request.repo),
            ..Default::default()
        })
    }
}

vcs_provider_interface::export_provider!(Matrix);
