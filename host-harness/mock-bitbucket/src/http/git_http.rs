//! git over smart HTTP, served by git's own `http-backend`. Bodies stream in
//! both directions; what a push changed is delivered to hooks.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::api::auth::{Caller, authenticate_git};
use crate::api::call::decode_segment;
use crate::events::push;
use crate::git::repository::{GitError, HOOKS_PATH, git_environment};
use crate::http::push_rules;
use crate::model::links::segment;
use crate::model::mock::Mock;
use crate::model::permissions::{REPOSITORY, REPOSITORY_WRITE};
use crate::model::repository::Repository;
use crate::model::response::{Body, Response};
use crate::model::state::Found;
use crate::sync::lock;

/// Size of the pieces in which bodies are passed on.
const CHUNK: usize = 64 * 1024;

/// The addresses below a repository that git's protocol uses.
const SERVICES: [&str; 3] = ["info/refs", "git-upload-pack", "git-receive-pack"];

/// What a git request is about.
pub(crate) struct Target {
    workspace: String,
    slug: String,
    /// The part after `.git/`.
    service: String,
}

/// Recognises `/{workspace}/{slug}.git/…`.
pub(crate) fn parse_path(path: &str) -> Option<Target> {
    let mut parts = path.strip_prefix('/')?.splitn(3, '/');
    let workspace = decode_segment(parts.next()?)?;
    let slug = decode_segment(parts.next()?)?
        .strip_suffix(".git")?
        .to_owned();
    let service = parts.next()?.to_owned();
    Some(Target {
        workspace,
        slug,
        service,
    })
}

/// Responds to one git request.
pub(crate) async fn respond(
    mock: Arc<Mock>,
    target: Target,
    head: &Parts,
    body: Incoming,
) -> Response {
    let query = head.uri.query().unwrap_or_default();
    let writes = target.service == "git-receive-pack" || query.contains("service=git-receive-pack");
    let (repository, caller) = match admit(&mock, &target, head, writes) {
        Ok(admitted) => admitted,
        Err(rejection) => return rejection,
    };
    let cannot_start =
        |error: io::Error| Response::text(500, format!("cannot start git http-backend: {error}"));
    if target.service != "git-receive-pack" {
        let mut child = match backend(&repository, &target, head, caller.as_ref(), None) {
            Ok(child) => child,
            Err(error) => return cannot_start(error),
        };
        feed(&mut child, body);
        return relay(child, None).await;
    }
    // The lock is held until the push is over and its events are out.
    let held = mock.push_lock(&repository.uuid).lock_owned().await;
    let actor = caller
        .as_ref()
        .map(|caller| Arc::clone(&caller.credential.user));
    let prepared = {
        let (mock, repository, actor) = (Arc::clone(&mock), Arc::clone(&repository), actor.clone());
        tokio::task::spawn_blocking(move || {
            let hooks = push_rules::hooks(&mock, &repository, actor.as_deref())?;
            Ok::<_, GitError>((hooks, repository.git.snapshot()?))
        })
        .await
    };
    let Ok(Ok((hooks, before))) = prepared else {
        return Response::text(500, "cannot read the refs before the push");
    };
    let place = hooks.as_ref().map(TempDir::path);
    let mut child = match backend(&repository, &target, head, caller.as_ref(), place) {
        Ok(child) => child,
        Err(error) => return cannot_start(error),
    };
    feed(&mut child, body);
    let afterwards: Afterwards = Box::new(move || {
        drop(hooks);
        // What cannot be read after the push cannot be delivered either.
        let _ = push::deliver_since(&mock, &repository, actor.as_deref(), &before);
        drop(held);
    });
    relay(child, Some(afterwards)).await
}

type Afterwards = Box<dyn FnOnce() + Send>;

/// Who may do this, and on which repository.
fn admit(
    mock: &Mock,
    target: &Target,
    head: &Parts,
    writes: bool,
) -> Result<(Arc<Repository>, Option<Caller>), Response> {
    let login = || {
        Response::text(401, "Authentication failed.")
            .with_header("www-authenticate", "Basic realm=\"Bitbucket.org HTTP\"")
    };
    let caller = authenticate_git(mock, &head.headers);
    if caller.is_none() && head.headers.contains_key("authorization") {
        return Err(login());
    }
    let missing = || Response::text(404, "Repository not found");
    if !SERVICES.contains(&target.service.as_str()) {
        return Err(missing());
    }
    let found = {
        let state = lock(&mock.state);
        let found = state.find_repository(&target.workspace, &target.slug);
        if matches!(&found, Found::Here(repository) | Found::Moved(repository)
            if state.forbidden.contains(&repository.uuid))
        {
            return Err(Response::text(403, "Forbidden"));
        }
        found
    };
    let (repository, moved) = match found {
        Found::Here(repository) => (repository, false),
        Found::Moved(repository) => (repository, true),
        Found::Nowhere if caller.is_none() => return Err(login()),
        Found::Nowhere => return Err(missing()),
    };
    match &caller {
        None if writes || repository.is_private => return Err(login()),
        Some(caller) if !caller.can_see(&repository) => return Err(missing()),
        Some(caller) => {
            let needed = if writes {
                &REPOSITORY_WRITE
            } else {
                &REPOSITORY
            };
            if !caller.credential.allows(needed) {
                return Err(Response::text(
                    403,
                    "This credential lacks the scopes that the request needs.",
                ));
            }
        }
        None => {}
    }
    if moved {
        let location = format!(
            "{}/{}/{}.git/{}?{}",
            mock.urls.web,
            segment(&repository.workspace),
            segment(&repository.slug),
            target.service,
            head.uri.query().unwrap_or_default()
        );
        return Err(Response::empty(301).with_header("location", location));
    }
    Ok((repository, caller))
}

/// Starts `git http-backend` with the variables of a CGI program, and with the hooks in
/// a directory instead of none.
fn backend(
    repository: &Repository,
    target: &Target,
    head: &Parts,
    caller: Option<&Caller>,
    hooks: Option<&Path>,
) -> io::Result<Child> {
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    for (name, value) in git_environment() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    command
        .env("GATEWAY_INTERFACE", "CGI/1.1")
        .env("SERVER_PROTOCOL", "HTTP/1.1")
        .env("REQUEST_METHOD", head.method.as_str())
        .env("QUERY_STRING", head.uri.query().unwrap_or_default())
        .env("PATH_INFO", format!("/{}", target.service))
        .env(
            "PATH_TRANSLATED",
            repository.git.git_dir().join(&target.service),
        )
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env_remove("GIT_PROJECT_ROOT")
        .env_remove("CONTENT_LENGTH")
        .env_remove("HTTP_CONTENT_ENCODING");
    for (header_name, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-length", "CONTENT_LENGTH"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ] {
        if let Some(value) = header(header_name) {
            command.env(variable, value);
        }
    }
    if let Some(hooks) = hooks {
        command.env(HOOKS_PATH, hooks);
    }
    if let Some(caller) = caller {
        command.env("REMOTE_USER", &caller.credential.user.nickname);
    }
    command.spawn()
}

/// Passes the request's body on, in the background.
fn feed(child: &mut Child, mut body: Incoming) {
    let Some(mut stdin) = child.stdin.take() else {
        return;
    };
    tokio::spawn(async move {
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if stdin.write_all(&data).await.is_err() {
                return;
            }
        }
    });
}

/// Reads the head of the program's response, and passes the rest on as it comes.
/// `afterwards` runs when the program has ended, before the client sees the end.
async fn relay(mut child: Child, afterwards: Option<Afterwards>) -> Response {
    let Some(stdout) = child.stdout.take() else {
        return Response::text(500, "git http-backend has no output");
    };
    let mut reader = BufReader::with_capacity(CHUNK, stdout);
    let Some((status, headers)) = read_head(&mut reader).await else {
        return Response::text(500, "git http-backend did not respond");
    };
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        // A client that went away does not stop git: a push goes on to its end.
        let mut client_is_there = true;
        loop {
            let mut chunk = vec![0; CHUNK];
            match reader.read(&mut chunk).await {
                Ok(0) => break,
                Ok(length) => {
                    chunk.truncate(length);
                    client_is_there =
                        client_is_there && sender.send(Ok(Bytes::from(chunk))).await.is_ok();
                }
                Err(error) => {
                    let _ = sender.send(Err(error)).await;
                    break;
                }
            }
        }
        let _ = child.wait().await;
        if let Some(afterwards) = afterwards {
            let _ = tokio::task::spawn_blocking(afterwards).await;
        }
        drop(sender);
    });
    Response {
        status,
        headers,
        body: Body::Stream(receiver),
    }
}

/// Reads CGI headers up to the empty line.
async fn read_head(
    reader: &mut BufReader<impl AsyncRead + Unpin>,
) -> Option<(u16, Vec<(String, String)>)> {
    let mut status = 200;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Some((status, headers));
        }
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            status = value.split(' ').next()?.parse().ok()?;
        } else {
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_with_dot_git_are_git() {
        let target = parse_path("/ws/my%20repo.git/info/refs");
        assert!(target.is_some_and(|target| {
            target.workspace == "ws" && target.slug == "my repo" && target.service == "info/refs"
        }));
        assert!(parse_path("/2.0/user").is_none());
        assert!(parse_path("/ws/repo/info/refs").is_none());
    }
}
