//! The vcs service: what a server's provider knows, as JSON with the names of
//! CDS (see [`cds_json`]).
//!
//! A call uses the grant of the project that the query's `project` names, and
//! the configured credential without one.

mod cds_json;
mod repository;
mod requests;
mod review;
mod writing;

use self::cds_json::{
    CdsBranch, CdsCommit, CdsCommitStatus, CdsContent, CdsHook, CdsPolling, CdsPullRequest,
    CdsRelease, CdsRepo, CdsTag, CdsWebhooks, IntoCds,
};
use super::Shared;
use super::call::{ProviderResult, Target, call, with_client};
use super::extract::{JsonBody, Path, Query};
use super::openapi::{Kind, operation};
use super::response::JsonResult;
use super::routes::Routes;
use super::stream::{StreamResult, stream_list};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::Result;
use vcs_provider_interface::prelude::PageSink;
use vcs_provider_interface::provider::AuthorizedClient;
use vcs_provider_interface::records::*;

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
    /// CDS's name for `reference`.
    commit: Option<String>,
    reference: Option<String>,
    /// CDS's name for keeping the engine's address out of a status.
    #[serde(rename = "disableStatusDetails")]
    hide_details: bool,
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

/// What a list takes in its query.
const LIMIT: (&str, Kind) = ("limit", Kind::Number);

/// Whose credential is used.
const PROJECT: (&str, Kind) = ("project", Kind::Text);

/// Whose consent it is.
const CONSENTING: (&str, Kind) = ("project", Kind::Name);

/// The order of branches.
const SORT: (&str, Kind) = ("sort", Kind::OneOf(&["name", "-name", "latest"]));

/// The states of pull requests.
const STATE: (&str, Kind) = (
    "state",
    Kind::OneOf(&["open", "merged", "declined", "superseded"]),
);

fn text(name: &str) -> (&str, Kind) {
    (name, Kind::Text)
}

/// The routes of the vcs service, without who may call them.
pub(super) fn routes() -> Routes {
    let for_project = |summary| operation(summary).query(&[PROJECT]);
    Routes::new()
        .get(
            "/vcs",
            servers,
            operation("The configured servers").gives_object(),
        )
        .get(
            "/vcs/{server}",
            connection,
            for_project("Whether the server can be called, and as whom").gives_object(),
        )
        .get(
            "/vcs/{server}/authorize",
            writing::authorize,
            operation("Begins a consent for a project")
                .query(&[CONSENTING])
                .gives::<writing::CdsAuthorize>("200"),
        )
        .post(
            "/vcs/{server}/authorize",
            writing::end_authorize,
            operation("Ends a consent")
                .query(&[CONSENTING])
                .takes::<requests::CdsAuthorization>()
                .gives_object(),
        )
        .get(
            "/vcs/{server}/webhooks",
            webhooks,
            operation("What the server can do with webhooks").gives::<CdsWebhooks>("200"),
        )
        .get(
            "/vcs/{server}/polling",
            polling,
            operation("What the server can do with polling").gives::<CdsPolling>("200"),
        )
        .get(
            "/vcs/{server}/workspaces",
            workspaces,
            for_project("The workspaces that the credential sees")
                .query(&[LIMIT])
                .lists_objects(),
        )
        .get(
            "/vcs/{server}/repos",
            repositories,
            for_project("The repositories that the credential sees")
                .query(&[text("workspace"), text("filter"), LIMIT])
                .lists::<CdsRepo>(),
        )
        .post(
            "/vcs/{server}/status",
            set_status,
            for_project("Sets the build status of a commit")
                .query(&[("disableStatusDetails", Kind::Flag)])
                .takes_object()
                .gives::<CdsCommitStatus>("200"),
        )
        .merge(reading_routes())
        .merge(writing_routes())
}

/// What reads a repository.
fn reading_routes() -> Routes {
    let reads = |summary| operation(summary).query(&[PROJECT]);
    Routes::below("/vcs/{server}/repos/{owner}/{repo}")
        .get("", repository::repository, reads("A repository").gives::<CdsRepo>("200"))
        .get("/forks", repository::forks, reads("The forks").query(&[LIMIT]).lists::<CdsRepo>())
        .get(
            "/branches",
            repository::branches,
            reads("The branches")
                .query(&[text("filter"), SORT, LIMIT])
                .lists::<CdsBranch>(),
        )
        .get(
            "/branches/",
            repository::branch,
            reads("One branch, or the main one")
                .query(&[text("branch"), ("default", Kind::Flag)])
                .gives::<CdsBranch>("200"),
        )
        .get(
            "/branches/commits",
            repository::commits,
            reads("The commits of a branch")
                .query(&[text("branch"), text("since"), text("until"), LIMIT])
                .lists::<CdsCommit>(),
        )
        .get(
            "/tags",
            repository::tags,
            reads("The tags").query(&[text("filter"), LIMIT]).lists::<CdsTag>(),
        )
        .get("/tags/{tag}", repository::tag, reads("One tag").gives::<CdsTag>("200"))
        .get(
            "/commits",
            repository::commits,
            reads("The commits of a branch, or those between `base` and `head`")
                .query(&[text("branch"), text("since"), text("until")])
                .query(&[text("base"), text("head"), LIMIT])
                .lists::<CdsCommit>(),
        )
        .get("/commits/{commit}", repository::commit, reads("One commit").gives::<CdsCommit>("200"))
        .get(
            "/commits/{commit}/statuses",
            repository::statuses,
            reads("The build statuses of a commit").query(&[LIMIT]).lists::<CdsCommitStatus>(),
        )
        .get(
            "/changedfiles",
            repository::changed_files,
            reads("The files that differ between two commits")
                .query(&[text("base"), text("head"), LIMIT])
                .lists_objects(),
        )
        .get(
            "/contents",
            repository::contents,
            reads("What is in a folder")
                .query(&[text("path"), text("reference"), text("commit"), LIMIT])
                .lists::<CdsContent>(),
        )
        .get(
            "/contents/{*path}",
            repository::contents_of,
            reads("What is in a folder")
                .query(&[text("reference"), text("commit"), LIMIT])
                .lists::<CdsContent>(),
        )
        .get(
            "/content/{*path}",
            writing::content,
            reads("A file, with its content in base 64, or as bytes for `Accept: application/octet-stream`")
                .query(&[text("reference"), text("commit")])
                .gives::<CdsContent>("200"),
        )
        .get(
            "/pullrequests",
            review::pull_requests,
            reads("The pull requests").query(&[STATE, LIMIT]).lists::<CdsPullRequest>(),
        )
        .get(
            "/pullrequests/{number}",
            review::pull_request,
            reads("One pull request").gives::<CdsPullRequest>("200"),
        )
        .get(
            "/pullrequests/{number}/comments",
            review::comments,
            reads("The comments on a pull request").query(&[LIMIT]).lists_objects(),
        )
        .get(
            "/search/pullrequest",
            writing::search_pull_request,
            reads("The pull request that holds a commit")
                .query(&[text("commit"), STATE])
                .gives::<CdsPullRequest>("200"),
        )
        .get(
            "/hooks",
            review::hook,
            reads("The hook of an address").query(&[text("url"), text("id")]).gives::<CdsHook>("200"),
        )
        .get(
            "/events",
            review::events,
            reads("What happened since a cursor").query(&[text("cursor")]).gives_object(),
        )
}

/// What changes a repository, or takes a body.
fn writing_routes() -> Routes {
    let writes = |summary| operation(summary).query(&[PROJECT]);
    Routes::below("/vcs/{server}/repos/{owner}/{repo}")
        .post(
            "/archive",
            writing::archive,
            writes("An archive of the repository")
                .takes::<requests::CdsArchiveRequest>()
                .gives_text("application/octet-stream"),
        )
        .post(
            "/pullrequests",
            writing::create_pull_request,
            writes("Opens a pull request")
                .takes::<requests::CdsNewPullRequest>()
                .gives::<CdsPullRequest>("200"),
        )
        .post(
            "/pullrequests/comments",
            writing::comment,
            writes("Comments on the pull request whose number is `id`")
                .takes::<requests::CdsNumberedComment>()
                .gives_object(),
        )
        .post(
            "/pullrequests/{number}/comments",
            writing::comment_on,
            writes("Comments on a pull request")
                .takes::<requests::CdsCommentRequest>()
                .gives_object(),
        )
        .put(
            "/commits/{commit}/insight/{key}",
            writing::insight,
            writes("Publishes a report on a commit")
                .takes_object()
                .gives_object(),
        )
        .post(
            "/hooks",
            writing::create_hook,
            writes("Makes a hook")
                .takes::<requests::CdsHookRequest>()
                .gives::<CdsHook>("200"),
        )
        .put(
            "/hooks",
            writing::update_hook,
            writes("Changes the hook of an id")
                .query(&[text("id")])
                .takes::<requests::CdsHookRequest>()
                .gives::<CdsHook>("200"),
        )
        .delete(
            "/hooks",
            review::delete_hook,
            writes("Deletes the hook of an id or an address")
                .query(&[text("id"), text("url")])
                .gives_object(),
        )
        .post(
            "/releases",
            writing::release,
            writes("Makes a release")
                .takes::<requests::CdsReleaseRequest>()
                .gives::<CdsRelease>("200"),
        )
        .post(
            "/releases/{tag}/artifacts/{name}",
            writing::upload_artifact,
            writes("Uploads a file of a release")
                .takes_bytes()
                .gives_object(),
        )
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
) -> ProviderResult {
    let target = options.target(server);
    with_client(&shared, target, "check_connection", |client, context| {
        client.check_connection(context, ConnectionRequest::default())
    })
    .await
}

async fn webhooks(State(shared): App, Path(server): Path<String>) -> JsonResult<CdsWebhooks> {
    let info = call(&shared, "webhooks_info", move |engine, context| {
        engine.webhooks_of(context, &server, None)
    });
    info.await.map(|info| Json(info.into_cds()))
}

async fn polling(State(shared): App, Path(server): Path<String>) -> JsonResult<CdsPolling> {
    let info = call(&shared, "polling_info", move |engine, context| {
        engine.polling_of(context, &server)
    });
    info.await.map(|info| Json(info.into_cds()))
}

async fn workspaces(
    State(shared): App,
    Path(server): Path<String>,
    Query(options): Query<Options>,
) -> StreamResult {
    let request = WorkspacesRequest {
        limit: options.limit,
        ..Default::default()
    };
    let target = options.target(server);
    let form = |item| item;
    stream_list(
        &shared,
        target,
        "workspaces",
        form,
        |client, context, sink| client.workspaces(context, request, sink),
    )
    .await
}

async fn repositories(
    State(shared): App,
    Path(server): Path<String>,
    Query(options): Query<Options>,
) -> StreamResult {
    let target = options.target(server);
    let request = RepositoriesRequest {
        workspace: options.workspace,
        filter: options.filter,
        limit: options.limit,
        ..Default::default()
    };
    stream_cds(&shared, target, "repos", |client, context, sink| {
        client.repos(context, request, sink)
    })
    .await
}

async fn set_status(
    State(shared): App,
    Path(server): Path<String>,
    Query(options): Query<Options>,
    JsonBody(mut request): JsonBody<StatusRequest>,
) -> ProviderResult {
    let target = options.target(server);
    request.hide_url |= options.hide_details;
    in_cds_form(&shared, target, "set_status", |client, context| {
        client.set_status(context, request)
    })
    .await
}

/// [`with_client`], with the response in the form of CDS.
async fn in_cds_form<T: IntoCds + 'static>(
    shared: &Arc<Shared>,
    target: Target,
    name: &str,
    work: impl FnOnce(&dyn AuthorizedClient, &dyn CallContext) -> Result<T> + Send + 'static,
) -> ProviderResult
where
    T::Cds: Send + 'static,
{
    with_client(shared, target, name, |client, context| {
        work(client, context).map(IntoCds::into_cds)
    })
    .await
}

/// [`stream_list`], with the records in the form of CDS.
async fn stream_cds<T: IntoCds + 'static>(
    shared: &Arc<Shared>,
    target: Target,
    name: &'static str,
    list: impl FnOnce(&dyn AuthorizedClient, &dyn CallContext, &mut dyn PageSink<T>) -> Result<()>
    + Send
    + 'static,
) -> StreamResult
where
    T::Cds: 'static,
{
    stream_list(shared, target, name, T::into_cds, list).await
}

fn fullname(owner: &str, repo: &str) -> String {
    format!("{owner}/{repo}")
}
