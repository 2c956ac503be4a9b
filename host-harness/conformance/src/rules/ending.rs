//! Rules about cancellation and deadlines.

use super::super::bench::Bench;
use super::super::lists::{List, Reply, WatchedSink, lists};
use super::super::methods::{METHODS, Nature, Target, is_unsupported};
use super::super::rule::{Cases, Expect, Rule, Trouble, Verdict, ensure};
use super::super::subject::Faulty;
use std::time::{Duration, Instant};
use vcs_provider_interface::context::{CallContext, Cancellation, HostCallContext};
use vcs_provider_interface::error::ErrorKind;
use vcs_provider_interface::records::*;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "cancel.before-call",
        title: "a call that is cancelled already answers Cancelled at once",
        asserts: "Every method that asks the service, called with a cancelled context, answers \
                  Cancelled without delay.",
        needs: &[],
        check: cancelled_calls_do_nothing,
    },
    Rule {
        id: "cancel.between-pages",
        title: "cancelling between two pages ends the list",
        asserts: "A list of several pages that is cancelled at its first page pushes nothing \
                  more and answers Cancelled.",
        needs: &[],
        check: cancelled_lists_end,
    },
    Rule {
        id: "cancel.while-waiting",
        title: "cancelling ends the waiting for a service that asks to come back later",
        asserts: "While the service refuses requests and asks to wait, a cancelled \
                  call answers Cancelled, or RateLimited if the provider leaves the waiting to the \
                  caller, without waiting for the service.",
        needs: &["branch"],
        check: cancelling_ends_the_waiting,
    },
    Rule {
        id: "deadline.before-call",
        title: "a call whose deadline has passed answers Timeout at once",
        asserts: "Every method that asks the service, called without time left, answers Timeout \
                  without delay.",
        needs: &[],
        check: late_calls_do_nothing,
    },
    Rule {
        id: "deadline.between-pages",
        title: "a deadline that passes between two pages ends the list",
        asserts: "A list of several pages whose deadline passes at its first page pushes nothing \
                  more and answers Timeout.",
        needs: &[],
        check: late_lists_end,
    },
    Rule {
        id: "deadline.slow-server",
        title: "a slow server does not hold a call beyond its deadline",
        asserts: "If the server answers too late, the call answers Timeout soon after its \
                  deadline.",
        needs: &["branch"],
        check: slow_servers_do_not_hold_calls,
    },
];

/// `cancel.before-call`
pub fn cancelled_calls_do_nothing(bench: &Bench<'_>) -> Verdict {
    let cancellation = Cancellation::new();
    cancellation.cancel();
    each_remote_method(bench, ErrorKind::CANCELLED, || {
        bench.cancelled_by(&cancellation)
    })
}

/// `deadline.before-call`
pub fn late_calls_do_nothing(bench: &Bench<'_>) -> Verdict {
    each_remote_method(bench, ErrorKind::TIMEOUT, || {
        bench.context_of(Duration::ZERO)
    })
}

fn each_remote_method(
    bench: &Bench<'_>,
    kind: ErrorKind,
    context: impl Fn() -> HostCallContext,
) -> Verdict {
    let mut cases = Cases::default();
    let target = Target::missing(&bench.subject.missing_repo);
    for method in METHODS {
        if matches!(method.nature, Nature::Local | Nature::Information) || !bench.can(method.name) {
            continue;
        }
        let begun = Instant::now();
        let answer = (method.call)(bench.server, bench.client, &context(), &target);
        // A capability that is none fails the rule about capabilities.
        if is_unsupported(&answer) {
            continue;
        }
        cases.add(answer.fails_with(method.name, &[kind]).map(drop));
        cases.add(in_time(bench, method.name, begun));
    }
    cases.verdict("the provider has no method that asks the service")
}

fn in_time(bench: &Bench<'_>, what: &str, begun: Instant) -> Verdict {
    let took = begun.elapsed();
    ensure(took <= bench.subject.patience, || {
        format!("{what}: ended only after {took:.1?}")
    })
}

/// `cancel.between-pages`
pub fn cancelled_lists_end(bench: &Bench<'_>) -> Verdict {
    let mut cases = Cases::default();
    for list in lists(bench) {
        if has_one_page(bench, &list)? {
            continue;
        }
        let cancellation = Cancellation::new();
        let mut sink = WatchedSink::replying(|| {
            cancellation.cancel();
            Reply::MoreThoughOver
        });
        let result = list.run(bench, &bench.cancelled_by(&cancellation), None, &mut sink);
        let what = format!("{}, cancelled at its first page,", list.name);
        cases.add(result.fails_with(&what, &[ErrorKind::CANCELLED]).map(drop));
        cases.add(nothing_late(&what, sink.late));
    }
    cases.verdict("no list of the repository has more than one page")
}

/// `deadline.between-pages`
pub fn late_lists_end(bench: &Bench<'_>) -> Verdict {
    let mut cases = Cases::default();
    for list in lists(bench) {
        if has_one_page(bench, &list)? {
            continue;
        }
        cases.add(late_list_ends(bench, &list));
    }
    cases.verdict("no list of the repository has more than one page")
}

fn late_list_ends(bench: &Bench<'_>, list: &List) -> Verdict {
    // Long enough for a first page: what one took now, and some room.
    let begun = Instant::now();
    let mut first = WatchedSink::replying(|| Reply::Stop);
    list.run(bench, &bench.context(), None, &mut first)
        .or_skip(list.name)?;
    let context = bench.context_of(begun.elapsed() * 4 + Duration::from_millis(100));
    let mut sink = WatchedSink::replying(|| {
        // The caller is slow: it takes all the time that there is.
        while let Some(left) = context.time_left().filter(|left| !left.is_zero()) {
            std::thread::sleep(left);
        }
        Reply::MoreThoughOver
    });
    let result = list.run(bench, &context, None, &mut sink);
    let what = format!("{}, too late at its first page,", list.name);
    result.fails_with(&what, &[ErrorKind::TIMEOUT])?;
    nothing_late(&what, sink.late)
}

/// `deadline.slow-server`
pub fn slow_servers_do_not_hold_calls(bench: &Bench<'_>) -> Verdict {
    let limit = Duration::from_millis(500);
    let _slow = Faulty::new(bench.faults()?, |faults| {
        faults.slow_down(limit + bench.subject.patience * 4);
    });
    let begun = Instant::now();
    bench
        .client
        .branch(&bench.context_of(limit), some_branch(bench))
        .fails_with("branch on a slow server", &[ErrorKind::TIMEOUT])?;
    in_time(bench, "branch on a slow server", begun + limit)
}

/// `cancel.while-waiting`
pub fn cancelling_ends_the_waiting(bench: &Bench<'_>) -> Verdict {
    // Much longer than a prompt answer takes, and not so long that a provider
    // which holds all calls back for that time would hold up the run.
    let wait = bench.subject.patience * 4;
    let limited = Faulty::new(bench.faults()?, |faults| faults.limit_rate(wait));
    let verdict = cancelled_while_waiting(bench);
    drop(limited);
    // The rules to come are about calls that are not held back.
    bench
        .client
        .branch(&bench.context(), some_branch(bench))
        .or_skip("the end of the waiting")?;
    verdict
}

fn cancelled_while_waiting(bench: &Bench<'_>) -> Verdict {
    let cancellation = Cancellation::new();
    let context = bench.cancelled_by(&cancellation);
    let (answer, answered) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let result = bench.client.branch(&context, some_branch(bench));
            // Nobody takes a second answer.
            let _ = answer.send((result, Instant::now()));
        });
        // A provider that waits is given time to begin waiting; one that does
        // not has answered by then.
        let early = answered.recv_timeout(Duration::from_millis(300));
        cancellation.cancel();
        let cancelled = Instant::now();
        let Ok((result, ended)) = early.or_else(|_| answered.recv()) else {
            return Err(Trouble::failed("branch panicked"));
        };
        result.fails_with(
            "branch, cancelled while the service asks to wait,",
            &[ErrorKind::CANCELLED, ErrorKind::RATE_LIMITED],
        )?;
        let took = ended.saturating_duration_since(cancelled);
        ensure(took <= bench.subject.patience, || {
            format!("branch ended only {took:.1?} after it was cancelled")
        })
    })
}

fn some_branch(bench: &Bench<'_>) -> BranchRequest {
    BranchRequest {
        repo: bench.subject.repo.clone(),
        name: None,
        ..Default::default()
    }
}

fn has_one_page(bench: &Bench<'_>, list: &List) -> std::result::Result<bool, Trouble> {
    Ok(list.pages(bench, None).or_skip(list.name)?.len() < 2)
}

fn nothing_late(what: &str, late: u32) -> Verdict {
    ensure(late == 0, || format!("{what} pushes {late} more pages"))
}
