//! Every method of a provider behind one face, with a request that is well
//! formed: for the rules that hold for all methods.
//!
//! A request names a [`RequestValues`]; with [`RequestValues::missing`] nothing is changed on
//! the server, whatever the method is.

use std::fmt::Debug;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, Result};
use vcs_provider_interface::provider::{AuthorizedClient, VcsServer};
use vcs_provider_interface::records::*;
use vcs_provider_interface::secret::Secret;
use vcs_provider_interface::sink::{collect, collect_bytes};
use vcs_provider_interface::value::Bytes;

/// A hash that no commit has.
pub(super) const NO_COMMIT: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
/// A name that no ref has.
pub(super) const NO_REF: &str = "conformance-no-such-ref";
/// An address that no hook has; a public name, reserved for examples.
pub(super) const NO_HOOK: &str = "https://ci.example.org/conformance/no-such-hook";
/// A number that no pull request has.
pub(super) const NO_NUMBER: u64 = 900_000_001;

/// What the requests of [`METHODS`] are about.
pub(super) struct RequestValues {
    /// The repository.
    pub(super) repo: String,
    /// The commit.
    pub(super) commit: String,
    /// A key for hooks that is in no other place, to look for.
    pub(super) hook_secret: Secret,
}

impl RequestValues {
    /// A repository that does not exist: nothing can be changed there.
    pub(super) fn missing(repo: &str) -> Self {
        Self {
            repo: repo.to_owned(),
            commit: NO_COMMIT.to_owned(),
            hook_secret: Secret::from("conformance-hook-key"),
        }
    }
}

/// What a method does, as far as the rules need it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// Asks the service about the target's repository.
    Remote,
    /// Deletes or takes back: what is gone already is a success.
    Deletion,
    /// Asks the service, but not about a repository.
    Global,
    /// May answer without the service.
    Local,
    /// Says what is supported, so that it may answer even where nothing is.
    Information,
}

/// The answer in its `Debug` form.
pub(super) type Answer = Result<String>;

/// Whether the provider says that it does not have the method.
pub(super) fn is_unsupported(answer: &Answer) -> bool {
    answer
        .as_ref()
        .is_err_and(|error| error.kind == ErrorKind::UNSUPPORTED)
}

/// One method.
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) nature: Nature,
    pub(super) call:
        fn(&dyn VcsServer, &dyn AuthorizedClient, &dyn CallContext, &RequestValues) -> Answer,
}

fn shown<T: Debug>(result: Result<T>) -> Answer {
    result.map(|value| format!("{value:?}"))
}

macro_rules! method {
    (list $nature:ident $name:ident, |$target:ident| $request:expr) => {
        Method {
            name: stringify!($name),
            nature: Nature::$nature,
            call: |_, client, context, $target| {
                shown(collect(|sink| client.$name(context, $request, sink)))
            },
        }
    };
    (read $nature:ident $name:ident, |$target:ident| $request:expr) => {
        Method {
            name: stringify!($name),
            nature: Nature::$nature,
            call: |_, client, context, $target| {
                shown(collect_bytes(|sink| client.$name(context, $request, sink)))
            },
        }
    };
    (write $nature:ident $name:ident, |$target:ident| $request:expr) => {
        Method {
            name: stringify!($name),
            nature: Nature::$nature,
            call: |_, client, context, $target| {
                let mut bytes: &[u8] = b"conformance";
                shown(client.$name(context, $request, &mut bytes))
            },
        }
    };
    (call $nature:ident $name:ident, |$target:ident| $request:expr) => {
        Method {
            name: stringify!($name),
            nature: Nature::$nature,
            call: |_, client, context, $target| shown(client.$name(context, $request)),
        }
    };
    (server $nature:ident $name:ident, |$target:ident| $request:expr) => {
        Method {
            name: stringify!($name),
            nature: Nature::$nature,
            call: |server, _, context, $target| shown(server.$name(context, $request)),
        }
    };
}

/// Every method of a client, in the order of the interface.
pub(super) const METHODS: &[Method] = &[
    method!(list Global workspaces, |_t| WorkspacesRequest { limit: Some(1), ..Default::default() }),
    method!(list Global repos, |_t| RepositoriesRequest { limit: Some(1), ..Default::default() }),
    method!(list Remote forks, |t| ForksRequest { repo: t.repo.clone(), limit: Some(1), ..Default::default() }),
    method!(list Remote branches, |t| BranchesRequest { repo: t.repo.clone(), ..Default::default() }),
    method!(list Remote tags, |t| TagsRequest { repo: t.repo.clone(), ..Default::default() }),
    method!(list Remote commits, |t| CommitsRequest { repo: t.repo.clone(), limit: Some(1), ..Default::default() }),
    method!(list Remote commits_between_refs, |t| CommitsBetweenRefsRequest {
        repo: t.repo.clone(),
        base: t.commit.clone(),
        head: t.commit.clone(),
        limit: Some(1), ..Default::default() }),
    method!(list Remote changed_files, |t| ChangedFilesRequest {
        repo: t.repo.clone(),
        base: t.commit.clone(),
        head: t.commit.clone(),
        limit: Some(1), ..Default::default() }),
    method!(list Remote pull_requests, |t| PullRequestsRequest { repo: t.repo.clone(), ..Default::default() }),
    method!(list Remote search_pull_request, |t| SearchPullRequestRequest {
        repo: t.repo.clone(),
        commit: t.commit.clone(),
        states: Vec::new(), ..Default::default() }),
    method!(list Remote pull_request_comments, |t| CommentsRequest {
        repo: t.repo.clone(),
        pull_request: NO_NUMBER,
        limit: Some(1), ..Default::default() }),
    method!(list Remote list_statuses, |t| StatusesRequest {
        repo: t.repo.clone(),
        commit: t.commit.clone(),
        limit: Some(1), ..Default::default() }),
    method!(list Remote list_content, |t| ListContentRequest { repo: t.repo.clone(), ..Default::default() }),
    method!(list Remote hooks, |t| HooksRequest { repo: t.repo.clone(), limit: Some(1), ..Default::default() }),
    method!(read Remote get_content, |t| GetContentRequest {
        repo: t.repo.clone(),
        reference: Some(t.commit.clone()),
        path: "README.md".to_owned(), ..Default::default() }),
    method!(read Remote get_archive, |t| GetArchiveRequest {
        repo: t.repo.clone(),
        reference: Some(t.commit.clone()),
        format: ArchiveFormat::TAR_GZ,
        prefix: None, ..Default::default() }),
    method!(write Remote upload_release_file, |t| UploadReleaseFileRequest {
        repo: t.repo.clone(),
        tag: NO_REF.to_owned(),
        name: "conformance.txt".to_owned(),
        length: Some(11), ..Default::default() }),
    method!(call Remote repo_by_fullname, |t| RepositoryRequest { repo: t.repo.clone(), ..Default::default() }),
    method!(call Remote branch, |t| BranchRequest { repo: t.repo.clone(), name: None, ..Default::default() }),
    method!(call Remote create_branch, |t| CreateBranchRequest {
        repo: t.repo.clone(),
        name: NO_REF.to_owned(),
        target: t.commit.clone(), ..Default::default() }),
    method!(call Deletion delete_branch, |t| DeleteBranchRequest { repo: t.repo.clone(), name: NO_REF.to_owned(), ..Default::default() }),
    method!(call Remote tag, |t| TagRequest { repo: t.repo.clone(), name: NO_REF.to_owned(), ..Default::default() }),
    method!(call Remote create_tag, |t| CreateTagRequest {
        repo: t.repo.clone(),
        name: NO_REF.to_owned(),
        target: t.commit.clone(),
        message: Some("conformance".to_owned()), ..Default::default() }),
    method!(call Remote commit, |t| CommitRequest { repo: t.repo.clone(), hash: t.commit.clone(), ..Default::default() }),
    method!(call Remote pull_request, |t| PullRequestRequest { repo: t.repo.clone(), id: NO_NUMBER, ..Default::default() }),
    method!(call Remote pull_request_create, |t| CreatePullRequestRequest {
        repo: t.repo.clone(),
        title: "conformance".to_owned(),
        source_branch: NO_REF.to_owned(),
        destination_branch: Some(NO_REF.to_owned() + "-destination"),
        ..Default::default()
    }),
    method!(call Remote pull_request_update, |t| UpdatePullRequestRequest {
        repo: t.repo.clone(),
        id: NO_NUMBER,
        title: Some("conformance".to_owned()),
        ..Default::default()
    }),
    method!(call Remote pull_request_merge, |t| MergePullRequestRequest {
        repo: t.repo.clone(),
        id: NO_NUMBER,
        ..Default::default()
    }),
    method!(call Remote pull_request_decline, |t| PullRequestRequest { repo: t.repo.clone(), id: NO_NUMBER, ..Default::default() }),
    method!(call Remote pull_request_approve, |t| PullRequestRequest { repo: t.repo.clone(), id: NO_NUMBER, ..Default::default() }),
    method!(call Deletion pull_request_unapprove, |t| PullRequestRequest { repo: t.repo.clone(), id: NO_NUMBER, ..Default::default() }),
    method!(call Remote pull_request_comment_create, |t| CreateCommentRequest {
        repo: t.repo.clone(),
        pull_request: NO_NUMBER,
        text: "conformance".to_owned(),
        ..Default::default()
    }),
    method!(call Remote pull_request_comment_update, |t| UpdateCommentRequest {
        repo: t.repo.clone(),
        pull_request: NO_NUMBER,
        id: NO_NUMBER.to_string(),
        text: "conformance".to_owned(), ..Default::default() }),
    method!(call Deletion pull_request_comment_delete, |t| DeleteCommentRequest {
        repo: t.repo.clone(),
        pull_request: NO_NUMBER,
        id: NO_NUMBER.to_string(), ..Default::default() }),
    method!(call Remote create_hook, |t| hook_request(t)),
    method!(call Remote update_hook, |t| HookRequest {
        id: Some("5d1f0f4e-94d5-4c2f-8a3c-000000000000".to_owned()),
        ..hook_request(t)
    }),
    method!(call Remote get_hook, |t| GetHookRequest { repo: t.repo.clone(), url: NO_HOOK.to_owned(), ..Default::default() }),
    method!(call Deletion delete_hook, |t| DeleteHookRequest {
        repo: t.repo.clone(),
        id: None,
        url: Some(NO_HOOK.to_owned()), ..Default::default() }),
    method!(call Remote reconcile_hook, |t| hook_request(t)),
    method!(call Global poll_repositories, |t| PollRepositoriesRequest {
        workspace: workspace_of(&t.repo).to_owned(),
        ..Default::default()
    }),
    method!(call Remote poll_events, |t| PollEventsRequest { repo: t.repo.clone(), ..Default::default() }),
    method!(call Local complete_event, |t| CompleteEventRequest { event: truncated_push(t), ..Default::default() }),
    method!(call Remote set_status, |t| StatusRequest {
        repo: t.repo.clone(),
        commit: t.commit.clone(),
        key: "conformance".to_owned(),
        name: "conformance".to_owned(),
        state: BuildState::SUCCESS,
        url: "https://ci.example.org/conformance/1".to_owned(),
        ..Default::default()
    }),
    method!(call Remote create_insight_report, |t| InsightReportRequest {
        repo: t.repo.clone(),
        commit: t.commit.clone(),
        id: "conformance".to_owned(),
        title: "conformance".to_owned(),
        details: "conformance".to_owned(),
        ..Default::default()
    }),
    method!(call Remote release, |t| ReleaseRequest {
        repo: t.repo.clone(),
        tag: NO_REF.to_owned(),
        commit: Some(t.commit.clone()),
        title: "conformance".to_owned(),
        notes: "conformance".to_owned(), ..Default::default() }),
    method!(call Local checkout_credentials, |t| CheckoutRequest { repo: t.repo.clone(), ..Default::default() }),
    method!(call Global check_connection, |_t| ConnectionRequest { repo: None, ..Default::default() }),
];

/// Every method of a server.
pub(super) const SERVER_METHODS: &[Method] = &[
    method!(server Information server_info, |_t| ServerInfoRequest::default()),
    method!(server Information webhooks_info, |_t| WebhooksInfoRequest::default()),
    method!(server Information polling_info, |_t| ServerInfoRequest::default()),
    method!(server Local authorize_redirect, |_t| AuthorizeRequest::default()),
    // Without a code nothing is sent.
    method!(server Local authorize_token, |_t| AuthorizeTokenRequest::default()),
    method!(server Local parse_webhook, |t| WebhookRequest {
        headers: Vec::new(),
        body: Bytes(b"{}".to_vec()),
        secret: Some(t.hook_secret.clone()), ..Default::default() }),
];

/// The workspace of a repository by its full name.
fn workspace_of(repo: &str) -> &str {
    repo.rsplit_once('/')
        .map_or(repo, |(workspace, _)| workspace)
}

fn hook_request(target: &RequestValues) -> HookRequest {
    HookRequest {
        repo: target.repo.clone(),
        name: "conformance".to_owned(),
        url: NO_HOOK.to_owned(),
        secret: Some(target.hook_secret.clone()),
        ..Default::default()
    }
}

fn truncated_push(target: &RequestValues) -> Event {
    Event {
        kind: EventKind::REF_UPDATED,
        repo: Some(EventRepository {
            fullname: target.repo.clone(),
            ..Default::default()
        }),
        change: Some(RefChange {
            kind: RefKind::BRANCH,
            name: NO_REF.to_owned(),
            old_hash: Some(NO_COMMIT.to_owned()),
            new_hash: Some(target.commit.clone()),
            truncated: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vcs_provider_interface::provider::{AUTHORIZED_CLIENT_METHODS, VCS_SERVER_METHODS};

    #[test]
    fn no_method_of_the_interface_is_forgotten() {
        let names: Vec<&str> = METHODS.iter().map(|method| method.name).collect();
        assert_eq!(names, AUTHORIZED_CLIENT_METHODS);
        let names: Vec<&str> = SERVER_METHODS.iter().map(|method| method.name).collect();
        assert_eq!(names, VCS_SERVER_METHODS);
    }
}
