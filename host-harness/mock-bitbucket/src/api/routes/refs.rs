//! Branches and tags.

use serde_json::{Value, json};

use crate::api::call::{BodyKind, Call, Route, caller_account};
use crate::api::pagination::numbered;
use crate::api::routes::listing;
use crate::api::sort::SortKey;
use crate::api::validation::Validation;
use crate::events::push;
use crate::git::objects::{Ref, RefKind, is_full_hash, is_hex};
use crate::git::repository::GitRepository;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::{REF_CREATE, REPOSITORY, REPOSITORY_WRITE};
use crate::model::repository::Repository;
use crate::model::response::Response;
use crate::model::restrictions::Restrictions;
use crate::view;

const BRANCHES: &str = "/2.0/repositories/{workspace}/{repo_slug}/refs/branches";
const BRANCH: &str = "/2.0/repositories/{workspace}/{repo_slug}/refs/branches/{name}";
const TAGS: &str = "/2.0/repositories/{workspace}/{repo_slug}/refs/tags";
const TAG: &str = "/2.0/repositories/{workspace}/{repo_slug}/refs/tags/{name}";

pub(crate) fn routes() -> Vec<Route> {
    let list = |template, handler| {
        Route::get(template, handler)
            .scopes(REPOSITORY)
            .query(&["q", "sort"])
            .of("ref")
            .numbered(10, 100)
    };
    let create = |template, handler| {
        Route::post(template, handler)
            .scopes(REF_CREATE)
            .body(BodyKind::Json)
    };
    vec![
        list("/2.0/repositories/{workspace}/{repo_slug}/refs", |call| {
            list_refs(call, &[RefKind::Branch, RefKind::Tag])
        }),
        list(BRANCHES, |call| list_refs(call, &[RefKind::Branch])),
        create(BRANCHES, create_branch),
        Route::get(BRANCH, |call| single(call, RefKind::Branch)).scopes(REPOSITORY),
        Route::delete(BRANCH, |call| delete(call, RefKind::Branch)).scopes(REPOSITORY_WRITE),
        list(TAGS, |call| list_refs(call, &[RefKind::Tag])).without_size(),
        create(TAGS, create_tag),
        Route::get(TAG, |call| single(call, RefKind::Tag)).scopes(REPOSITORY),
        Route::delete(TAG, |call| delete(call, RefKind::Tag)).scopes(REPOSITORY_WRITE),
    ]
}

/// Filters and sorts by name and type without reading any commit; anything
/// else needs the whole objects.
fn list_refs(call: &Call, kinds: &[RefKind]) -> RouteResult {
    let repository = call.repository()?;
    let mut known = Vec::new();
    for kind in kinds {
        known.push(repository.git.refs(*kind)?);
    }
    let filter = listing::filter(call)?;
    let mut sort = listing::sort(call)?;
    let mut refs: Vec<&Ref> = match (known.as_slice(), &sort) {
        ([refs], Some(by)) if by.field == "name" => {
            let descending = by.descending;
            sort = None;
            if descending {
                refs.by_name().rev().collect()
            } else {
                refs.by_name().collect()
            }
        }
        _ => known.iter().flat_map(|refs| refs.iter()).collect(),
    };
    let mut fields: Vec<&str> = filter
        .as_ref()
        .map(|filter| filter.fields())
        .unwrap_or_default();
    fields.extend(sort.as_ref().map(|sort| sort.field.as_str()));
    if !fields.iter().all(|field| matches!(*field, "name" | "type")) {
        let values = view::repository::refs(&call.mock, &repository, &refs)?;
        return listing::values(call, values);
    }
    if let Some(filter) = filter {
        refs.retain(|found| filter.matches(&probe(found)));
    }
    if let Some(sort) = sort {
        sort.sort(&mut refs, |found, field| match field {
            "name" => SortKey::Text(found.name.clone()),
            _ => SortKey::Text(type_of(found).to_owned()),
        });
    }
    numbered(call, &refs, |page| {
        Ok(view::repository::refs(&call.mock, &repository, page)?)
    })
}

/// As much of a ref as its name alone decides.
fn probe(found: &Ref) -> Value {
    json!({ "name": found.name, "type": type_of(found) })
}

fn type_of(found: &Ref) -> &'static str {
    match found.kind {
        RefKind::Branch => "branch",
        RefKind::Tag => "tag",
    }
}

fn single(call: &Call, kind: RefKind) -> RouteResult {
    let repository = call.repository()?;
    let found = find(call, &repository, kind)?;
    show(call, &repository, &found, 200)
}

fn find(call: &Call, repository: &Repository, kind: RefKind) -> Result<Ref, ApiError> {
    let name = call.parameter("name");
    repository
        .git
        .find_ref(kind, name)?
        .ok_or_else(|| no_such_ref(kind, name))
}

fn no_such_ref(kind: RefKind, name: &str) -> ApiError {
    let kind = match kind {
        RefKind::Branch => "Branch",
        RefKind::Tag => "Tag",
    };
    ApiError::with_error(
        404,
        json!({ "message": format!("{kind} \"{name}\" does not exist."), "data": { "ref": name } }),
    )
}

fn show(call: &Call, repository: &Repository, found: &Ref, status: u16) -> RouteResult {
    let mut values = view::repository::refs(&call.mock, repository, &[found])?;
    Ok(Response::json(status, values.pop().unwrap_or(Value::Null)))
}

/// The name and the commit that a new ref is to have.
fn read_new_ref(
    call: &Call,
    repository: &Repository,
    kind: RefKind,
    known: &[&str],
) -> Result<(String, String), ApiError> {
    let body = call.json_object()?;
    let mut check = Validation::new(&body);
    check.known(known);
    let name = check.required_text("name", 255).to_owned();
    let target = check.required_nested_text("target.hash").to_owned();
    check.finish()?;
    if !repository.git.is_valid_name(kind, &name)? {
        return Err(ApiError::field("name", "Not a valid name for a ref."));
    }
    let commit = resolve_target(&repository.git, &target)?;
    if repository.git.find_ref(kind, &name)?.is_some() {
        let (what, key) = match kind {
            RefKind::Branch => ("Branch", "BRANCH_ALREADY_EXISTS"),
            RefKind::Tag => ("Tag", "TAG_ALREADY_EXISTS"),
        };
        return Err(ApiError::with_error(
            400,
            json!({
                "message": format!("{what} \"{name}\" already exists."),
                "data": { "key": key },
            }),
        ));
    }
    Ok((name, commit))
}

/// The commit that a hash, the beginning of one, or a branch stands for.
fn resolve_target(git: &GitRepository, target: &str) -> Result<String, ApiError> {
    if is_full_hash(target) {
        let target = target.to_ascii_lowercase();
        return match git.commit(&target)? {
            Some(_) => Ok(target),
            None => Err(ApiError::field("target.hash", "No such commit.")),
        };
    }
    if is_hex(target) {
        match git.commits_starting_with(target)?.as_slice() {
            [] => {}
            [one] => return Ok(one.clone()),
            _ => return Err(ApiError::field("target.hash", "This prefix is ambiguous.")),
        }
    }
    match git.find_ref(RefKind::Branch, target)? {
        Some(branch) => Ok(branch.commit),
        None => Err(ApiError::field("target.hash", "No such commit.")),
    }
}

fn create_branch(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let (name, commit) = read_new_ref(
        call,
        &repository,
        RefKind::Branch,
        &["name", "target", "type"],
    )?;
    allowed(call, &repository, "push", &name)?;
    changing(call, &repository, |git| {
        Ok(git.create_ref(RefKind::Branch, &name, &commit)?)
    })?;
    let created = Ref {
        name,
        kind: RefKind::Branch,
        object: commit.clone(),
        commit,
    };
    show(call, &repository, &created, 201)
}

fn create_tag(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let (name, commit) = read_new_ref(
        call,
        &repository,
        RefKind::Tag,
        &["name", "target", "message", "type"],
    )?;
    let body = call.json_object()?;
    let message = body
        .get("message")
        .and_then(Value::as_str)
        .filter(|message| !message.is_empty())
        .map_or_else(
            || format!("Added tag {name} for changeset {}", &commit[..12]),
            str::to_owned,
        );
    let user = call.user()?;
    let tagger = format!(
        "{} <{}> {} +0000",
        user.display_name,
        user.email,
        call.mock.clock.now().as_secs()
    );
    let object = repository
        .git
        .write_tag(&name, &commit, &tagger, &message)?;
    changing(call, &repository, |git| {
        Ok(git.create_ref(RefKind::Tag, &name, &object)?)
    })?;
    let created = Ref {
        name,
        kind: RefKind::Tag,
        object,
        commit,
    };
    show(call, &repository, &created, 201)
}

fn delete(call: &Call, kind: RefKind) -> RouteResult {
    let repository = call.repository()?;
    let found = find(call, &repository, kind)?;
    if kind == RefKind::Branch
        && call.mock.main_branch(&repository)?.as_deref() == Some(found.name.as_str())
    {
        return Err(ApiError::bad_request(
            "The main branch of a repository cannot be deleted.",
        ));
    }
    if kind == RefKind::Branch {
        allowed(call, &repository, "delete", &found.name)?;
    }
    changing(call, &repository, |git| {
        Ok(git.delete_ref(kind, &found.name, &found.object)?)
    })?;
    Ok(Response::no_content())
}

/// 403 where a rule for the branch stops the caller.
fn allowed(call: &Call, repository: &Repository, kind: &str, branch: &str) -> Result<(), ApiError> {
    let rules = Restrictions::of(&call.mock, repository)?;
    if rules.stops(kind, branch, caller_account(call)) {
        return Err(ApiError::new(
            403,
            format!("Permission denied: the restriction \"{kind}\" holds for branch {branch}."),
        ));
    }
    Ok(())
}

/// Changes refs and delivers what changed, as a push would.
fn changing(
    call: &Call,
    repository: &Repository,
    change: impl FnOnce(&GitRepository) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    push::around(&call.mock, repository, caller_account(call), || {
        change(&repository.git)
    })
}
