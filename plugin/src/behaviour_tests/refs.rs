//! Branches, tags and commits: what is sent for a name, and for one that is gone.

use super::support::{HASH, Reply, Service, context, main_branch, repo, targets};
use serde_json::json;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

const OLD: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// Situation `empty-repository`.
#[test]
fn an_empty_repository_has_no_branch_to_look_up() {
    let service = Service::start(|request| match request.path() {
        "/2.0/repositories/team/repo" => Reply::json(200, r#"{"mainbranch":null}"#),
        _ => Reply::json(200, r#"{"values":[]}"#),
    });
    let client = service.client("");
    let request = BranchRequest {
        repo: repo(),
        name: None,
        ..Default::default()
    };
    let error = client.branch(&context(), request).expect_err("it is empty");
    assert_eq!(error.kind, ErrorKind::NOT_FOUND);
    assert!(error.message.contains("empty"), "{error}");
    let request = BranchesRequest {
        repo: repo(),
        ..BranchesRequest::default()
    };
    assert_eq!(
        collect(|sink| client.branches(&context(), request, sink)),
        Ok(vec![])
    );
}

/// Situation `odd-names`.
#[test]
fn the_branch_asked_for_is_the_branch_got() {
    let service = Service::start(|request| {
        if request.path() == "/2.0/repositories/team/repo/refs/branches/feat%2F%C3%A4%20%231%3F%25"
        {
            return Reply::json(
                200,
                json!({"name": "feat/ä #1?%", "target": {"hash": HASH, "parents": [{"hash": OLD}]}}),
            );
        }
        main_branch()
    });
    let client = service.client("");
    let request = BranchRequest {
        repo: repo(),
        name: Some("feat/ä #1?%".to_owned()),
        ..Default::default()
    };
    let branch = client.branch(&context(), request).expect("the branch");
    assert_eq!(branch.display_id, "feat/ä #1?%");
    assert_eq!(branch.id, "refs/heads/feat/ä #1?%");
    assert_eq!(
        (branch.latest_commit.as_str(), branch.default),
        (HASH, Some(false))
    );
    assert_eq!(branch.parents, [OLD]);
}

#[test]
fn the_main_branch_is_looked_up_once_and_again_on_request() {
    let service = Service::start(|request| match request.path() {
        "/2.0/repositories/team/repo" => main_branch(),
        _ => Reply::json(200, json!({"name": "main", "target": {"hash": HASH}})),
    });
    let client = service.client("");
    let main = || BranchRequest {
        repo: repo(),
        name: None,
        ..Default::default()
    };
    for _ in 0..3 {
        let branch = client.branch(&context(), main()).expect("the branch");
        assert_eq!(branch.default, Some(true));
    }
    let lookups = || {
        let received = service.received();
        received
            .iter()
            .filter(|request| request.path().ends_with("/team/repo"))
            .count()
    };
    assert_eq!(lookups(), 1);
    client
        .branch(&context().bypassing_cache(), main())
        .expect("the branch");
    assert!(lookups() > 1);
}

#[test]
fn a_branch_that_is_gone_is_deleted_but_not_one_of_a_repository_that_is_gone() {
    let request = || DeleteBranchRequest {
        repo: repo(),
        name: "a/b".to_owned(),
        ..Default::default()
    };
    let service = Service::start(|request| match request.method.as_str() {
        "DELETE" => Reply::not_found(),
        _ => main_branch(),
    });
    assert_eq!(
        service.client("").delete_branch(&context(), request()),
        Ok(Done::unchanged())
    );
    assert_eq!(
        targets(&service)[0],
        "DELETE /2.0/repositories/team/repo/refs/branches/a%2Fb"
    );

    let service = Service::start(|_| Reply::not_found());
    let error = service
        .client("")
        .delete_branch(&context(), request())
        .expect_err("no access");
    assert_eq!(error.kind, ErrorKind::NOT_FOUND);
}

#[test]
fn a_present_branch_is_not_made_again() {
    let service = Service::start(|_| {
        Reply::json(
            400,
            r#"{"type":"error","data":{"key":"BRANCH_ALREADY_EXISTS"},"error":{"message":"Branch \"b\" already exists."}}"#,
        )
    });
    let request = CreateBranchRequest {
        repo: repo(),
        name: "b".to_owned(),
        target: HASH.to_owned(),
        ..Default::default()
    };
    let error = service
        .client("")
        .create_branch(&context(), request)
        .expect_err("it exists");
    assert_eq!(error.kind, ErrorKind::ALREADY_EXISTS);
    assert_eq!(service.received().len(), 1);
}

/// Situation `slash-in-branch`.
#[test]
fn commits_of_a_branch_with_a_slash_are_listed_by_hash() {
    let service = Service::start(|request| match request.path() {
        "/2.0/repositories/team/repo/refs/branches/a%2Fb" => {
            Reply::json(200, json!({"target": {"hash": HASH}}))
        }
        "/2.0/repositories/team/repo/commits" => Reply::json(
            200,
            json!({"values": [{"hash": HASH, "date": "2024-01-01T00:00:00+00:00",
                "message": "m", "author": {"raw": "A <a@b>"}, "parents": [{"hash": OLD}]}]}),
        ),
        _ => Reply::not_found(),
    });
    let client = service.client("");
    let request = CommitsRequest {
        repo: repo(),
        branch: Some("a/b".to_owned()),
        since: Some(OLD.to_owned()),
        ..CommitsRequest::default()
    };
    let commits = collect(|sink| client.commits(&context(), request, sink)).expect("a list");
    assert_eq!(commits.len(), 1);
    assert_eq!(commits[0].author_timestamp, Some(1_704_067_200_000));
    assert_eq!(commits[0].author.email, "a@b");
    let last = service.received().pop().expect("a request");
    assert_eq!(
        (last.query("include"), last.query("exclude")),
        (Some(HASH), Some(OLD))
    );
}

/// Situation `truncated-push`.
#[test]
fn a_lost_commit_to_leave_out_is_dropped_and_asked_again() {
    let service = Service::start(|request| {
        if request.query("exclude").is_some() {
            return Reply::json(
                404,
                json!({"type": "error", "error": {"message": "Commit not found", "data": {"shas": [OLD]}}}),
            );
        }
        Reply::json(200, json!({"values": [{"hash": HASH}]}))
    });
    let client = service.client("");
    let between = |base: &str, head: &str| {
        let request = CommitsBetweenRefsRequest {
            repo: repo(),
            base: base.to_owned(),
            head: head.to_owned(),
            limit: None,
            ..Default::default()
        };
        collect(|sink| client.commits_between_refs(&context(), request, sink))
    };
    assert_eq!(between(OLD, HASH).map(|commits| commits.len()), Ok(1));
    // It is the other one that is lost: nothing can be listed.
    assert_eq!(
        between(HASH, OLD).map_err(|error| error.kind),
        Err(ErrorKind::NOT_FOUND)
    );
}

/// Situation `tags`.
#[test]
fn refs_are_looked_up_at_the_right_place() {
    let service = Service::start(|request| match request.path() {
        "/2.0/repositories/team/repo/refs/branches/v1" => {
            Reply::json(200, json!({"target": {"hash": HASH}}))
        }
        "/2.0/repositories/team/repo/refs/tags/v1" => {
            Reply::json(200, json!({"target": {"hash": OLD}}))
        }
        "/2.0/repositories/team/repo/commits" => Reply::json(200, r#"{"values":[]}"#),
        _ => Reply::not_found(),
    });
    let client = service.client("");
    let between = |base: &str, head: &str| {
        let request = CommitsBetweenRefsRequest {
            repo: repo(),
            base: base.to_owned(),
            head: head.to_owned(),
            limit: None,
            ..Default::default()
        };
        collect(|sink| client.commits_between_refs(&context(), request, sink))?;
        let last = service.received().pop().expect("a request");
        Ok((
            last.query("exclude").unwrap_or_default().to_owned(),
            last.query("include").unwrap_or_default().to_owned(),
        ))
    };
    let (old, new) = (OLD.to_owned(), HASH.to_owned());
    assert_eq!(
        between("refs/tags/v1", "v1"),
        Ok((old.clone(), new.clone()))
    );
    assert_eq!(between("v1", "refs/tags/v1"), Ok((new, old)));
    let missing: Result<(String, String)> = between("v1", "nothing");
    assert_eq!(
        missing.map_err(|error| error.kind),
        Err(ErrorKind::NOT_FOUND)
    );
}
