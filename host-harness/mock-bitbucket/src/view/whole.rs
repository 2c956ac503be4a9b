//! Embedded objects are condensed; here is the rest of them.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::model::mock::Mock;
use crate::model::pull_request_store;
use crate::model::repository::Repository;
use crate::model::state::Found;
use crate::sync::lock;
use crate::view;

/// Objects that were made whole already, by type and identity.
#[derive(Default)]
pub(crate) struct WholeObjects {
    known: HashMap<String, Value>,
}

impl WholeObjects {
    /// Puts the field at a dotted path into a document, wherever an object on the
    /// way has it and does not show it. `*` stands for every field.
    pub(crate) fn grow(&mut self, mock: &Mock, document: &mut Value, path: &str) {
        let names: Vec<&str> = path.split('.').collect();
        self.grow_at(mock, document, &names);
    }

    fn grow_at(&mut self, mock: &Mock, value: &mut Value, path: &[&str]) {
        let Some((name, rest)) = path.split_first() else {
            return;
        };
        match value {
            Value::Array(items) => {
                for item in items {
                    self.grow_at(mock, item, path);
                }
            }
            Value::Object(_) => {
                if *name == "*" {
                    if rest.is_empty() {
                        self.add_all(mock, value);
                    }
                    for inner in value.as_object_mut().into_iter().flatten() {
                        self.grow_at(mock, inner.1, rest);
                    }
                    return;
                }
                if value.get(name).is_none() {
                    let found = self.whole(mock, value).and_then(|whole| whole.get(name));
                    if let Some(found) = found.cloned() {
                        value[*name] = found;
                    }
                }
                if let Some(inner) = value.get_mut(name) {
                    self.grow_at(mock, inner, rest);
                }
            }
            _ => {}
        }
    }

    fn add_all(&mut self, mock: &Mock, value: &mut Value) {
        let whole = self.whole(mock, value).cloned();
        if let (Some(Value::Object(whole)), Value::Object(shown)) = (whole, value) {
            for (name, field) in whole {
                shown.entry(name).or_insert(field);
            }
        }
    }

    fn whole(&mut self, mock: &Mock, shown: &Value) -> Option<&Value> {
        let kind = shown.get("type")?.as_str()?;
        let address = shown.pointer("/links/self/href").and_then(Value::as_str);
        let uuid = shown.get("uuid").and_then(Value::as_str);
        let key = format!("{kind} {}", uuid.or(address)?);
        if !self.known.contains_key(&key) {
            let whole = make(mock, kind, uuid.unwrap_or_default(), address)?;
            self.known.insert(key.clone(), whole);
        }
        self.known.get(&key)
    }
}

fn make(mock: &Mock, kind: &str, uuid: &str, address: Option<&str>) -> Option<Value> {
    match kind {
        "repository" => {
            let repository = lock(&mock.state).repository_by_uuid(uuid)?;
            view::repository::repository(mock, &repository, None).ok()
        }
        "user" => {
            let state = lock(&mock.state);
            let user = state.users.iter().find(|user| user.uuid == uuid)?;
            Some(view::repository::whole_user(&mock.urls, user))
        }
        "team" | "workspace" => {
            let state = lock(&mock.state);
            let workspace = state.workspace(uuid)?;
            Some(if kind == "team" {
                view::repository::owner(&mock.urls, workspace)
            } else {
                view::repository::whole_workspace(&mock.urls, workspace)
            })
        }
        "pullrequest" => {
            let (repository, id) = place(mock, address?, "pullrequests")?;
            let found = pull_request_store::one(mock, &repository, id.parse().ok()?).ok()??;
            Some(view::pull_request::whole(mock, &repository, &found))
        }
        "commit" => {
            let (repository, hash) = place(mock, address?, "commit")?;
            let hashes = repository.git.commits_starting_with(&hash).ok()?;
            let commit = repository.git.commit(hashes.first()?).ok()??;
            Some(view::repository::commit(mock, &repository, &commit))
        }
        _ => None,
    }
}

/// The repository of an address below `/repositories`, and the name after `part`.
fn place(mock: &Mock, address: &str, part: &str) -> Option<(std::sync::Arc<Repository>, String)> {
    let rest = address
        .strip_prefix(&mock.urls.api)?
        .strip_prefix("/repositories/")?;
    let mut names = rest.split('/');
    let (workspace, slug) = (names.next()?, names.next()?);
    if names.next()? != part {
        return None;
    }
    let id = names.next()?.to_owned();
    match lock(&mock.state).find_repository(workspace, slug) {
        Found::Here(repository) | Found::Moved(repository) => Some((repository, id)),
        Found::Nowhere => None,
    }
}

/// When accounts and workspaces were made: before everything that a test does.
pub(crate) fn long_ago() -> Value {
    json!("2015-05-04T09:30:00.000000+00:00")
}
