//! A fault at any single request of any operation: the operation ends with a
//! typed error or with the right result, never with a wrong or shortened one.
//!
//! Each operation runs once without a fault; then once for each of its requests
//! and each fault, when the fault strikes only that request, and when it strikes
//! that one and all later ones. With `FAULT_MATRIX=all` every combination runs;
//! without it, all faults strike the first request once, and a fixed part of
//! them the others.

mod exceptions;
mod faults;
mod wrong_types;

use exceptions::{Allowed, EXCEPTIONS};
use faults::{Case, cases};
use integration_tests::place::Hosting;
use integration_tests::scenario::{Effect, Operation, World, operations};
use mock_bitbucket::FaultRule;
use std::net::TcpListener;

/// How often the fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strikes {
    Once,
    FromThenOn,
}

/// What an operation does without a fault.
struct Clean {
    requests: u64,
    result: String,
    state: String,
    /// The state when nothing was done.
    before: String,
}

fn clean(operation: &Operation, world: &World) -> Clean {
    let before = (operation.state)(world);
    world.bitbucket.mock.clear_requests();
    let result = match world.run(operation) {
        Ok(result) => result,
        Err(error) => panic!("{} without a fault: {error}", operation.method),
    };
    Clean {
        requests: world.bitbucket.mock.requests().len() as u64,
        result,
        state: (operation.state)(world),
        before,
    }
}

/// Runs an operation with a fault; what is wrong with how it ended, if anything.
fn judge(
    operation: &Operation,
    clean: &Clean,
    world: &World,
    (at, case, strikes): (u64, &Case, Strikes),
) -> Option<String> {
    let mock = &world.bitbucket.mock;
    mock.clear_faults();
    mock.add_fault(FaultRule {
        nth: (strikes == Strikes::Once).then_some(at),
        from: (strikes == Strikes::FromThenOn).then_some(at),
        then: case.fault.clone(),
        ..FaultRule::default()
    });
    let result = world.run(operation);
    mock.clear_faults();
    let allowed = || {
        EXCEPTIONS
            .iter()
            .filter(|one| one.method.is_empty() || one.method == operation.method)
            .filter(|one| one.faults.contains(&case.name.as_str()))
            .map(|one| one.allowed)
    };
    match result {
        Err(error) => {
            let is_expected = case.kinds.contains(&error.kind)
                || allowed().any(|allowed| allowed == Allowed::Error(error.kind));
            (!is_expected).then(|| format!("the error {error}"))
        }
        Ok(found) => {
            let is_other = found != clean.result
                && !allowed().any(
                    |allowed| matches!(allowed, Allowed::Success(part) if found.contains(part)),
                );
            if is_other {
                return Some(format!("the result\n{found}\nnot\n{}", clean.result));
            }
            if operation.effect == Effect::Reads {
                return None;
            }
            let state = (operation.state)(world);
            let is_left = state == clean.before
                && allowed().any(|allowed| allowed == Allowed::SuccessWithoutEffect);
            (state != clean.state && !is_left)
                .then(|| format!("success, but the state\n{state}\nnot\n{}", clean.state))
        }
    }
}

/// Whether everything is to run, however long it takes.
fn all_is_wanted() -> bool {
    std::env::var_os("FAULT_MATRIX").is_some_and(|wanted| wanted == "all")
}

/// Whether a combination runs: a fixed part of all, unless all are wanted.
fn is_chosen(operation: usize, at: u64, case: usize, strikes: Strikes) -> bool {
    if all_is_wanted() {
        return true;
    }
    let number = operation + usize::try_from(at).unwrap_or(0) * 5 + case * 3;
    match (at, strikes) {
        (1, Strikes::Once) => number % 2 == 0,
        (_, Strikes::Once) => number % 6 == 0,
        (_, Strikes::FromThenOn) => number % 12 == 1,
    }
}

/// The part that runs against a process for each run: an engine starts one in a
/// fraction of a second, and there are thousands.
fn is_chosen_isolated(operation: usize, at: u64, case: usize, strikes: Strikes) -> bool {
    let cases = if all_is_wanted() { 1 } else { 24 };
    is_chosen(operation, at, case, strikes)
        && (all_is_wanted() || (at, strikes) == (1, Strikes::Once))
        && (operation + case) % cases == 0
}

/// The part of the matrix of every `of`-th operation from this one.
fn run_part(part: usize, of: usize, effect: Effect) {
    run(part, of, effect, Hosting::InProcess);
}

fn run(part: usize, of: usize, effect: Effect, hosting: Hosting) {
    let is_chosen = match hosting {
        Hosting::InProcess => is_chosen,
        Hosting::Isolated => is_chosen_isolated,
    };
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a free port");
    elsewhere.set_nonblocking(true).expect("a listener");
    let origin = format!("http://{}", elsewhere.local_addr().expect("an address"));
    let cases = cases(&origin);
    let mut wrong = Vec::new();
    let mut runs = 0;
    let operations: Vec<Operation> = operations()
        .into_iter()
        .filter(|operation| operation.effect == effect)
        .collect();
    for (number, operation) in operations.iter().enumerate().skip(part).step_by(of) {
        let new_world = || {
            let mut world = operation.world();
            world.hosting = hosting;
            world
        };
        let mut world = new_world();
        let clean = clean(operation, &world);
        for at in 1..=clean.requests {
            for (index, case) in cases.iter().enumerate() {
                for strikes in [Strikes::Once, Strikes::FromThenOn] {
                    if !is_chosen(number, at, index, strikes) {
                        continue;
                    }
                    if effect == Effect::Changes {
                        world = new_world();
                    }
                    runs += 1;
                    let found = judge(operation, &clean, &world, (at, case, strikes));
                    wrong.extend(found.map(|found| {
                        let method = operation.method;
                        let name = &case.name;
                        format!("{method}, request {at} {strikes:?} {name}: {found}")
                    }));
                }
            }
        }
    }
    println!("{runs} runs");
    let was_asked = elsewhere.accept().is_ok();
    assert!(!was_asked, "somebody followed a link to another place");
    assert!(
        wrong.is_empty(),
        "{} of {runs}:\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn reading_with_a_fault_gives_an_error_or_the_whole_result_first_half() {
    run_part(0, 2, Effect::Reads);
}

#[test]
fn reading_with_a_fault_gives_an_error_or_the_whole_result_second_half() {
    run_part(1, 2, Effect::Reads);
}

#[test]
fn changing_with_a_fault_gives_an_error_or_is_done_once_first_half() {
    run_part(0, 2, Effect::Changes);
}

#[test]
fn changing_with_a_fault_gives_an_error_or_is_done_once_second_half() {
    run_part(1, 2, Effect::Changes);
}

#[test]
fn reading_and_changing_from_a_process_of_its_own_end_in_the_same_ways() {
    run(0, 1, Effect::Reads, Hosting::Isolated);
    run(0, 1, Effect::Changes, Hosting::Isolated);
}

#[test]
fn every_exception_has_a_reason_and_a_method_that_exists() {
    let methods: Vec<&str> = operations().iter().map(|one| one.method).collect();
    let names: Vec<String> = cases("").into_iter().map(|case| case.name).collect();
    for exception in EXCEPTIONS {
        assert!(!exception.reason.is_empty());
        assert!(exception.method.is_empty() || methods.contains(&exception.method));
        for fault in exception.faults {
            assert!(names.iter().any(|name| name == fault), "{fault}");
        }
    }
}
