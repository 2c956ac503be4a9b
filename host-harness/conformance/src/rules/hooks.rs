//! Rules about hooks.

use super::super::context::{CleanUp, TestContext};
use super::super::rule::Rule;
use super::super::verdict::{Expect, Failure, Verdict, ensure};
use vcs_provider_interface::error::{ErrorKind, Result};
use vcs_provider_interface::records::*;
use vcs_provider_interface::secret::Secret;
use vcs_provider_interface::sink::collect;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "hook.reconcile-twice",
        title: "reconciling a hook twice changes nothing the second time",
        asserts: "The first call makes the hook and says `created`, the second finds the same \
                  hook and says `unchanged`; a changed wish is repaired under the same id and \
                  said to be `updated`; after one deletion there is none, so none was made twice.",
        needs: &["reconcile_hook", "get_hook", "delete_hook"],
        check: hook_is_reconciled,
    },
    Rule {
        id: "hook.trailing-slash",
        title: "a trailing slash does not make another hook",
        asserts: "A hook is found and reconciled by its address with or without a slash at the end.",
        needs: &["reconcile_hook", "get_hook", "delete_hook"],
        check: trailing_slash_does_not_count,
    },
    Rule {
        id: "hook.listed",
        title: "a hook is in the list of hooks until it is deleted",
        asserts: "The list has a new hook once, with its id and its address, and no longer after \
                  its deletion.",
        needs: &["hooks", "create_hook", "delete_hook"],
        check: hook_is_listed,
    },
    Rule {
        id: "hook.update",
        title: "a hook is changed as asked",
        asserts: "Changed by its id, the hook found by its address has the new name and is \
                  switched off; its address and its other facts stay.",
        needs: &["create_hook", "update_hook", "get_hook", "delete_hook"],
        check: hook_is_changed,
    },
    Rule {
        id: "hook.delete-twice",
        title: "deleting a hook twice succeeds",
        asserts: "By id and by address; after the first deletion the hook is NotFound.",
        needs: &["create_hook", "get_hook", "delete_hook"],
        check: hook_is_deleted_twice,
    },
];

fn wish(repo: &str, url: &str) -> HookRequest {
    HookRequest {
        repo: repo.to_owned(),
        name: "conformance".to_owned(),
        url: url.to_owned(),
        secret: Some(Secret::from("conformance-hook-key")),
        ..Default::default()
    }
}

fn address(test: &TestContext<'_>, what: &str) -> String {
    format!("https://ci.example.org/hooks/{}", test.unique(what))
}

fn find(test: &TestContext<'_>, repo: &str, url: &str) -> Result<Hook> {
    let request = GetHookRequest {
        repo: repo.to_owned(),
        url: url.to_owned(),
        ..Default::default()
    };
    test.client.get_hook(&test.context(), request)
}

fn delete(test: &TestContext<'_>, repo: &str, id: Option<&str>, url: Option<&str>) -> Result<Done> {
    let request = DeleteHookRequest {
        repo: repo.to_owned(),
        id: id.map(str::to_owned),
        url: url.map(str::to_owned),
        ..Default::default()
    };
    test.client.delete_hook(&test.context(), request)
}

/// Deletes what is left of a hook at the end; more than once, since a wrong
/// provider may have made several.
fn delete_later<'a>(test: &'a TestContext<'_>, clean_up: &mut CleanUp<'a>, repo: &str, url: &str) {
    let (repo, url) = (repo.to_owned(), url.to_owned());
    clean_up.later(move || {
        for _ in 0..3 {
            match find(test, &repo, &url) {
                Ok(hook) => drop(delete(test, &repo, Some(&hook.id), None)),
                Err(_) => break,
            }
        }
    });
}

fn action(hook: &Hook) -> &str {
    hook.extra.get(keys::ACTION).unwrap_or("nothing")
}

fn reconcile(
    test: &TestContext<'_>,
    request: HookRequest,
    expected: &str,
) -> std::result::Result<Hook, Failure> {
    let hook = test
        .client
        .reconcile_hook(&test.context(), request)
        .works(&format!("reconcile_hook that should say {expected:?}"))?;
    ensure(action(&hook) == expected, || {
        format!(
            "reconcile_hook should say {expected:?} as its action, it says {:?}",
            action(&hook)
        )
    })?;
    Ok(hook)
}

/// `hook.reconcile-twice`
pub fn hook_is_reconciled(test: &TestContext<'_>) -> Verdict {
    let repo = test.writable()?;
    let url = address(test, "reconciled");
    let mut clean_up = CleanUp::default();
    delete_later(test, &mut clean_up, &repo, &url);
    let unsigned = HookRequest {
        secret: None,
        ..wish(&repo, &url)
    };
    let first = reconcile(test, unsigned.clone(), "created")?;
    let second = reconcile(test, unsigned.clone(), "unchanged")?;
    let renamed = HookRequest {
        name: "conformance, renamed".to_owned(),
        ..unsigned
    };
    let third = reconcile(test, renamed, "updated")?;
    for (which, hook) in [("second", &second), ("third", &third)] {
        ensure(hook.id == first.id, || {
            format!("the {which} call made another hook")
        })?;
    }
    delete(test, &repo, Some(&first.id), None).works("deleting the hook")?;
    find(test, &repo, &url)
        .fails_with("the hook after one deletion", &[ErrorKind::NOT_FOUND])
        .map(drop)
}

/// `hook.trailing-slash`
pub fn trailing_slash_does_not_count(test: &TestContext<'_>) -> Verdict {
    let repo = test.writable()?;
    let url = address(test, "slash");
    let slashed = format!("{url}/");
    let mut clean_up = CleanUp::default();
    delete_later(test, &mut clean_up, &repo, &url);
    delete_later(test, &mut clean_up, &repo, &slashed);
    let first = test
        .client
        .reconcile_hook(&test.context(), wish(&repo, &url))
        .or_skip("a new hook")?;
    let found = find(test, &repo, &slashed).works("get_hook with a slash at the end")?;
    let second = test
        .client
        .reconcile_hook(&test.context(), wish(&repo, &slashed))
        .works("reconcile_hook with a slash at the end")?;
    ensure(first.id == found.id && first.id == second.id, || {
        format!("with a slash at the end {:?} is another hook", first.url)
    })
}

/// `hook.listed`
pub fn hook_is_listed(test: &TestContext<'_>) -> Verdict {
    let repo = test.writable()?;
    let url = address(test, "listed");
    let mut clean_up = CleanUp::default();
    let made = test
        .client
        .create_hook(&test.context(), wish(&repo, &url))
        .or_skip("a new hook")?;
    let (id, place) = (made.id.clone(), repo.clone());
    clean_up.later(move || drop(delete(test, &place, Some(&id), None)));
    let listed = |when: &str| {
        let request = HooksRequest {
            repo: repo.clone(),
            ..Default::default()
        };
        let hooks = collect(|sink| test.client.hooks(&test.context(), request, sink));
        let hooks = hooks.works(&format!("hooks {when}"))?;
        let ours = hooks.into_iter().filter(|hook| hook.id == made.id);
        Ok::<Vec<String>, Failure>(ours.map(|hook| hook.url).collect())
    };
    let found = listed("with a new one")?;
    ensure(found == [url.as_str()], || {
        format!("a new hook for {url} should be listed once, listed are {found:?}")
    })?;
    delete(test, &repo, Some(&made.id), None).works("deleting the hook")?;
    let left = listed("after its deletion")?;
    ensure(left.is_empty(), || {
        format!("the deleted hook {} is still listed", made.id)
    })
}

/// `hook.update`
pub fn hook_is_changed(test: &TestContext<'_>) -> Verdict {
    let repo = test.writable()?;
    let url = address(test, "changed");
    let mut clean_up = CleanUp::default();
    delete_later(test, &mut clean_up, &repo, &url);
    let made = test
        .client
        .create_hook(&test.context(), wish(&repo, &url))
        .or_skip("a new hook")?;
    let change = HookRequest {
        id: Some(made.id.clone()),
        name: "conformance, changed".to_owned(),
        events: made.events.clone(),
        disable: true,
        secret: None,
        ..wish(&repo, &url)
    };
    test.client
        .update_hook(&test.context(), change)
        .works("update_hook")?;
    let found = find(test, &repo, &url).works("get_hook of the changed hook")?;
    let facts = |hook: &Hook| {
        let mut events = hook.events.clone();
        events.sort();
        (hook.id.clone(), hook.url.clone(), hook.secret_set, events)
    };
    ensure(
        found.name == "conformance, changed" && found.disable && facts(&found) == facts(&made),
        || format!("made was {made:?}, renamed and switched off it is {found:?}"),
    )
}

/// `hook.delete-twice`
pub fn hook_is_deleted_twice(test: &TestContext<'_>) -> Verdict {
    let repo = test.writable()?;
    for by_id in [true, false] {
        let url = address(test, if by_id { "by-id" } else { "by-url" });
        let mut clean_up = CleanUp::default();
        delete_later(test, &mut clean_up, &repo, &url);
        let hook = test
            .client
            .create_hook(&test.context(), wish(&repo, &url))
            .works("create_hook")?;
        ensure(hook.url == url && !hook.id.is_empty(), || {
            format!("a hook for {url} was wanted, made was {hook:?}")
        })?;
        find(test, &repo, &url).works("get_hook of the new hook")?;
        let (id, address) = if by_id {
            (Some(hook.id.as_str()), None)
        } else {
            (None, Some(url.as_str()))
        };
        delete(test, &repo, id, address).works("the first deletion")?;
        find(test, &repo, &url)
            .fails_with("the hook after its deletion", &[ErrorKind::NOT_FOUND])?;
        delete(test, &repo, id, address).works("the second deletion")?;
    }
    Ok(())
}
