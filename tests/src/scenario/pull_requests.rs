//! The operations that change pull requests.

use super::{Operation, World, context, repo};
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::changes("pull_request_create", create, all),
        Operation::changes("pull_request_update", update, all),
        Operation::changes("pull_request_merge", merge, all),
        Operation::changes("pull_request_decline", decline, all),
        Operation::changes("pull_request_approve", approve, |_| String::new()),
        Operation::changes("pull_request_unapprove", unapprove, |_| String::new()),
        Operation::changes("pull_request_comment_create", comment_create, comments),
        Operation::changes("pull_request_comment_update", comment_update, comments),
        Operation::changes("pull_request_comment_delete", comment_delete, comments),
    ]
}

type Client<'a> = &'a dyn AuthorizedClient;

/// The pull requests as the service has them.
fn all(world: &World) -> String {
    let request = PullRequestsRequest {
        repo: repo(),
        ..PullRequestsRequest::default()
    };
    let client = world.client(Credential::configured());
    collect(|sink| client.pull_requests(&context(), request, sink))
        .unwrap_or_default()
        .iter()
        .map(|found| format!("{} {} {}\n", found.id, found.title, found.state))
        .collect()
}

/// The comments as the service has them.
fn comments(world: &World) -> String {
    let request = CommentsRequest {
        repo: repo(),
        pull_request: world.pull_request,
        limit: None,
        ..Default::default()
    };
    let client = world.client(Credential::configured());
    collect(|sink| client.pull_request_comments(&context(), request, sink))
        .unwrap_or_default()
        .iter()
        .map(|comment| format!("{} {} {}\n", comment.id, comment.text, comment.deleted))
        .collect()
}

/// A pull request without times and without the merge commit's hash. Its own
/// hash as short as the service gives it: whether it can be expanded does not
/// change what was done.
fn shown(found: PullRequest) -> String {
    let head = &found.head.branch;
    format!(
        "{} {} {} {} {:?} {:?} {} {:.12} {:?} {} {} {}",
        found.id,
        found.title,
        found.description,
        found.state,
        found.user,
        found.head.repo,
        head.display_id,
        head.latest_commit,
        found.reviewers,
        found.merged,
        found.closed,
        found.merge_commit.is_some(),
    )
}

fn one(world: &World) -> PullRequestRequest {
    PullRequestRequest {
        repo: repo(),
        id: world.pull_request,
        ..Default::default()
    }
}

fn create(_: &World, client: Client<'_>) -> Result<String> {
    let request = CreatePullRequestRequest {
        repo: repo(),
        title: "Two".to_owned(),
        description: Some("Adds two".to_owned()),
        source_branch: "feature/two".to_owned(),
        ..CreatePullRequestRequest::default()
    };
    client.pull_request_create(&context(), request).map(shown)
}

fn update(world: &World, client: Client<'_>) -> Result<String> {
    let request = UpdatePullRequestRequest {
        repo: repo(),
        id: world.pull_request,
        title: Some("Another title".to_owned()),
        ..UpdatePullRequestRequest::default()
    };
    client.pull_request_update(&context(), request).map(shown)
}

fn merge(world: &World, client: Client<'_>) -> Result<String> {
    let request = MergePullRequestRequest {
        repo: repo(),
        id: world.pull_request,
        strategy: MergeStrategy::MERGE_COMMIT,
        message: Some("Merge one".to_owned()),
        expected_head: Some(world.bitbucket.git.hash("feature/one")),
        ..MergePullRequestRequest::default()
    };
    client.pull_request_merge(&context(), request).map(shown)
}

fn decline(world: &World, client: Client<'_>) -> Result<String> {
    client
        .pull_request_decline(&context(), one(world))
        .map(shown)
}

fn approve(world: &World, client: Client<'_>) -> Result<String> {
    client.pull_request_approve(&context(), one(world))?;
    Ok(String::new())
}

fn unapprove(world: &World, client: Client<'_>) -> Result<String> {
    client.pull_request_unapprove(&context(), one(world))?;
    Ok(String::new())
}

fn comment_create(world: &World, client: Client<'_>) -> Result<String> {
    let request = CreateCommentRequest {
        repo: repo(),
        pull_request: world.pull_request,
        text: "Because.".to_owned(),
        position: Some(CommentPosition {
            path: "src/one.rs".to_owned(),
            from: None,
            to: Some(1),
            ..Default::default()
        }),
        parent: None,
        ..Default::default()
    };
    let made = client.pull_request_comment_create(&context(), request)?;
    Ok(format!("{} {} {:?}", made.id, made.text, made.position))
}

fn comment_update(world: &World, client: Client<'_>) -> Result<String> {
    let request = UpdateCommentRequest {
        repo: repo(),
        pull_request: world.pull_request,
        id: world.comment.clone(),
        text: "Why not?".to_owned(),
        ..Default::default()
    };
    let made = client.pull_request_comment_update(&context(), request)?;
    Ok(format!("{} {}", made.id, made.text))
}

fn comment_delete(world: &World, client: Client<'_>) -> Result<String> {
    let request = DeleteCommentRequest {
        repo: repo(),
        pull_request: world.pull_request,
        id: world.comment.clone(),
        ..Default::default()
    };
    client.pull_request_comment_delete(&context(), request)?;
    Ok(String::new())
}
