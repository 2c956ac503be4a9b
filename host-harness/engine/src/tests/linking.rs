//! Linking: the hook's address and secret, and the administrator's switches.

use super::{TestEngine, fake::SERVER};
use crate::linking::{LinkRequest, LinkedHook, Unlinked};
use crate::store::{ApplicationOptions, PullRequestRuns};
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::{SecretAlphabet, SecretForm};

#[test]
fn linking_makes_a_hook_with_an_unguessable_address_and_its_own_secret() {
    let test = TestEngine::new();
    test.linked();
    test.try_link("other").unwrap();
    let hooks = test.service.hooks.lock().unwrap().clone();
    let ids: Vec<_> = hooks
        .iter()
        .map(|hook| {
            hook.url
                .strip_prefix("https://ci.example/api/webhook/")
                .unwrap()
        })
        .collect();
    let secrets: Vec<_> = hooks
        .iter()
        .map(|hook| hook.secret.as_ref().unwrap().expose())
        .collect();
    for random in [ids, secrets] {
        assert!(random[0].len() >= 43 && random[0] != random[1]);
    }
    assert_eq!(hooks[0].events, ["repo:push"]);
}

#[test]
fn a_hook_s_secret_has_the_form_that_the_service_takes() {
    let test = TestEngine::new();
    test.service.webhooks.lock().unwrap().proof.secret = SecretForm {
        max_length: Some(40),
        alphabet: SecretAlphabet::HEX,
        prefix: "hook-".to_owned(),
        ..SecretForm::default()
    };
    test.linked();
    let hooks = test.service.hooks.lock().unwrap().clone();
    let secret = hooks[0].secret.as_ref().unwrap().expose();
    let digits = secret.strip_prefix("hook-").unwrap();
    assert_eq!(digits.len(), 40);
    assert!(digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn linking_twice_keeps_address_and_secret() {
    let test = TestEngine::new();
    let first = test.try_link("app").unwrap();
    let before = test.hook(&first.application);
    let second = test.try_link("app").unwrap();
    assert_eq!(test.hook(&second.application), before);
    match second.hook {
        LinkedHook::Active { action, .. } => assert_eq!(action, "unchanged"),
        other => panic!("{other:?}"),
    }
    assert_eq!(test.service.hooks.lock().unwrap().len(), 1);
}

#[test]
fn a_hook_that_could_not_be_made_is_made_by_linking_again() {
    let test = TestEngine::new();
    let ok = VcsError::new(ErrorKind::PERMISSION_DENIED, "no scope webhook");
    test.service.failures.lock().unwrap().push_back(ok);
    assert!(test.try_link("app").is_err());
    assert!(test.try_link("app").is_ok());
    assert_eq!(test.service.hooks.lock().unwrap().len(), 1);
}

#[test]
fn with_webhooks_off_there_is_no_hook_and_a_sentence() {
    let test = TestEngine::new();
    test.service.webhooks.lock().unwrap().disabled = true;
    match test.try_link("app").unwrap().hook {
        LinkedHook::Disabled { explanation } => assert!(explanation.contains("polls")),
        other => panic!("{other:?}"),
    }
    assert!(test.service.hooks.lock().unwrap().is_empty());
}

#[test]
fn where_the_engine_may_not_make_hooks_the_administrator_is_told_what_to_enter() {
    let test = TestEngine::new();
    test.service.webhooks.lock().unwrap().creation_disabled = true;
    let linked = test.try_link("app").unwrap();
    assert!(test.service.hooks.lock().unwrap().is_empty());
    let shown = serde_json::to_value(&linked.hook).unwrap();
    let (hook, secret) = test.hook(&linked.application);
    assert_eq!(shown["state"], "manual");
    assert_eq!(shown["secret"], secret.as_str());
    let url = format!("https://ci.example/api/webhook/{}", hook.id);
    assert_eq!(shown["url"], url.as_str());
    assert_eq!(shown["events"][0], "repo:push");
    assert!(shown["explanation"].as_str().unwrap().contains("ws/app"));
    assert!(!format!("{:?}", linked.hook).contains(&secret));
}

#[test]
fn a_webhook_proxy_stands_in_the_address_and_keeps_the_last_segment() {
    let test = TestEngine::new();
    *test.service.webhook_proxy.lock().unwrap() = Some("https://myproxy.com/in/".to_owned());
    let app = test.linked();
    let (hook, _) = test.hook(&app);
    let url = test.service.hooks.lock().unwrap()[0].url.clone();
    assert_eq!(url, format!("https://myproxy.com/in/{}", hook.id));
    assert_eq!(hook.url, url);

    test.service.webhooks.lock().unwrap().creation_disabled = true;
    let linked = test.try_link("by-hand").unwrap();
    let (hook, _) = test.hook(&linked.application);
    let shown = serde_json::to_value(&linked.hook).unwrap();
    assert_eq!(shown["url"], format!("https://myproxy.com/in/{}", hook.id));
}

#[test]
fn unlinking_takes_the_hook_and_everything_else_along() {
    let test = TestEngine::new();
    test.linked();
    let context = HostCallContext::new("test");
    let unlinked = test.engine.unlink(&context, "KEY", "app", false).unwrap();
    assert_eq!(unlinked, Unlinked::Removed);
    assert!(test.service.hooks.lock().unwrap().is_empty());
    assert!(test.engine.store.applications().unwrap().is_empty());
    let error = test.engine.unlink(&context, "KEY", "app", false);
    assert_eq!(error.unwrap_err().kind, ErrorKind::NOT_FOUND);
}

#[test]
fn an_application_stays_linked_while_nobody_can_say_that_its_hook_is_gone() {
    let context = HostCallContext::new("test");
    let revoked = VcsError::new(ErrorKind::UNAUTHENTICATED, "revoked");
    let hidden = VcsError::new(ErrorKind::NOT_FOUND, "Repository not found");
    for error in [revoked, hidden] {
        let test = TestEngine::new();
        test.linked();
        test.service
            .hidden
            .lock()
            .unwrap()
            .push("ws/app".to_owned());
        test.service.fail_next(error.clone());
        let failed = test.engine.unlink(&context, "KEY", "app", false);
        let failed = failed.unwrap_err();
        assert_eq!(failed.kind, error.kind);
        assert!(failed.message.contains("?force=true"), "{failed}");
        assert_eq!(test.engine.store.applications().unwrap().len(), 1);
        test.service.fail_next(error);
        let forced = test.engine.unlink(&context, "KEY", "app", true).unwrap();
        assert!(matches!(forced, Unlinked::Left { .. }), "{forced:?}");
        assert!(test.engine.store.applications().unwrap().is_empty());
    }
}

#[test]
fn a_hook_made_by_hand_is_named_when_its_application_is_unlinked() {
    let test = TestEngine::new();
    test.service.webhooks.lock().unwrap().creation_disabled = true;
    let app = test.linked();
    let (hook, _) = test.hook(&app);
    let context = HostCallContext::new("test");
    match test.engine.unlink(&context, "KEY", "app", false).unwrap() {
        Unlinked::ByHand { url, .. } => assert!(url.ends_with(&hook.id)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn runs_of_pull_requests_want_events_that_tell_of_them() {
    let test = TestEngine::new();
    let request = LinkRequest {
        server: SERVER.to_owned(),
        repo: "ws/app".to_owned(),
        events: Vec::new(),
        options: Some(ApplicationOptions {
            pull_requests: PullRequestRuns::Forks,
            ..ApplicationOptions::default()
        }),
    };
    let context = HostCallContext::new("test");
    let error = test.engine.link(&context, "KEY", "app", request);
    let error = error.unwrap_err();
    assert_eq!(error.kind, ErrorKind::INVALID_INPUT);
    assert!(error.message.contains("events"), "{error}");
}

#[test]
fn an_unknown_server_links_nothing() {
    let test = TestEngine::new();
    let request = LinkRequest {
        server: format!("not-{SERVER}"),
        repo: "ws/app".to_owned(),
        events: Vec::new(),
        options: None,
    };
    let context = HostCallContext::new("test");
    let error = test
        .engine
        .link(&context, "KEY", "app", request)
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NOT_FOUND);
    assert!(test.engine.store.applications().unwrap().is_empty());
}
