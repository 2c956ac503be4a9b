//! Archives of a commit, from the web site and not from the API.

use std::io::Read;
use std::process::Stdio;

use hyper::body::Bytes;
use tokio::sync::mpsc;

use crate::api::call::{Call, Route};
use crate::api::routes::commits::resolve_revision;
use crate::git::repository::{GitError, GitRepository};
use crate::model::behaviour::ArchiveBearer;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::links::segment;
use crate::model::permissions::{CredentialKind, REPOSITORY};
use crate::model::repository::Repository;
use crate::model::response::{Body, Response};
use crate::model::state::Found;
use crate::sync::lock;
use crate::view::repository::repository_page;

/// Size of the pieces in which an archive is sent.
const CHUNK: usize = 64 * 1024;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/{workspace}/{repo_slug}/get/{archive*}", archive).scopes(REPOSITORY)]
}

/// The kinds of archive: ending, content type, and the setting that teaches git
/// to make it.
const KINDS: [(&str, &str, Option<&str>); 3] = [
    (".zip", "application/zip", None),
    (".tar.gz", "application/x-gzip", None),
    (
        ".tar.bz2",
        "application/x-bzip2",
        Some("tar.tar.bz2.command=bzip2 -c"),
    ),
];

fn page(status: u16, text: &str) -> ApiError {
    ApiError::from_response(Response::html(
        status,
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>{text}</title></head>\n<body><h1>{text}</h1></body>\n</html>\n"
        ),
    ))
}

fn archive(call: &Call) -> RouteResult {
    let repository = match call.repository() {
        Ok(repository) => repository,
        Err(error) => return Err(not_here(call, error)),
    };
    let bearer = call
        .caller
        .as_ref()
        .is_some_and(|caller| caller.credential.kind != CredentialKind::ApiToken);
    if bearer && repository.is_private {
        let choice = lock(&call.mock.state).behaviour.archive_bearer;
        match choice {
            ArchiveBearer::Accepted => {}
            ArchiveBearer::NotFound => return Err(page(404, "Repository not found")),
            ArchiveBearer::Forbidden => return Err(page(403, "Access denied")),
        }
    }
    let asked = call.parameter("archive");
    let (revision, (ending, content_type, setting)) = KINDS
        .into_iter()
        .find_map(|kind| Some((asked.strip_suffix(kind.0)?, kind)))
        .ok_or_else(|| page(404, "Page not found"))?;
    let commit =
        resolve_revision(&repository.git, revision)?.ok_or_else(|| page(404, "Page not found"))?;
    let name = format!(
        "{}-{}-{}",
        repository.workspace,
        repository.slug,
        &commit[..12]
    );
    let chunks = stream(
        &repository.git,
        setting,
        &[
            "archive",
            &format!("--format={}", &ending[1..]),
            &format!("--prefix={name}/"),
            &commit,
        ],
    )?;
    Ok(Response {
        status: 200,
        headers: vec![
            ("content-type".to_owned(), content_type.to_owned()),
            (
                "content-disposition".to_owned(),
                format!("attachment; filename=\"{name}{ending}\""),
            ),
        ],
        body: Body::Stream(chunks),
    })
}

/// The web site's way to say what the API would have said.
fn not_here(call: &Call, error: ApiError) -> ApiError {
    let response = error.into_response();
    if response.status != 301 {
        return page(response.status, "Repository not found");
    }
    let found = lock(&call.mock.state)
        .find_repository(call.parameter("workspace"), call.parameter("repo_slug"));
    match found {
        Found::Here(moved) | Found::Moved(moved) => redirect(call, &moved),
        Found::Nowhere => page(404, "Repository not found"),
    }
}

fn redirect(call: &Call, moved: &Repository) -> ApiError {
    let location = format!(
        "{}/get/{}",
        repository_page(&call.mock.urls, moved),
        segment(call.parameter("archive"))
    );
    ApiError::from_response(Response::empty(301).with_header("location", location))
}

/// Runs git and passes on what it writes, chunk by chunk, while it writes.
fn stream(
    git: &GitRepository,
    setting: Option<&str>,
    arguments: &[&str],
) -> Result<mpsc::Receiver<std::io::Result<Bytes>>, ApiError> {
    let mut command = git.command();
    if let Some(setting) = setting {
        command.args(["-c", setting]);
    }
    let mut child = command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(GitError::Start)?;
    let (sender, receiver) = mpsc::channel(4);
    let output = child.stdout.take();
    std::thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        if let Some(mut output) = output {
            loop {
                match output.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(read) => {
                        let chunk = Bytes::copy_from_slice(&buffer[..read]);
                        if sender.blocking_send(Ok(chunk)).is_err() {
                            break;
                        }
                    }
                    Err(error) => {
                        let _ = sender.blocking_send(Err(error));
                        break;
                    }
                }
            }
        }
        // An archive that git did not finish must not look whole.
        if !child.wait().is_ok_and(|status| status.success()) {
            let _ = sender.blocking_send(Err(std::io::Error::other("git archive failed")));
        }
    });
    Ok(receiver)
}
