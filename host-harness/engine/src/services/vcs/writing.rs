//! What changes something at a service, and the files of a repository.

use super::cds_json::CdsContent;
use super::requests::{
    CdsArchiveRequest, CdsAuthorization, CdsCommentRequest, CdsHookRequest, CdsNewPullRequest,
    CdsNumberedComment, CdsReleaseRequest,
};
use super::{App, Options, Repo, RepoItem, fullname, in_cds_form};
use crate::consent::{Callback, ConsentError, Consented};
use crate::services::call::{ProviderResult, call, with_client};
use crate::services::extract::{JsonBody, Path, Query};
use crate::services::response::{Failure, JsonResult};
use crate::services::stream::{StreamResult, stream_bytes, upload};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use url::Url;
use utoipa::ToSchema;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::*;
use vcs_provider_interface::sink::{ChunkFn, Flow, collect};

/// The largest file that is sent as JSON.
const LARGEST_IN_JSON: usize = 8 * 1024 * 1024;

/// A route's repository and the number of one of its pull requests.
type PullRequestItem = Path<(String, String, String, u64)>;

fn invalid(message: impl Into<String>) -> VcsError {
    VcsError::new(ErrorKind::INVALID_INPUT, message)
}

/// Where a person consents.
#[derive(Serialize, ToSchema)]
pub(super) struct CdsAuthorize {
    /// The state of the request.
    token: String,
    url: String,
}

/// Begins a consent for the query's project.
pub(super) async fn authorize(
    State(shared): App,
    Path(server): Path<String>,
    Query(options): Query<Options>,
) -> JsonResult<CdsAuthorize> {
    let project = options
        .project
        .ok_or_else(|| invalid("name the project that is to act, as `?project=KEY`"))?;
    crate::services::api::check_name("project key", &project)?;
    let consent = call(&shared, "authorize_redirect", move |engine, _| {
        engine.begin_consent(&project, &server)
    });
    let url = consent.await?.url;
    let parsed = Url::parse(&url).ok();
    let state = parsed.as_ref().and_then(|url| {
        let found = url.query_pairs().find(|(name, _)| name == "state");
        found.map(|(_, state)| state.into_owned())
    });
    Ok(Json(CdsAuthorize {
        token: state.unwrap_or_default(),
        url,
    }))
}

/// Ends a consent. What the project may use then stays in the engine.
pub(super) async fn end_authorize(
    State(shared): App,
    Path(server): Path<String>,
    Query(options): Query<Options>,
    JsonBody(body): JsonBody<CdsAuthorization>,
) -> Result<Json<Consented>, ConsentError> {
    let project = options
        .project
        .ok_or_else(|| invalid("name the project that is to act, as `?project=KEY`"))?;
    let callback = Callback {
        state: Some(body.state),
        code: Some(body.code),
        error: None,
        issuer: None,
        expected: Some((project, server)),
        browser: None,
    };
    let ended = call(&shared, "authorize_token", move |engine, _| {
        match engine.end_consent(callback) {
            Err(ConsentError::Failed(error)) => Err(error),
            result => Ok(result),
        }
    });
    match ended.await {
        Ok(result) => result.map(Json),
        Err(Failure(error)) => Err(error.into()),
    }
}

/// A file: its bytes as they come, for whoever accepts them, otherwise JSON.
pub(super) async fn content(
    State(shared): App,
    Path((server, owner, repo, path)): RepoItem,
    Query(options): Query<Options>,
    headers: HeaderMap,
) -> StreamResult {
    let request = GetContentRequest {
        repo: fullname(&owner, &repo),
        reference: options.commit.clone().or(options.reference.clone()),
        path: path.clone(),
        ..Default::default()
    };
    let target = options.target(server);
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|kind| kind.to_str().ok());
    if accepts.is_some_and(|kind| kind.contains("application/octet-stream")) {
        let kind = "application/octet-stream";
        return stream_bytes(
            &shared,
            target,
            "get_content",
            kind,
            |client, context, sink| client.get_content(context, request, sink),
        )
        .await;
    }
    let found = with_client(&shared, target, "get_content", move |client, context| {
        let mut bytes = Vec::new();
        let mut is_too_large = false;
        let mut sink = ChunkFn(|chunk: &[u8]| {
            is_too_large = bytes.len() + chunk.len() > LARGEST_IN_JSON;
            if is_too_large {
                return Ok(Flow::STOP);
            }
            bytes.extend_from_slice(chunk);
            Ok(Flow::CONTINUE)
        });
        client.get_content(context, request, &mut sink)?;
        if is_too_large {
            return Err(invalid(
                "the file is larger than 8 MiB; ask with `Accept: application/octet-stream`",
            ));
        }
        Ok(CdsContent::of_file(
            path,
            STANDARD.encode(&bytes),
            bytes.len(),
        ))
    });
    found.await.map(IntoResponse::into_response)
}

/// An archive, as it comes.
pub(super) async fn archive(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
    JsonBody(body): JsonBody<CdsArchiveRequest>,
) -> StreamResult {
    if !body.path.trim_matches('/').is_empty() {
        let message = "archives are of the whole repository; leave `path` empty";
        return Err(VcsError::new(ErrorKind::UNSUPPORTED, message).into());
    }
    let format = ArchiveFormat::ALL
        .iter()
        .find(|format| format.to_string() == body.format)
        .ok_or_else(|| invalid("`format` must be zip, tar.gz or tar.bz2"))?;
    let content_type = match *format {
        ArchiveFormat::ZIP => "application/zip",
        ArchiveFormat::TAR_GZ => "application/gzip",
        _ => "application/x-bzip2",
    };
    let request = GetArchiveRequest {
        repo: fullname(&owner, &repo),
        reference: (!body.commit.is_empty()).then_some(body.commit),
        format: *format,
        ..Default::default()
    };
    let target = options.target(server);
    stream_bytes(
        &shared,
        target,
        "get_archive",
        content_type,
        |client, context, sink| client.get_archive(context, request, sink),
    )
    .await
}

pub(super) async fn create_pull_request(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
    JsonBody(body): JsonBody<CdsNewPullRequest>,
) -> ProviderResult {
    let request = body.into_request(fullname(&owner, &repo));
    let target = options.target(server);
    in_cds_form(&shared, target, "pull_request_create", |client, context| {
        client.pull_request_create(context, request)
    })
    .await
}

/// Comments on the pull request whose number the body has.
pub(super) async fn comment(
    state: App,
    Path((server, owner, repo)): Repo,
    options: Query<Options>,
    JsonBody(body): JsonBody<CdsNumberedComment>,
) -> ProviderResult {
    let at = Path((server, owner, repo, body.id));
    let message = body.message;
    comment_on(state, at, options, JsonBody(CdsCommentRequest { message })).await
}

pub(super) async fn comment_on(
    State(shared): App,
    Path((server, owner, repo, pull_request)): PullRequestItem,
    Query(options): Query<Options>,
    JsonBody(body): JsonBody<CdsCommentRequest>,
) -> ProviderResult {
    let request = CreateCommentRequest {
        repo: fullname(&owner, &repo),
        pull_request,
        text: body.message,
        ..Default::default()
    };
    let target = options.target(server);
    with_client(
        &shared,
        target,
        "pull_request_comment_create",
        |client, context| client.pull_request_comment_create(context, request),
    )
    .await
}

pub(super) async fn create_hook(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
    JsonBody(body): JsonBody<CdsHookRequest>,
) -> ProviderResult {
    let request = body.into_request(fullname(&owner, &repo), None);
    let target = options.target(server);
    in_cds_form(&shared, target, "create_hook", |client, context| {
        client.create_hook(context, request)
    })
    .await
}

/// Changes the hook of the query's `id`, or of the body's.
pub(super) async fn update_hook(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
    JsonBody(body): JsonBody<CdsHookRequest>,
) -> ProviderResult {
    let request = body.into_request(fullname(&owner, &repo), options.id.clone());
    let target = options.target(server);
    in_cds_form(&shared, target, "update_hook", |client, context| {
        client.update_hook(context, request)
    })
    .await
}

/// Publishes a report on a commit, in place of an earlier one of its key.
pub(super) async fn insight(
    State(shared): App,
    Path((server, owner, repo, commit, key)): Path<(String, String, String, String, String)>,
    Query(options): Query<Options>,
    JsonBody(body): JsonBody<InsightReportRequest>,
) -> ProviderResult {
    let request = InsightReportRequest {
        repo: fullname(&owner, &repo),
        commit,
        id: key,
        ..body
    };
    let target = options.target(server);
    with_client(
        &shared,
        target,
        "create_insight_report",
        |client, context| client.create_insight_report(context, request),
    )
    .await
}

pub(super) async fn release(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
    JsonBody(body): JsonBody<CdsReleaseRequest>,
) -> ProviderResult {
    let request = body.into_request(fullname(&owner, &repo));
    let target = options.target(server);
    in_cds_form(&shared, target, "release", |client, context| {
        client.release(context, request)
    })
    .await
}

/// Uploads a file of the release of this tag, as it arrives.
pub(super) async fn upload_artifact(
    State(shared): App,
    Path((server, owner, repo, tag, name)): Path<(String, String, String, String, String)>,
    Query(options): Query<Options>,
    headers: HeaderMap,
    body: Body,
) -> ProviderResult {
    let text = |name: header::HeaderName| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned)
    };
    let request = UploadReleaseFileRequest {
        repo: fullname(&owner, &repo),
        tag,
        name,
        length: text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        content_type: text(header::CONTENT_TYPE),
        ..Default::default()
    };
    let target = options.target(server);
    let mut source = upload(body);
    with_client(
        &shared,
        target,
        "upload_release_file",
        move |client, context| client.upload_release_file(context, request, &mut source),
    )
    .await
}

/// The first pull request that holds the query's commit.
pub(super) async fn search_pull_request(
    State(shared): App,
    Path((server, owner, repo)): Repo,
    Query(options): Query<Options>,
) -> Result<Response, Failure> {
    let target = options.target(server);
    let commit = options
        .commit
        .ok_or_else(|| invalid("name the commit, as `?commit=HASH`"))?;
    let request = SearchPullRequestRequest {
        repo: fullname(&owner, &repo),
        commit,
        states: options.state.into_iter().collect(),
        limit: Some(1),
        ..Default::default()
    };
    let found = in_cds_form(&shared, target, "search_pull_request", |client, context| {
        let found = collect(|sink| client.search_pull_request(context, request, sink))?;
        found
            .into_iter()
            .next()
            .ok_or_else(|| VcsError::new(ErrorKind::NOT_FOUND, "no pull request holds this commit"))
    });
    found.await.map(IntoResponse::into_response)
}
