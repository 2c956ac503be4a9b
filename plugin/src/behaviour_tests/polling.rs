//! Which repositories of a workspace are worth a poll: few requests, nothing lost.

use super::support::{Received, Reply, Service, context};
use serde_json::json;
use std::sync::{Arc, Mutex};
use vcs_provider_interface::prelude::*;

/// Repositories with the time of their last change, as the service would have them.
type Repositories = Arc<Mutex<Vec<(String, String)>>>;

/// A workspace of so many quiet repositories.
fn workspace(count: usize) -> Repositories {
    let quiet = |index| {
        (
            format!("team/r{index:04}"),
            "2026-01-01T00:00:00.000000+00:00".to_owned(),
        )
    };
    Arc::new(Mutex::new((0..count).map(quiet).collect()))
}

/// The list of repositories, with its filter and in pages of 100.
fn serve(repositories: &Repositories, request: &Received) -> Reply {
    if request.path() != "/2.0/repositories/team" {
        return Reply::not_found();
    }
    let filter = request.query("q").map(|q| {
        let q = q
            .replace("%20", " ")
            .replace("%3A", ":")
            .replace("%2B", "+");
        q.replace("%3E", ">")
            .strip_prefix("updated_on > ")
            .expect("the filter of a time")
            .to_owned()
    });
    // Times of one form and offset have the order of their texts.
    let found: Vec<(usize, (String, String))> = repositories
        .lock()
        .expect("no test panicked")
        .iter()
        .cloned()
        .enumerate()
        .filter(|(_, (_, at))| filter.as_ref().is_none_or(|from| at > from))
        .collect();
    let page: usize = request
        .query("page")
        .map_or(1, |page| page.parse().expect("a page"));
    let values: Vec<_> = found
        .iter()
        .skip((page - 1) * 100)
        .take(100)
        .map(|(index, (name, at))| {
            json!({"uuid": format!("{{{index:x}}}"), "full_name": name, "updated_on": at})
        })
        .collect();
    let mut body = json!({"size": found.len(), "page": page, "pagelen": 100, "values": values});
    if page * 100 < found.len() {
        let host = request.header("host").unwrap_or_default();
        let query = request
            .query("q")
            .map_or(String::new(), |q| format!("&q={q}"));
        body["next"] = format!(
            "http://{host}{}?pagelen=100&page={}{query}",
            request.path(),
            page + 1
        )
        .into();
    }
    Reply::json(200, body)
}

fn poll(client: &dyn AuthorizedClient, cursor: Option<&str>, repos: &[&str]) -> PolledRepositories {
    let request = PollRepositoriesRequest {
        workspace: "team".to_owned(),
        repos: repos.iter().map(|name| (*name).to_owned()).collect(),
        cursor: cursor.map(str::to_owned),
        ..PollRepositoriesRequest::default()
    };
    client
        .poll_repositories(&context(), request)
        .expect("the workspace is polled")
}

fn names(polled: &PolledRepositories) -> Vec<&str> {
    polled
        .changed
        .iter()
        .map(|repo| repo.fullname.as_str())
        .collect()
}

#[test]
fn a_thousand_quiet_repositories_take_one_request_and_a_push_to_one_is_found() {
    let repositories = workspace(1000);
    let served = Arc::clone(&repositories);
    let service = Service::start(move |request| serve(&served, request));
    let client = service.client("");
    let first = poll(&*client, None, &["team/r0007", "team/gone"]);
    assert_eq!((names(&first), first.requests), (vec![], 10));
    assert_eq!(first.not_seen, ["team/gone"]);

    let before = service.received().len();
    let quiet = poll(&*client, Some(&first.cursor), &[]);
    assert_eq!(names(&quiet), Vec::<&str>::new());

    let push = |index: usize, at: &str| {
        repositories.lock().expect("no test panicked")[index].1 = at.to_owned();
    };
    push(7, "2026-01-01T00:00:10.000000+00:00");
    push(9, "2026-01-01T00:00:10.000000+00:00");
    let found = poll(&*client, Some(&quiet.cursor), &["TEAM/r0007"]);
    assert_eq!(names(&found), ["team/r0007"]);
    assert_eq!(found.changed[0].id, "{7}");
    assert_eq!(found.changed[0].changed_at, Some(1_767_225_610_000));

    // Named once, although the next call reads on from a little earlier.
    let again = poll(&*client, Some(&found.cursor), &[]);
    assert_eq!(names(&again), Vec::<&str>::new());
    // One that becomes visible late is not lost.
    push(3, "2026-01-01T00:00:05.000000+00:00");
    let late = poll(&*client, Some(&again.cursor), &[]);
    assert_eq!(names(&late), ["team/r0003"]);
    // Long after, the quiet ones are out of the window: one request.
    push(4, "2026-01-02T00:00:00.000000+00:00");
    let later = poll(&*client, Some(&late.cursor), &[]);
    assert_eq!(names(&later), ["team/r0004"]);
    let sent = service.received().len();
    let last = poll(&*client, Some(&later.cursor), &[]);
    assert_eq!((names(&last), last.requests), (vec![], 1));
    assert_eq!(service.received().len() - sent, 1);
    assert!(sent - before <= 60, "{} requests", sent - before);
}

#[test]
fn a_repository_whose_time_cannot_be_read_is_named() {
    let service = Service::start(|_| {
        Reply::json(
            200,
            r#"{"values":[{"uuid":"{1}","full_name":"team/a"},
                {"uuid":"{2}","full_name":"team/b","updated_on":"2026-01-01T00:00:00Z"}]}"#,
        )
    });
    let client = service.client("");
    let first = poll(&*client, None, &[]);
    let next = poll(&*client, Some(&first.cursor), &[]);
    assert_eq!(names(&next), ["team/a"]);
}

#[test]
fn a_cursor_of_another_workspace_or_another_kind_is_rejected() {
    let service = Service::start(|_| Reply::json(200, r#"{"values":[]}"#));
    let client = service.client("");
    let cursor = poll(&*client, None, &[]).cursor;
    for (workspace, cursor) in [
        ("other", cursor.as_str()),
        ("team", "bbc1.x"),
        ("team", "x"),
    ] {
        let request = PollRepositoriesRequest {
            workspace: workspace.to_owned(),
            cursor: Some(cursor.to_owned()),
            ..PollRepositoriesRequest::default()
        };
        let error = client
            .poll_repositories(&context(), request)
            .expect_err("the cursor is not its own");
        assert_eq!(error.kind, ErrorKind::INVALID_INPUT);
    }
}
