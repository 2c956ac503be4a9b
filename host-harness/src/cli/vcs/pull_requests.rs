//! Pull requests and their comments.

use super::call::Call;
use crate::cli::args::vcs::PullRequestOperation;
use crate::cli::failure::Failure;
use vcs_provider_interface::records::*;

pub(super) fn run(call: &Call<'_>, operation: PullRequestOperation) -> Result<(), Failure> {
    use PullRequestOperation as Op;
    match operation {
        Op::PullRequest { repo, id } => call.record(|client, context| {
            client.pull_request(
                context,
                PullRequestRequest {
                    repo,
                    id,
                    ..Default::default()
                },
            )
        }),
        Op::PullRequests {
            repo,
            states,
            source_branch,
            destination_branch,
            limit,
        } => call.list("pull requests", |client, context, sink| {
            let request = PullRequestsRequest {
                repo,
                states,
                source_branch,
                destination_branch,
                limit,
                ..Default::default()
            };
            client.pull_requests(context, request, sink)
        }),
        Op::SearchPullRequest { repo, hash, states } => {
            call.list("pull requests", |client, context, sink| {
                let request = SearchPullRequestRequest {
                    repo,
                    commit: hash,
                    states,
                    ..Default::default()
                };
                client.search_pull_request(context, request, sink)
            })
        }
        Op::PullRequestCreate {
            repo,
            title,
            source_branch,
            source_repo,
            destination_branch,
            description,
            reviewers,
            close_source_branch,
            draft,
        } => call.record(|client, context| {
            let request = CreatePullRequestRequest {
                repo,
                title,
                description,
                source_branch,
                source_repo,
                destination_branch,
                reviewers,
                close_source_branch,
                draft,
                ..Default::default()
            };
            client.pull_request_create(context, request)
        }),
        Op::PullRequestUpdate {
            repo,
            id,
            title,
            description,
            destination_branch,
            reviewers,
            no_reviewers,
        } => call.record(|client, context| {
            let request = UpdatePullRequestRequest {
                repo,
                id,
                title,
                description,
                destination_branch,
                reviewers: if no_reviewers {
                    Some(Vec::new())
                } else {
                    reviewers
                },
                ..Default::default()
            };
            client.pull_request_update(context, request)
        }),
        Op::PullRequestMerge {
            repo,
            id,
            strategy,
            message,
            close_source_branch,
            expected_head,
        } => call.record(|client, context| {
            let request = MergePullRequestRequest {
                repo,
                id,
                strategy,
                message,
                close_source_branch,
                expected_head,
                ..Default::default()
            };
            client.pull_request_merge(context, request)
        }),
        Op::PullRequestDecline { repo, id } => call.record(|client, context| {
            client.pull_request_decline(
                context,
                PullRequestRequest {
                    repo,
                    id,
                    ..Default::default()
                },
            )
        }),
        Op::PullRequestApprove { repo, id } => call.done(|client, context| {
            client.pull_request_approve(
                context,
                PullRequestRequest {
                    repo,
                    id,
                    ..Default::default()
                },
            )
        }),
        Op::PullRequestUnapprove { repo, id } => call.done(|client, context| {
            client.pull_request_unapprove(
                context,
                PullRequestRequest {
                    repo,
                    id,
                    ..Default::default()
                },
            )
        }),
        Op::PullRequestComments { repo, id, limit } => {
            call.list("comments", |client, context, sink| {
                let request = CommentsRequest {
                    repo,
                    pull_request: id,
                    limit,
                    ..Default::default()
                };
                client.pull_request_comments(context, request, sink)
            })
        }
        Op::PullRequestCommentCreate {
            repo,
            id,
            text,
            path,
            line,
            old_line,
            parent,
        } => call.record(|client, context| {
            let request = CreateCommentRequest {
                repo,
                pull_request: id,
                text,
                position: path.map(|path| CommentPosition {
                    path,
                    from: old_line,
                    to: line,
                    ..Default::default()
                }),
                parent,
                ..Default::default()
            };
            client.pull_request_comment_create(context, request)
        }),
        Op::PullRequestCommentUpdate {
            repo,
            id,
            comment,
            text,
        } => call.record(|client, context| {
            let request = UpdateCommentRequest {
                repo,
                pull_request: id,
                id: comment,
                text,
                ..Default::default()
            };
            client.pull_request_comment_update(context, request)
        }),
        Op::PullRequestCommentDelete { repo, id, comment } => call.done(|client, context| {
            let request = DeleteCommentRequest {
                repo,
                pull_request: id,
                id: comment,
                ..Default::default()
            };
            client.pull_request_comment_delete(context, request)
        }),
    }
}
