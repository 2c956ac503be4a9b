//! Commits and changed files.

use super::call::Call;
use crate::cli::args::vcs::ChangeOperation;
use crate::cli::failure::Failure;
use vcs_provider_interface::records::*;

pub(super) fn run(call: &Call<'_>, operation: ChangeOperation) -> Result<(), Failure> {
    use ChangeOperation as Op;
    match operation {
        Op::Commit { repo, hash } => call.record(|client, context| {
            client.commit(
                context,
                CommitRequest {
                    repo,
                    hash,
                    ..Default::default()
                },
            )
        }),
        Op::Commits {
            repo,
            branch,
            since,
            until,
            limit,
        } => call.list("commits", |client, context, sink| {
            let request = CommitsRequest {
                repo,
                branch,
                since,
                until,
                limit,
                ..Default::default()
            };
            client.commits(context, request, sink)
        }),
        Op::CommitsBetweenRefs {
            repo,
            base,
            head,
            limit,
        } => call.list("commits", |client, context, sink| {
            let request = CommitsBetweenRefsRequest {
                repo,
                base,
                head,
                limit,
                ..Default::default()
            };
            client.commits_between_refs(context, request, sink)
        }),
        Op::ChangedFiles {
            repo,
            base,
            head,
            limit,
        } => call.list("changed files", |client, context, sink| {
            let request = ChangedFilesRequest {
                repo,
                base,
                head,
                limit,
                ..Default::default()
            };
            client.changed_files(context, request, sink)
        }),
    }
}
