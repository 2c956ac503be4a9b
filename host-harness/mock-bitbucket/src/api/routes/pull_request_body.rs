//! Reading what a caller sends about a pull request.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::api::call::Call;
use crate::api::validation::Validation;
use crate::git::objects::RefKind;
use crate::model::errors::ApiError;
use crate::model::pull_request::Side;
use crate::model::repository::Repository;
use crate::model::state::{Found, State};
use crate::sync::lock;

/// What a body may hold. Fields that only responses have are accepted and ignored,
/// so that a response can be sent back.
const KNOWN: [&str; 23] = [
    "title",
    "description",
    "summary",
    "source",
    "destination",
    "reviewers",
    "close_source_branch",
    "draft",
    "type",
    "id",
    "state",
    "author",
    "links",
    "rendered",
    "merge_commit",
    "comment_count",
    "task_count",
    "closed_by",
    "reason",
    "created_on",
    "updated_on",
    "participants",
    "queued",
];

/// The fields of a body, of the right types. Absent ones were not sent.
pub(crate) struct PullRequestBody {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) draft: Option<bool>,
    pub(crate) close_source_branch: Option<bool>,
    source: Option<Value>,
    destination: Option<Value>,
    reviewers: Option<Vec<Value>>,
}

impl PullRequestBody {
    /// Reads the body of a call.
    pub(crate) fn read(call: &Call) -> Result<Self, ApiError> {
        let body = call.json_object()?;
        let mut check = Validation::new(&body);
        check.known(&KNOWN);
        let title = check.text("title", usize::MAX).map(str::to_owned);
        if title.as_ref().is_some_and(|title| title.trim().is_empty()) {
            check.complain("title", "This field may not be blank.");
        }
        let description = check.text("description", usize::MAX).map(str::to_owned);
        let draft = check.boolean("draft");
        let close_source_branch = check.boolean_or_null("close_source_branch");
        for name in ["source", "destination"] {
            if body.get(name).is_some_and(|side| !side.is_object()) {
                check.complain(name, "Not an object.");
            }
        }
        let reviewers = match body.get("reviewers") {
            None => None,
            Some(Value::Array(reviewers)) => Some(reviewers.clone()),
            Some(_) => {
                check.complain("reviewers", "Not a list.");
                None
            }
        };
        check.finish()?;
        Ok(Self {
            title,
            description,
            draft,
            close_source_branch,
            source: body.get("source").cloned(),
            destination: body.get("destination").cloned(),
            reviewers,
        })
    }
}

/// Where the pull request comes from: this repository, or a fork that is named.
pub(crate) fn source(
    call: &Call,
    repository: &Arc<Repository>,
    body: &PullRequestBody,
) -> Result<Option<Side>, ApiError> {
    let Some(given) = &body.source else {
        return Ok(None);
    };
    let Some(branch) = branch_name(given, "source")? else {
        return Ok(None);
    };
    let home = match given.get("repository").and_then(Value::as_object) {
        None => Arc::clone(repository),
        Some(named) => named_repository(call, named)?,
    };
    if family(call, &home) != family(call, repository) {
        return Err(ApiError::field(
            "source",
            "The repository is not a fork of this one.",
        ));
    }
    side(&home, &branch, "source").map(Some)
}

/// Where the pull request goes; always this repository.
pub(crate) fn destination(
    call: &Call,
    repository: &Arc<Repository>,
    body: &PullRequestBody,
) -> Result<Option<Side>, ApiError> {
    let Some(given) = &body.destination else {
        return Ok(None);
    };
    let named = match given.get("repository").and_then(Value::as_object) {
        Some(named) => Some(named_repository(call, named)?),
        None => None,
    };
    if named.is_some_and(|named| named.uuid != repository.uuid) {
        return Err(ApiError::field(
            "destination",
            "A pull request is created in its destination repository.",
        ));
    }
    let Some(branch) = branch_name(given, "destination")? else {
        return Ok(None);
    };
    side(repository, &branch, "destination").map(Some)
}

fn branch_name(side: &Value, field: &str) -> Result<Option<String>, ApiError> {
    match side.pointer("/branch/name") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) if !name.is_empty() => Ok(Some(name.clone())),
        Some(_) => Err(ApiError::field(
            &format!("{field}.branch.name"),
            "Not a valid string.",
        )),
    }
}

/// A branch of a repository as one side of a pull request.
pub(crate) fn side(repository: &Repository, branch: &str, field: &str) -> Result<Side, ApiError> {
    let found = repository
        .git
        .find_ref(RefKind::Branch, branch)?
        .ok_or_else(|| ApiError::field(field, format!("branch not found: {branch}")))?;
    Ok(Side {
        repository: Some(repository.uuid.clone()),
        branch: found.name,
        commit: Some(found.commit),
        frozen: false,
    })
}

fn named_repository(call: &Call, named: &Map<String, Value>) -> Result<Arc<Repository>, ApiError> {
    let text = |name: &str| named.get(name).and_then(Value::as_str);
    let state = lock(&call.mock.state);
    let found = match (text("uuid"), text("full_name")) {
        (Some(uuid), _) => state.repository_by_uuid(uuid),
        (None, Some(full_name)) => by_full_name(&state, full_name),
        (None, None) => None,
    };
    drop(state);
    found
        .filter(|found| !found.is_private || call.caller().is_ok_and(|one| one.can_see(found)))
        .ok_or_else(|| ApiError::field("source", "repository not found"))
}

fn by_full_name(state: &State, full_name: &str) -> Option<Arc<Repository>> {
    let (workspace, slug) = full_name.split_once('/')?;
    match state.find_repository(workspace, slug) {
        Found::Here(repository) | Found::Moved(repository) => Some(repository),
        Found::Nowhere => None,
    }
}

/// The uuid of the repository that all forks of a family come from.
fn family(call: &Call, repository: &Repository) -> String {
    let state = lock(&call.mock.state);
    let mut uuid = repository.uuid.clone();
    let mut parent = repository.parent.clone();
    while let Some(next) = parent {
        parent = state
            .repository_by_uuid(&next)
            .and_then(|found| found.parent.clone());
        uuid = next;
    }
    uuid
}

/// The accounts that are to review, by uuid; absent when none were sent.
pub(crate) fn reviewers(
    call: &Call,
    body: &PullRequestBody,
    author: &str,
) -> Result<Option<Vec<String>>, ApiError> {
    let Some(given) = &body.reviewers else {
        return Ok(None);
    };
    let state = lock(&call.mock.state);
    let mut reviewers: Vec<String> = Vec::new();
    for reviewer in given {
        let text = |name: &str| reviewer.get(name).and_then(Value::as_str);
        let found = state.users.iter().find(|user| {
            text("uuid") == Some(&user.uuid)
                || (text("uuid").is_none() && text("account_id") == Some(&user.account_id))
        });
        let Some(user) = found else {
            return Err(ApiError::field("reviewers", "Malformed reviewers list"));
        };
        if user.uuid == author {
            return Err(ApiError::field(
                "reviewers",
                format!(
                    "{} is the author and cannot be included as a reviewer.",
                    user.display_name
                ),
            ));
        }
        if !reviewers.contains(&user.uuid) {
            reviewers.push(user.uuid.clone());
        }
    }
    Ok(Some(reviewers))
}
