//! The vcs service: what a server's provider knows, as JSON with the names of
//! CDS (see [`cds_json`]).
//!
//! A call uses the grant of the project that the query's `project` names, and
//! the configured credential without one.

mod cds_json;
mod repository;
mod review;

use self::cds_json::{CdsPolling, CdsWebhooks, IntoCds};
use super::Shared;
use super::call::{ProviderResult, Target, call, with_client};
use super::response::JsonResult;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::Result;
use vcs_provider_interface::provider::AuthorizedClient;
use vcs_provider_interface::records::*;
use vcs_provider_interface::sink::collect;

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

/// The routes of the vcs service, without who may call them.
pub(super) fn routes() -> Router<Arc<Shared>> {
    let repo = Router::new()
        .route("/", get(repository::repository))
        .route("/forks", get(repository::forks))
        .route("/branches", get(repository::branches))
        .route("/branches/", get(repository::branch))
        .route("/tags", get(repository::tags))
        .route("/tags/{item}", get(repository::tag))
        .route("/commits", get(repository::commits))
        .route("/commits/{item}", get(repository::commit))
        .route("/commits/{item}/statuses", get(repository::statuses))
        .route("/changedfiles", get(repository::changed_files))
        .route("/contents", get(repository::contents))
        .route("/pullrequests", get(review::pull_requests))
        .route("/pullrequests/{item}", get(review::pull_request))
        .route("/pullrequests/{item}/comments", get(review::comments))
        .route("/hooks", get(review::hook).delete(review::delete_hook))
        .route("/events", get(review::events));
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
) -> ProviderResult {
    let limit = options.limit;
    let target = options.target(server);
    with_client(&shared, target, "workspaces", move |client, context| {
        collect(|sink| {
            client.workspaces(
                context,
                WorkspacesRequest {
                    limit,
                    ..Default::default()
                },
                sink,
            )
        })
    })
    .await
}

async fn repositories(
    State(shared): App,
    Path(server): Path<String>,
    Query(options): Query<Options>,
) -> ProviderResult {
    let target = options.target(server);
    let request = RepositoriesRequest {
        workspace: options.workspace,
        filter: options.filter,
        limit: options.limit,
        ..Default::default()
    };
    in_cds_form(&shared, target, "repos", |client, context| {
        collect(|sink| client.repos(context, request, sink))
    })
    .await
}

async fn set_status(
    State(shared): App,
    Path(server): Path<String>,
    Query(options): Query<Options>,
    Json(mut request): Json<StatusRequest>,
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

fn fullname(owner: &str, repo: &str) -> String {
    format!("{owner}/{repo}")
}
