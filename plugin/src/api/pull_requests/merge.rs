//! Merging a pull request as a task of the service.

use super::review::reject_closed;
use super::{expand_hashes, get_value, may_be_done, one_path, read_one, same_commit};
use crate::http::{Request, Response, pause, resolve};
use crate::json::{Json, StrictJson, pointer};
use crate::repository_name::RepositoryName;
use crate::session::Session;
use serde_json::{Map, Value, json as object};
use std::time::{Duration, Instant};
use vcs_provider_interface::prelude::*;

/// The first pause before the state of a task is asked for; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often a pull request is looked at after its merge was lost.
const LOOKS_AFTER_LOSS: u32 = 4;
/// How long a merge is waited for where the call has no deadline.
const LONGEST_MERGE: Duration = Duration::from_secs(600);

/// Merges a pull request and waits until it is done; one that is merged
/// already is a success.
///
/// `expected_head` is compared with the source before the merge is sent. The
/// service has no such condition itself: a push between the two is merged.
///
/// # Errors
/// `Conflict` if it is closed, if its head is another one, or if a ref moved.
pub(crate) fn merge(
    session: &Session,
    context: &dyn CallContext,
    request: MergePullRequestRequest,
) -> Result<PullRequest> {
    let repo = RepositoryName::parse(&request.repo)?;
    let value = get_value(session, context, &repo, request.id)?;
    let present = read_one(&value)?;
    if !present.merged {
        reject_closed(&present, "merged")?;
        check_head(&present, request.expected_head.as_deref())?;
    }
    let mut merged = if present.merged {
        present
    } else {
        match start(session, context, &repo, &request, &value) {
            Ok(merged) => merged,
            Err(error) if may_be_done(&error) => {
                look_for_merge(session, context, &repo, request.id)?.ok_or(error)?
            }
            Err(error) => return Err(error),
        }
    };
    expand_hashes(session, context, &repo, &mut merged)?;
    Ok(merged)
}

/// Looks whether a merge whose response was lost was done: the service may still
/// be at it, so it is looked at a few times.
fn look_for_merge(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    id: u64,
) -> Result<Option<PullRequest>> {
    let mut length = FIRST_PAUSE;
    for _ in 0..LOOKS_AFTER_LOSS {
        let looked = pause(context, length)
            .and_then(|()| get_value(session, context, repo, id))
            .and_then(|value| read_one(&value));
        match looked {
            Ok(now) if now.merged => return Ok(Some(now)),
            Ok(_) => {}
            Err(error) if error.kind == ErrorKind::CANCELLED => return Err(error),
            // What went wrong first says more.
            Err(_) => return Ok(None),
        }
        length = (length * 2).min(LONGEST_PAUSE);
    }
    Ok(None)
}

fn check_head(pull_request: &PullRequest, expected: Option<&str>) -> Result<()> {
    let Some(expected) = expected else {
        return Ok(());
    };
    let head = &pull_request.head.branch.latest_commit;
    if same_commit(head, expected) {
        return Ok(());
    }
    Err(VcsError::new(
        ErrorKind::CONFLICT,
        format!(
            "the source of pull request #{} is at {head:?} and not at {expected:?}",
            pull_request.id
        ),
    )
    .with_extra("head", head))
}

fn start(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    request: &MergePullRequestRequest,
    present: &Json<'_>,
) -> Result<PullRequest> {
    let action = Request::post(one_path(repo, request.id, &["merge"]))
        .query("async", "true")
        .json(&body(request, present)?)?;
    let response = session.http.send(context, &action).map_err(as_conflict)?;
    if response.head.status != 202 {
        return read_one(&response.json::<StrictJson>()?.0);
    }
    let task = task_address(session, &response)?;
    wait_for(session, context, repo, request, &task)
}

fn body(request: &MergePullRequestRequest, present: &Json<'_>) -> Result<Value> {
    let mut body = Map::new();
    body.insert("type".into(), object!("pullrequest_merge_parameters"));
    let preferred = pointer::text(present, "/destination/branch/default_merge_strategy");
    if let Some(strategy) = strategy(request.strategy)?.or(preferred) {
        body.insert("merge_strategy".into(), object!(strategy));
    }
    if let Some(message) = &request.message {
        body.insert("message".into(), object!(message));
    }
    if let Some(close) = request.close_source_branch {
        body.insert("close_source_branch".into(), object!(close));
    }
    Ok(Value::Object(body))
}

/// The service's word; `None` for what the repository prefers.
fn strategy(strategy: MergeStrategy) -> Result<Option<&'static str>> {
    Ok(Some(match strategy {
        MergeStrategy::DEFAULT => return Ok(None),
        MergeStrategy::MERGE_COMMIT => "merge_commit",
        MergeStrategy::SQUASH => "squash",
        MergeStrategy::FAST_FORWARD => "fast_forward",
        MergeStrategy::SQUASH_FAST_FORWARD => "squash_fast_forward",
        MergeStrategy::REBASE_FAST_FORWARD => "rebase_fast_forward",
        MergeStrategy::REBASE_MERGE => "rebase_merge",
        _ => {
            return Err(VcsError::new(
                ErrorKind::INVALID_INPUT,
                format!("Bitbucket Cloud has no merge strategy {strategy}"),
            ));
        }
    }))
}

/// The service responds with 400 both for a wrong field, which it names, and for a
/// pull request that cannot be merged as it is.
fn as_conflict(mut error: VcsError) -> VcsError {
    let names_field = error.extra.iter().any(|(key, _)| key.starts_with("field."));
    if error.kind == ErrorKind::INVALID_INPUT && !names_field {
        error.kind = ErrorKind::CONFLICT;
    }
    error
}

/// Where the state of the task is, from the header or from the body.
fn task_address(session: &Session, response: &Response) -> Result<String> {
    let in_header = response.head.header("location").map(str::to_owned);
    let in_body = || {
        let StrictJson(body) = response.json().ok()?;
        pointer::text(&body, "/links/self/href").map(str::to_owned)
    };
    let address = in_header.or_else(in_body).ok_or_else(|| {
        response
            .head
            .invalid("it does not say where the merge's state is")
    })?;
    let address = resolve(&response.head.uri, &address)
        .ok_or_else(|| response.head.invalid("its Location is not a URL"))?
        .to_string();
    if session.http.is_api_address(&address) {
        return Ok(address);
    }
    Err(response
        .head
        .invalid("the merge's state is at another place than the API"))
}

fn wait_for(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    request: &MergePullRequestRequest,
    task: &str,
) -> Result<PullRequest> {
    let begun = Instant::now();
    let mut length = FIRST_PAUSE;
    loop {
        let StrictJson(state) = session
            .http
            .json(context, &Request::get_address(task))
            .map_err(as_conflict)?;
        match pointer::text(&state, "/task_status") {
            Some("SUCCESS") => {
                return match pointer::object(&state, "/merge_result") {
                    Some(merged) => read_one(merged),
                    None => read_one(&get_value(session, context, repo, request.id)?),
                };
            }
            Some("PENDING") => {}
            other => {
                return Err(VcsError::new(
                    ErrorKind::INVALID_RESPONSE,
                    format!(
                        "the merge ended in the unknown state {:?}",
                        other.unwrap_or("")
                    ),
                ));
            }
        }
        if context.time_left().is_none() && begun.elapsed() > LONGEST_MERGE {
            return Err(VcsError::new(
                ErrorKind::TIMEOUT,
                format!("the merge is not done after {} s", LONGEST_MERGE.as_secs()),
            ));
        }
        pause(context, length)?;
        length = (length * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tree;

    #[test]
    fn the_default_strategy_is_what_the_repository_prefers() {
        let present =
            tree!({ "destination": { "branch": { "default_merge_strategy": "squash" } } });
        let mut request = MergePullRequestRequest::default();
        let sent = |request: &MergePullRequestRequest, present: &Json<'_>| {
            body(request, present)
                .expect("a body")
                .get("merge_strategy")
                .cloned()
        };
        assert_eq!(sent(&request, &present), Some(object!("squash")));
        assert_eq!(sent(&request, &tree!({})), None);
        request.strategy = MergeStrategy::REBASE_MERGE;
        assert_eq!(sent(&request, &present), Some(object!("rebase_merge")));
        request.strategy = MergeStrategy::from_number(77);
        assert_eq!(
            body(&request, &present).expect_err("unknown").kind,
            ErrorKind::INVALID_INPUT
        );
    }

    #[test]
    fn a_rejection_that_names_no_field_is_a_conflict() {
        let rejected = VcsError::new(
            ErrorKind::INVALID_INPUT,
            "resolve the merge conflicts first",
        );
        assert_eq!(as_conflict(rejected.clone()).kind, ErrorKind::CONFLICT);
        let field = rejected.with_extra("field.merge_strategy", "not allowed here");
        assert_eq!(as_conflict(field).kind, ErrorKind::INVALID_INPUT);
    }

    #[test]
    fn a_head_that_moved_is_a_conflict() {
        let mut pull_request = PullRequest::default();
        pull_request.head.branch.latest_commit = "0123456789ab".to_owned();
        assert_eq!(check_head(&pull_request, None), Ok(()));
        assert_eq!(
            check_head(
                &pull_request,
                Some("0123456789abcdef0123456789abcdef01234567")
            ),
            Ok(())
        );
        let error = check_head(&pull_request, Some("ffff")).expect_err("another head");
        assert_eq!(error.kind, ErrorKind::CONFLICT);
    }
}
