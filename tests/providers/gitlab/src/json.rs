//! GitLab's objects as records.

use crate::http::invalid;
use jiff::Timestamp as Instant;
use serde_json::Value;
use vcs_provider_interface::prelude::*;

pub(crate) fn text(value: &Value, pointer: &str) -> Option<String> {
    Some(value.pointer(pointer)?.as_str()?.to_owned())
}

pub(crate) fn text_or_empty(value: &Value, pointer: &str) -> String {
    text(value, pointer).unwrap_or_default()
}

fn flag(value: &Value, pointer: &str) -> Option<bool> {
    value.pointer(pointer)?.as_bool()
}

/// Milliseconds of a time as GitLab writes it.
pub(crate) fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    let time: Instant = value.pointer(pointer)?.as_str()?.parse().ok()?;
    Some(time.as_millisecond())
}

fn texts(value: &Value, pointer: &str) -> Vec<String> {
    let items = value.pointer(pointer).and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

pub(crate) fn account(value: &Value) -> Author {
    Author {
        id: value["id"]
            .as_u64()
            .map(|id| id.to_string())
            .unwrap_or_default(),
        name: text_or_empty(value, "/username"),
        display_name: text_or_empty(value, "/name"),
        avatar: text_or_empty(value, "/avatar_url"),
        ..Author::default()
    }
}

pub(crate) fn repository(value: &Value) -> Result<Repository> {
    let id = value["id"].as_u64();
    Ok(Repository {
        id: id
            .ok_or_else(|| invalid("a project without id"))?
            .to_string(),
        name: text_or_empty(value, "/name"),
        slug: text_or_empty(value, "/path"),
        fullname: text(value, "/path_with_namespace")
            .ok_or_else(|| invalid("a project without its full path"))?,
        url: text_or_empty(value, "/web_url"),
        http_url: text_or_empty(value, "/http_url_to_repo"),
        ssh_url: text_or_empty(value, "/ssh_url_to_repo"),
        default_branch: text(value, "/default_branch").filter(|name| !name.is_empty()),
        visibility: text(value, "/visibility").and_then(|word| Visibility::from_name(&word)),
        archived: flag(value, "/archived"),
        parent: text(value, "/forked_from_project/path_with_namespace"),
        ..Repository::default()
    })
}

pub(crate) fn branch(value: &Value) -> Result<Branch> {
    let name = text(value, "/name").ok_or_else(|| invalid("a branch without name"))?;
    Ok(Branch {
        id: format!("refs/heads/{name}"),
        display_id: name,
        latest_commit: text(value, "/commit/id")
            .ok_or_else(|| invalid("a branch without commit"))?,
        default: flag(value, "/default"),
        protected: flag(value, "/protected"),
        parents: texts(value, "/commit/parent_ids"),
        ..Branch::default()
    })
}

pub(crate) fn tag(value: &Value) -> Result<Tag> {
    let hash = text(value, "/commit/id").ok_or_else(|| invalid("a tag without commit"))?;
    let sha = text(value, "/target").unwrap_or_else(|| hash.clone());
    Ok(Tag {
        tag: text(value, "/name").ok_or_else(|| invalid("a tag without name"))?,
        annotated: Some(sha != hash),
        message: text_or_empty(value, "/message"),
        tagger: commit(&value["commit"])?.author,
        timestamp: time(value, "/created_at").or_else(|| time(value, "/commit/created_at")),
        hash,
        sha,
        ..Tag::default()
    })
}

pub(crate) fn commit(value: &Value) -> Result<Commit> {
    let person = |name: &str, email: &str| Author {
        display_name: text_or_empty(value, name),
        email: text_or_empty(value, email),
        ..Author::default()
    };
    Ok(Commit {
        id: text(value, "/id").ok_or_else(|| invalid("a commit without id"))?,
        author_timestamp: time(value, "/authored_date"),
        author: person("/author_name", "/author_email"),
        committer: Some(person("/committer_name", "/committer_email")),
        committed_at: time(value, "/committed_date"),
        message: text_or_empty(value, "/message"),
        url: text_or_empty(value, "/web_url"),
        parents: texts(value, "/parent_ids"),
        ..Commit::default()
    })
}

/// A merge request of the API, or of a delivery (there the same names).
pub(crate) fn merge_request(value: &Value, repo: &str) -> Result<PullRequest> {
    let iid = value["iid"].as_u64();
    let id = iid.ok_or_else(|| invalid("a merge request without iid"))?;
    let state = match text_or_empty(value, "/state").as_str() {
        "merged" => PullRequestState::MERGED,
        "closed" => PullRequestState::DECLINED,
        // `locked`: it is being merged.
        _ => PullRequestState::OPEN,
    };
    let end = |name: String, hash: Option<String>, repo: Option<String>| PullRequestEnd {
        repo,
        branch: Branch {
            id: format!("refs/heads/{name}"),
            display_id: name,
            latest_commit: hash.unwrap_or_default(),
            ..Branch::default()
        },
        ..PullRequestEnd::default()
    };
    let is_fork = value["source_project_id"] != value["target_project_id"];
    let hash = text(value, "/sha").or_else(|| text(value, "/last_commit/id"));
    Ok(PullRequest {
        id,
        url: text(value, "/web_url")
            .or_else(|| text(value, "/url"))
            .unwrap_or_default(),
        title: text_or_empty(value, "/title"),
        description: text_or_empty(value, "/description"),
        user: value.get("author").map(account),
        head: end(
            text_or_empty(value, "/source_branch"),
            hash,
            text(value, "/source/path_with_namespace")
                .or_else(|| (!is_fork).then(|| repo.to_owned())),
        ),
        base: end(
            text_or_empty(value, "/target_branch"),
            text(value, "/diff_refs/base_sha"),
            Some(repo.to_owned()),
        ),
        state,
        merged: state == PullRequestState::MERGED,
        closed: state != PullRequestState::OPEN,
        merge_commit: text(value, "/merge_commit_sha"),
        merged_by: value
            .get("merge_user")
            .filter(|user| user.is_object())
            .map(account),
        draft: flag(value, "/draft"),
        reviewers: value["reviewers"]
            .as_array()
            .into_iter()
            .flatten()
            .map(account)
            .collect(),
        labels: texts(value, "/labels"),
        fetch_ref: Some(format!("refs/merge-requests/{id}/head")),
        merge_ref: Some(format!("refs/merge-requests/{id}/merge")),
        created: time(value, "/created_at"),
        updated: time(value, "/updated_at"),
        extra: Extra::from([(keys::FORK, is_fork.to_string())]),
    })
}

pub(crate) fn status(value: &Value) -> Result<Status> {
    let service_state = text_or_empty(value, "/status");
    Ok(Status {
        key: text(value, "/name").ok_or_else(|| invalid("a status without name"))?,
        name: text_or_empty(value, "/name"),
        state: match service_state.as_str() {
            "success" => BuildState::SUCCESS,
            "failed" => BuildState::FAIL,
            "canceled" => BuildState::CANCELLED,
            "skipped" => BuildState::SKIPPED,
            "pending" => BuildState::WAITING,
            _ => BuildState::BUILDING,
        },
        service_state,
        url: text_or_empty(value, "/target_url"),
        description: text_or_empty(value, "/description"),
        ref_name: text(value, "/ref"),
        commit: text_or_empty(value, "/sha"),
        created_at: time(value, "/created_at"),
        updated_at: time(value, "/finished_at"),
        ..Status::default()
    })
}

/// GitLab's word for a state of the engine.
pub(crate) fn service_state(state: BuildState) -> Result<&'static str> {
    Ok(match state {
        BuildState::WAITING | BuildState::CHECKING => "pending",
        BuildState::BUILDING => "running",
        BuildState::SUCCESS => "success",
        BuildState::FAIL => "failed",
        BuildState::STOPPED | BuildState::CANCELLED => "canceled",
        BuildState::SKIPPED | BuildState::DISABLED | BuildState::NEVER_BUILT => "skipped",
        other => {
            return Err(VcsError::new(
                ErrorKind::INVALID_INPUT,
                format!("GitLab has no state for {other}"),
            ));
        }
    })
}
