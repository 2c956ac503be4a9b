//! Build statuses.
//!
//! | method | sent | repeated | special errors |
//! |---|---|---|---|
//! | `list_statuses` | pages of 100, oldest first | all | `InvalidInput` if the commit is not a hash |
//! | `set_status` | one request, which replaces the status of the same key; for a commit that only a fork has (404) the pull request is read, and the status set in its source repository; a commit that is not there yet is tried again for some seconds | all: twice changes nothing | `InvalidInput` for an address that the service would reject; `NotFound` says what was tried |
//!
//! Nothing is sent where `Status.disable` is set. Keys, states, addresses and
//! lengths: see [`rules`].

mod rules;

use crate::api::branches::short_name;
use crate::http::Request;
use crate::json::{Status as WireStatus, is_hash, status_fields};
use crate::page_length::List;
use crate::pages::{ENVELOPE, Pager};
use crate::repository_name::RepositoryName;
use crate::session::Session;
use crate::text::{ELLIPSIS, cut};
pub(crate) use rules::{LONGEST_KEY, LONGEST_TEXT};
use rules::{checked_url, neutral_url, service_key, service_state};
use serde::{Deserialize, Serialize};
use vcs_provider_interface::prelude::*;

/// A status as it is sent.
#[derive(Serialize)]
struct StatusBody {
    key: String,
    state: &'static str,
    url: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refname: Option<String>,
}

pub(crate) fn list(
    session: &Session,
    context: &dyn CallContext,
    request: StatusesRequest,
    sink: &mut dyn PageSink<Status>,
) -> Result<()> {
    let repo = RepositoryName::parse(&request.repo)?;
    check_commit(&request.commit)?;
    let listing = Request::get(repo.path(&["commit", &request.commit, "statuses"]))
        .query("sort", "created_on")
        .fields(&format!("{},{ENVELOPE}", status_fields!("values.")));
    Pager::new(&session.http, context, List::Statuses, listing)
        .limit(request.limit)
        .push(sink, |status: WireStatus| {
            Ok(status.into_record(&request.commit))
        })?;
    Ok(())
}

pub(crate) fn set(
    session: &Session,
    context: &dyn CallContext,
    request: StatusRequest,
) -> Result<Status> {
    let repo = RepositoryName::parse(&request.repo)?;
    check_commit(&request.commit)?;
    let body = body(session, &repo, &request)?;
    if session.config.statuses_disabled {
        return Ok(not_sent(&request, body));
    }
    let from_fork = request.pull_request.is_some();
    match post(session, context, &repo, &request.commit, &body, !from_fork) {
        Err(error) if error.kind == ErrorKind::NOT_FOUND => {
            let source = source_repository(session, context, &repo, &request, error)?;
            post(session, context, &source, &request.commit, &body, true)
        }
        other => other,
    }
}

fn check_commit(hash: &str) -> Result<()> {
    if is_hash(hash) {
        return Ok(());
    }
    Err(VcsError::new(
        ErrorKind::INVALID_INPUT,
        format!("`{hash}` is not the hash of a commit"),
    ))
}

fn body(session: &Session, repo: &RepositoryName, request: &StatusRequest) -> Result<StatusBody> {
    let key = service_key(&request.key)?;
    let url = if session.config.status_details_hidden || request.hide_url {
        neutral_url(&session.config.web_url, repo, &request.commit)
    } else {
        checked_url(&request.url)?
    };
    let name = if request.name.is_empty() {
        &request.key
    } else {
        &request.name
    };
    Ok(StatusBody {
        key,
        state: service_state(request.state)?,
        url,
        name: cut(name, LONGEST_TEXT, ELLIPSIS).into_owned(),
        description: cut(&request.description, LONGEST_TEXT, ELLIPSIS).into_owned(),
        refname: request
            .ref_name
            .as_deref()
            .map(|name| short_name(name).to_owned())
            .filter(|name| !name.is_empty()),
    })
}

fn post(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    commit: &str,
    body: &StatusBody,
    waits: bool,
) -> Result<Status> {
    // The service replaces the status of the same key, so it may be repeated.
    let request = Request::post(repo.path(&["commit", commit, "statuses", "build"]))
        .json(body)?
        .idempotent();
    // With a pull request at hand its source is looked at instead.
    let response = if waits {
        session.http.send_for_commit(context, &request)?
    } else {
        session.http.send(context, &request)?
    };
    Ok(response.json::<WireStatus>()?.into_record(commit))
}

#[derive(Deserialize)]
struct PullRequestSource {
    source: Option<Source>,
}

#[derive(Deserialize)]
struct Source {
    repository: Option<SourceRepository>,
}

#[derive(Deserialize)]
struct SourceRepository {
    full_name: Option<String>,
}

/// The repository of a pull request's source, for a commit that only a fork has.
fn source_repository(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    request: &StatusRequest,
    rejection: VcsError,
) -> Result<RepositoryName> {
    let Some(number) = request.pull_request else {
        return Err(rejection.in_context(format!(
            "{repo} has no commit {}; if it is the head of a pull request from a fork, name the \
             pull request, so that the status can be set in the fork",
            request.commit
        )));
    };
    let lookup = Request::get(repo.path(&["pullrequests", &number.to_string()]))
        .fields("source.repository.full_name");
    let pull_request: PullRequestSource = session.http.json(context, &lookup)?;
    let name = pull_request
        .source
        .and_then(|source| source.repository)
        .and_then(|repository| repository.full_name);
    let Some(name) = name else {
        return Err(rejection.in_context(format!(
            "{repo} has no commit {}, and the source repository of pull request {number} is \
             deleted or not visible to this credential",
            request.commit
        )));
    };
    let source = RepositoryName::parse(&name)?;
    if source == *repo {
        return Err(rejection.in_context(format!(
            "{repo} has no commit {}, though pull request {number} comes from this repository",
            request.commit
        )));
    }
    Ok(source)
}

/// The response where the administrator has switched statuses off.
fn not_sent(request: &StatusRequest, body: StatusBody) -> Status {
    Status {
        key: body.key,
        name: body.name,
        state: request.state,
        service_state: String::new(),
        url: body.url,
        description: body.description,
        ref_name: body.refname,
        commit: request.commit.clone(),
        created_at: None,
        updated_at: None,
        extra: Extra::from([(keys::NOT_SENT, "Status.disable is set in the configuration")]),
    }
}
