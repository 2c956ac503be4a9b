//! What is asked for at the same time: that it is, and that the order of what
//! comes out does not depend on it.

use super::support::{HASH, Received, Reply, Service, context, main_branch, repo, targets};
use serde_json::{Value, json};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

const OLD: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// Waits until so many are here at once; with fewer it gives up.
struct Meeting {
    wanted: usize,
    present: Mutex<usize>,
    arrived: Condvar,
}

impl Meeting {
    fn of(wanted: usize) -> Arc<Self> {
        Arc::new(Self {
            wanted,
            present: Mutex::new(0),
            arrived: Condvar::new(),
        })
    }

    /// Whether all came.
    fn wait(&self) -> bool {
        let mut present = self.present.lock().expect("no test panicked");
        *present += 1;
        self.arrived.notify_all();
        let (present, _) = self
            .arrived
            .wait_timeout_while(present, Duration::from_secs(10), |present| {
                *present < self.wanted
            })
            .expect("no test panicked");
        *present >= self.wanted
    }
}

/// A page of a numbered list of repositories; `size` of them, two on a page.
fn page_of(request: &Received, host: &str, workspace: &str, size: usize) -> Reply {
    let number: usize = request
        .query("page")
        .map_or(1, |page| page.parse().expect("the number of a page"));
    let begin = (number - 1) * 100;
    let values: Vec<Value> = (begin..size.min(begin + 100))
        .map(|index| {
            json!({"uuid": format!("{{{workspace}-{index}}}"),
                   "full_name": format!("{workspace}/r{index:04}")})
        })
        .collect();
    let mut page = json!({"size": size, "page": number, "pagelen": 100, "values": values});
    if begin + 100 < size {
        page["next"] = format!(
            "http://{host}{}?pagelen=100&page={}",
            request.path(),
            number + 1
        )
        .into();
    }
    Reply::json(200, page)
}

fn repositories(client: &dyn AuthorizedClient, limit: Option<u64>) -> Vec<String> {
    let request = RepositoriesRequest {
        limit,
        ..RepositoriesRequest::default()
    };
    collect(|sink| client.repos(&context(), request, sink))
        .expect("a list")
        .into_iter()
        .map(|repo| repo.fullname)
        .collect()
}

#[test]
fn the_first_pages_of_all_workspaces_are_asked_for_at_once() {
    let meeting = Meeting::of(3);
    let met = Arc::clone(&meeting);
    let service = Service::start(move |request| {
        if !met.wait() {
            return Reply::json(400, "{}");
        }
        let host = request.header("host").unwrap_or_default();
        let workspace = request.path().rsplit('/').next().unwrap_or_default();
        page_of(request, host, workspace, 1)
    });
    let client = service.client("workspaces = ['one', 'two', 'three']");
    assert_eq!(
        repositories(&*client, None),
        ["one/r0000", "two/r0000", "three/r0000"]
    );
}

#[test]
fn the_pages_of_several_workspaces_come_in_order_and_each_once() {
    let sizes = [("one", 250), ("two", 30), ("three", 410), ("four", 0)];
    let service = Service::start(move |request| {
        let host = request.header("host").unwrap_or_default();
        let workspace = request.path().rsplit('/').next().unwrap_or_default();
        let size = sizes.iter().find(|(name, _)| *name == workspace);
        page_of(request, host, workspace, size.expect("a workspace").1)
    });
    for parallel in [1, 2, 8] {
        let client = service.client(&format!(
            "workspaces = ['one', 'two', 'three', 'four']\nmaxParallelRequests = {parallel}"
        ));
        let before = service.received().len();
        let found = repositories(&*client, None);
        let expected: Vec<String> = sizes
            .iter()
            .flat_map(|(name, size)| (0..*size).map(move |index| format!("{name}/r{index:04}")))
            .collect();
        assert_eq!(found, expected, "{parallel} at once");
        assert_eq!(service.received().len() - before, 3 + 1 + 5 + 1);

        let limited = repositories(&*client, Some(270));
        assert_eq!(limited, expected[..270], "{parallel} at once");
    }
}

/// The main branch by redirect, and a page of commits for each range.
fn history(request: &Received, by_name: &str) -> Reply {
    let commits = |hash: &str| Reply::json(200, json!({"values": [{"hash": hash}]}));
    match (request.path(), request.query("include")) {
        ("/2.0/repositories/team/repo/src", _) => Reply::with(
            302,
            &[(
                "Location",
                &format!("/2.0/repositories/team/repo/src/{HASH}/"),
            )],
            "",
        ),
        (
            "/2.0/repositories/team/repo/refs/branches/main"
            | "/2.0/repositories/team/repo/refs/branches/0abc",
            _,
        ) => Reply::json(200, json!({"target": {"hash": HASH}})),
        ("/2.0/repositories/team/repo/commits", Some("main")) if by_name.is_empty() => {
            Reply::not_found()
        }
        ("/2.0/repositories/team/repo/commits", Some("main")) => commits(by_name),
        ("/2.0/repositories/team/repo/commits", Some(hash)) => commits(hash),
        ("/2.0/repositories/team/repo", _) => main_branch(),
        _ => Reply::not_found(),
    }
}

fn commits(client: &dyn AuthorizedClient, branch: Option<&str>) -> Vec<String> {
    let request = CommitsRequest {
        repo: repo(),
        branch: branch.map(str::to_owned),
        ..CommitsRequest::default()
    };
    collect(|sink| client.commits(&context(), request, sink))
        .expect("a list")
        .into_iter()
        .map(|commit| commit.id)
        .collect()
}

#[test]
fn commits_of_a_branch_are_asked_for_while_its_name_is_resolved() {
    for branch in [None, Some("main")] {
        let meeting = Meeting::of(2);
        let met = Arc::clone(&meeting);
        let service = Service::start(move |request| match met.wait() {
            true => history(request, HASH),
            false => Reply::json(400, "{}"),
        });
        assert_eq!(commits(&*service.client(""), branch), [HASH]);
        assert_eq!(service.received().len(), 2, "{:?}", targets(&service));
    }
}

#[test]
fn a_list_by_name_that_begins_with_another_commit_is_not_used() {
    for by_name in [OLD, ""] {
        for branch in [None, Some("main")] {
            let service = Service::start(move |request| history(request, by_name));
            assert_eq!(commits(&*service.client(""), branch), [HASH]);
            let received = service.received();
            let last = received.last().expect("a request");
            assert_eq!(last.query("include"), Some(HASH));
            assert_eq!(received.len(), 3);
        }
    }
}

#[test]
fn a_name_that_looks_like_a_hash_is_resolved_first() {
    let service = Service::start(|request| history(request, OLD));
    assert_eq!(commits(&*service.client(""), Some("0abc")), [HASH]);
    assert_eq!(service.received().len(), 2);
}

/// Situation `odd-names`.
#[test]
fn a_name_that_looks_like_a_full_one_is_resolved_as_it_is() {
    let service = Service::start(|request| history(request, OLD));
    let client = service.client("");
    let request = CommitsRequest {
        repo: repo(),
        branch: Some("refs/heads/refs/heads/main".to_owned()),
        ..CommitsRequest::default()
    };
    collect(|sink| client.commits(&context(), request, sink)).expect_err("there is none");
    assert_eq!(
        targets(&service)[0],
        "GET /2.0/repositories/team/repo/refs/branches/refs%2Fheads%2Fmain"
    );
}
