//! Rules about what a provider leaves behind, and about several threads.

use super::super::context::TestContext;
use super::super::lists::lists;
use super::super::rule::Rule;
use super::super::verdict::{Cases, Expect, Failure, Verdict, ensure};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use vcs_provider_interface::error::Result;
use vcs_provider_interface::records::*;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "threads.none-left",
        title: "no thread is left after a call",
        asserts: "Threads that began during calls of every list have ended soon after: a thread \
                  of an unmapped or replaced provider would crash the engine.",
        needs: &[],
        check: no_thread_is_left,
    },
    Rule {
        id: "files.none-left",
        title: "repeated calls do not use up file descriptors",
        asserts: "Fifty rounds of calls with clients of their own leave the number of open \
                  descriptors as it was, but for a few that a pool may keep.",
        needs: &[],
        check: no_descriptor_is_left,
    },
    Rule {
        id: "threads.calls-agree",
        title: "calls from eight threads at once agree",
        asserts: "Each list, asked for by eight threads at once through one client, is the same \
                  as asked for by one.",
        needs: &[],
        check: parallel_calls_agree,
    },
];

/// Threads and their names, as the kernel has them.
fn threads() -> std::result::Result<BTreeMap<u32, String>, Failure> {
    let unreadable = |error: std::io::Error| Failure::skipped(format!("/proc/self/task: {error}"));
    let mut threads = BTreeMap::new();
    for entry in std::fs::read_dir("/proc/self/task").map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if let Some(id) = entry.file_name().to_str().and_then(|id| id.parse().ok()) {
            // A thread that ends meanwhile has no name any more.
            let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            threads.insert(id, name.trim_end().to_owned());
        }
    }
    Ok(threads)
}

fn descriptors() -> std::result::Result<usize, Failure> {
    std::fs::read_dir("/proc/self/fd")
        .map(Iterator::count)
        .map_err(|error| Failure::skipped(format!("/proc/self/fd: {error}")))
}

/// `threads.none-left`
pub fn no_thread_is_left(test: &TestContext<'_>) -> Verdict {
    let lists = lists(test);
    if lists.is_empty() {
        return Err(Failure::skipped("the provider has no list"));
    }
    let before = threads()?;
    for list in &lists {
        list.all(test, None).or_skip(list.name)?;
    }
    let is_host = |name: &String| {
        let names = &test.target.host_threads;
        // The kernel keeps 15 characters of a name.
        names
            .iter()
            .any(|host| name.starts_with(host.get(..15).unwrap_or(host)))
    };
    let mut left = threads()?;
    left.retain(|id, name| !before.contains_key(id) && !is_host(name));
    let begun = Instant::now();
    while !left.is_empty() && begun.elapsed() < test.target.tolerance {
        // An cancellation thread stands in the list until the kernel has removed it.
        std::thread::sleep(Duration::from_millis(10));
        let now = threads()?;
        left.retain(|id, _| now.contains_key(id));
    }
    ensure(left.is_empty(), || {
        let names: Vec<&str> = left.values().map(String::as_str).collect();
        format!(
            "{} threads are left after the calls: {}",
            left.len(),
            names.join(", ")
        )
    })
}

/// How many descriptors a pool of connections may keep open.
const POOLED: usize = 8;

/// `files.none-left`
pub fn no_descriptor_is_left(test: &TestContext<'_>) -> Verdict {
    let round = || -> Verdict {
        let client = test
            .server
            .authorized_client(test.target.credential.clone())
            .or_skip("a client")?;
        let test = TestContext {
            client: client.as_ref(),
            ..*test
        };
        if test.can("branch") {
            let request = BranchRequest {
                repo: test.target.repo.clone(),
                name: None,
                ..Default::default()
            };
            test.client
                .branch(&test.context(), request)
                .or_skip("branch")?;
        } else if let Some(list) = lists(&test).first() {
            list.all(&test, Some(1)).or_skip(list.name)?;
        } else {
            return Err(Failure::skipped("the provider has no list"));
        }
        Ok(())
    };
    // What a first call opens for good is no leak.
    for _ in 0..5 {
        round()?;
    }
    let before = descriptors()?;
    for _ in 0..50 {
        round()?;
    }
    let mut after = descriptors()?;
    let begun = Instant::now();
    while after > before + POOLED && begun.elapsed() < test.target.tolerance {
        // The other side of a connection may be in this process and close later.
        std::thread::sleep(Duration::from_millis(10));
        after = descriptors()?;
    }
    ensure(after <= before + POOLED, || {
        format!(
            "50 rounds of calls left {} descriptors open",
            after - before
        )
    })
}

/// `threads.calls-agree`
pub fn parallel_calls_agree(test: &TestContext<'_>) -> Verdict {
    let mut cases = Cases::default();
    for list in lists(test) {
        let alone = list.all(test, None).or_skip(list.name)?;
        let together: Vec<Result<Vec<String>>> = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| list.all(test, None)))
                .collect();
            calls
                .into_iter()
                .filter_map(|call| call.join().ok())
                .collect()
        });
        cases.add(ensure(together.len() == 8, || {
            format!("{}: a call panicked", list.name)
        }));
        for found in together {
            let what = format!("{} by eight threads at once", list.name);
            cases.add(found.works(&what).and_then(|found| {
                ensure(found == alone, || {
                    super::lists::difference(
                        list.name,
                        "asked for alone",
                        &alone,
                        "by eight threads at once",
                        &found,
                    )
                })
            }));
        }
    }
    cases.verdict("the provider has no list")
}
