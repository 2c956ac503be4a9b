//! What happens around a repository: pull requests, hooks, events.

use super::{App, Options, Repo, fullname, in_cds_form, stream_cds};
use crate::services::call::{ProviderResult, with_client};
use crate::services::extract::{Path, Query};
use crate::services::stream::{StreamResult, stream_list};
use axum::extract::State;
use vcs_provider_interface::records::*;

/// Pull requests in one state, in any without `state`.
pub(super) async fn pull_requests(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> StreamResult {
    let target = options.target(server);
    let request = PullRequestsRequest {
        repo: fullname(&owner, &repo),
        states: options.state.into_iter().collect(),
        limit: options.limit,
        ..PullRequestsRequest::default()
    };
    stream_cds(&shared, target, "pull_requests", |client, context, sink| {
        client.pull_requests(context, request, sink)
    })
    .await
}

pub(super) async fn pull_request(
    State(shared): App,
    Path((server, owner, repo, id)): Path<(String, String, String, u64)>,
    Query(options): Query<Options>,
) -> ProviderResult {
    let request = PullRequestRequest {
        repo: fullname(&owner, &repo),
        id,
        ..Default::default()
    };
    let target = options.target(server);
    in_cds_form(&shared, target, "pull_request", |client, context| {
        client.pull_request(context, request)
    })
    .await
}

pub(super) async fn comments(
    State(shared): App,
    Path((server, owner, repo, pull_request)): Path<(String, String, String, u64)>,
    Query(options): Query<Options>,
) -> StreamResult {
    let request = CommentsRequest {
        repo: fullname(&owner, &repo),
        pull_request,
        limit: options.limit,
        ..Default::default()
    };
    let target = options.target(server);
    let form = |item| item;
    stream_list(
        &shared,
        target,
        "pull_request_comments",
        form,
        |client, context, sink| client.pull_request_comments(context, request, sink),
    )
    .await
}

/// The hook of the address in the query's `url`.
pub(super) async fn hook(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> ProviderResult {
    let target = options.target(server);
    let request = GetHookRequest {
        repo: fullname(&owner, &repo),
        id: options.id,
        url: options.url.unwrap_or_default(),
        ..Default::default()
    };
    in_cds_form(&shared, target, "get_hook", |client, context| {
        client.get_hook(context, request)
    })
    .await
}

/// Deletes the hook of the query's `id` or `url`.
pub(super) async fn delete_hook(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> ProviderResult {
    let target = options.target(server);
    let request = DeleteHookRequest {
        repo: fullname(&owner, &repo),
        id: options.id,
        url: options.url,
        ..Default::default()
    };
    with_client(&shared, target, "delete_hook", |client, context| {
        client.delete_hook(context, request)
    })
    .await
}

/// What happened since the query's `cursor`.
pub(super) async fn events(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> ProviderResult {
    let target = options.target(server);
    let request = PollEventsRequest {
        repo: fullname(&owner, &repo),
        cursor: options.cursor,
        kinds: Vec::new(),
        ..Default::default()
    };
    with_client(&shared, target, "poll_events", |client, context| {
        client.poll_events(context, request)
    })
    .await
}
