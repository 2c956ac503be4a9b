//! The operations that only read.

use super::{HOOK_URL, Operation, World, context, listed, repo};
use crate::bitbucket::REPO;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect_bytes;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::reads("workspaces", workspaces),
        Operation::reads("repos", repos),
        Operation::reads("forks", forks),
        Operation::reads("branches", branches),
        Operation::reads("tags", tags),
        Operation::reads("commits", commits),
        Operation::reads("commits_between_refs", commits_between_refs),
        Operation::reads("changed_files", changed_files),
        Operation::reads("pull_requests", pull_requests),
        Operation::reads("search_pull_request", search_pull_request),
        Operation::reads("pull_request_comments", pull_request_comments),
        Operation::reads("list_statuses", list_statuses),
        Operation::reads("list_content", list_content),
        Operation::reads("get_content", get_content),
        Operation::reads("get_archive", get_archive),
        Operation::reads("repo_by_fullname", repo_by_fullname),
        Operation::reads("branch", branch),
        Operation::reads("tag", tag),
        Operation::reads("commit", commit),
        Operation::reads("pull_request", pull_request),
        Operation::reads("hooks", hooks),
        Operation::reads("get_hook", get_hook),
        Operation::reads("poll_repositories", poll_repositories),
        Operation::reads("poll_events", poll_events),
        Operation::reads("complete_event", complete_event),
        Operation::reads("checkout_credentials", checkout_credentials),
        Operation::reads("check_connection", check_connection),
    ]
}

type Client<'a> = &'a dyn AuthorizedClient;

fn workspaces(_: &World, client: Client<'_>) -> Result<String> {
    let request = WorkspacesRequest::default();
    listed(
        |sink| client.workspaces(&context(), request, sink),
        |found| format!("{found:?}"),
    )
}

fn repos(_: &World, client: Client<'_>) -> Result<String> {
    let request = RepositoriesRequest {
        workspace: Some("acme".to_owned()),
        ..RepositoriesRequest::default()
    };
    listed(
        |sink| client.repos(&context(), request, sink),
        |found| format!("{found:?}"),
    )
}

fn forks(_: &World, client: Client<'_>) -> Result<String> {
    let request = ForksRequest {
        repo: repo(),
        limit: None,
        ..Default::default()
    };
    listed(
        |sink| client.forks(&context(), request, sink),
        |found| format!("{found:?}"),
    )
}

fn branches(_: &World, client: Client<'_>) -> Result<String> {
    let request = BranchesRequest {
        repo: repo(),
        ..BranchesRequest::default()
    };
    listed(
        |sink| client.branches(&context(), request, sink),
        |found| format!("{found:?}"),
    )
}

fn tags(_: &World, client: Client<'_>) -> Result<String> {
    let request = TagsRequest {
        repo: repo(),
        ..TagsRequest::default()
    };
    listed(
        |sink| client.tags(&context(), request, sink),
        |found| format!("{found:?}"),
    )
}

fn commits(_: &World, client: Client<'_>) -> Result<String> {
    let request = CommitsRequest {
        repo: repo(),
        branch: Some("feature/one".to_owned()),
        ..CommitsRequest::default()
    };
    listed(
        |sink| client.commits(&context(), request, sink),
        |found| format!("{found:?}"),
    )
}

fn commits_between_refs(_: &World, client: Client<'_>) -> Result<String> {
    let request = CommitsBetweenRefsRequest {
        repo: repo(),
        base: "light".to_owned(),
        head: "feature/one".to_owned(),
        limit: None,
        ..Default::default()
    };
    listed(
        |sink| client.commits_between_refs(&context(), request, sink),
        |found| format!("{found:?}"),
    )
}

fn changed_files(_: &World, client: Client<'_>) -> Result<String> {
    let request = ChangedFilesRequest {
        repo: repo(),
        base: "main".to_owned(),
        head: "feature/one".to_owned(),
        limit: None,
        ..Default::default()
    };
    listed(
        |sink| client.changed_files(&context(), request, sink),
        |found| format!("{found:?}"),
    )
}

fn pull_requests(_: &World, client: Client<'_>) -> Result<String> {
    let request = PullRequestsRequest {
        repo: repo(),
        states: vec![PullRequestState::OPEN],
        ..PullRequestsRequest::default()
    };
    listed(
        |sink| client.pull_requests(&context(), request, sink),
        |found| format!("{found:?}"),
    )
}

fn search_pull_request(world: &World, client: Client<'_>) -> Result<String> {
    let request = SearchPullRequestRequest {
        repo: repo(),
        commit: world.bitbucket.git.hash("feature/one"),
        states: vec![PullRequestState::OPEN],
        ..Default::default()
    };
    // Items of the two lists that can be asked differ in what they leave out.
    listed(
        |sink| client.search_pull_request(&context(), request, sink),
        |found| format!("{} {}", found.id, found.state),
    )
}

fn pull_request_comments(world: &World, client: Client<'_>) -> Result<String> {
    let request = CommentsRequest {
        repo: repo(),
        pull_request: world.pull_request,
        limit: None,
        ..Default::default()
    };
    listed(
        |sink| client.pull_request_comments(&context(), request, sink),
        |found| format!("{found:?}"),
    )
}

fn list_statuses(world: &World, client: Client<'_>) -> Result<String> {
    let request = StatusesRequest {
        repo: repo(),
        commit: world.bitbucket.git.hash("main"),
        limit: None,
        ..Default::default()
    };
    listed(
        |sink| client.list_statuses(&context(), request, sink),
        |found| format!("{found:?}"),
    )
}

fn list_content(_: &World, client: Client<'_>) -> Result<String> {
    let request = ListContentRequest {
        repo: repo(),
        reference: Some("feature/one".to_owned()),
        path: "src".to_owned(),
        ..ListContentRequest::default()
    };
    listed(
        |sink| client.list_content(&context(), request, sink),
        |found| format!("{found:?}"),
    )
}

fn get_content(_: &World, client: Client<'_>) -> Result<String> {
    let request = GetContentRequest {
        repo: repo(),
        reference: Some("feature/one".to_owned()),
        path: "src/one.rs".to_owned(),
        ..Default::default()
    };
    let (streamed, bytes) = collect_bytes(|sink| client.get_content(&context(), request, sink))?;
    Ok(format!(
        "{} {}",
        streamed.commit,
        String::from_utf8_lossy(&bytes)
    ))
}

fn get_archive(_: &World, client: Client<'_>) -> Result<String> {
    let request = GetArchiveRequest {
        repo: repo(),
        reference: Some("feature/one".to_owned()),
        format: ArchiveFormat::ZIP,
        prefix: None,
        ..Default::default()
    };
    let (streamed, bytes) = collect_bytes(|sink| client.get_archive(&context(), request, sink))?;
    // A zip file ends with its directory, so a shortened one is found out.
    let text = String::from_utf8_lossy(&bytes);
    let has_file = text.contains("src/one.rs");
    let is_whole = bytes.starts_with(b"PK") && text.contains("PK\u{5}\u{6}");
    Ok(format!("{} {has_file} {is_whole}", streamed.commit))
}

fn repo_by_fullname(_: &World, client: Client<'_>) -> Result<String> {
    let request = RepositoryRequest {
        repo: repo(),
        ..Default::default()
    };
    let found = client.repo_by_fullname(&context(), request)?;
    Ok(format!("{found:?}"))
}

fn branch(_: &World, client: Client<'_>) -> Result<String> {
    let request = BranchRequest {
        repo: repo(),
        name: None,
        ..Default::default()
    };
    Ok(format!("{:?}", client.branch(&context(), request)?))
}

fn tag(_: &World, client: Client<'_>) -> Result<String> {
    let request = TagRequest {
        repo: repo(),
        name: "v1.0.0".to_owned(),
        ..Default::default()
    };
    Ok(format!("{:?}", client.tag(&context(), request)?))
}

fn commit(world: &World, client: Client<'_>) -> Result<String> {
    let request = CommitRequest {
        repo: repo(),
        hash: world.bitbucket.git.hash("main")[..12].to_owned(),
        ..Default::default()
    };
    Ok(format!("{:?}", client.commit(&context(), request)?))
}

fn pull_request(world: &World, client: Client<'_>) -> Result<String> {
    let request = PullRequestRequest {
        repo: repo(),
        id: world.pull_request,
        ..Default::default()
    };
    Ok(format!("{:?}", client.pull_request(&context(), request)?))
}

fn get_hook(_: &World, client: Client<'_>) -> Result<String> {
    let request = GetHookRequest {
        repo: repo(),
        url: HOOK_URL.to_owned(),
        ..Default::default()
    };
    Ok(format!("{:?}", client.get_hook(&context(), request)?))
}

fn poll_repositories(_: &World, client: Client<'_>) -> Result<String> {
    let request = PollRepositoriesRequest {
        workspace: "acme".to_owned(),
        repos: vec![repo()],
        ..Default::default()
    };
    let polled = client.poll_repositories(&context(), request)?;
    Ok(format!("{:?} {:?}", polled.changed, polled.not_seen))
}

fn poll_events(world: &World, client: Client<'_>) -> Result<String> {
    let request = PollEventsRequest {
        repo: repo(),
        cursor: world.cursor.clone(),
        kinds: Vec::new(),
        ..Default::default()
    };
    let polled = client.poll_events(&context(), request)?;
    let events: Vec<String> = polled
        .events
        .iter()
        .map(|event| format!("{} {:?}", event.kind, event.change))
        .collect();
    Ok(events.join("\n"))
}

fn hooks(_: &World, client: Client<'_>) -> Result<String> {
    let request = HooksRequest {
        repo: repo(),
        ..HooksRequest::default()
    };
    listed(
        |sink| client.hooks(&context(), request, sink),
        |found| format!("{} {:?}", found.url, found.events),
    )
}

fn complete_event(world: &World, client: Client<'_>) -> Result<String> {
    let git = &world.bitbucket.git;
    let event = Event {
        kind: EventKind::REF_UPDATED,
        key: "repo:push".to_owned(),
        repo: Some(EventRepository {
            fullname: REPO.to_owned(),
            ..EventRepository::default()
        }),
        change: Some(RefChange {
            kind: RefKind::BRANCH,
            name: "feature/one".to_owned(),
            old_hash: Some(git.hash("light")),
            new_hash: Some(git.hash("feature/one")),
            truncated: Some(true),
            ..RefChange::default()
        }),
        ..Event::default()
    };
    let request = CompleteEventRequest {
        event,
        ..Default::default()
    };
    let completed = client.complete_event(&context(), request)?;
    Ok(format!("{:?}", completed.change))
}

fn checkout_credentials(_: &World, client: Client<'_>) -> Result<String> {
    let request = CheckoutRequest {
        repo: repo(),
        ..Default::default()
    };
    let found = client.checkout_credentials(&context(), request)?;
    Ok(format!(
        "{} {} {:?} {}",
        found.http_url,
        found.ssh_url,
        found.username,
        found.secret.is_some()
    ))
}

fn check_connection(_: &World, client: Client<'_>) -> Result<String> {
    let request = ConnectionRequest {
        repo: Some(repo()),
        ..Default::default()
    };
    let found = client.check_connection(&context(), request)?;
    Ok(format!(
        "{:?} {} {:?} {:?} {:?}",
        found.account, found.credential, found.workspaces, found.repositories, found.warnings
    ))
}
