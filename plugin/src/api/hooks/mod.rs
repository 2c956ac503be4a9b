//! Webhooks of a repository.
//!
//! | method | sent | repeated | special errors |
//! |---|---|---|---|
//! | `hooks` | the list of hooks, page by page | all | |
//! | `get_hook` | the hook of the id, or the list of hooks, of which the address is looked for | all | `NotFound` with the address |
//! | `create_hook` | the creation | one whose response was lost is looked for by its address first | `Unsupported` where `disableWebHooks` or `disableWebHooksCreation` is set |
//! | `update_hook` | the list if no id is given, then the change with all events | all | as above; `NotFound` with the address |
//! | `delete_hook` | the list if an address is given, then a deletion for each hook that is meant; what is gone is a success | all | |
//! | `reconcile_hook` | see [`mod@reconcile`] | | |
//!
//! The address is the one of `proxyWebhook` where that is set. The service
//! rejects a hook for an event without the scope to read its subject.

mod reconcile;

pub(crate) use reconcile::reconcile;

use crate::api::repositories::delete_within;
use crate::config::Config;
use crate::http::Request;
use crate::json::{Hook as WireHook, hook_fields};
use crate::page_length::List;
use crate::pages::{ENVELOPE, Pager};
use crate::repository_name::RepositoryName;
use crate::session::Session;
use crate::webhook::{EVENT_KEYS, SIGNATURE_HEADER};
use serde::Serialize;
use ureq::http::Uri;
use vcs_provider_interface::prelude::*;

/// The events of a hook that names none. Those of pull requests are for whoever
/// asks for them: they need a scope more.
const DEFAULT_EVENTS: &[&str] = &["repo:push"];

/// Events that say nothing the interface has an event for (Bitbucket Cloud:
/// event payloads). With those that are read they are all that can be had;
/// issues and wikis are gone.
const UNREAD_EVENTS: &[&str] = &["project:updated", "pipeline:span_created"];

/// Bitbucket Cloud: the signing key has at most 128 characters.
const LONGEST_SECRET: usize = 128;

/// Bitbucket Cloud: the description has at most 255 characters.
const LONGEST_NAME: usize = 255;

fn owned(events: &[&str]) -> Vec<String> {
    events.iter().map(|event| (*event).to_owned()).collect()
}

/// What the server says of its webhooks.
pub(crate) fn info(config: &Config, request: &WebhooksInfoRequest) -> WebhooksInfo {
    WebhooksInfo {
        supported: true,
        disabled: config.webhooks_disabled,
        creation_disabled: config.webhook_creation_disabled,
        hook_url: request
            .hook_url
            .as_deref()
            .map(|url| delivered_url(config, url)),
        default_events: owned(DEFAULT_EVENTS),
        events: owned(&[EVENT_KEYS, UNREAD_EVENTS].concat()),
        proof: WebhookProof::hmac(SIGNATURE_HEADER, "sha256", "sha256=").with_secret(SecretForm {
            min_length: 1,
            max_length: Some(LONGEST_SECRET as u64),
            ..SecretForm::default()
        }),
        icon: "bitbucket".to_owned(),
        ..Default::default()
    }
}

/// A hook as it is sent. A missing secret leaves a present one unchanged.
#[derive(Serialize)]
struct HookBody<'a> {
    description: String,
    url: &'a str,
    active: bool,
    events: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

pub(crate) fn create(
    session: &Session,
    context: &dyn CallContext,
    request: HookRequest,
) -> Result<Hook> {
    let repo = RepositoryName::parse(&request.repo)?;
    let url = writable_url(&session.config, &request.url)?;
    let creation = Request::post(repo.path(&["hooks"]))
        .json(&body(&request, &url)?)?
        .with_secrets(&request.secret);
    let hook: WireHook = session
        .http
        .create(context, &creation, &|| find(session, context, &repo, &url))?;
    Ok(hook.into_record())
}

pub(crate) fn update(
    session: &Session,
    context: &dyn CallContext,
    request: HookRequest,
) -> Result<Hook> {
    let repo = RepositoryName::parse(&request.repo)?;
    let url = writable_url(&session.config, &request.url)?;
    let id = match request.id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => braced(id),
        None => find(session, context, &repo, &url)?
            .and_then(|hook| hook.uuid)
            .ok_or_else(|| no_hook(&repo, &url))?,
    };
    let change = Request::put(repo.path(&["hooks", &id]))
        .json(&body(&request, &url)?)?
        .with_secrets(&request.secret);
    let hook: WireHook = session.http.json(context, &change)?;
    Ok(hook.into_record())
}

pub(crate) fn get(
    session: &Session,
    context: &dyn CallContext,
    request: GetHookRequest,
) -> Result<Hook> {
    let repo = RepositoryName::parse(&request.repo)?;
    if let Some(id) = request.id.as_deref().filter(|id| !id.is_empty()) {
        let one = Request::get(repo.path(&["hooks", &braced(id)])).fields(hook_fields!(""));
        let hook: WireHook = session.http.json(context, &one)?;
        return Ok(hook.into_record());
    }
    let url = delivered_url(&session.config, &request.url);
    find(session, context, &repo, &url)?
        .map(WireHook::into_record)
        .ok_or_else(|| no_hook(&repo, &url))
}

pub(crate) fn delete(
    session: &Session,
    context: &dyn CallContext,
    request: DeleteHookRequest,
) -> Result<Done> {
    let repo = RepositoryName::parse(&request.repo)?;
    let ids = match (request.id.filter(|id| !id.is_empty()), request.url) {
        (Some(id), None) => vec![braced(&id)],
        (Some(id), Some(url)) => {
            // The caller's own hook: it may stand at several addresses by now.
            let id = braced(&id);
            all(session, context, &repo)?
                .into_iter()
                .filter(|hook| {
                    hook.uuid.as_ref() == Some(&id)
                        || hook
                            .url
                            .as_deref()
                            .is_some_and(|present| is_same_hook(present, &url))
                })
                .filter_map(|hook| hook.uuid)
                .collect()
        }
        (None, Some(url)) => {
            let url = delivered_url(&session.config, &url);
            let found = find(session, context, &repo, &url)?.and_then(|hook| hook.uuid);
            found.into_iter().collect()
        }
        (None, None) => {
            return Err(VcsError::new(
                ErrorKind::INVALID_INPUT,
                "a hook to delete has to be named by its id or its address",
            ));
        }
    };
    let mut done = Done::unchanged();
    for id in ids {
        let deleted = delete_within(session, context, &repo, &["hooks", &id])?;
        if deleted.changed == Some(true) {
            done = deleted;
        }
    }
    Ok(done)
}

/// Lists the hooks of a repository.
pub(crate) fn list(
    session: &Session,
    context: &dyn CallContext,
    request: HooksRequest,
    sink: &mut dyn PageSink<Hook>,
) -> Result<()> {
    let repo = RepositoryName::parse(&request.repo)?;
    let listing = Request::get(repo.path(&["hooks"]))
        .fields(&format!("{},{ENVELOPE}", hook_fields!("values.")));
    Pager::new(&session.http, context, List::Hooks, listing)
        .limit(request.limit)
        .push(sink, |hook: WireHook| Ok(hook.into_record()))?;
    Ok(())
}

/// All hooks of a repository.
///
/// # Errors
/// Those of a list.
pub(crate) fn all(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
) -> Result<Vec<WireHook>> {
    let request = Request::get(repo.path(&["hooks"]))
        .fields(&format!("{},{ENVELOPE}", hook_fields!("values.")));
    Pager::new(&session.http, context, List::Hooks, request).collect()
}

fn find(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    url: &str,
) -> Result<Option<WireHook>> {
    Ok(all(session, context, repo)?.into_iter().find(|hook| {
        hook.url
            .as_deref()
            .is_some_and(|present| is_same_address(present, url))
    }))
}

fn no_hook(repo: &RepositoryName, url: &str) -> VcsError {
    VcsError::new(
        ErrorKind::NOT_FOUND,
        format!("{repo} has no hook to {}", crate::http::shown_address(url)),
    )
}

/// The address that deliveries go to: with `proxyWebhook`, the last segment
/// below that; doing so twice changes nothing.
pub(crate) fn delivered_url(config: &Config, url: &str) -> String {
    let Some(proxy) = &config.webhook_proxy else {
        return url.to_owned();
    };
    let path = url.split_once("://").map_or(url, |(_, rest)| {
        rest.split_once('/').map_or("", |(_, path)| path)
    });
    match path.trim_end_matches('/').rsplit('/').next() {
        Some(last) if !last.is_empty() => format!("{proxy}/{last}"),
        _ => proxy.clone(),
    }
}

/// The address of a hook that is to be written.
///
/// # Errors
/// `Unsupported` where the administrator has switched that off; `InvalidInput`.
fn writable_url(config: &Config, url: &str) -> Result<String> {
    for (switched_off, key) in [
        (config.webhooks_disabled, "disableWebHooks"),
        (config.webhook_creation_disabled, "disableWebHooksCreation"),
    ] {
        if switched_off {
            return Err(VcsError::new(
                ErrorKind::UNSUPPORTED,
                format!("hooks are not written: {key} is set in the configuration"),
            ));
        }
    }
    let url = delivered_url(config, url);
    let is_absolute = url.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    });
    if !is_absolute {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            "the address of a hook has to be absolute, such as https://engine.example/hooks/1",
        ));
    }
    Ok(url)
}

fn body<'a>(request: &'a HookRequest, url: &'a str) -> Result<HookBody<'a>> {
    let secret = request.secret.as_ref().filter(|secret| !secret.is_empty());
    if secret.is_some_and(|secret| secret.expose().chars().count() > LONGEST_SECRET) {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!("the signing key of a hook has at most {LONGEST_SECRET} characters"),
        ));
    }
    Ok(HookBody {
        description: if request.name.is_empty() {
            "CI".to_owned()
        } else {
            request.name.chars().take(LONGEST_NAME).collect()
        },
        url,
        active: !request.disable,
        events: if request.events.is_empty() {
            owned(DEFAULT_EVENTS)
        } else {
            request.events.clone()
        },
        secret: secret.map(Secret::expose),
    })
}

/// Bitbucket's ids stand in braces; one without them is taken as well.
fn braced(id: &str) -> String {
    if id.starts_with('{') {
        id.to_owned()
    } else {
        format!("{{{id}}}")
    }
}

/// Whether two addresses are the same hook: without regard to a slash at the
/// end and to the case of scheme and host.
pub(crate) fn is_same_address(left: &str, right: &str) -> bool {
    fn normal(address: &str) -> String {
        let address = address.trim().trim_end_matches('/');
        match address.split_once("://") {
            Some((scheme, rest)) => {
                let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                format!(
                    "{}://{}{path}",
                    scheme.to_ascii_lowercase(),
                    host.to_ascii_lowercase()
                )
            }
            None => address.to_owned(),
        }
    }
    normal(left) == normal(right)
}

/// How long the last segment of an address has to be to tell whose it is: shorter
/// ones could be another program's as well.
const TELLING_SEGMENT: usize = 20;

/// Whether two addresses belong to one hook of a caller: they are the same, or
/// lead elsewhere and end in the same segment that nobody could guess. A proxy
/// or a change of the public address keeps that segment.
pub(crate) fn is_same_hook(left: &str, right: &str) -> bool {
    fn last_segment(address: &str) -> Option<&str> {
        let path = address.split_once("://")?.1.split_once('/')?.1;
        let path = path.split(['?', '#']).next()?;
        let last = path.trim_end_matches('/').rsplit('/').next()?;
        (last.len() >= TELLING_SEGMENT).then_some(last)
    }
    let last = last_segment(left);
    is_same_address(left, right) || (last.is_some() && last == last_segment(right))
}

/// What marks a hook in its description: the last word, in brackets.
pub(crate) fn marker(description: &str) -> Option<&str> {
    let last = description.rsplit(' ').next()?;
    (last.len() > 8 && last.starts_with('[') && last.ends_with(']')).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Situation `hooks`.
    #[test]
    fn a_slash_at_the_end_and_the_case_of_the_host_make_no_other_hook() {
        assert!(is_same_address(
            "https://CI.example/h/1/",
            "https://ci.example/h/1"
        ));
        assert!(!is_same_address(
            "https://ci.example/h/1",
            "https://ci.example/H/1"
        ));
        assert!(!is_same_address(
            "https://ci.example/h/1",
            "http://ci.example/h/1"
        ));
    }

    #[test]
    fn a_hook_at_another_address_is_known_by_its_unguessable_end_or_its_marker() {
        let id = "kP3x9vN2qL8mR5tY7wZ1aB4c";
        let address = |prefix: &str| format!("{prefix}/{id}");
        assert!(is_same_hook(
            &address("https://ci.example/webhook"),
            &address("https://proxy.example/in")
        ));
        assert!(!is_same_hook(
            "https://ci.example/webhook",
            "https://other.example/webhook"
        ));
        assert_eq!(marker("KEY app [0123456789ab]"), Some("[0123456789ab]"));
        assert_eq!(marker("KEY app [x]"), None);
        assert_eq!(marker("CI"), None);
    }

    #[test]
    fn the_webhook_proxy_keeps_the_last_segment_and_may_be_applied_twice() {
        let config = config("proxyWebhook = 'https://proxy.example/in/'");
        let once = delivered_url(&config, "https://engine.local:8443/vcs/hooks/42/");
        assert_eq!(once, "https://proxy.example/in/42");
        assert_eq!(delivered_url(&config, &once), once);
        assert_eq!(
            delivered_url(&config, "https://engine.local"),
            "https://proxy.example/in"
        );
    }

    #[test]
    fn hooks_are_not_written_where_the_administrator_reserves_that() {
        for key in ["disableWebHooks", "disableWebHooksCreation"] {
            let error = writable_url(&config(&format!("{key} = true")), "https://ci.example/1")
                .expect_err("it is switched off");
            assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
            assert!(error.message.contains(key));
        }
        assert!(writable_url(&config(""), "/relative").is_err());
        assert!(writable_url(&config(""), "https://ci.example/1").is_ok());
    }

    #[test]
    fn a_secret_that_is_not_given_is_not_sent() {
        let mut request = HookRequest {
            name: "n".to_owned(),
            ..HookRequest::default()
        };
        let json = |request: &HookRequest| {
            serde_json::to_value(body(request, "https://x.example").expect("a body"))
                .expect("the body is written")
        };
        assert!(json(&request).get("secret").is_none());
        assert_eq!(json(&request)["events"][0], "repo:push");
        request.secret = Some(Secret::from("k"));
        assert_eq!(json(&request)["secret"], "k");
        request.secret = Some(Secret::new("k".repeat(129)));
        assert!(body(&request, "https://x.example").is_err());
    }
}
