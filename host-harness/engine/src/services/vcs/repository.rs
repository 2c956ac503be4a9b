//! What a repository holds: branches, tags, commits, files.

use super::{App, Options, Repo, RepoItem, fullname, in_cds_form, stream_cds};
use crate::services::call::ProviderResult;
use crate::services::extract::{Path, Query};
use crate::services::stream::{StreamResult, stream_list};
use axum::extract::State;
use vcs_provider_interface::records::*;

pub(super) async fn repository(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> ProviderResult {
    let request = RepositoryRequest {
        repo: fullname(&owner, &repo),
        ..Default::default()
    };
    let target = options.target(server);
    in_cds_form(&shared, target, "repo_by_fullname", |client, context| {
        client.repo_by_fullname(context, request)
    })
    .await
}

pub(super) async fn forks(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> StreamResult {
    let request = ForksRequest {
        repo: fullname(&owner, &repo),
        limit: options.limit,
        ..Default::default()
    };
    let target = options.target(server);
    stream_cds(&shared, target, "forks", |client, context, sink| {
        client.forks(context, request, sink)
    })
    .await
}

pub(super) async fn branches(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> StreamResult {
    let target = options.target(server);
    let request = BranchesRequest {
        repo: fullname(&owner, &repo),
        filter: options.filter,
        sort: options.sort.unwrap_or_default(),
        limit: options.limit,
        ..Default::default()
    };
    stream_cds(&shared, target, "branches", |client, context, sink| {
        client.branches(context, request, sink)
    })
    .await
}

pub(super) async fn branch(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> ProviderResult {
    let wants_default = options.default.unwrap_or(false);
    let target = options.target(server);
    let request = BranchRequest {
        repo: fullname(&owner, &repo),
        name: options.branch.filter(|_| !wants_default),
        ..Default::default()
    };
    in_cds_form(&shared, target, "branch", |client, context| {
        client.branch(context, request)
    })
    .await
}

pub(super) async fn tags(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> StreamResult {
    let target = options.target(server);
    let request = TagsRequest {
        repo: fullname(&owner, &repo),
        filter: options.filter,
        limit: options.limit,
        ..Default::default()
    };
    stream_cds(&shared, target, "tags", |client, context, sink| {
        client.tags(context, request, sink)
    })
    .await
}

pub(super) async fn tag(
    State(shared): App,
    Path((server, owner, repo, name)): RepoItem,
    Query(options): Query<Options>,
) -> ProviderResult {
    let request = TagRequest {
        repo: fullname(&owner, &repo),
        name,
        ..Default::default()
    };
    let target = options.target(server);
    in_cds_form(&shared, target, "tag", |client, context| {
        client.tag(context, request)
    })
    .await
}

/// The commits of a branch, or those between two refs if `base` and `head` are given.
pub(super) async fn commits(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> StreamResult {
    let target = options.target(server);
    let repo = fullname(&owner, &repo);
    stream_cds(&shared, target, "commits", move |client, context, sink| {
        let limit = options.limit;
        if let (Some(base), Some(head)) = (options.base, options.head) {
            let request = CommitsBetweenRefsRequest {
                repo,
                base,
                head,
                limit,
                ..Default::default()
            };
            return client.commits_between_refs(context, request, sink);
        }
        let request = CommitsRequest {
            repo,
            branch: options.branch,
            since: options.since,
            until: options.until,
            limit,
            ..Default::default()
        };
        client.commits(context, request, sink)
    })
    .await
}

pub(super) async fn commit(
    State(shared): App,
    Path((server, owner, repo, hash)): RepoItem,
    Query(options): Query<Options>,
) -> ProviderResult {
    let request = CommitRequest {
        repo: fullname(&owner, &repo),
        hash,
        ..Default::default()
    };
    let target = options.target(server);
    in_cds_form(&shared, target, "commit", |client, context| {
        client.commit(context, request)
    })
    .await
}

pub(super) async fn statuses(
    State(shared): App,
    Path((server, owner, repo, commit)): RepoItem,
    Query(options): Query<Options>,
) -> StreamResult {
    let request = StatusesRequest {
        repo: fullname(&owner, &repo),
        commit,
        limit: options.limit,
        ..Default::default()
    };
    let target = options.target(server);
    stream_cds(&shared, target, "list_statuses", |client, context, sink| {
        client.list_statuses(context, request, sink)
    })
    .await
}

pub(super) async fn changed_files(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> StreamResult {
    let target = options.target(server);
    let request = ChangedFilesRequest {
        repo: fullname(&owner, &repo),
        base: options.base.unwrap_or_default(),
        head: options.head.unwrap_or_default(),
        limit: options.limit,
        ..Default::default()
    };
    let form = |item| item;
    stream_list(
        &shared,
        target,
        "changed_files",
        form,
        |client, context, sink| client.changed_files(context, request, sink),
    )
    .await
}

pub(super) async fn contents(
    state: App,
    Path((server, owner, repo)): Repo,
    Query(mut options): Query<Options>,
) -> StreamResult {
    let path = options.path.take().unwrap_or_default();
    contents_of(state, Path((server, owner, repo, path)), Query(options)).await
}

pub(super) async fn contents_of(
    State(shared): App,
    Path((server, owner, repo, path)): RepoItem,
    Query(options): Query<Options>,
) -> StreamResult {
    let target = options.target(server);
    let request = ListContentRequest {
        repo: fullname(&owner, &repo),
        reference: options.commit.or(options.reference),
        path,
        recursive: false,
        limit: options.limit,
        ..Default::default()
    };
    stream_cds(&shared, target, "list_content", |client, context, sink| {
        client.list_content(context, request, sink)
    })
    .await
}
