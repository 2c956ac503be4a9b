//! The connection, workspaces, repositories, branches and tags.

use super::call::{Call, RefOrder};
use crate::cli::args::vcs::RepositoryOperation;
use crate::cli::failure::Failure;
use vcs_provider_interface::records::*;

pub(super) fn run(call: &Call<'_>, operation: RepositoryOperation) -> Result<(), Failure> {
    use RepositoryOperation as Op;
    match operation {
        Op::CheckConnection { repo } => call.connection(ConnectionRequest {
            repo,
            ..Default::default()
        }),
        Op::ServerInfo => call.server_record(|server, context| {
            server.server_info(context, ServerInfoRequest::default())
        }),
        Op::WebhooksInfo => call.server_record(|server, context| {
            server.webhooks_info(context, WebhooksInfoRequest::default())
        }),
        Op::PollingInfo => call.server_record(|server, context| {
            server.polling_info(context, ServerInfoRequest::default())
        }),
        Op::Workspaces { limit } => call.list("workspaces", |client, context, sink| {
            client.workspaces(
                context,
                WorkspacesRequest {
                    limit,
                    ..Default::default()
                },
                sink,
            )
        }),
        Op::Repos {
            workspace,
            filter,
            limit,
        } => call.list("repositories", |client, context, sink| {
            let request = RepositoriesRequest {
                workspace,
                filter,
                limit,
                ..Default::default()
            };
            client.repos(context, request, sink)
        }),
        Op::RepoByFullname { repo } => call.record(|client, context| {
            client.repo_by_fullname(
                context,
                RepositoryRequest {
                    repo,
                    ..Default::default()
                },
            )
        }),
        Op::Forks { repo, limit } => call.list("forks", |client, context, sink| {
            client.forks(
                context,
                ForksRequest {
                    repo,
                    limit,
                    ..Default::default()
                },
                sink,
            )
        }),
        Op::Branches {
            repo,
            filter,
            sort,
            limit,
        } => call.refs(
            "branches",
            |branch: &Branch| &branch.display_id,
            sort.into(),
            |client, context, sink| {
                let request = BranchesRequest {
                    repo,
                    filter,
                    sort,
                    limit,
                    ..Default::default()
                };
                client.branches(context, request, sink)
            },
        ),
        Op::Branch { repo, name } => call.record(|client, context| {
            client.branch(
                context,
                BranchRequest {
                    repo,
                    name,
                    ..Default::default()
                },
            )
        }),
        Op::CreateBranch { repo, name, target } => call.record(|client, context| {
            client.create_branch(
                context,
                CreateBranchRequest {
                    repo,
                    name,
                    target,
                    ..Default::default()
                },
            )
        }),
        Op::DeleteBranch { repo, name } => call.done(|client, context| {
            client.delete_branch(
                context,
                DeleteBranchRequest {
                    repo,
                    name,
                    ..Default::default()
                },
            )
        }),
        Op::Tags {
            repo,
            filter,
            limit,
        } => call.refs(
            "tags",
            |tag: &Tag| &tag.tag,
            RefOrder::Name,
            |client, context, sink| {
                let request = TagsRequest {
                    repo,
                    filter,
                    limit,
                    ..Default::default()
                };
                client.tags(context, request, sink)
            },
        ),
        Op::Tag { repo, name } => call.record(|client, context| {
            client.tag(
                context,
                TagRequest {
                    repo,
                    name,
                    ..Default::default()
                },
            )
        }),
        Op::CreateTag {
            repo,
            name,
            target,
            message,
        } => call.record(|client, context| {
            let request = CreateTagRequest {
                repo,
                name,
                target,
                message,
                ..Default::default()
            };
            client.create_tag(context, request)
        }),
    }
}
