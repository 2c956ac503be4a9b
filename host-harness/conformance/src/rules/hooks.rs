//! Rules about hooks.

use super::super::bench::{Bench, CleanUp};
use super::super::rule::{Expect, Rule, Trouble, Verdict, ensure};
use vcs_provider_interface::error::{ErrorKind, Result};
use vcs_provider_interface::records::*;
use vcs_provider_interface::secret::Secret;

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

fn address(bench: &Bench<'_>, what: &str) -> String {
    format!("https://ci.example.org/hooks/{}", bench.unique(what))
}

fn find(bench: &Bench<'_>, repo: &str, url: &str) -> Result<Hook> {
    let request = GetHookRequest {
        repo: repo.to_owned(),
        url: url.to_owned(),
        ..Default::default()
    };
    bench.client.get_hook(&bench.context(), request)
}

fn delete(bench: &Bench<'_>, repo: &str, id: Option<&str>, url: Option<&str>) -> Result<Done> {
    let request = DeleteHookRequest {
        repo: repo.to_owned(),
        id: id.map(str::to_owned),
        url: url.map(str::to_owned),
        ..Default::default()
    };
    bench.client.delete_hook(&bench.context(), request)
}

/// Deletes what is left of a hook at the end; more than once, since a wrong
/// provider may have made several.
fn delete_later<'a>(bench: &'a Bench<'_>, clean_up: &mut CleanUp<'a>, repo: &str, url: &str) {
    let (repo, url) = (repo.to_owned(), url.to_owned());
    clean_up.later(move || {
        for _ in 0..3 {
            match find(bench, &repo, &url) {
                Ok(hook) => drop(delete(bench, &repo, Some(&hook.id), None)),
                Err(_) => break,
            }
        }
    });
}

fn action(hook: &Hook) -> &str {
    hook.extra.get(keys::ACTION).unwrap_or("nothing")
}

fn reconcile(
    bench: &Bench<'_>,
    request: HookRequest,
    expected: &str,
) -> std::result::Result<Hook, Trouble> {
    let hook = bench
        .client
        .reconcile_hook(&bench.context(), request)
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
pub fn hook_is_reconciled(bench: &Bench<'_>) -> Verdict {
    let repo = bench.writable()?;
    let url = address(bench, "reconciled");
    let mut clean_up = CleanUp::default();
    delete_later(bench, &mut clean_up, &repo, &url);
    let unsigned = HookRequest {
        secret: None,
        ..wish(&repo, &url)
    };
    let first = reconcile(bench, unsigned.clone(), "created")?;
    let second = reconcile(bench, unsigned.clone(), "unchanged")?;
    let renamed = HookRequest {
        name: "conformance, renamed".to_owned(),
        ..unsigned
    };
    let third = reconcile(bench, renamed, "updated")?;
    for (which, hook) in [("second", &second), ("third", &third)] {
        ensure(hook.id == first.id, || {
            format!("the {which} call made another hook")
        })?;
    }
    delete(bench, &repo, Some(&first.id), None).works("deleting the hook")?;
    find(bench, &repo, &url)
        .fails_with("the hook after one deletion", &[ErrorKind::NOT_FOUND])
        .map(drop)
}

/// `hook.trailing-slash`
pub fn trailing_slash_does_not_count(bench: &Bench<'_>) -> Verdict {
    let repo = bench.writable()?;
    let url = address(bench, "slash");
    let slashed = format!("{url}/");
    let mut clean_up = CleanUp::default();
    delete_later(bench, &mut clean_up, &repo, &url);
    delete_later(bench, &mut clean_up, &repo, &slashed);
    let first = bench
        .client
        .reconcile_hook(&bench.context(), wish(&repo, &url))
        .or_skip("a new hook")?;
    let found = find(bench, &repo, &slashed).works("get_hook with a slash at the end")?;
    let second = bench
        .client
        .reconcile_hook(&bench.context(), wish(&repo, &slashed))
        .works("reconcile_hook with a slash at the end")?;
    ensure(first.id == found.id && first.id == second.id, || {
        format!("with a slash at the end {:?} is another hook", first.url)
    })
}

/// `hook.update`
pub fn hook_is_changed(bench: &Bench<'_>) -> Verdict {
    let repo = bench.writable()?;
    let url = address(bench, "changed");
    let mut clean_up = CleanUp::default();
    delete_later(bench, &mut clean_up, &repo, &url);
    let made = bench
        .client
        .create_hook(&bench.context(), wish(&repo, &url))
        .or_skip("a new hook")?;
    let change = HookRequest {
        id: Some(made.id.clone()),
        name: "conformance, changed".to_owned(),
        events: made.events.clone(),
        disable: true,
        secret: None,
        ..wish(&repo, &url)
    };
    bench
        .client
        .update_hook(&bench.context(), change)
        .works("update_hook")?;
    let found = find(bench, &repo, &url).works("get_hook of the changed hook")?;
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
pub fn hook_is_deleted_twice(bench: &Bench<'_>) -> Verdict {
    let repo = bench.writable()?;
    for by_id in [true, false] {
        let url = address(bench, if by_id { "by-id" } else { "by-url" });
        let mut clean_up = CleanUp::default();
        delete_later(bench, &mut clean_up, &repo, &url);
        let hook = bench
            .client
            .create_hook(&bench.context(), wish(&repo, &url))
            .works("create_hook")?;
        ensure(hook.url == url && !hook.id.is_empty(), || {
            format!("a hook for {url} was wanted, made was {hook:?}")
        })?;
        find(bench, &repo, &url).works("get_hook of the new hook")?;
        let (id, address) = if by_id {
            (Some(hook.id.as_str()), None)
        } else {
            (None, Some(url.as_str()))
        };
        delete(bench, &repo, id, address).works("the first deletion")?;
        find(bench, &repo, &url)
            .fails_with("the hook after its deletion", &[ErrorKind::NOT_FOUND])?;
        delete(bench, &repo, id, address).works("the second deletion")?;
    }
    Ok(())
}
