//! The vcs service: what a server's provider knows, as JSON.
//!
//! A call uses the grant of the project that the query's `project` names, and
//! the configured credential without one.

use super::Shared;
use super::answer::Answer;
use super::call::{call, with_client};
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use vcs_provider_interface::records::*;
use vcs_provider_interface::sink::collect;

/// Whose credential a call uses, on which server.
pub(super) struct Target {
    pub(super) server: String,
    pub(super) project: Option<String>,
}

/// What the query of a reading call may hold.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    project: Option<String>,
    branch: Option<String>,
    default: Option<bool>,
    filter: Option<String>,
    workspace: Option<String>,
    limit: Option<u64>,
    since: Option<String>,
    until: Option<String>,
    base: Option<String>,
    head: Option<String>,
    sort: Option<BranchSort>,
    state: Option<PullRequestState>,
    url: Option<String>,
    id: Option<String>,
    cursor: Option<String>,
    path: Option<String>,
    reference: Option<String>,
}

type Repo = Path<(String, String, String)>;
type RepoItem = Path<(String, String, String, String)>;
type App = State<Arc<Shared>>;

impl Options {
    fn target(&self, server: String) -> Target {
        Target {
            server,
            project: self.project.clone(),
        }
    }
}

/// The routes of the vcs service, without who may call them.
pub(super) fn routes() -> Router<Arc<Shared>> {
    let repo = Router::new()
        .route("/", get(repository))
        .route("/forks", get(forks))
        .route("/branches", get(branches))
        .route("/branches/", get(branch))
        .route("/tags", get(tags))
        .route("/tags/{item}", get(tag))
        .route("/commits", get(commits))
        .route("/commits/{item}", get(commit))
        .route("/commits/{item}/statuses", get(statuses))
        .route("/changedfiles", get(changed_files))
        .route("/contents", get(contents))
        .route("/pullrequests", get(pull_requests))
        .route("/pullrequests/{item}", get(pull_request))
        .route("/pullrequests/{item}/comments", get(comments))
        .route("/hooks", get(hook).delete(delete_hook))
        .route("/events", get(events));
    Router::new()
        .route("/vcs", get(servers))
        .route("/vcs/{server}", get(connection))
        .route("/vcs/{server}/webhooks", get(webhooks))
        .route("/vcs/{server}/polling", get(polling))
        .route("/vcs/{server}/workspaces", get(workspaces))
        .route("/vcs/{server}/repos", get(repositories))
        .route("/vcs/{server}/status", post(set_status))
        .nest("/vcs/{server}/repos/{owner}/{repo}", repo)
}

async fn servers(State(shared): App) -> Json<BTreeMap<String, BTreeMap<&'static str, String>>> {
    let names = shared.engine.servers.names().into_iter();
    Json(
        names
            .map(|(name, kind)| (name, BTreeMap::from([("type", kind)])))
            .collect(),
    )
}

async fn connection(
    State(shared): App,
    Path(server): Path<String>,
    Query(options): Query<Options>,
) -> Answer<Connection> {
    let target = options.target(server);
    with_client(&shared, target, "check_connection", |client, context| {
        client.check_connection(context, ConnectionRequest::default())
    })
    .await
}

async fn webhooks(State(shared): App, Path(server): Path<String>) -> Answer<WebhooksInfo> {
    let info = call(&shared, "webhooks_info", move |engine, context| {
        let server = engine.servers.server(&server)?;
        server.webhooks_info(context, ServerInfoRequest::default())
    });
    info.await.map(Json)
}

async fn polling(State(shared): App, Path(server): Path<String>) -> Answer<PollingInfo> {
    let info = call(&shared, "polling_info", move |engine, context| {
        let server = engine.servers.server(&server)?;
        server.polling_info(context, ServerInfoRequest::default())
    });
    info.await.map(Json)
}

async fn workspaces(
    State(shared): App,
    Path(server): Path<String>,
    Query(options): Query<Options>,
) -> Answer<Vec<Workspace>> {
    let limit = options.limit;
    let target = options.target(server);
    with_client(&shared, target, "workspaces", move |client, context| {
        collect(|sink| client.workspaces(context, WorkspacesRequest { limit }, sink))
    })
    .await
}

async fn repositories(
    State(shared): App,
    Path(server): Path<String>,
    Query(options): Query<Options>,
) -> Answer<Vec<Repository>> {
    let target = options.target(server);
    let request = RepositoriesRequest {
        workspace: options.workspace,
        filter: options.filter,
        limit: options.limit,
    };
    with_client(&shared, target, "repos", |client, context| {
        collect(|sink| client.repos(context, request, sink))
    })
    .await
}

async fn repository(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> Answer<Repository> {
    let request = RepositoryRequest {
        repo: fullname(&owner, &repo),
    };
    let target = options.target(server);
    with_client(&shared, target, "repo_by_fullname", |client, context| {
        client.repo_by_fullname(context, request)
    })
    .await
}

async fn forks(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> Answer<Vec<Repository>> {
    let request = ForksRequest {
        repo: fullname(&owner, &repo),
        limit: options.limit,
    };
    let target = options.target(server);
    with_client(&shared, target, "forks", |client, context| {
        collect(|sink| client.forks(context, request, sink))
    })
    .await
}

async fn branches(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> Answer<Vec<Branch>> {
    let target = options.target(server);
    let request = BranchesRequest {
        repo: fullname(&owner, &repo),
        filter: options.filter,
        sort: options.sort.unwrap_or_default(),
        limit: options.limit,
    };
    with_client(&shared, target, "branches", |client, context| {
        collect(|sink| client.branches(context, request, sink))
    })
    .await
}

async fn branch(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> Answer<Branch> {
    let wants_default = options.default.unwrap_or(false);
    let target = options.target(server);
    let request = BranchRequest {
        repo: fullname(&owner, &repo),
        name: options.branch.filter(|_| !wants_default),
    };
    with_client(&shared, target, "branch", |client, context| {
        client.branch(context, request)
    })
    .await
}

async fn tags(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> Answer<Vec<Tag>> {
    let target = options.target(server);
    let request = TagsRequest {
        repo: fullname(&owner, &repo),
        filter: options.filter,
        limit: options.limit,
    };
    with_client(&shared, target, "tags", |client, context| {
        collect(|sink| client.tags(context, request, sink))
    })
    .await
}

async fn tag(
    State(shared): App,
    Path((server, owner, repo, name)): RepoItem,
    Query(options): Query<Options>,
) -> Answer<Tag> {
    let request = TagRequest {
        repo: fullname(&owner, &repo),
        name,
    };
    let target = options.target(server);
    with_client(&shared, target, "tag", |client, context| {
        client.tag(context, request)
    })
    .await
}

/// The commits of a branch, or those between two refs if `base` and `head` are given.
async fn commits(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> Answer<Vec<Commit>> {
    let target = options.target(server);
    let repo = fullname(&owner, &repo);
    with_client(&shared, target, "commits", move |client, context| {
        let limit = options.limit;
        if let (Some(base), Some(head)) = (options.base, options.head) {
            let request = CommitsBetweenRefsRequest {
                repo,
                base,
                head,
                limit,
            };
            return collect(|sink| client.commits_between_refs(context, request, sink));
        }
        let request = CommitsRequest {
            repo,
            branch: options.branch,
            since: options.since,
            until: options.until,
            limit,
        };
        collect(|sink| client.commits(context, request, sink))
    })
    .await
}

async fn commit(
    State(shared): App,
    Path((server, owner, repo, hash)): RepoItem,
    Query(options): Query<Options>,
) -> Answer<Commit> {
    let request = CommitRequest {
        repo: fullname(&owner, &repo),
        hash,
    };
    let target = options.target(server);
    with_client(&shared, target, "commit", |client, context| {
        client.commit(context, request)
    })
    .await
}

async fn statuses(
    State(shared): App,
    Path((server, owner, repo, commit)): RepoItem,
    Query(options): Query<Options>,
) -> Answer<Vec<Status>> {
    let request = StatusesRequest {
        repo: fullname(&owner, &repo),
        commit,
        limit: options.limit,
    };
    let target = options.target(server);
    with_client(&shared, target, "list_statuses", |client, context| {
        collect(|sink| client.list_statuses(context, request, sink))
    })
    .await
}

async fn changed_files(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> Answer<Vec<ChangedFile>> {
    let target = options.target(server);
    let request = ChangedFilesRequest {
        repo: fullname(&owner, &repo),
        base: options.base.unwrap_or_default(),
        head: options.head.unwrap_or_default(),
        limit: options.limit,
    };
    with_client(&shared, target, "changed_files", |client, context| {
        collect(|sink| client.changed_files(context, request, sink))
    })
    .await
}

async fn contents(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> Answer<Vec<Content>> {
    let target = options.target(server);
    let request = ListContentRequest {
        repo: fullname(&owner, &repo),
        reference: options.reference,
        path: options.path.unwrap_or_default(),
        recursive: false,
        limit: options.limit,
    };
    with_client(&shared, target, "list_content", |client, context| {
        collect(|sink| client.list_content(context, request, sink))
    })
    .await
}

/// Pull requests in one state, in any without `state`.
async fn pull_requests(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> Answer<Vec<PullRequest>> {
    let target = options.target(server);
    let request = PullRequestsRequest {
        repo: fullname(&owner, &repo),
        states: options.state.into_iter().collect(),
        limit: options.limit,
        ..PullRequestsRequest::default()
    };
    with_client(&shared, target, "pull_requests", |client, context| {
        collect(|sink| client.pull_requests(context, request, sink))
    })
    .await
}

async fn pull_request(
    State(shared): App,
    Path((server, owner, repo, id)): Path<(String, String, String, u64)>,
    Query(options): Query<Options>,
) -> Answer<PullRequest> {
    let request = PullRequestRequest {
        repo: fullname(&owner, &repo),
        id,
    };
    let target = options.target(server);
    with_client(&shared, target, "pull_request", |client, context| {
        client.pull_request(context, request)
    })
    .await
}

async fn comments(
    State(shared): App,
    Path((server, owner, repo, pull_request)): Path<(String, String, String, u64)>,
    Query(options): Query<Options>,
) -> Answer<Vec<Comment>> {
    let request = CommentsRequest {
        repo: fullname(&owner, &repo),
        pull_request,
        limit: options.limit,
    };
    let target = options.target(server);
    with_client(
        &shared,
        target,
        "pull_request_comments",
        |client, context| collect(|sink| client.pull_request_comments(context, request, sink)),
    )
    .await
}

/// The hook of the address in the query's `url`.
async fn hook(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> Answer<Hook> {
    let target = options.target(server);
    let request = GetHookRequest {
        repo: fullname(&owner, &repo),
        url: options.url.unwrap_or_default(),
    };
    with_client(&shared, target, "get_hook", |client, context| {
        client.get_hook(context, request)
    })
    .await
}

/// Deletes the hook of the query's `id` or `url`.
async fn delete_hook(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> Answer<()> {
    let target = options.target(server);
    let request = DeleteHookRequest {
        repo: fullname(&owner, &repo),
        id: options.id,
        url: options.url,
    };
    with_client(&shared, target, "delete_hook", |client, context| {
        client.delete_hook(context, request)
    })
    .await
}

/// What happened since the query's `cursor`.
async fn events(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> Answer<PolledEvents> {
    let target = options.target(server);
    let request = PollEventsRequest {
        repo: fullname(&owner, &repo),
        cursor: options.cursor,
        kinds: Vec::new(),
    };
    with_client(&shared, target, "poll_events", |client, context| {
        client.poll_events(context, request)
    })
    .await
}

async fn set_status(
    State(shared): App,
    Path(server): Path<String>,
    Query(options): Query<Options>,
    Json(request): Json<StatusRequest>,
) -> Answer<Status> {
    let target = options.target(server);
    with_client(&shared, target, "set_status", |client, context| {
        client.set_status(context, request)
    })
    .await
}

fn fullname(owner: &str, repo: &str) -> String {
    format!("{owner}/{repo}")
}
