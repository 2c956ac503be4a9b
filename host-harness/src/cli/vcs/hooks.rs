//! Hooks and events.

use super::call::Call;
use crate::cli::args::vcs::{HookArguments, HookOperation};
use crate::cli::failure::Failure;
use crate::cli::input::{json_from, secret_from};
use vcs_provider_interface::records::*;

pub(super) fn run(call: &Call<'_>, operation: HookOperation) -> Result<(), Failure> {
    use HookOperation as Op;
    match operation {
        Op::CreateHook(hook) => {
            let request = hook_request(hook, None)?;
            call.record(|client, context| client.create_hook(context, request))
        }
        Op::UpdateHook { hook, id } => {
            let request = hook_request(hook, Some(id))?;
            call.record(|client, context| client.update_hook(context, request))
        }
        Op::ReconcileHook(hook) => {
            let request = hook_request(hook, None)?;
            call.record(|client, context| client.reconcile_hook(context, request))
        }
        Op::Hooks { repo, limit } => call.list("hooks", |client, context, sink| {
            client.hooks(
                context,
                HooksRequest {
                    repo,
                    limit,
                    ..Default::default()
                },
                sink,
            )
        }),
        Op::PollRepositories {
            workspace,
            repos,
            cursor,
        } => call.record(|client, context| {
            let request = PollRepositoriesRequest {
                workspace,
                repos,
                cursor,
                ..Default::default()
            };
            client.poll_repositories(context, request)
        }),
        Op::GetHook { repo, url } => call.record(|client, context| {
            client.get_hook(
                context,
                GetHookRequest {
                    repo,
                    url,
                    ..Default::default()
                },
            )
        }),
        Op::DeleteHook { repo, id, url } => call.done(|client, context| {
            client.delete_hook(
                context,
                DeleteHookRequest {
                    repo,
                    id,
                    url,
                    ..Default::default()
                },
            )
        }),
        Op::PollEvents {
            repo,
            cursor,
            kinds,
        } => call.record(|client, context| {
            let request = PollEventsRequest {
                repo,
                cursor,
                kinds,
                ..Default::default()
            };
            client.poll_events(context, request)
        }),
        Op::CompleteEvent { file } => {
            let event: Event = json_from(&file)?;
            call.record(|client, context| {
                client.complete_event(
                    context,
                    CompleteEventRequest {
                        event,
                        ..Default::default()
                    },
                )
            })
        }
    }
}

fn hook_request(arguments: HookArguments, id: Option<String>) -> Result<HookRequest, Failure> {
    let secret = secret_from(
        arguments.secret_file.as_deref(),
        arguments.secret_env.as_deref(),
    )?;
    Ok(HookRequest {
        repo: arguments.repo,
        id,
        name: arguments.name,
        url: arguments.url,
        events: arguments.events,
        disable: arguments.disable,
        secret,
        ..HookRequest::default()
    })
}
