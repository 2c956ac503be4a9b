//! The one list of methods.
//!
//! The author's trait, the trait of the boundary and the adapters on both
//! sides are all made from this list, so that none of them can forget a method
//! or quietly inherit its default. Adding a method: see the rules in
//! [`crate::abi`].
//!
//! Four shapes: a `list` pushes pages of records into a sink, a `read` pushes
//! bytes into a sink, a `write` takes bytes from a source, a `call` returns one
//! record. Every method takes the call's context and one request record.
//!
//! The section `added` holds what came after 1.0, each new method below the
//! others, in any of the four shapes; it is the only one that may grow.

/// Hands the list of [`AuthorizedClient`](crate::provider::AuthorizedClient)
/// methods to another macro, with the names of the records as they stand in
/// [`records`](crate::records).
///
/// For hosts that put something around a provider: a wrapper made from the
/// list cannot forget a method. The list comes in sections, whose order is that
/// of the boundary:
///
/// ```
/// use vcs_provider_interface::authorized_client_methods;
/// use vcs_provider_interface::records::*;
///
/// macro_rules! names_of_lists {
///     ( $( $section:ident { $( $(#[$doc:meta])* $shape:ident $name:ident($request:ty) -> $response:ty; )* } )* ) => {
///         /// The names of all lists.
///         const LISTS: &[Option<&str>] = &[ $($( one!($shape $name) ),*),* ];
///     };
/// }
/// macro_rules! one {
///     (list $name:ident) => { Some(stringify!($name)) };
///     ($shape:ident $name:ident) => { None };
/// }
/// # macro_rules! ignored { ($($tokens:tt)*) => {}; }
/// # authorized_client_methods!(ignored);
/// ```
#[macro_export]
macro_rules! authorized_client_methods {
    ($consumer:path) => {
        $consumer! {
            since_1_0 {
                /// Lists the workspaces that the credential sees.
                list workspaces(WorkspacesRequest) -> Workspace;
                /// Lists the repositories that the credential sees.
                list repos(RepositoriesRequest) -> Repository;
                /// Lists the forks of a repository.
                list forks(ForksRequest) -> Repository;
                /// Lists branches.
                list branches(BranchesRequest) -> Branch;
                /// Lists tags, by name.
                list tags(TagsRequest) -> Tag;
                /// Lists the commits of a branch, newest first.
                list commits(CommitsRequest) -> Commit;
                /// Lists the commits that `head` has and `base` has not, newest first.
                list commits_between_refs(CommitsBetweenRefsRequest) -> Commit;
                /// Lists the files that `head` changed since it left `base`.
                list changed_files(ChangedFilesRequest) -> ChangedFile;
                /// Lists pull requests, newest first.
                list pull_requests(PullRequestsRequest) -> PullRequest;
                /// Lists the pull requests that hold a commit.
                list search_pull_request(SearchPullRequestRequest) -> PullRequest;
                /// Lists the comments of a pull request, oldest first.
                list pull_request_comments(CommentsRequest) -> Comment;
                /// Lists the build statuses of a commit.
                list list_statuses(StatusesRequest) -> Status;
                /// Lists the entries of a folder at a commit.
                list list_content(ListContentRequest) -> Content;
                /// Lists the hooks of a repository.
                list hooks(HooksRequest) -> Hook;
                /// Streams the bytes of a file at a commit.
                read get_content(GetContentRequest) -> StreamedContent;
                /// Streams an archive of a commit.
                read get_archive(GetArchiveRequest) -> StreamedContent;
                /// Uploads a file of a release.
                write upload_release_file(UploadReleaseFileRequest) -> ReleaseFile;
                /// Looks up one repository.
                call repo_by_fullname(RepositoryRequest) -> Repository;
                /// Looks up a branch, or the main branch.
                call branch(BranchRequest) -> Branch;
                /// Creates a branch.
                call create_branch(CreateBranchRequest) -> Branch;
                /// Deletes a branch; one that is gone already is a success.
                call delete_branch(DeleteBranchRequest) -> Done;
                /// Looks up a tag.
                call tag(TagRequest) -> Tag;
                /// Creates a tag.
                call create_tag(CreateTagRequest) -> Tag;
                /// Looks up a commit; a short hash is expanded.
                call commit(CommitRequest) -> Commit;
                /// Looks up a pull request.
                call pull_request(PullRequestRequest) -> PullRequest;
                /// Creates a pull request; an open one of the same branches
                /// answers `AlreadyExists` and stays as it is.
                call pull_request_create(CreatePullRequestRequest) -> PullRequest;
                /// Changes a pull request and keeps what is not named.
                call pull_request_update(UpdatePullRequestRequest) -> PullRequest;
                /// Merges a pull request and waits until it is done.
                call pull_request_merge(MergePullRequestRequest) -> PullRequest;
                /// Declines a pull request.
                call pull_request_decline(PullRequestRequest) -> PullRequest;
                /// Approves a pull request; twice is a success.
                call pull_request_approve(PullRequestRequest) -> Done;
                /// Takes an approval back; where there is none is a success.
                call pull_request_unapprove(PullRequestRequest) -> Done;
                /// Comments on a pull request.
                call pull_request_comment_create(CreateCommentRequest) -> Comment;
                /// Changes the text of a comment.
                call pull_request_comment_update(UpdateCommentRequest) -> Comment;
                /// Deletes a comment; one that is gone already is a success.
                call pull_request_comment_delete(DeleteCommentRequest) -> Done;
                /// Creates a hook.
                call create_hook(HookRequest) -> Hook;
                /// Changes a hook.
                call update_hook(HookRequest) -> Hook;
                /// Looks up the hook of an id or address.
                call get_hook(GetHookRequest) -> Hook;
                /// Deletes a hook; one that is gone already is a success.
                call delete_hook(DeleteHookRequest) -> Done;
                /// Finds the hook of an address, repairs it, or creates it;
                /// doing so twice changes nothing the second time.
                call reconcile_hook(HookRequest) -> Hook;
                /// Finds in which of many repositories something happened since the
                /// cursor, in a few requests for all of them.
                call poll_repositories(PollRepositoriesRequest) -> PolledRepositories;
                /// Finds what happened in a repository since the cursor, without
                /// deliveries.
                call poll_events(PollEventsRequest) -> PolledEvents;
                /// Fetches what a delivery left out of an event.
                call complete_event(CompleteEventRequest) -> Event;
                /// Sets a build status.
                call set_status(StatusRequest) -> Status;
                /// Publishes a report with annotations on a commit.
                call create_insight_report(InsightReportRequest) -> InsightReport;
                /// Makes a release.
                call release(ReleaseRequest) -> Release;
                /// Says what is needed to clone and push.
                call checkout_credentials(CheckoutRequest) -> CheckoutCredentials;
            }
            last {
                /// Says who the credential is, what it may, and what it sees.
                call check_connection(ConnectionRequest) -> Connection;
            }
            added {
            }
        }
    };
}

/// Hands the list of [`VcsServer`](crate::provider::VcsServer) methods, but for
/// `authorized_client`, to another macro. See [`authorized_client_methods!`](crate::authorized_client_methods).
#[macro_export]
macro_rules! vcs_server_methods {
    ($consumer:path) => {
        $consumer! {
            since_1_0 {
                /// Says what an administrator should know of the server.
                call server_info(ServerInfoRequest) -> ServerInfo;
                /// Says how the administrator has set up webhooks, and which events there are.
                call webhooks_info(WebhooksInfoRequest) -> WebhooksInfo;
                /// Says how polling is set up.
                call polling_info(ServerInfoRequest) -> PollingInfo;
                /// Begins the consent flow.
                call authorize_redirect(AuthorizeRequest) -> AuthorizeRedirect;
                /// Ends the consent flow: a code becomes a grant.
                call authorize_token(AuthorizeTokenRequest) -> Grant;
                /// Checks the signature of a delivery and reads it. Sends nothing.
                call parse_webhook(WebhookRequest) -> Delivery;
            }
            added {
            }
        }
    };
}

pub(crate) use {authorized_client_methods, vcs_server_methods};
