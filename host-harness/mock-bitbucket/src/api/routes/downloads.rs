//! Files that are offered for download. Their bytes come from the storage host.

use serde_json::{Value, json};

use crate::api::call::{BodyKind, Call, Route};
use crate::api::multipart;
use crate::api::routes::listing;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::links::{link, segment};
use crate::model::permissions::{REPOSITORY, REPOSITORY_WRITE};
use crate::model::records::Download;
use crate::model::repository::Repository;
use crate::model::response::Response;
use crate::sync::lock;
use crate::view::pull_request::account;
use crate::view::repository::repository_url;

const ALL: &str = "/2.0/repositories/{workspace}/{repo_slug}/downloads";
const ONE: &str = "/2.0/repositories/{workspace}/{repo_slug}/downloads/{filename}";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(ALL, list)
            .scopes(REPOSITORY)
            .query(&["q", "sort"])
            .of("download")
            .numbered(10, 100),
        Route::post(ALL, upload)
            .scopes(REPOSITORY_WRITE)
            .body(BodyKind::Any),
        Route::get(ONE, download).scopes(REPOSITORY),
        Route::delete(ONE, delete).scopes(REPOSITORY_WRITE),
    ]
}

/// Newest first.
fn list(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let mut files = lock(&call.mock.state)
        .downloads
        .get(&repository.uuid)
        .cloned()
        .unwrap_or_default();
    files.reverse();
    let values = files
        .iter()
        .map(|file| show(call, &repository, file))
        .collect();
    listing::values(call, values)
}

fn show(call: &Call, repository: &Repository, file: &Download) -> Value {
    let address = format!(
        "{}/downloads/{}",
        repository_url(&call.mock.urls, repository),
        segment(&file.name)
    );
    json!({
        "type": "download",
        "name": file.name,
        "size": file.content.len(),
        "downloads": file.downloads,
        "created_on": file.created_on,
        "user": account(&call.mock, &file.user),
        "links": { "self": link(address) },
    })
}

fn upload(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let user = call.user()?;
    let boundary = call
        .header("content-type")
        .and_then(multipart::boundary)
        .ok_or_else(|| ApiError::new(406, "Send the files as multipart/form-data."))?;
    let parts = multipart::parse(&call.body, &boundary)
        .ok_or_else(|| ApiError::bad_request("The form cannot be read."))?;
    let mut files = Vec::new();
    for part in parts.into_iter().filter(|part| part.name == "files") {
        let name = part
            .file_name
            .filter(|name| !name.is_empty() && !name.contains(['/', '\\', '\0']))
            .ok_or_else(|| ApiError::field("files", "A file needs a plain name."))?;
        files.push(Download {
            name,
            content: part.content,
            user: user.uuid.clone(),
            downloads: 0,
            created_on: call.mock.clock.timestamp(),
        });
    }
    if files.is_empty() {
        return Err(ApiError::field("files", "This field is required."));
    }
    let mut state = lock(&call.mock.state);
    let kept = state.downloads.entry(repository.uuid.clone()).or_default();
    for file in files {
        kept.retain(|former| former.name != file.name);
        kept.push(file);
    }
    Ok(Response::empty(201))
}

fn missing(name: &str) -> ApiError {
    ApiError::not_found(format!("There is no download named \"{name}\"."))
}

fn download(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let name = call.parameter("filename");
    let content = lock(&call.mock.state)
        .downloads
        .get_mut(&repository.uuid)
        .and_then(|files| files.iter_mut().find(|file| file.name == name))
        .map(|file| {
            file.downloads += 1;
            file.content.clone()
        })
        .ok_or_else(|| missing(name))?;
    Ok(Response::empty(302).with_header("location", call.mock.storage.offer(content)))
}

fn delete(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let name = call.parameter("filename");
    let mut state = lock(&call.mock.state);
    let files = state.downloads.entry(repository.uuid.clone()).or_default();
    let before = files.len();
    files.retain(|file| file.name != name);
    if files.len() == before {
        return Err(missing(name));
    }
    Ok(Response::no_content())
}
