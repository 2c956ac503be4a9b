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
        #[cfg(feature = "since-1-1")]
        let host_name = self.host.host_name();
        #[cfg(not(feature = "since-1-1"))]
        let host_name = format!("not asked, log {}", self.host.is_log_enabled(LogLevel::INFO));
        Ok(Box::new(Client { host_name }))
    }

    #[cfg(feature = "since-1-2")]
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

    /// Tells of an event of a kind that 1.0 does not know, where it can, and for
    /// which kinds it was asked.
    fn poll_events(
        &self,
        _context: &dyn CallContext,
        request: PollEventsRequest,
    ) -> Result<PolledEvents> {
        #[cfg(feature = "since-1-1")]
        let kind = EventKind::BRANCH_LOCKED;
        #[cfg(not(feature = "since-1-1"))]
        let kind = EventKind::REF_CREATED;
        let asked: Vec<String> = request.kinds.iter().map(ToString::to_string).collect();
        let event = Event {
            kind,
            extra: request.extra,
            ..Default::default()
        };
        Ok(PolledEvents {
            events: vec![event],
            cursor: asked.join(" "),
            ..Default::default()
        })
    }

    #[cfg(feature = "since-1-1")]
    fn labels(
        &self,
        _context: &dyn CallContext,
        request: RepositoryRequest,
        sink: &mut dyn PageSink<Label>,
    ) -> Result<()> {
        for name in ["bug", "wish"] {
            let label = Label {
                name: format!("{}:{name}", request.repo),
                ..Default::default()
            };
            sink.page(vec![label], None)?;
        }
        Ok(())
    }

    #[cfg(feature = "since-1-2")]
    fn logo(
        &self,
        _context: &dyn CallContext,
        _request: RepositoryRequest,
        sink: &mut dyn ByteSink,
    ) -> Result<Done> {
        sink.chunk(b"picture")?;
        Ok(Done::changed())
    }

    #[cfg(feature = "since-1-1")]
    fn ping(&self, _context: &dyn CallContext, request: RepositoryRequest) -> Result<Repository> {
        Ok(Repository {
            name: format!("pong {}", request.repo),
            ..Default::default()
        })
    }
}

vcs_provider_interface::export_provider!(Matrix);
