//! Single commits, and lists of commits by ranges.

use crate::api::call::caller_account;
use crate::api::call::{BodyKind, Call, Route};
use crate::api::pagination;
use crate::git::objects::{RefKind, is_full_hash, is_hex};
use crate::git::repository::GitRepository;
use crate::model::documents::Documents;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::REPOSITORY;
use crate::model::repository::Repository;
use crate::model::response::Response;
use crate::view;

/// The shortest beginning of a hash that stands for its commit.
const SHORTEST_HASH: usize = 7;

pub(crate) fn routes() -> Vec<Route> {
    const ALL: &str = "/2.0/repositories/{workspace}/{repo_slug}/commits";
    const REVISION: &str = "/2.0/repositories/{workspace}/{repo_slug}/commits/{revision}";
    let list = |route: Route| {
        route
            .scopes(REPOSITORY)
            .query(&["include", "exclude", "path"])
            .cursor(30, 100)
    };
    vec![
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/commit/{commit}",
            single,
        )
        .scopes(REPOSITORY),
        list(Route::get(ALL, list_commits)),
        list(Route::post(ALL, list_commits).body(BodyKind::OptionalForm)),
        list(Route::get(REVISION, list_commits)),
        list(Route::post(REVISION, list_commits).body(BodyKind::OptionalForm)),
    ]
}

/// The full hash of the commit that `{commit}` names: a hash or the beginning
/// of one, never a branch.
pub(crate) fn commit_hash(call: &Call, repository: &Repository) -> Result<String, ApiError> {
    let given = call.parameter("commit");
    resolve_hash(&repository.git, given)?.ok_or_else(ApiError::no_such_changeset)
}

/// The full hash behind a hash of at least seven digits, if there is just one.
pub(crate) fn resolve_hash(git: &GitRepository, given: &str) -> Result<Option<String>, ApiError> {
    if is_full_hash(given) {
        let given = given.to_ascii_lowercase();
        return Ok(git.commit(&given)?.map(|commit| commit.hash.clone()));
    }
    if given.len() < SHORTEST_HASH || !is_hex(given) {
        return Ok(None);
    }
    let mut found = git.commits_starting_with(given)?;
    Ok(if found.len() == 1 { found.pop() } else { None })
}

/// The commit behind a revision: a hash, a tag or a branch, in git's order.
pub(crate) fn resolve_revision(
    git: &GitRepository,
    revision: &str,
) -> Result<Option<String>, ApiError> {
    if is_full_hash(revision) {
        return resolve_hash(git, revision);
    }
    for kind in [RefKind::Tag, RefKind::Branch] {
        if let Some(found) = git.find_ref(kind, revision)? {
            return Ok(Some(found.commit));
        }
    }
    resolve_hash(git, revision)
}

fn single(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let hash = commit_hash(call, &repository)?;
    let commit = repository
        .git
        .commit(&hash)?
        .ok_or_else(ApiError::no_such_changeset)?;
    let mut object = view::repository::commit(&call.mock, &repository, &commit);
    object["participants"] = Documents::commit_approvals(&call.mock, &repository.uuid, &hash)
        .all()
        .into_iter()
        .map(|mut one| one["shown"].take())
        .collect();
    object["rendered"] =
        serde_json::json!({ "message": view::repository::rendered(&commit.message) });
    Ok(Response::ok(object))
}

fn list_commits(call: &Call) -> RouteResult {
    let repository = match call.repository() {
        Err(error) => return missing_repository(call, error),
        Ok(repository) => repository,
    };
    let range = Range::read(call, &repository)?;
    let subject = format!("{}\n{range:?}", repository.uuid);
    pagination::commits(call, &repository, &subject, || range.walk(&repository))
}

/// Which commits were asked for.
#[derive(Debug)]
struct Range {
    include: Vec<String>,
    exclude: Vec<String>,
    path: Option<String>,
    /// Without any `include`: everything that any branch or tag reaches.
    everything: bool,
}

impl Range {
    /// Reads the range from the address, the query and a form body.
    fn read(call: &Call, repository: &Repository) -> Result<Self, ApiError> {
        let form = call.form();
        for (name, _) in &form {
            if !matches!(name.as_str(), "include" | "exclude" | "path" | "fields") {
                return Err(ApiError::bad_request(format!("Unknown parameter: {name}")));
            }
        }
        let given = |name: &str| {
            let mut values = call.query_values(name);
            values.extend(
                form.iter()
                    .filter(|(key, _)| key == name)
                    .map(|(_, value)| value.clone()),
            );
            values
        };
        let mut include = given("include");
        let revision = call.parameter("revision");
        if !revision.is_empty() {
            include.push(revision.to_owned());
        }
        let everything = include.is_empty();
        let mut unknown = Vec::new();
        let mut resolve = |names: Vec<String>| -> Result<Vec<String>, ApiError> {
            let mut hashes = Vec::new();
            for name in names {
                match resolve_revision(&repository.git, &name)? {
                    Some(hash) => hashes.push(hash),
                    None => unknown.push(name),
                }
            }
            Ok(hashes)
        };
        let include = resolve(include)?;
        let exclude = resolve(given("exclude"))?;
        if !unknown.is_empty() {
            return Err(ApiError::no_such_commits(&unknown));
        }
        Ok(Self {
            include,
            exclude,
            path: given("path").pop(),
            everything,
        })
    }

    fn walk(&self, repository: &Repository) -> Result<Vec<String>, ApiError> {
        let mut include = self.include.clone();
        if self.everything {
            for kind in [RefKind::Branch, RefKind::Tag] {
                include.extend(
                    repository
                        .git
                        .refs(kind)?
                        .iter()
                        .map(|found| found.commit.clone()),
                );
            }
        }
        Ok(repository
            .git
            .walk(&include, &self.exclude, self.path.as_deref())?)
    }
}

/// A repository that is not there makes these addresses respond with a whole web
/// page instead of JSON, and the page repeats what the caller sent.
fn missing_repository(call: &Call, error: ApiError) -> RouteResult {
    let response = error.into_response();
    if response.status != 404 {
        return Err(ApiError::from_response(response));
    }
    let who = caller_account(call).map_or("anonymous", |user| user.email.as_str());
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>Page not found</title></head>\n<body data-current-user=\"{}\" data-path=\"{}\">\n<h1>This page does not exist</h1>\n",
        escape(who),
        escape(&call.raw_path),
    );
    for number in 0..400 {
        page.push_str(&format!(
            "<script data-part=\"{number}\">window.part{number} = {{}}; // page scaffolding without meaning</script>\n"
        ));
    }
    page.push_str("</body>\n</html>\n");
    Ok(Response::html(404, page))
}
