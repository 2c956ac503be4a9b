//! The client: each method opens its repository and asks the right module.

use crate::config::Config;
use crate::git::{Git, check};
use crate::repositories::{self, clone_url, full_names};
use crate::{commits, events, files, refs};
use std::sync::Arc;
use vcs_provider_interface::prelude::*;

/// A client of a folder of repositories.
pub(crate) struct LocalClient {
    config: Arc<Config>,
}

impl LocalClient {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        Self { config }
    }

    fn open<'a>(&self, context: &'a dyn CallContext, full_name: &str) -> Result<Git<'a>> {
        repositories::open(context, &self.config, full_name)
    }
}

impl AuthorizedClient for LocalClient {
    fn workspaces(
        &self,
        context: &dyn CallContext,
        request: WorkspacesRequest,
        sink: &mut dyn PageSink<Workspace>,
    ) -> Result<()> {
        repositories::workspaces(context, &self.config, &request, sink)
    }

    fn repos(
        &self,
        context: &dyn CallContext,
        request: RepositoriesRequest,
        sink: &mut dyn PageSink<Repository>,
    ) -> Result<()> {
        repositories::repositories(context, &self.config, &request, sink)
    }

    fn branches(
        &self,
        context: &dyn CallContext,
        request: BranchesRequest,
        sink: &mut dyn PageSink<Branch>,
    ) -> Result<()> {
        refs::branches(&self.open(context, &request.repo)?, &request, sink)
    }

    fn tags(
        &self,
        context: &dyn CallContext,
        request: TagsRequest,
        sink: &mut dyn PageSink<Tag>,
    ) -> Result<()> {
        refs::tags(&self.open(context, &request.repo)?, &request, sink)
    }

    fn commits(
        &self,
        context: &dyn CallContext,
        request: CommitsRequest,
        sink: &mut dyn PageSink<Commit>,
    ) -> Result<()> {
        commits::commits(&self.open(context, &request.repo)?, &request, sink)
    }

    fn commits_between_refs(
        &self,
        context: &dyn CallContext,
        request: CommitsBetweenRefsRequest,
        sink: &mut dyn PageSink<Commit>,
    ) -> Result<()> {
        commits::commits_between_refs(&self.open(context, &request.repo)?, &request, sink)
    }

    fn changed_files(
        &self,
        context: &dyn CallContext,
        request: ChangedFilesRequest,
        sink: &mut dyn PageSink<ChangedFile>,
    ) -> Result<()> {
        commits::changed_files(&self.open(context, &request.repo)?, &request, sink)
    }

    fn list_content(
        &self,
        context: &dyn CallContext,
        request: ListContentRequest,
        sink: &mut dyn PageSink<Content>,
    ) -> Result<()> {
        files::list_content(&self.open(context, &request.repo)?, &request, sink)
    }

    fn get_content(
        &self,
        context: &dyn CallContext,
        request: GetContentRequest,
        sink: &mut dyn ByteSink,
    ) -> Result<StreamedContent> {
        files::get_content(&self.open(context, &request.repo)?, &request, sink)
    }

    fn get_archive(
        &self,
        context: &dyn CallContext,
        request: GetArchiveRequest,
        sink: &mut dyn ByteSink,
    ) -> Result<StreamedContent> {
        files::get_archive(&self.open(context, &request.repo)?, &request, sink)
    }

    fn repo_by_fullname(
        &self,
        context: &dyn CallContext,
        request: RepositoryRequest,
    ) -> Result<Repository> {
        repositories::repository(&self.open(context, &request.repo)?, &request.repo)
    }

    fn branch(&self, context: &dyn CallContext, request: BranchRequest) -> Result<Branch> {
        refs::branch(&self.open(context, &request.repo)?, request.name.as_deref())
    }

    fn create_branch(
        &self,
        context: &dyn CallContext,
        request: CreateBranchRequest,
    ) -> Result<Branch> {
        refs::create_branch(&self.open(context, &request.repo)?, &request)
    }

    fn delete_branch(
        &self,
        context: &dyn CallContext,
        request: DeleteBranchRequest,
    ) -> Result<Done> {
        refs::delete_branch(&self.open(context, &request.repo)?, &request)
    }

    fn tag(&self, context: &dyn CallContext, request: TagRequest) -> Result<Tag> {
        refs::tag(&self.open(context, &request.repo)?, &request.name)
    }

    fn create_tag(&self, context: &dyn CallContext, request: CreateTagRequest) -> Result<Tag> {
        refs::create_tag(&self.open(context, &request.repo)?, &request)
    }

    fn commit(&self, context: &dyn CallContext, request: CommitRequest) -> Result<Commit> {
        commits::commit(&self.open(context, &request.repo)?, &request.hash)
    }

    fn poll_events(
        &self,
        context: &dyn CallContext,
        request: PollEventsRequest,
    ) -> Result<PolledEvents> {
        events::poll(&self.open(context, &request.repo)?, &request)
    }

    fn checkout_credentials(
        &self,
        context: &dyn CallContext,
        request: CheckoutRequest,
    ) -> Result<CheckoutCredentials> {
        let git = self.open(context, &request.repo)?;
        Ok(CheckoutCredentials {
            http_url: clone_url(git.folder()),
            ..Default::default()
        })
    }

    fn check_connection(
        &self,
        context: &dyn CallContext,
        _request: ConnectionRequest,
    ) -> Result<Connection> {
        check(context)?;
        let root = &self.config.root;
        if !root.is_dir() {
            return Err(VcsError::new(
                ErrorKind::UNAVAILABLE,
                format!("the folder {} cannot be read", root.display()),
            ));
        }
        let repositories = full_names(&self.config, None)?.len() as u64;
        let mut warnings = Vec::new();
        if repositories == 0 {
            warnings.push(format!("there is no repository in {}", root.display()));
        }
        Ok(Connection {
            credential: "none".to_owned(),
            repositories: Some(repositories),
            warnings,
            ..Default::default()
        })
    }
}
