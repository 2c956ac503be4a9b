#![forbid(unsafe_code)]

use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use vcs_provider_interface::prelude::*;

/// The entry: what the provider is, and how a server is made.
pub struct StaticProvider;

impl Provider for StaticProvider {
    fn info() -> ProviderInfo {
        ProviderInfo::new("static", "Static repositories", env!("CARGO_PKG_VERSION"))
            .with_capabilities([
                "repos",
                "branches",
                "repo_by_fullname",
                "branch",
                "check_connection",
            ])
    }

    fn new_server(config_toml: &str, host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>> {
        let config: Config = toml::from_str(config_toml).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            VcsError::config_text(config_toml, offset, error.message())
        })?;
        host.log(LogRecord {
            level: LogLevel::INFO,
            target: "static".to_owned(),
            message: format!("{} repositories are configured", config.repositories.len()),
            ..Default::default()
        });
        Ok(Box::new(StaticServer(Arc::new(config))))
    }
}

/// The table of one server. Unknown keys are errors that name the key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    repositories: Vec<ConfiguredRepository>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfiguredRepository {
    name: String,
    branches: Vec<ConfiguredBranch>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfiguredBranch {
    name: String,
    commit: String,
}

struct StaticServer(Arc<Config>);

impl VcsServer for StaticServer {
    fn authorized_client(&self, _credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
        Ok(Box::new(StaticClient(Arc::clone(&self.0))))
    }
}

/// One client per credential; its methods may be called from several threads.
struct StaticClient(Arc<Config>);

impl StaticClient {
    fn find(&self, full_name: &str) -> Result<&ConfiguredRepository> {
        let mut all = self.0.repositories.iter();
        all.find(|repository| repository.name == full_name)
            .ok_or_else(|| {
                VcsError::new(
                    ErrorKind::NOT_FOUND,
                    format!("there is no repository {full_name:?}"),
                )
            })
    }
}

impl AuthorizedClient for StaticClient {
    fn repos(
        &self,
        context: &dyn CallContext,
        request: RepositoriesRequest,
        sink: &mut dyn PageSink<Repository>,
    ) -> Result<()> {
        let filter = request.filter.unwrap_or_default();
        let repositories = self.0.repositories.iter();
        let found = repositories.filter(|repository| repository.name.contains(&filter));
        push(
            context,
            found.map(repository).collect(),
            request.limit,
            sink,
        )
    }

    fn branches(
        &self,
        context: &dyn CallContext,
        request: BranchesRequest,
        sink: &mut dyn PageSink<Branch>,
    ) -> Result<()> {
        check(context)?;
        let repository = self.find(&request.repo)?;
        let filter = request.filter.unwrap_or_default();
        let mut found: Vec<Branch> = branches(repository)
            .filter(|branch| branch.display_id.contains(&filter))
            .collect();
        // Without dates the newest first are in the order of their names.
        found.sort_by(|left, right| left.display_id.cmp(&right.display_id));
        if request.sort == BranchSort::NAME_DESCENDING {
            found.reverse();
        }
        push(context, found, request.limit, sink)
    }

    fn repo_by_fullname(
        &self,
        context: &dyn CallContext,
        request: RepositoryRequest,
    ) -> Result<Repository> {
        check(context)?;
        self.find(&request.repo).map(repository)
    }

    fn branch(&self, context: &dyn CallContext, request: BranchRequest) -> Result<Branch> {
        check(context)?;
        let mut all = branches(self.find(&request.repo)?);
        let found = match &request.name {
            Some(name) => all.find(|branch| branch.display_id == *name),
            None => all.find(|branch| branch.default == Some(true)),
        };
        found.ok_or_else(|| VcsError::new(ErrorKind::NOT_FOUND, "there is no such branch"))
    }

    fn check_connection(
        &self,
        context: &dyn CallContext,
        _request: ConnectionRequest,
    ) -> Result<Connection> {
        check(context)?;
        Ok(Connection {
            credential: "none".to_owned(),
            repositories: Some(self.0.repositories.len() as u64),
            ..Default::default()
        })
    }
}

/// Ends a call that is not wanted any more. Before every request, between the
/// pages of a list, and while waiting.
fn check(context: &dyn CallContext) -> Result<()> {
    if context.is_cancelled() {
        return Err(VcsError::new(
            ErrorKind::CANCELLED,
            "the call was cancelled",
        ));
    }
    if context.time_left() == Some(Duration::ZERO) {
        return Err(VcsError::new(
            ErrorKind::TIMEOUT,
            "the deadline of the call has passed",
        ));
    }
    Ok(())
}

/// Pushes a list in pages, to its limit, until the sink has enough.
fn push<T: Clone>(
    context: &dyn CallContext,
    mut items: Vec<T>,
    limit: Option<u64>,
    sink: &mut dyn PageSink<T>,
) -> Result<()> {
    let total = items.len() as u64;
    if let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) {
        items.truncate(limit);
    }
    check(context)?;
    for page in items.chunks(100) {
        check(context)?;
        if sink.page(page.to_vec(), Some(total))? == Flow::STOP {
            break;
        }
    }
    Ok(())
}

fn repository(configured: &ConfiguredRepository) -> Repository {
    Repository {
        id: configured.name.clone(),
        name: configured.name.clone(),
        fullname: configured.name.clone(),
        default_branch: configured
            .branches
            .first()
            .map(|branch| branch.name.clone()),
        ..Default::default()
    }
}

/// The first one configured is the main branch.
fn branches(configured: &ConfiguredRepository) -> impl Iterator<Item = Branch> {
    configured
        .branches
        .iter()
        .enumerate()
        .map(|(place, branch)| Branch {
            id: format!("refs/heads/{}", branch.name),
            display_id: branch.name.clone(),
            latest_commit: branch.commit.clone(),
            default: Some(place == 0),
            ..Default::default()
        })
}

vcs_provider_interface::export_provider!(StaticProvider);
