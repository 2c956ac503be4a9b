//! The client of one credential: every method goes to the module of its group.

use crate::api::{
    branches, changed_files, checkout, comments, commits, complete, connection, content, forks,
    hooks, insights, poll, pull_requests, releases, repositories, statuses, tags, workspaces,
};
use crate::session::Session;
use std::sync::Arc;
use vcs_provider_interface::prelude::*;

/// A client of Bitbucket Cloud with one credential.
pub(crate) struct Client {
    session: Arc<Session>,
}

impl Client {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self { session }
    }
}

/// Writes the methods that pass their arguments to a function.
macro_rules! delegate {
    (
        lists { $( $list:ident($list_request:ty) -> $item:ty => $list_function:path; )* }
        reads { $( $read:ident($read_request:ty) -> $read_response:ty => $read_function:path; )* }
        writes { $( $write:ident($write_request:ty) -> $write_response:ty => $write_function:path; )* }
        calls { $( $call:ident($call_request:ty) -> $response:ty => $call_function:path; )* }
    ) => {
        impl AuthorizedClient for Client {
            $( fn $list(
                &self,
                context: &dyn CallContext,
                request: $list_request,
                sink: &mut dyn PageSink<$item>,
            ) -> Result<()> {
                $list_function(&self.session, context, request, sink)
            } )*

            $( fn $read(
                &self,
                context: &dyn CallContext,
                request: $read_request,
                sink: &mut dyn ByteSink,
            ) -> Result<$read_response> {
                $read_function(&self.session, context, request, sink)
            } )*

            $( fn $write(
                &self,
                context: &dyn CallContext,
                request: $write_request,
                source: &mut dyn ByteSource,
            ) -> Result<$write_response> {
                $write_function(&self.session, context, request, source)
            } )*

            $( fn $call(&self, context: &dyn CallContext, request: $call_request) -> Result<$response> {
                $call_function(&self.session, context, request)
            } )*
        }
    };
}

delegate! {
    lists {
        workspaces(WorkspacesRequest) -> Workspace => workspaces::list;
        repos(RepositoriesRequest) -> Repository => repositories::list;
        forks(ForksRequest) -> Repository => forks::list;
        branches(BranchesRequest) -> Branch => branches::list;
        tags(TagsRequest) -> Tag => tags::list;
        commits(CommitsRequest) -> Commit => commits::list;
        commits_between_refs(CommitsBetweenRefsRequest) -> Commit => commits::list_between;
        changed_files(ChangedFilesRequest) -> ChangedFile => changed_files::list;
        pull_requests(PullRequestsRequest) -> PullRequest => pull_requests::list;
        search_pull_request(SearchPullRequestRequest) -> PullRequest => pull_requests::search;
        pull_request_comments(CommentsRequest) -> Comment => comments::list;
        list_statuses(StatusesRequest) -> Status => statuses::list;
        list_content(ListContentRequest) -> Content => content::list;
        hooks(HooksRequest) -> Hook => hooks::list;
    }
    reads {
        get_content(GetContentRequest) -> StreamedContent => content::get;
        get_archive(GetArchiveRequest) -> StreamedContent => content::archive;
    }
    writes {
        upload_release_file(UploadReleaseFileRequest) -> ReleaseFile => releases::upload;
    }
    calls {
        repo_by_fullname(RepositoryRequest) -> Repository => repositories::get;
        branch(BranchRequest) -> Branch => branches::get;
        create_branch(CreateBranchRequest) -> Branch => branches::create;
        delete_branch(DeleteBranchRequest) -> Done => branches::delete;
        tag(TagRequest) -> Tag => tags::get;
        create_tag(CreateTagRequest) -> Tag => tags::create;
        commit(CommitRequest) -> Commit => commits::get;
        pull_request(PullRequestRequest) -> PullRequest => pull_requests::get;
        pull_request_create(CreatePullRequestRequest) -> PullRequest => pull_requests::create;
        pull_request_update(UpdatePullRequestRequest) -> PullRequest => pull_requests::update;
        pull_request_merge(MergePullRequestRequest) -> PullRequest => pull_requests::merge;
        pull_request_decline(PullRequestRequest) -> PullRequest => pull_requests::decline;
        pull_request_approve(PullRequestRequest) -> Done => pull_requests::approve;
        pull_request_unapprove(PullRequestRequest) -> Done => pull_requests::unapprove;
        pull_request_comment_create(CreateCommentRequest) -> Comment => comments::create;
        pull_request_comment_update(UpdateCommentRequest) -> Comment => comments::update;
        pull_request_comment_delete(DeleteCommentRequest) -> Done => comments::delete;
        create_hook(HookRequest) -> Hook => hooks::create;
        update_hook(HookRequest) -> Hook => hooks::update;
        get_hook(GetHookRequest) -> Hook => hooks::get;
        delete_hook(DeleteHookRequest) -> Done => hooks::delete;
        reconcile_hook(HookRequest) -> Hook => hooks::reconcile;
        poll_repositories(PollRepositoriesRequest) -> PolledRepositories => poll::poll_workspace;
        poll_events(PollEventsRequest) -> PolledEvents => poll::poll;
        complete_event(CompleteEventRequest) -> Event => complete::complete;
        set_status(StatusRequest) -> Status => statuses::set;
        create_insight_report(InsightReportRequest) -> InsightReport => insights::create;
        release(ReleaseRequest) -> Release => releases::create;
        checkout_credentials(CheckoutRequest) -> CheckoutCredentials => checkout::credentials;
        check_connection(ConnectionRequest) -> Connection => connection::check;
    }
}
