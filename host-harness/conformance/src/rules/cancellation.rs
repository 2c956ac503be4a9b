//! Rules about cancellation and deadlines.

use super::super::context::TestContext;
use super::super::lists::{List, Reply, WatchedSink, lists};
use super::super::methods::{METHODS, Nature, RequestValues, is_unsupported};
use super::super::rule::Rule;
use super::super::target::Faulty;
use super::super::verdict::{Cases, Expect, Failure, Verdict, ensure};
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
pub fn cancelled_calls_do_nothing(test: &TestContext<'_>) -> Verdict {
    let cancellation = Cancellation::new();
    cancellation.cancel();
    each_remote_method(test, ErrorKind::CANCELLED, || {
        test.cancelled_by(&cancellation)
    })
}

/// `deadline.before-call`
pub fn late_calls_do_nothing(test: &TestContext<'_>) -> Verdict {
    each_remote_method(test, ErrorKind::TIMEOUT, || test.context_of(Duration::ZERO))
}

fn each_remote_method(
    test: &TestContext<'_>,
    kind: ErrorKind,
    context: impl Fn() -> HostCallContext,
) -> Verdict {
    let mut cases = Cases::default();
    let target = RequestValues::missing(&test.target.missing_repo);
    for method in METHODS {
        if matches!(method.nature, Nature::Local | Nature::Information) || !test.can(method.name) {
            continue;
        }
        let begun = Instant::now();
        let answer = (method.call)(test.server, test.client, &context(), &target);
        // A capability that is none fails the rule about capabilities.
        if is_unsupported(&answer) {
            continue;
        }
        cases.add(answer.fails_with(method.name, &[kind]).map(drop));
        cases.add(in_time(test, method.name, begun));
    }
    cases.verdict("the provider has no method that asks the service")
}

fn in_time(test: &TestContext<'_>, what: &str, begun: Instant) -> Verdict {
    let took = begun.elapsed();
    ensure(took <= test.target.tolerance, || {
        format!("{what}: ended only after {took:.1?}")
    })
}

/// `cancel.between-pages`
pub fn cancelled_lists_end(test: &TestContext<'_>) -> Verdict {
    let mut cases = Cases::default();
    for list in lists(test) {
        if has_one_page(test, &list)? {
            continue;
        }
        let cancellation = Cancellation::new();
        let mut sink = WatchedSink::replying(|| {
            cancellation.cancel();
            Reply::MoreThoughOver
        });
        let result = list.run(test, &test.cancelled_by(&cancellation), None, &mut sink);
        let what = format!("{}, cancelled at its first page,", list.name);
        cases.add(result.fails_with(&what, &[ErrorKind::CANCELLED]).map(drop));
        cases.add(nothing_late(&what, sink.late));
    }
    cases.verdict("no list of the repository has more than one page")
}

/// `deadline.between-pages`
pub fn late_lists_end(test: &TestContext<'_>) -> Verdict {
    let mut cases = Cases::default();
    for list in lists(test) {
        if has_one_page(test, &list)? {
            continue;
        }
        cases.add(late_list_ends(test, &list));
    }
    cases.verdict("no list of the repository has more than one page")
}

fn late_list_ends(test: &TestContext<'_>, list: &List) -> Verdict {
    // Long enough for a first page: what one took now, and some room.
    let begun = Instant::now();
    let mut first = WatchedSink::replying(|| Reply::Stop);
    list.run(test, &test.context(), None, &mut first)
        .or_skip(list.name)?;
    let context = test.context_of(begun.elapsed() * 4 + Duration::from_millis(100));
    let mut sink = WatchedSink::replying(|| {
        // The caller is slow: it takes all the time that there is.
        while let Some(left) = context.time_left().filter(|left| !left.is_zero()) {
            std::thread::sleep(left);
        }
        Reply::MoreThoughOver
    });
    let result = list.run(test, &context, None, &mut sink);
    let what = format!("{}, too late at its first page,", list.name);
    result.fails_with(&what, &[ErrorKind::TIMEOUT])?;
    nothing_late(&what, sink.late)
}

/// `deadline.slow-server`
pub fn slow_servers_do_not_hold_calls(test: &TestContext<'_>) -> Verdict {
    let limit = Duration::from_millis(500);
    let _slow = Faulty::new(test.faults()?, |faults| {
        faults.slow_down(limit + test.target.tolerance * 4);
    });
    let begun = Instant::now();
    test.client
        .branch(&test.context_of(limit), some_branch(test))
        .fails_with("branch on a slow server", &[ErrorKind::TIMEOUT])?;
    in_time(test, "branch on a slow server", begun + limit)
}

/// `cancel.while-waiting`
pub fn cancelling_ends_the_waiting(test: &TestContext<'_>) -> Verdict {
    // Much longer than a prompt answer takes, and not so long that a provider
    // which holds all calls back for that time would hold up the run.
    let wait = test.target.tolerance * 4;
    let limited = Faulty::new(test.faults()?, |faults| faults.limit_rate(wait));
    let verdict = cancelled_while_waiting(test);
    drop(limited);
    // The rules to come are about calls that are not held back.
    test.client
        .branch(&test.context(), some_branch(test))
        .or_skip("the end of the waiting")?;
    verdict
}

fn cancelled_while_waiting(test: &TestContext<'_>) -> Verdict {
    let cancellation = Cancellation::new();
    let context = test.cancelled_by(&cancellation);
    let (answer, answered) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let result = test.client.branch(&context, some_branch(test));
            // Nobody takes a second answer.
            let _ = answer.send((result, Instant::now()));
        });
        // A provider that waits is given time to begin waiting; one that does
        // not has answered by then.
        let early = answered.recv_timeout(Duration::from_millis(300));
        cancellation.cancel();
        let cancelled = Instant::now();
        let Ok((result, ended)) = early.or_else(|_| answered.recv()) else {
            return Err(Failure::failed("branch panicked"));
        };
        result.fails_with(
            "branch, cancelled while the service asks to wait,",
            &[ErrorKind::CANCELLED, ErrorKind::RATE_LIMITED],
        )?;
        let took = ended.saturating_duration_since(cancelled);
        ensure(took <= test.target.tolerance, || {
            format!("branch ended only {took:.1?} after it was cancelled")
        })
    })
}

fn some_branch(test: &TestContext<'_>) -> BranchRequest {
    BranchRequest {
        repo: test.target.repo.clone(),
        name: None,
        ..Default::default()
    }
}

fn has_one_page(test: &TestContext<'_>, list: &List) -> std::result::Result<bool, Failure> {
    Ok(list.pages(test, None).or_skip(list.name)?.len() < 2)
}

fn nothing_late(what: &str, late: u32) -> Verdict {
    ensure(late == 0, || format!("{what} pushes {late} more pages"))
}
