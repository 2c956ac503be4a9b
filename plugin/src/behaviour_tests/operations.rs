//! What single operations send, and what they make of the answers.

use super::support::{HASH, Received, Reply, Service, SilentHost, TOKEN, context, main_branch};
use serde_json::json;
use std::sync::Arc;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

const OLD: &str = "89abcdef0123456789abcdef0123456789abcdef";

fn repo() -> String {
    "team/repo".to_owned()
}

fn targets(service: &Service) -> Vec<String> {
    let received = service.received();
    received
        .iter()
        .map(|request| format!("{} {}", request.method, request.path()))
        .collect()
}

#[test]
fn e42_a_workspace_that_may_not_be_read_is_left_out_and_reported() {
    let host = Arc::new(SilentHost::default());
    let service = Service::start(|request| match request.path() {
        "/2.0/user/workspaces" => Reply::json(
            200,
            r#"{"values":[{"workspace":{"slug":"shut"}},{"workspace":{"slug":"open"}}]}"#,
        ),
        "/2.0/repositories/open" => {
            Reply::json(200, r#"{"values":[{"uuid":"{1}","full_name":"open/a"}]}"#)
        }
        _ => Reply::json(403, r#"{"error":{"message":"no"}}"#),
    });
    let client = service.client_with("", host.clone());
    let repos = collect(|sink| client.repos(&context(), RepositoriesRequest::default(), sink))
        .expect("a list");
    assert_eq!(repos.len(), 1);
    assert_eq!(repos[0].slug, "a");
    let lines = host.lines.lock().expect("no panic");
    let warnings: Vec<_> = lines
        .iter()
        .filter(|line| line.level == LogLevel::WARN)
        .collect();
    assert!(
        warnings.len() == 1 && warnings[0].message.contains("shut"),
        "{warnings:?}"
    );
}

#[test]
fn e42_refused_everywhere_and_refused_as_a_whole_are_errors() {
    let service = Service::start(|request| match request.path() {
        "/2.0/user/workspaces" => Reply::json(200, r#"{"values":[{"workspace":{"slug":"shut"}}]}"#),
        _ => Reply::json(403, r#"{"error":{"message":"no"}}"#),
    });
    let client = service.client("");
    let list = || collect(|sink| client.repos(&context(), RepositoriesRequest::default(), sink));
    assert_eq!(
        list().map_err(|error| error.kind),
        Err(ErrorKind::PERMISSION_DENIED)
    );

    let service = Service::start(|_| Reply::json(401, r#"{"error":{"message":"no"}}"#));
    let client = service.client("workspaces = ['one', 'two']");
    let error = collect(|sink| client.repos(&context(), RepositoriesRequest::default(), sink))
        .expect_err("refused");
    assert_eq!(error.kind, ErrorKind::UNAUTHENTICATED);
    assert_eq!(service.received().len(), 1);
}

#[test]
fn repositories_are_filtered_and_limited_over_all_workspaces() {
    let service = Service::start(|request| {
        let workspace = request.path().rsplit('/').next().unwrap_or_default();
        Reply::json(
            200,
            json!({"values": [
                {"uuid": format!("{{{workspace}1}}"), "full_name": format!("{workspace}/a")},
                {"uuid": format!("{{{workspace}2}}"), "full_name": format!("{workspace}/b")},
            ]}),
        )
    });
    let client = service.client("workspaces = ['one', 'two', 'three']");
    let request = RepositoriesRequest {
        filter: Some("a\"b".to_owned()),
        limit: Some(3),
        ..RepositoriesRequest::default()
    };
    let repos = collect(|sink| client.repos(&context(), request, sink)).expect("a list");
    let names: Vec<&str> = repos.iter().map(|repo| repo.fullname.as_str()).collect();
    assert_eq!(names, ["one/a", "one/b", "two/a"]);
    assert_eq!(service.received().len(), 2);
    assert_eq!(
        service.received()[0].query("q"),
        Some("name%20~%20%22a%5C%22b%22")
    );
}

#[test]
fn e24_an_empty_repository_has_no_branch_to_look_up() {
    let service = Service::start(|request| match request.path() {
        "/2.0/repositories/team/repo" => Reply::json(200, r#"{"mainbranch":null}"#),
        _ => Reply::json(200, r#"{"values":[]}"#),
    });
    let client = service.client("");
    let request = BranchRequest {
        repo: repo(),
        name: None,
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

#[test]
fn e22_the_branch_asked_for_is_the_branch_got() {
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
    };
    let branch = client.branch(&context(), request).expect("the branch");
    assert_eq!(branch.display_id, "feat/ä #1?%");
    assert_eq!(branch.id, "refs/heads/feat/ä #1?%");
    assert_eq!(
        (branch.latest_commit.as_str(), branch.default),
        (HASH, false)
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
    };
    for _ in 0..3 {
        assert!(
            client
                .branch(&context(), main())
                .expect("the branch")
                .default
        );
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
    };
    let service = Service::start(|request| match request.method.as_str() {
        "DELETE" => Reply::not_found(),
        _ => main_branch(),
    });
    assert_eq!(
        service.client("").delete_branch(&context(), request()),
        Ok(())
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
    };
    let error = service
        .client("")
        .create_branch(&context(), request)
        .expect_err("it exists");
    assert_eq!(error.kind, ErrorKind::ALREADY_EXISTS);
    assert_eq!(service.received().len(), 1);
}

#[test]
fn e21_commits_of_a_branch_with_a_slash_are_listed_by_hash() {
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
    assert_eq!(commits[0].author_timestamp, 1_704_067_200_000);
    assert_eq!(commits[0].author.email, "a@b");
    let last = service.received().pop().expect("a request");
    assert_eq!(
        (last.query("include"), last.query("exclude")),
        (Some(HASH), Some(OLD))
    );
}

#[test]
fn e19_a_lost_commit_to_leave_out_is_dropped_and_asked_again() {
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

#[test]
fn e23_refs_are_looked_up_at_the_right_place() {
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

fn hooks(_request: &Received) -> Reply {
    Reply::json(
        200,
        r#"{"values":[{"uuid":"{h1}","url":"https://ci.example/hooks/1","active":true,"events":["repo:push"],"secret_set":true}]}"#,
    )
}

#[test]
fn e35_hooks_are_found_by_address_and_deleted_once() {
    let service = Service::start(|request| match request.method.as_str() {
        "DELETE" => Reply::with(204, &[], ""),
        _ => hooks(request),
    });
    let client = service.client("");
    let get = |url: &str| {
        let request = GetHookRequest {
            repo: repo(),
            url: url.to_owned(),
        };
        client.get_hook(&context(), request)
    };
    let hook = get("https://CI.example/hooks/1/").expect("the hook");
    assert_eq!((hook.id.as_str(), hook.secret_set), ("{h1}", Some(true)));
    assert_eq!(
        get("https://ci.example/hooks/2").map_err(|error| error.kind),
        Err(ErrorKind::NOT_FOUND)
    );
    let delete = |id: Option<&str>, url: Option<&str>| {
        let request = DeleteHookRequest {
            repo: repo(),
            id: id.map(str::to_owned),
            url: url.map(str::to_owned),
        };
        client.delete_hook(&context(), request)
    };
    assert_eq!(delete(None, Some("https://ci.example/hooks/2")), Ok(()));
    assert!(
        targets(&service)
            .iter()
            .all(|target| !target.starts_with("DELETE"))
    );
    assert_eq!(delete(None, Some("https://ci.example/hooks/1")), Ok(()));
    assert_eq!(
        targets(&service).pop().as_deref(),
        Some("DELETE /2.0/repositories/team/repo/hooks/%7Bh1%7D")
    );
    assert!(delete(None, None).is_err());
}

fn status(pull_request: Option<u64>) -> StatusRequest {
    StatusRequest {
        repo: repo(),
        commit: HASH.to_owned(),
        key: "build/1".to_owned(),
        name: String::new(),
        state: BuildState::SUCCESS,
        url: "https://ci.example.com/1".to_owned(),
        description: "x".repeat(300),
        ref_name: Some("refs/heads/topic".to_owned()),
        pull_request,
    }
}

#[test]
fn a_status_is_sent_as_bitbucket_wants_it() {
    let service = Service::start(|_| {
        Reply::json(
            201,
            r#"{"key":"build/1","state":"SUCCESSFUL","refname":"topic"}"#,
        )
    });
    let set = service
        .client("")
        .set_status(&context(), status(None))
        .expect("it is set");
    assert_eq!(set.state, BuildState::SUCCESS);
    assert_eq!(
        (set.service_state.as_str(), set.commit.as_str()),
        ("SUCCESSFUL", HASH)
    );
    let sent = service.received().pop().expect("a request");
    assert_eq!(
        sent.path(),
        format!("/2.0/repositories/team/repo/commit/{HASH}/statuses/build")
    );
    let body = sent.json();
    assert_eq!(body["refname"], "topic");
    assert_eq!(body["name"], "build/1");
    assert_eq!(body["state"], "SUCCESSFUL");
    assert_eq!(body["url"], "https://ci.example.com/1");
    assert_eq!(
        body["description"]
            .as_str()
            .map(|text| text.chars().count()),
        Some(255)
    );
}

#[test]
fn a_status_keeps_the_engines_address_back_or_is_not_sent_where_that_is_configured() {
    let service = Service::start(|_| Reply::json(201, r#"{"key":"k"}"#));
    let hidden = service.client("[Status]\nshowDetail = true");
    hidden
        .set_status(&context(), status(None))
        .expect("it is set");
    let body = service.received().pop().expect("a request").json();
    assert_eq!(
        body["url"],
        format!("https://bitbucket.org/team/repo/commits/{HASH}")
    );

    let before = service.received().len();
    let disabled = service.client("[Status]\ndisable = true");
    let answer = disabled
        .set_status(&context(), status(None))
        .expect("it is left out");
    assert_eq!(answer.extra[0].0, "not_sent");
    assert_eq!(service.received().len(), before);
}

#[test]
fn e14_a_status_with_a_local_address_is_refused_before_anything_is_sent() {
    let service = Service::start(|_| Reply::json(201, "{}"));
    let request = StatusRequest {
        url: "http://localhost:8080/1".to_owned(),
        ..status(None)
    };
    let error = service
        .client("")
        .set_status(&context(), request)
        .expect_err("local");
    assert_eq!(error.kind, ErrorKind::INVALID_INPUT);
    assert!(service.received().is_empty());
}

#[test]
fn e32_a_status_of_a_forks_commit_goes_to_the_fork() {
    let service = Service::start(|request| match request.path() {
        "/2.0/repositories/team/repo/pullrequests/7" => Reply::json(
            200,
            r#"{"source":{"repository":{"full_name":"fork/repo"}}}"#,
        ),
        "/2.0/repositories/team/repo/pullrequests/8" => {
            Reply::json(200, r#"{"source":{"repository":null}}"#)
        }
        path if path.starts_with("/2.0/repositories/fork/repo/commit/") => {
            Reply::json(201, r#"{"key":"build/1","state":"SUCCESSFUL"}"#)
        }
        _ => Reply::json(404, r#"{"error":{"message":"Changeset not found."}}"#),
    });
    let client = service.client("");
    let set = client
        .set_status(&context(), status(Some(7)))
        .expect("it is set in the fork");
    assert_eq!(set.key, "build/1");
    for (pull_request, words) in [(None, "name the pull request"), (Some(8), "deleted")] {
        let error = client
            .set_status(&context(), status(pull_request))
            .expect_err("nowhere to set it");
        assert_eq!(error.kind, ErrorKind::NOT_FOUND);
        assert!(error.message.contains(words), "{error}");
    }
}

#[test]
fn e44_checkout_gives_a_clean_address_and_the_right_user() {
    let service = Service::start(|_| {
        Reply::json(
            200,
            r#"{"links":{"clone":[{"name":"https","href":"https://jo@bitbucket.org/team/repo.git"},{"name":"ssh","href":"git@bitbucket.org:team/repo.git"}]}}"#,
        )
    });
    let request = || RepositoryRequest { repo: repo() };
    let access = service
        .client("")
        .checkout_credentials(&context(), request());
    let access = access.expect("credentials");
    assert_eq!(access.http_url, "https://bitbucket.org/team/repo.git");
    assert_eq!(access.ssh_url, "git@bitbucket.org:team/repo.git");
    assert_eq!(access.username.as_deref(), Some("x-token-auth"));
    assert_eq!(access.secret, Some(Secret::from(TOKEN)));

    let server = service.server("", Arc::new(SilentHost::default()));
    let credential = Credential::basic("me@example.com", Secret::from("ATAT-token"));
    let client = server.authorized_client(credential).expect("a client");
    let api = client
        .checkout_credentials(&context(), request())
        .expect("credentials");
    assert_eq!(api.username.as_deref(), Some("x-bitbucket-api-token-auth"));
    assert_eq!(api.secret, Some(Secret::from("ATAT-token")));
}

#[test]
fn e02_an_app_password_is_refused_with_advice() {
    let service = Service::start(|_| Reply::not_found());
    let server = service.server("", Arc::new(SilentHost::default()));
    let credential = Credential::basic("jo", Secret::from("ATBB-app-password"));
    let Err(error) = server.authorized_client(credential) else {
        panic!("app passwords are gone");
    };
    assert_eq!(error.kind, ErrorKind::INVALID_INPUT);
    assert!(error.message.contains("API token"), "{error}");
}
