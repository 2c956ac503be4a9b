//! The one list of methods.
//!
//! The author's trait, the trait of the boundary and the adapters on both
//! sides are all made from this list, so that none of them can forget a method
//! or quietly inherit its default. Adding a method: see the rules in
//! [`crate::abi`].
//!
//! The section `added` holds what came after 1.0, each new method below the
//! others, in the shape of a `call`; it is the only one that may grow.
//!
//! Four shapes: a `list` pushes pages of records into a sink, a `read` pushes
//! bytes into a sink, a `write` takes bytes from a source, a `call` returns one
//! record. Every method takes the call's context and one request record.

/// Hands the list of [`AuthorizedClient`](crate::provider::AuthorizedClient)
/// methods to another macro, with the names of the records as they stand in
/// [`records`](crate::records).
///
/// For hosts that put something around a provider: a wrapper made from the
/// list cannot forget a method.
#[macro_export]
macro_rules! authorized_client_methods {
    ($consumer:path) => {
        $consumer! {
            lists {
                /// Lists the workspaces that the credential sees.
                workspaces(WorkspacesRequest) -> Workspace;
                /// Lists the repositories that the credential sees.
                repos(RepositoriesRequest) -> Repository;
                /// Lists the forks of a repository.
                forks(ForksRequest) -> Repository;
                /// Lists branches.
                branches(BranchesRequest) -> Branch;
                /// Lists tags, by name.
                tags(TagsRequest) -> Tag;
                /// Lists the commits of a branch, newest first.
                commits(CommitsRequest) -> Commit;
                /// Lists the commits that `head` has and `base` has not, newest first.
                commits_between_refs(CommitsBetweenRefsRequest) -> Commit;
                /// Lists the files that `head` changed since it left `base`.
                changed_files(ChangedFilesRequest) -> ChangedFile;
                /// Lists pull requests, newest first.
                pull_requests(PullRequestsRequest) -> PullRequest;
                /// Lists the pull requests that hold a commit.
                search_pull_request(SearchPullRequestRequest) -> PullRequest;
                /// Lists the comments of a pull request, oldest first.
                pull_request_comments(CommentsRequest) -> Comment;
                /// Lists the build statuses of a commit.
                list_statuses(StatusesRequest) -> Status;
                /// Lists the entries of a folder at a commit.
                list_content(ListContentRequest) -> Content;
            }
            reads {
                /// Streams the bytes of a file at a commit.
                get_content(GetContentRequest) -> StreamedContent;
                /// Streams an archive of a commit.
                get_archive(GetArchiveRequest) -> StreamedContent;
            }
            writes {
                /// Uploads a file of a release.
                upload_release_file(UploadReleaseFileRequest) -> ReleaseFile;
            }
            calls {
                /// Looks up one repository.
                repo_by_fullname(RepositoryRequest) -> Repository;
                /// Looks up a branch, or the main branch.
                branch(BranchRequest) -> Branch;
                /// Creates a branch.
                create_branch(CreateBranchRequest) -> Branch;
                /// Deletes a branch; one that is gone already is a success.
                delete_branch(DeleteBranchRequest) -> ();
                /// Looks up a tag.
                tag(TagRequest) -> Tag;
                /// Creates a tag.
                create_tag(CreateTagRequest) -> Tag;
                /// Looks up a commit; a short hash is expanded.
                commit(CommitRequest) -> Commit;
                /// Looks up a pull request.
                pull_request(PullRequestRequest) -> PullRequest;
                /// Creates a pull request; an open one of the same branches
                /// answers `AlreadyExists` and stays as it is.
                pull_request_create(CreatePullRequestRequest) -> PullRequest;
                /// Changes a pull request and keeps what is not named.
                pull_request_update(UpdatePullRequestRequest) -> PullRequest;
                /// Merges a pull request and waits until it is done.
                pull_request_merge(MergePullRequestRequest) -> PullRequest;
                /// Declines a pull request.
                pull_request_decline(PullRequestRequest) -> PullRequest;
                /// Approves a pull request; twice is a success.
                pull_request_approve(PullRequestRequest) -> ();
                /// Takes an approval back; where there is none is a success.
                pull_request_unapprove(PullRequestRequest) -> ();
                /// Comments on a pull request.
                pull_request_comment_create(CreateCommentRequest) -> Comment;
                /// Changes the text of a comment.
                pull_request_comment_update(UpdateCommentRequest) -> Comment;
                /// Deletes a comment; one that is gone already is a success.
                pull_request_comment_delete(DeleteCommentRequest) -> ();
                /// Creates a hook.
                create_hook(HookRequest) -> Hook;
                /// Changes a hook.
                update_hook(HookRequest) -> Hook;
                /// Looks up the hook of an address.
                get_hook(GetHookRequest) -> Hook;
                /// Deletes a hook; one that is gone already is a success.
                delete_hook(DeleteHookRequest) -> ();
                /// Finds the hook of an address, repairs it, or creates it;
                /// doing so twice changes nothing the second time.
                reconcile_hook(HookRequest) -> Hook;
                /// Finds what happened since the cursor, without deliveries.
                poll_events(PollEventsRequest) -> PolledEvents;
                /// Fetches what a delivery left out of an event.
                complete_event(CompleteEventRequest) -> Event;
                /// Sets a build status.
                set_status(StatusRequest) -> Status;
                /// Publishes a report with annotations on a commit.
                create_insight_report(InsightReportRequest) -> InsightReport;
                /// Makes a release.
                release(ReleaseRequest) -> Release;
                /// Says what is needed to clone and push.
                checkout_credentials(RepositoryRequest) -> CheckoutCredentials;
            }
            last {
                /// Says who the credential is, what it may, and what it sees.
                check_connection(ConnectionRequest) -> Connection;
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
            calls {
                /// Says how the administrator has set up webhooks, and which events there are.
                webhooks_info(ServerInfoRequest) -> WebhooksInfo;
                /// Says how polling is set up.
                polling_info(ServerInfoRequest) -> PollingInfo;
                /// Begins the consent flow.
                authorize_redirect(AuthorizeRequest) -> AuthorizeRedirect;
                /// Ends the consent flow: a code becomes a grant.
                authorize_token(AuthorizeTokenRequest) -> Grant;
                /// Checks the signature of a delivery and reads it. Sends nothing.
                parse_webhook(WebhookRequest) -> Delivery;
            }
            added {
            }
        }
    };
}

pub(crate) use {authorized_client_methods, vcs_server_methods};
