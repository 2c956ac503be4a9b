//! How users, workspaces, repositories, refs and commits look as JSON.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::git::objects::{Commit, Ref, RefKind, Signature};
use crate::git::repository::GitError;
use crate::model::errors::ApiError;
use crate::model::links::{Urls, link, segment};
use crate::model::mock::Mock;
use crate::model::pull_request::Strategy;
use crate::model::repository::{Repository, Workspace};
use crate::model::user::{User, stable_uuid};
use crate::sync::lock;

/// An account. The address is never shown.
pub(crate) fn user(urls: &Urls, user: &User) -> Value {
    let id = segment(&user.uuid);
    json!({
        "type": "user",
        "uuid": user.uuid,
        "account_id": user.account_id,
        "display_name": user.display_name,
        "nickname": user.nickname,
        "links": {
            "self": link(format!("{}/users/{id}", urls.api)),
            "html": link(format!("{}/{id}/", urls.web)),
            "avatar": link(format!("{}/account/{id}/avatar/32", urls.web)),
        },
    })
}

/// An account with what is only shown of it by itself.
pub(crate) fn whole_user(urls: &Urls, account: &User) -> Value {
    let mut object = user(urls, account);
    object["account_status"] = json!("active");
    object["created_on"] = long_ago();
    object["location"] = Value::Null;
    object["website"] = json!("");
    object["is_staff"] = json!(false);
    object["has_2fa_enabled"] = Value::Null;
    object
}

/// A workspace with what is only shown of it by itself.
pub(crate) fn whole_workspace(urls: &Urls, found: &Workspace) -> Value {
    let mut object = workspace(urls, found);
    let repositories = format!("{}/repositories/{}", urls.api, found.slug);
    object["links"]["repositories"] = link(repositories);
    for name in ["members", "owners", "projects", "hooks"] {
        let address = format!("{}/workspaces/{}/{name}", urls.api, found.slug);
        object["links"][name] = link(address);
    }
    object["is_private"] = json!(true);
    object["is_privacy_enforced"] = json!(false);
    object["forking_mode"] = json!("allow_forks");
    object["created_on"] = long_ago();
    object["updated_on"] = long_ago();
    object
}

/// A workspace.
pub(crate) fn workspace(urls: &Urls, workspace: &Workspace) -> Value {
    let slug = &workspace.slug;
    json!({
        "type": "workspace",
        "uuid": workspace.uuid,
        "slug": slug,
        "name": workspace.name,
        "links": {
            "self": link(format!("{}/workspaces/{slug}", urls.api)),
            "html": link(format!("{}/{slug}/", urls.web)),
            "avatar": link(format!("{}/workspaces/{slug}/avatar/", urls.web)),
        },
    })
}

/// The address of a repository's resources in the API.
pub(crate) fn repository_url(urls: &Urls, repository: &Repository) -> String {
    format!("{}/repositories/{}", urls.api, repository.full_name())
}

/// The address of a repository's pages.
pub(crate) fn repository_page(urls: &Urls, repository: &Repository) -> String {
    format!("{}/{}", urls.web, repository.full_name())
}

/// A repository as it appears inside other objects.
pub(crate) fn brief_repository(urls: &Urls, repository: &Repository) -> Value {
    json!({
        "type": "repository",
        "uuid": repository.uuid,
        "full_name": repository.full_name(),
        "name": repository.name,
        "links": brief_repository_links(urls, repository),
    })
}

fn brief_repository_links(urls: &Urls, repository: &Repository) -> Value {
    json!({
        "self": link(repository_url(urls, repository)),
        "html": link(repository_page(urls, repository)),
        "avatar": link(format!("{}/ravatar/{}", urls.web, segment(&repository.uuid))),
    })
}

/// A repository as webhook deliveries describe it: without slug, main branch
/// and clone links.
pub(crate) fn delivered_repository(mock: &Mock, repository: &Repository) -> Value {
    let mut object = json!({
        "type": "repository",
        "uuid": repository.uuid,
        "full_name": repository.full_name(),
        "name": repository.name,
        "scm": "git",
        "website": null,
        "is_private": repository.is_private,
        "links": brief_repository_links(&mock.urls, repository),
    });
    add_surroundings(mock, repository, &mut object);
    object
}

/// A repository by itself or in a list of repositories.
pub(crate) fn repository(
    mock: &Mock,
    repository: &Repository,
    caller: Option<&User>,
) -> Result<Value, ApiError> {
    let urls = &mock.urls;
    let api = repository_url(urls, repository);
    let (scheme, authority) = urls.web.split_once("://").unwrap_or(("http", &urls.web));
    let clone_user = caller.map(|user| format!("{}@", segment(&user.nickname.to_lowercase())));
    let main_branch = mock
        .main_branch(repository)?
        .map(|name| json!({ "type": "branch", "name": name }));
    let mut object = json!({
        "type": "repository",
        "uuid": repository.uuid,
        "full_name": repository.full_name(),
        "name": repository.name,
        "slug": repository.slug,
        "description": repository.description,
        "scm": "git",
        "website": null,
        "is_private": repository.is_private,
        "fork_policy": "allow_forks",
        "enforced_signed_commits": null,
        "override_settings": { "default_merge_strategy": true, "branching_model": true },
        "created_on": repository.created_on,
        "updated_on": mock.updated_on(repository)?,
        "size": 0,
        "language": "",
        "has_issues": false,
        "has_wiki": false,
        "override_settings": { "default_merge_strategy": false, "branching_model": false },
        "enforced_signed_commits": null,
        "mainbranch": main_branch,
        "links": {
            "self": link(api.clone()),
            "html": link(repository_page(urls, repository)),
            "avatar": link(format!("{}/ravatar/{}", urls.web, segment(&repository.uuid))),
            "pullrequests": link(format!("{api}/pullrequests")),
            "commits": link(format!("{api}/commits")),
            "forks": link(format!("{api}/forks")),
            "watchers": link(format!("{api}/watchers")),
            "branches": link(format!("{api}/refs/branches")),
            "tags": link(format!("{api}/refs/tags")),
            "downloads": link(format!("{api}/downloads")),
            "source": link(format!("{api}/src")),
            "hooks": link(format!("{api}/hooks")),
            "clone": [
                {
                    "name": "https",
                    "href": format!(
                        "{scheme}://{}{authority}/{}.git",
                        clone_user.unwrap_or_default(),
                        repository.full_name()
                    ),
                },
                {
                    "name": "ssh",
                    "href": format!("git@bitbucket.org:{}.git", repository.full_name()),
                },
            ],
        },
    });
    add_surroundings(mock, repository, &mut object);
    Ok(object)
}

/// The account that a workspace is, as the owner of its repositories.
pub(crate) fn owner(urls: &Urls, workspace: &Workspace) -> Value {
    let id = segment(&workspace.uuid);
    json!({
        "type": "team",
        "uuid": workspace.uuid,
        "username": workspace.slug,
        "display_name": workspace.name,
        "created_on": long_ago(),
        "links": {
            "self": link(format!("{}/workspaces/{id}", urls.api)),
            "html": link(format!("{}/{id}/", urls.web)),
            "avatar": link(format!("{}/account/{}/avatar/", urls.web, workspace.slug)),
        },
    })
}

/// A project with everything that is shown of it by itself.
pub(crate) fn project(urls: &Urls, workspace: &Workspace, key: &str, name: &str) -> Value {
    let mut object = brief_project(urls, workspace, key, name);
    object["description"] = json!("");
    object["is_private"] = json!(true);
    object["has_publicly_visible_repos"] = json!(false);
    object["owner"] = owner(urls, workspace);
    object["workspace"] = self::workspace(urls, workspace);
    object["created_on"] = long_ago();
    object["updated_on"] = long_ago();
    object
}

fn brief_project(urls: &Urls, workspace: &Workspace, key: &str, name: &str) -> Value {
    let (slug, web) = (&workspace.slug, &urls.web);
    json!({
        "type": "project",
        "key": key,
        "uuid": stable_uuid(&format!("project:{slug}:{key}")),
        "name": name,
        "links": {
            "self": link(format!("{}/workspaces/{slug}/projects/{key}", urls.api)),
            "html": link(format!("{web}/{slug}/workspace/projects/{key}")),
            "avatar": link(format!("{web}/{slug}/workspace/projects/{key}/avatar/32")),
        },
    })
}

/// Owner, workspace, project and parent.
fn add_surroundings(mock: &Mock, repository: &Repository, object: &mut Value) {
    let urls = &mock.urls;
    let state = lock(&mock.state);
    if let Some(found) = state.workspace(&repository.workspace) {
        object["owner"] = owner(urls, found);
        if let Some(owner) = object["owner"].as_object_mut() {
            owner.remove("created_on");
        }
        object["workspace"] = workspace(urls, found);
        object["project"] = brief_project(urls, found, "MAIN", "Main");
    }
    object["parent"] = repository
        .parent
        .as_deref()
        .and_then(|uuid| state.repository_by_uuid(uuid))
        .map_or(Value::Null, |parent| brief_repository(urls, &parent));
}

/// An author or committer, with the account if the address belongs to one.
pub(crate) fn author(mock: &Mock, signature: &Signature) -> Value {
    let mut object = json!({ "type": "author", "raw": signature.raw });
    let known = lock(&mock.state).user_by_email(&signature.email);
    if let Some(known) = known {
        object["user"] = user(&mock.urls, &known);
    }
    object
}

/// A commit as a link: hash, type and two addresses.
pub(crate) fn commit_link(urls: &Urls, repository: &Repository, hash: &str) -> Value {
    json!({
        "type": "commit",
        "hash": hash,
        "links": {
            "self": link(format!("{}/commit/{hash}", repository_url(urls, repository))),
            "html": link(format!("{}/commits/{hash}", repository_page(urls, repository))),
        },
    })
}

/// A commit as refs, lists and deliveries show it.
pub(crate) fn commit(mock: &Mock, repository: &Repository, commit: &Commit) -> Value {
    let urls = &mock.urls;
    let api = repository_url(urls, repository);
    let hash = &commit.hash;
    json!({
        "type": "commit",
        "hash": hash,
        "date": commit.author.date,
        "author": author(mock, &commit.author),
        "committer": author(mock, &commit.committer),
        "message": commit.message,
        "summary": rendered(&commit.message),
        "parents": commit
            .parents
            .iter()
            .map(|parent| commit_link(urls, repository, parent))
            .collect::<Vec<_>>(),
        "links": {
            "self": link(format!("{api}/commit/{hash}")),
            "html": link(format!("{}/commits/{hash}", repository_page(urls, repository))),
            "diff": link(format!("{api}/diff/{hash}")),
            "approve": link(format!("{api}/commit/{hash}/approve")),
            "comments": link(format!("{api}/commit/{hash}/comments")),
            "statuses": link(format!("{api}/commit/{hash}/statuses")),
            "patch": link(format!("{api}/patch/{hash}")),
        },
        "repository": brief_repository(urls, repository),
    })
}

/// A text as written and as a web page would show it.
pub(crate) fn rendered(text: &str) -> Value {
    let escaped = text
        .trim_end()
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    json!({
        "type": "rendered",
        "raw": text,
        "markup": "markdown",
        "html": format!("<p>{escaped}</p>"),
    })
}

/// Branches or tags of a repository with their commits.
pub(crate) fn refs(
    mock: &Mock,
    repository: &Repository,
    refs: &[&Ref],
) -> Result<Vec<Value>, GitError> {
    let hashes: Vec<String> = refs.iter().map(|found| found.commit.clone()).collect();
    let commits = repository.git.commits(&hashes)?;
    let by_hash: HashMap<&str, _> = commits
        .iter()
        .flatten()
        .map(|commit| (commit.hash.as_str(), commit))
        .collect();
    refs.iter()
        .map(|found| {
            let target = by_hash
                .get(found.commit.as_str())
                .map_or(Value::Null, |target| commit(mock, repository, target));
            one_ref(mock, repository, found, target)
        })
        .collect()
}

fn one_ref(
    mock: &Mock,
    repository: &Repository,
    found: &Ref,
    target: Value,
) -> Result<Value, GitError> {
    let urls = &mock.urls;
    let (api, page) = (
        repository_url(urls, repository),
        repository_page(urls, repository),
    );
    let name = segment(&found.name);
    let mut object = Map::new();
    object.insert("name".into(), json!(found.name));
    object.insert("target".into(), target);
    match found.kind {
        RefKind::Branch => {
            object.insert("type".into(), json!("branch"));
            object.insert("merge_strategies".into(), json!(Strategy::NAMES));
            object.insert("sync_strategies".into(), json!(["merge_commit", "rebase"]));
            object.insert("default_merge_strategy".into(), json!(Strategy::NAMES[0]));
            object.insert(
                "links".into(),
                json!({
                    "self": link(format!("{api}/refs/branches/{name}")),
                    "commits": link(format!("{api}/commits/{name}")),
                    "html": link(format!("{page}/branch/{name}")),
                    "pullrequest_create":
                        link(format!("{page}/pull-requests/new?source={name}&t=1")),
                }),
            );
        }
        RefKind::Tag => {
            let annotation = match found.annotation() {
                Some(object) => repository.git.tag(object)?,
                None => None,
            };
            let tagger = annotation.as_ref().and_then(|tag| tag.tagger.as_ref());
            object.insert("type".into(), json!("tag"));
            object.insert(
                "tagger".into(),
                tagger.map_or(Value::Null, |tagger| author(mock, tagger)),
            );
            object.insert("date".into(), json!(tagger.map(|tagger| &tagger.date)));
            object.insert(
                "message".into(),
                json!(annotation.as_ref().map(|tag| &tag.message)),
            );
            object.insert(
                "links".into(),
                json!({
                    "self": link(format!("{api}/refs/tags/{name}")),
                    "commits": link(format!("{api}/commits/{name}")),
                    "html": link(format!("{page}/commits/tag/{name}")),
                }),
            );
        }
    }
    Ok(Value::Object(object))
}

/// When accounts and workspaces were made: before everything that a test does.
fn long_ago() -> Value {
    json!("2015-05-04T09:30:00.000000+00:00")
}
