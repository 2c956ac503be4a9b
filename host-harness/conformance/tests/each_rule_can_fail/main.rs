//! Each rule of the conformance kit can fail: a correct provider of a made-up
//! service passes all of them, and each defect is caught by just the rules
//! that are meant for it.

mod answers;
mod client;
mod defect;
mod history;
mod pages;
mod provider;
mod world;

use defect::Defect;
use history::History;
use provider::Model;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;
use vcs_conformance::rule::Rule;
use vcs_conformance::{Outcome, RecordingHost, Report, Run, Target, WebhookDialect, rules};
use vcs_provider_interface::abi::{HostProvider, module_of};
use vcs_provider_interface::info::{Capability, ProviderInfo};
use vcs_provider_interface::provider::VcsServer;
use vcs_provider_interface::secret::Secret;
use vcs_provider_interface::services::HostServices;
use world::{EMPTY, READABLE, TOKEN, WRITABLE, World};

/// The rules that count what the whole process holds.
fn counts_the_process(rule: &Rule) -> bool {
    matches!(rule.id, "threads.none-left" | "files.none-left")
}

/// The provider in this very image. Its silence about panics is undone: it would
/// hide why a test fails.
fn model() -> HostProvider {
    static ONCE: Once = Once::new();
    let provider = HostProvider::new(module_of::<Model>());
    ONCE.call_once(|| drop(std::panic::take_hook()));
    provider
}

fn info_with(defect: Option<Defect>) -> ProviderInfo {
    let mut info = model().info().unwrap();
    let mut add = |name: &str| {
        info.capabilities.push(Capability {
            name: name.to_owned(),
            ..Default::default()
        });
    };
    match defect {
        Some(Defect::CapabilityNamedTwice) => add("branches"),
        Some(Defect::CapabilityMisspelt) => add("brnaches"),
        Some(Defect::EmptyPromise) => add("release"),
        Some(Defect::MethodHidden) => {
            info.capabilities.retain(|present| present.name != "forks");
        }
        _ => {}
    }
    info
}

fn conformance(
    history: &Arc<History>,
    defect: Option<Defect>,
    accepts: impl Fn(&Rule) -> bool,
) -> (Report, Arc<World>) {
    static WORLDS: AtomicU64 = AtomicU64::new(0);
    let number = WORLDS.fetch_add(1, Ordering::Relaxed);
    let world = Arc::new(World::new(history, defect));
    provider::open(number, &world);
    let host = Arc::new(RecordingHost::default());
    let services = Arc::clone(&host) as Arc<dyn HostServices>;
    let server = model()
        .new_server(&number.to_string(), services)
        .unwrap_or_else(|error| panic!("{error}"));
    provider::close(number);
    let mut target = Target::new(READABLE, host);
    target.writable_repo = Some(WRITABLE.to_owned());
    target.empty_repo = Some(EMPTY.to_owned());
    target.git_clone = Some(history.clone.clone());
    target.webhooks = Some(dialect());
    target.secrets = vec![Secret::from(TOKEN)];
    target.faults = Some(Arc::clone(&world) as _);
    target.tolerance = Duration::from_secs(1);
    let server: Arc<dyn VcsServer> = Arc::new(server);
    let report = Run::new(server, info_with(defect), target)
        .only(accepts)
        .run(|_, _, _| {})
        .unwrap_or_else(|error| panic!("{error}"));
    (report, world)
}

fn findings(report: &Report) -> BTreeSet<String> {
    report.failed().into_iter().map(str::to_owned).collect()
}

/// How the made-up service delivers.
fn dialect() -> WebhookDialect {
    WebhookDialect::from_toml(include_str!("dialect.toml")).unwrap()
}

#[test]
fn each_rule_passes_a_correct_provider_and_catches_the_defects_meant_for_it() {
    let history = Arc::new(History::new());
    let all: Vec<Option<Defect>> = std::iter::once(None)
        .chain(Defect::ALL.iter().copied().map(Some))
        .collect();

    // Most of the time goes by waiting, so several worlds are tried at once.
    let queue = AtomicU64::new(0);
    let mut found: Vec<(usize, Report)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = Vec::new();
                    loop {
                        let next = queue.fetch_add(1, Ordering::Relaxed) as usize;
                        let Some(defect) = all.get(next) else {
                            return done;
                        };
                        let (report, _) =
                            conformance(&history, *defect, |rule| !counts_the_process(rule));
                        done.push((next, report));
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    found.sort_by_key(|(place, _)| *place);

    let mut wrong = Vec::new();
    for (place, report) in found {
        let defect = all[place];
        // What counts threads and descriptors needs the process for itself.
        let (alone, _) = conformance(&history, defect, counts_the_process);
        let mut failed = findings(&report);
        failed.extend(findings(&alone));
        let failed: Vec<String> = failed.into_iter().collect();
        let meant = defect.map(Defect::caught_by).unwrap_or_default();
        if failed != meant {
            wrong.push(format!(
                "{defect:?}: meant {meant:?}, failed {failed:?}\n{}{}",
                shown(&report),
                shown(&alone)
            ));
        }
        if defect.is_none() {
            for rule in report.rules.iter().chain(&alone.rules) {
                if let Outcome::Skipped { reason } = &rule.outcome {
                    wrong.push(format!("the correct provider skips {}: {reason}", rule.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The lines of a report that tell of trouble.
fn shown(report: &Report) -> String {
    report
        .text()
        .lines()
        .filter(|line| line.starts_with("FAILED") || line.starts_with("         - "))
        .map(|line| format!("    {line}\n"))
        .collect()
}

#[test]
fn every_rule_has_a_defect_that_it_catches() {
    let caught: BTreeSet<&str> = Defect::ALL
        .iter()
        .flat_map(|defect| defect.caught_by())
        .collect();
    let rules: BTreeSet<&str> = rules::all().iter().map(|rule| rule.id).collect();
    assert_eq!(caught, rules);
}

#[test]
fn the_kit_deletes_what_it_made() {
    let history = Arc::new(History::new());
    let (_, world) = conformance(&history, None, |rule| {
        !counts_the_process(rule) && !rule.needs.is_empty()
    });
    world
        .with(WRITABLE, |repo| {
            assert_eq!(repo.branches, history.branches);
            assert_eq!(repo.tags.len(), history.tags.len());
            assert!(repo.hooks.is_empty(), "{:?}", repo.hooks);
            assert!(repo.comments.is_empty());
            assert!(!repo.pull_requests.is_empty(), "nothing was tried");
            assert!(repo.pull_requests.iter().all(|made| made.closed));
            Ok(())
        })
        .unwrap();
}
