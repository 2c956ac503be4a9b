//! What a push looks like to a hook: refs before and after, compared.

use serde_json::{Map, Value, json};

use crate::events::deliver;
use crate::events::pull_request;
use crate::git::objects::{Ref, RefKind};
use crate::git::refs::Snapshot;
use crate::git::repository::GitError;
use crate::model::errors::ApiError;
use crate::model::links::{link, segment};
use crate::model::mock::Mock;
use crate::model::repository::Repository;
use crate::model::user::User;
use crate::view;

/// Most commits that a change carries; more make it `truncated`.
const MOST_COMMITS: usize = 5;

/// Runs a change of refs and delivers what it changed, as a push would. Blocking.
pub(crate) fn around(
    mock: &Mock,
    repository: &Repository,
    actor: Option<&User>,
    change: impl FnOnce() -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let lock = mock.push_lock(&repository.uuid);
    let _held = lock.blocking_lock();
    let before = repository.git.snapshot()?;
    change()?;
    deliver_since(mock, repository, actor, &before)?;
    Ok(())
}

/// Delivers `repo:push` with everything that differs from `before`. Blocking.
pub(crate) fn deliver_since(
    mock: &Mock,
    repository: &Repository,
    actor: Option<&User>,
    before: &Snapshot,
) -> Result<(), GitError> {
    let after = repository.git.snapshot()?;
    mock.updated_on(repository)?;
    let mut changes = Vec::new();
    for (key, new) in &after {
        match before.get(key) {
            Some(old) if old.object == new.object => {}
            old => changes.push(change(mock, repository, old, Some(new))?),
        }
    }
    for (key, old) in before {
        if !after.contains_key(key) {
            changes.push(change(mock, repository, Some(old), None)?);
        }
    }
    if !changes.is_empty() {
        deliver::deliver(
            mock,
            repository,
            actor,
            "repo:push",
            json!({ "push": { "changes": changes } }),
        );
    }
    pull_request::after_push(mock, repository, actor, before, &after)
}

fn change(
    mock: &Mock,
    repository: &Repository,
    old: Option<&Ref>,
    new: Option<&Ref>,
) -> Result<Value, GitError> {
    let git = &repository.git;
    let forced = match (old, new) {
        (Some(old), Some(new)) => !git.is_ancestor(&old.commit, &new.commit)?,
        _ => false,
    };
    let mut change = Map::new();
    change.insert("old".into(), side(mock, repository, old)?);
    change.insert("new".into(), side(mock, repository, new)?);
    change.insert("created".into(), json!(old.is_none()));
    change.insert("closed".into(), json!(new.is_none()));
    change.insert("forced".into(), json!(forced));
    change.insert("truncated".into(), json!(false));
    if let Some(new) = new {
        change.insert("links".into(), links(mock, repository, old, new));
        if new.kind == RefKind::Branch {
            let exclude: Vec<String> = old.iter().map(|old| old.commit.clone()).collect();
            let newest = git.newest(&new.commit, &exclude, MOST_COMMITS + 1)?;
            change.insert("truncated".into(), json!(newest.len() > MOST_COMMITS));
            let commits: Vec<Value> = git
                .commits(&newest[..newest.len().min(MOST_COMMITS)])?
                .iter()
                .flatten()
                .map(|commit| {
                    without_repository(view::repository::commit(mock, repository, commit))
                })
                .collect();
            change.insert("commits".into(), json!(commits));
        }
    }
    Ok(Value::Object(change))
}

fn side(mock: &Mock, repository: &Repository, found: Option<&Ref>) -> Result<Value, GitError> {
    let Some(found) = found else {
        return Ok(Value::Null);
    };
    let mut object = view::repository::refs(mock, repository, &[found])?
        .pop()
        .unwrap_or(Value::Null);
    object["target"] = without_repository(object["target"].take());
    if let Some(links) = object["target"]["links"].as_object_mut() {
        links.retain(|name, _| matches!(name.as_str(), "self" | "html"));
    }
    if object["tagger"].is_object() {
        object["tagger"] = json!({});
    }
    Ok(object)
}

/// Commits in deliveries do not repeat the repository, and name no committer.
fn without_repository(mut commit: Value) -> Value {
    if let Value::Object(commit) = &mut commit {
        commit.remove("repository");
        commit.insert("committer".into(), json!({}));
        commit.insert("rendered".into(), json!({}));
        commit.insert("properties".into(), json!({}));
    }
    commit
}

fn links(mock: &Mock, repository: &Repository, old: Option<&Ref>, new: &Ref) -> Value {
    let api = view::repository::repository_url(&mock.urls, repository);
    let page = view::repository::repository_page(&mock.urls, repository);
    let mut commits = format!("{api}/commits?include={}", new.commit);
    let mut links = json!({});
    if let Some(old) = old {
        commits.push_str(&format!("&exclude={}", old.commit));
        links["diff"] = link(format!("{api}/diff/{}..{}", new.commit, old.commit));
    }
    links["commits"] = link(commits);
    if new.kind == RefKind::Branch {
        links["html"] = link(match old {
            Some(old) => format!("{page}/branches/compare/{}..{}", new.commit, old.commit),
            None => format!("{page}/branch/{}", segment(&new.name)),
        });
    }
    links
}
