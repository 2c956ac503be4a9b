//! How calls go: polling, limits of lists, cancellation.

use super::{Folder, REPO, context};
use integration_tests::sandbox::GitSandbox;
use std::time::Duration;
use vcs_provider_interface::context::Cancellation;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::PageFn;

#[test]
fn polling_finds_what_was_created_moved_forced_and_deleted() {
    let git = GitSandbox::small();
    git.git(&["branch", "gone"]);
    let folder = Folder::of(git);
    let start = folder.poll(None);
    assert_eq!(start.events, []);
    assert_eq!(folder.poll(Some(start.cursor.clone())).events, []);

    folder.git.write("new", "new\n");
    let new = folder.git.commit_all("New");
    folder.git.git(&["branch", "--delete", "--force", "gone"]);
    folder.git.git(&["branch", "fresh"]);
    folder
        .git
        .git(&["branch", "--force", "feature/one", "main~2"]);
    folder.push();
    let polled = folder.poll(Some(start.cursor));
    let facts: Vec<_> = polled
        .events
        .iter()
        .map(|event| {
            let change = event.change.as_ref().unwrap();
            (
                event.kind,
                change.name.as_str(),
                change.forced == Some(true),
            )
        })
        .collect();
    assert_eq!(
        facts,
        [
            (EventKind::REF_UPDATED, "feature/one", true),
            (EventKind::REF_CREATED, "fresh", false),
            (EventKind::REF_DELETED, "gone", false),
            (EventKind::REF_UPDATED, "main", false),
        ]
    );
    let main = polled.events[3].change.as_ref().unwrap();
    assert_eq!(main.new_hash.as_deref(), Some(new.as_str()));
    let messages: Vec<_> = main
        .commits
        .iter()
        .map(|commit| commit.message.as_str())
        .collect();
    assert_eq!(messages, ["New"]);
    assert_eq!(folder.poll(Some(polled.cursor)).events, []);
}

#[test]
fn lists_obey_limit_and_sink_and_are_whole_otherwise() {
    let git = GitSandbox::small();
    git.many_branches("many", 250, "main");
    let folder = Folder::of(git);
    assert_eq!(folder.branch_names(BranchesRequest::default()).len(), 252);
    for limit in [0, 1, 99, 100, 101, 300] {
        let request = BranchesRequest {
            limit: Some(limit),
            ..Default::default()
        };
        let expected = usize::try_from(limit.min(252)).unwrap();
        assert_eq!(folder.branch_names(request).len(), expected);
    }
    let mut pages = 0;
    let mut stop_at_once = PageFn(|_items: Vec<Branch>, _total| {
        pages += 1;
        Ok(Flow::STOP)
    });
    let request = BranchesRequest {
        repo: REPO.to_owned(),
        ..Default::default()
    };
    folder
        .client
        .branches(&context(), request, &mut stop_at_once)
        .unwrap();
    assert_eq!(pages, 1);
}

#[test]
fn a_cancelled_or_late_call_sends_nothing() {
    let folder = Folder::small();
    let cancellation = Cancellation::new();
    cancellation.cancel();
    let request = BranchRequest {
        repo: REPO.to_owned(),
        name: None,
        ..Default::default()
    };
    let cancelled = context().with_cancellation(cancellation);
    let error = folder
        .client
        .branch(&cancelled, request.clone())
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::CANCELLED);
    let late = context().with_time_limit(Duration::ZERO);
    let error = folder.client.branch(&late, request).unwrap_err();
    assert_eq!(error.kind, ErrorKind::TIMEOUT);
}
