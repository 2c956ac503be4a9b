//! Making a caller's hook what it should be.
//!
//! Which one it is: the one of the given id; otherwise of the same address, or of
//! an address with the same unguessable end; otherwise with the same marker in
//! its description, which is a last word in brackets.
//!
//! Sent: the list of hooks, then at most one creation or change, and a deletion
//! for each further hook that is the caller's, which would only deliver
//! everything twice. Hooks of others are never touched. Repeated: all
//! of it; a creation whose response was lost is looked for first.
//!
//! The signing key is never told by the service. If one is given it is written
//! each time, since nobody could see that it is another one; a second call
//! writes what is there already and reports `unchanged`.

use super::{all, body, braced, create, delivered_url, is_same_hook, marker, update};
use crate::api::repositories::delete_within;
use crate::encoding;
use crate::json::Hook as WireHook;
use crate::repository_name::RepositoryName;
use crate::session::Session;
use std::collections::BTreeSet;
use vcs_provider_interface::prelude::*;

/// Bitbucket Cloud: about this many hooks a repository.
const MOST_HOOKS: usize = 50;

/// Finds the hook of an address, repairs it, or creates it.
///
/// # Errors
/// `Unsupported`, with what to do by hand, where the administrator has
/// reserved the writing of hooks and there is something to write.
pub(crate) fn reconcile(
    session: &Session,
    context: &dyn CallContext,
    request: HookRequest,
) -> Result<Hook> {
    let repo = RepositoryName::parse(&request.repo)?;
    let url = delivered_url(&session.config, &request.url);
    let hooks = all(session, context, &repo)?;
    let count = hooks.len();
    let known_id = request
        .id
        .as_deref()
        .filter(|id| !id.is_empty())
        .map(braced);
    let is_known = |hook: &Hook| known_id.as_ref() == Some(&hook.id);
    let wanted_marker = marker(&request.name);
    let mut ours: Vec<Hook> = hooks
        .into_iter()
        .map(WireHook::into_record)
        .filter(|hook| {
            is_known(hook)
                || is_same_hook(&hook.url, &url)
                || (wanted_marker.is_some() && marker(&hook.name) == wanted_marker)
        })
        .collect();
    // The one that the caller knows is kept, otherwise the one that needs the least.
    ours.sort_by_key(|hook| {
        let found = differences(hook, &request, &url).map_or(0, |found| found.len());
        (!is_known(hook), found)
    });
    let further = ours.split_off(ours.len().min(1));
    let present = ours.pop();

    if session.config.webhooks_disabled || session.config.webhook_creation_disabled {
        return by_hand(session, &repo, &request, &url, present);
    }
    let (mut hook, action) = match present {
        None => {
            let request = HookRequest {
                id: None,
                ..request
            };
            let created = create(session, context, request).map_err(|error| {
                if count >= MOST_HOOKS {
                    error.in_context(format!(
                        "{repo} has {count} hooks already, and Bitbucket allows about {MOST_HOOKS}; \
                         delete some that are no longer used"
                    ))
                } else {
                    error
                }
            })?;
            (created, "created")
        }
        Some(present) => {
            let found = differences(&present, &request, &url)?;
            if found.is_empty() && request.secret.is_none() {
                (present, "unchanged")
            } else {
                let action = if found.is_empty() {
                    "unchanged"
                } else {
                    "updated"
                };
                let change = HookRequest {
                    id: Some(present.id),
                    ..request
                };
                (update(session, context, change)?, action)
            }
        }
    };
    for surplus in &further {
        delete_within(session, context, &repo, &["hooks", &braced(&surplus.id)])?;
    }
    hook.extra.insert(keys::ACTION, action);
    if !further.is_empty() {
        let removed = further.len().to_string();
        hook.extra.insert(keys::DUPLICATES_REMOVED, removed);
    }
    Ok(hook)
}

/// What of a hook is not as it should be.
///
/// # Errors
/// `InvalidInput` for a hook that cannot be.
fn differences(hook: &Hook, request: &HookRequest, url: &str) -> Result<Vec<&'static str>> {
    let wanted = body(request, url)?;
    let mut found = Vec::new();
    if hook.url != wanted.url {
        found.push("url");
    }
    let present: BTreeSet<&String> = hook.events.iter().collect();
    if present != wanted.events.iter().collect() {
        found.push("events");
    }
    if hook.disable == wanted.active {
        found.push("active");
    }
    if !request.name.is_empty() && hook.name != wanted.description {
        found.push("name");
    }
    if wanted.secret.is_some() && hook.secret_set == Some(false) {
        found.push("secret");
    }
    Ok(found)
}

/// Where hooks are not written: what is right is a success, for anything else
/// the error says what to do.
fn by_hand(
    session: &Session,
    repo: &RepositoryName,
    request: &HookRequest,
    url: &str,
    present: Option<Hook>,
) -> Result<Hook> {
    let key = if session.config.webhooks_disabled {
        "disableWebHooks"
    } else {
        "disableWebHooksCreation"
    };
    let wanted = body(request, url)?;
    let what = match present {
        Some(mut present) => {
            let found = differences(&present, request, url)?;
            if found.is_empty() {
                present.extra.insert(keys::ACTION, "unchanged");
                return Ok(present);
            }
            format!("change the {} of the webhook to", found.join(", "))
        }
        None => "add a webhook to".to_owned(),
    };
    let path = encoding::path(&[repo.workspace(), repo.slug(), "admin", "webhooks"]);
    let page = format!("{}{path}", session.config.web_url);
    Err(VcsError::new(
        ErrorKind::UNSUPPORTED,
        format!(
            "hooks are not written because {key} is set in the configuration; at {page} {what} \
             {url}, {}, with the events {}",
            if wanted.active {
                "active"
            } else {
                "not active"
            },
            wanted.events.join(", ")
        ),
    )
    .with_extra(keys::MANUAL_URL, page)
    .with_extra(keys::HOOK_URL, url))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://ci.example.org/hooks/1";

    fn request() -> HookRequest {
        HookRequest {
            url: URL.to_owned(),
            events: vec!["repo:push".to_owned(), "pullrequest:created".to_owned()],
            ..HookRequest::default()
        }
    }

    fn hook() -> Hook {
        Hook {
            id: "{1}".to_owned(),
            name: "CI".to_owned(),
            url: URL.to_owned(),
            events: vec!["pullrequest:created".to_owned(), "repo:push".to_owned()],
            secret_set: Some(true),
            ..Hook::default()
        }
    }

    /// Situation `hooks`.
    #[test]
    fn a_hook_that_is_right_needs_nothing() {
        assert_eq!(differences(&hook(), &request(), URL), Ok(vec![]));
        let signed = HookRequest {
            secret: Some(Secret::from("k")),
            ..request()
        };
        assert_eq!(differences(&hook(), &signed, URL), Ok(vec![]));
    }

    /// Situation `hooks`.
    #[test]
    fn everything_that_is_wrong_is_found() {
        let wrong = Hook {
            name: "old".to_owned(),
            url: format!("{URL}/"),
            events: vec!["repo:push".to_owned()],
            disable: true,
            secret_set: Some(false),
            ..hook()
        };
        let wanted = HookRequest {
            name: "CI of pear".to_owned(),
            secret: Some(Secret::from("k")),
            ..request()
        };
        assert_eq!(
            differences(&wrong, &wanted, URL),
            Ok(vec!["url", "events", "active", "name", "secret"])
        );
    }
}
