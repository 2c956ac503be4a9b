//! Swapping under load: no failed call, each old instance dropped once, and
//! threads, open files and memory as before.

use host_harness::mock_bitbucket::MockBitbucket;
use host_harness::registry::Registry;
use integration_tests::host::RecordingHost;
use integration_tests::place::{Place, client_of, drops, second_build, server_settings, until};
use integration_tests::sandbox::{GitSandbox, git_command, run_git};
use integration_tests::{bitbucket, built_library};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;

/// What is measured is the whole process, so one test runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// A folder for the local provider with a bare copy of a repository.
fn repositories(place: &Place, git: &GitSandbox, full_name: &str) -> PathBuf {
    let root = place.scratch().join("root");
    let mut clone = git_command();
    clone
        .args(["clone", "--quiet", "--mirror"])
        .arg(git.path())
        .arg(root.join(format!("{full_name}.git")));
    run_git(clone, "");
    root
}

fn open_files_and_threads() -> (usize, usize) {
    let count = |folder| fs::read_dir(folder).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

/// The memory of this process that is its own, in KiB.
fn own_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let value = |name: &str| -> u64 {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    };
    value("RssAnon:")
}

fn context() -> HostCallContext {
    HostCallContext::new("swapping").with_time_limit(Duration::from_secs(60))
}

fn main_of(repo: &str) -> BranchRequest {
    BranchRequest {
        repo: repo.to_owned(),
        name: Some("main".to_owned()),
    }
}

fn configure(registry: &Registry, provider_type: &str, config: &str, host: &Arc<RecordingHost>) {
    registry
        .configure(server_settings("main", provider_type, config, host))
        .unwrap();
}

/// Calls that many threads make at once.
struct Load<'a> {
    registry: &'a Registry,
    request: BranchRequest,
    /// The branch as every generation has to give it.
    expected: &'a (dyn Fn(&Branch) -> bool + Sync),
}

/// What happened under load.
struct LoadOutcome {
    calls: u64,
    errors: Vec<String>,
}

impl Load<'_> {
    /// Calls from this many threads for as long as `swap` runs.
    fn during(&self, threads: usize, swap: impl FnOnce()) -> LoadOutcome {
        let (calls, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
        let errors = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let client = client_of(self.registry, Credential::configured());
                    while !is_over.load(Ordering::Relaxed) {
                        let answer = client.branch(&context(), self.request.clone());
                        calls.fetch_add(1, Ordering::Relaxed);
                        if !answer.as_ref().is_ok_and(self.expected) {
                            errors.lock().unwrap().push(format!("{answer:?}"));
                            return;
                        }
                    }
                });
            }
            swap();
            is_over.store(true, Ordering::Relaxed);
        });
        LoadOutcome {
            calls: calls.into_inner(),
            errors: errors.into_inner().unwrap(),
        }
    }
}

/// Waits until only the instance that serves is left, and what helped to drop
/// the others is gone.
fn assert_nothing_stays(registry: &Registry, before: (usize, usize)) {
    until("the drop of every old generation", || {
        let counts = registry.health().counts;
        counts.instances_dropped == counts.instances_made - 1
    });
    assert_eq!(registry.health().servers[0].draining, []);
    until("the end of the helper threads", || {
        let (files, threads) = open_files_and_threads();
        files <= before.0 && threads <= before.1
    });
}

/// One provider, a second build of it, and another provider take turns.
#[test]
fn two_hundred_swaps_under_eight_threads_lose_no_call() {
    const SWAPS: usize = 200;
    const THREADS: usize = 8;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Place::new();
    let first = built_library("vcs-misbehaving");
    let second = second_build(&first, &place);
    let builds = [
        place.install_pinned(&first, "libmisbehaving.so"),
        place.install_pinned(&second, "libsecond.so"),
    ];
    let local = place.install_pinned(&built_library("vcs-local-git"), "liblocal.so");
    let (registry, host) = place.registry_serving(&builds[0], "good");
    registry.load(&builds[1]).unwrap();
    registry.load(&local).unwrap();
    let git = GitSandbox::small();
    let root = repositories(&place, &git, "one/two");
    let (local_config, head) = (format!("root = {root:?}"), git.hash("main"));

    let before = open_files_and_threads();
    let memory_before = own_memory();
    let made_before = registry.health().counts.instances_made;
    let load = Load {
        registry: &registry,
        request: main_of("one/two"),
        // The local provider fills everything in, the other one nothing but
        // the name: no answer is made of half of each.
        expected: &|branch| {
            let full = branch.id == "refs/heads/main" && branch.latest_commit == head;
            let bare = branch.id.is_empty() && branch.latest_commit.is_empty();
            branch.display_id == "main" && (full || bare)
        },
    };
    let outcome = load.during(THREADS, || {
        for swap in 0..SWAPS {
            match swap % 4 {
                0 => drop(registry.load(&builds[1]).unwrap()),
                1 => configure(&registry, "local-git", &local_config, &host),
                2 => configure(&registry, "misbehaving", "good", &host),
                _ => drop(registry.load(&builds[0]).unwrap()),
            }
        }
    });
    assert_eq!(outcome.errors, Vec::<String>::new());
    assert!(outcome.calls as usize > SWAPS);
    assert_nothing_stays(&registry, before);
    let made = registry.health().counts.instances_made;
    assert!((made - made_before) as usize >= SWAPS, "{made}");
    // The providers say the same: each instance but the last was dropped once.
    assert_eq!(drops(&host) as u64, made - 1);
    let grown = own_memory().saturating_sub(memory_before);
    let budget = 64 * SWAPS as u64;
    assert!(
        grown < budget,
        "{grown} KiB, not {budget}, for {SWAPS} swaps"
    );
    println!(
        "{SWAPS} swaps, {THREADS} threads, {} calls, 0 errors, {grown} KiB more",
        outcome.calls
    );
}

/// Bitbucket Cloud, a second build of it and local repositories take turns.
#[test]
fn bitbucket_cloud_is_swapped_under_load_without_a_lost_call() {
    const SWAPS: usize = 40;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Place::new();
    let git = GitSandbox::small();
    let mock = MockBitbucket::builder()
        .repo(bitbucket::REPO, git.path())
        .start()
        .unwrap();
    let cloud_config = bitbucket::config_for(&mock);
    let first = built_library("vcs-bitbucketcloud");
    let second = second_build(&first, &place);
    let builds = [
        place.install_pinned(&first, "libcloud.so"),
        place.install_pinned(&second, "libsecond.so"),
    ];
    let local = place.install_pinned(&built_library("vcs-local-git"), "liblocal.so");
    let root = repositories(&place, &git, bitbucket::REPO);
    let local_config = format!("root = {root:?}");
    let (registry, host) = place.registry_serving(&builds[0], &cloud_config);
    registry.load(&builds[1]).unwrap();
    registry.load(&local).unwrap();

    let head = git.hash("main");
    let load = Load {
        registry: &registry,
        request: main_of(bitbucket::REPO),
        expected: &|branch| branch.display_id == "main" && branch.latest_commit == head,
    };
    let outcome = load.during(8, || {
        for swap in 0..SWAPS {
            match swap % 4 {
                0 => drop(registry.load(&builds[0]).unwrap()),
                1 => configure(&registry, "local-git", &local_config, &host),
                2 => configure(&registry, "bitbucketcloud", &cloud_config, &host),
                _ => drop(registry.load(&builds[1]).unwrap()),
            }
        }
    });
    assert_eq!(outcome.errors, Vec::<String>::new());
    let counts = registry.health().counts;
    assert_eq!(counts.refused, 0);
    until("the drop of every old generation", || {
        let counts = registry.health().counts;
        counts.instances_dropped == counts.instances_made - 1
    });
    println!(
        "{SWAPS} swaps, 8 threads, {} calls, 0 errors",
        outcome.calls
    );
}
