//! Providers that fail, panic or hang, inside the engine and in processes of
//! their own: a swap and the calls of others go on in the same way.

use super::{branch_request, context, misbehaving, server_of};
use integration_tests::place::{Hosting, drops, until};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use vcs_plugin_host::registry::GenerationState;
use vcs_provider_interface::prelude::*;

/// Makes each test one for both ways to host a plugin.
macro_rules! in_both_ways {
    ($( $name:ident; )*) => {
        mod in_process {
            $( #[test] fn $name() { super::$name(super::Hosting::InProcess); } )*
        }
        mod in_a_process_of_its_own {
            $( #[test] fn $name() { super::$name(super::Hosting::Isolated); } )*
        }
    };
}

in_both_ways! {
    a_client_from_before_a_swap_goes_on_with_the_new_generation;
    a_constructor_that_fails_panics_or_hangs_leaves_the_old_generation_serving;
    a_slow_constructor_holds_up_no_call;
    a_panic_in_a_call_is_an_error_and_the_next_instance_serves;
    a_panic_in_a_drop_hurts_nobody;
    an_endless_call_drop_or_thread_holds_up_nobody_else;
}

fn a_client_from_before_a_swap_goes_on_with_the_new_generation(hosting: Hosting) {
    let swapped = misbehaving(hosting, "good");
    let client = swapped.client();
    client.branch(&context(), branch_request("a")).unwrap();
    swapped.reconfigure("good");
    client.branch(&context(), branch_request("b")).unwrap();
    let health = swapped.registry.health();
    let generation = server_of(&health).generation.clone().unwrap();
    assert_eq!((generation.number, generation.calls), (2, 1));
    // The handle is still there, and the old generation went all the same.
    until("the drop of the old generation", || {
        drops(&swapped.host) == 1
    });
    until("the end of its process, if it has one", || {
        swapped.registry.health().counts.instances_dropped == 1
    });
}

fn a_constructor_that_fails_panics_or_hangs_leaves_the_old_generation_serving(hosting: Hosting) {
    let swapped = misbehaving(hosting, "good");
    let client = swapped.client();
    for (config, code) in [
        ("error in constructor", "constructor_failed"),
        ("panic in constructor", "constructor_failed"),
        ("slow constructor", "constructor_timed_out"),
        ("error in probe", "probe_failed"),
        ("panic in probe", "probe_failed"),
        ("endless probe", "probe_timed_out"),
    ] {
        let settings = swapped.settings("misbehaving", config);
        let error = swapped.registry.configure(settings).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
        let health = swapped.registry.health();
        let rejection = server_of(&health).last_rejection.clone().unwrap();
        assert_eq!(rejection.code, code);
        assert_eq!(server_of(&health).generation.as_ref().unwrap().number, 1);
        client.branch(&context(), branch_request("a")).unwrap();
    }
    assert_eq!(swapped.registry.health().counts.rejected, 6);
}

fn a_slow_constructor_holds_up_no_call(hosting: Hosting) {
    let swapped = misbehaving(hosting, "good");
    let client = swapped.client();
    let (begun, is_running) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            begun.send(()).unwrap();
            let settings = swapped.settings("misbehaving", "slow constructor");
            swapped.registry.configure(settings).unwrap_err();
        });
        is_running.recv().unwrap();
        let started = Instant::now();
        for _ in 0..100 {
            client.branch(&context(), branch_request("a")).unwrap();
            let _ = swapped.registry.health();
        }
        assert!(started.elapsed() < Duration::from_secs(2));
    });
}

fn a_panic_in_a_call_is_an_error_and_the_next_instance_serves(hosting: Hosting) {
    let swapped = misbehaving(hosting, "panic on demand");
    let client = swapped.client();
    let error = client
        .branch(&context(), branch_request("panic"))
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::INTERNAL);
    until("the replacement", || {
        client.branch(&context(), branch_request("a")).is_ok()
    });
    let health = swapped.registry.health();
    assert_eq!(health.counts.replaced, 1);
    let generation = server_of(&health).generation.clone().unwrap();
    assert_eq!(
        (generation.number, generation.state),
        (2, GenerationState::Serving)
    );
    until("the drop of the poisoned instance", || {
        drops(&swapped.host) == 1
    });
}

fn a_panic_in_a_drop_hurts_nobody(hosting: Hosting) {
    for config in ["panic in drop", "panic in drop of client"] {
        let swapped = misbehaving(hosting, config);
        let client = swapped.client();
        client.branch(&context(), branch_request("a")).unwrap();
        swapped.reconfigure("good");
        client.branch(&context(), branch_request("a")).unwrap();
        until("the drop", || {
            swapped.registry.health().counts.instances_dropped == 1
        });
        // From another process the log comes on a way of its own.
        until("what it logged", || drops(&swapped.host) == 1);
    }
}

fn an_endless_call_drop_or_thread_holds_up_nobody_else(hosting: Hosting) {
    for config in ["endless call", "endless drop", "thread left behind"] {
        let swapped = misbehaving(hosting, config);
        let endless = swapped.client();
        let (entered, is_inside) = mpsc::channel();
        // The thread stays behind: nothing can end it.
        std::thread::spawn(move || {
            entered.send(()).unwrap();
            let _ = endless.branch(&context(), branch_request("a"));
        });
        is_inside.recv().unwrap();
        until("the call", || {
            let health = swapped.registry.health();
            server_of(&health).generation.as_ref().unwrap().calls >= 2
        });
        swapped.reconfigure("good");
        let client = swapped.client();
        client.branch(&context(), branch_request("a")).unwrap();
        let health = swapped.registry.health();
        if config == "endless call" {
            let draining = &server_of(&health).draining;
            assert_eq!(draining.len(), 1);
            assert_eq!(
                (draining[0].state, draining[0].in_flight),
                (GenerationState::Draining, 1)
            );
        }
    }
}

#[test]
fn a_provider_that_always_panics_is_replaced_a_bounded_number_of_times() {
    let swapped = misbehaving(Hosting::InProcess, "panic in method");
    let client = swapped.client();
    let limit = 5;
    until("the last replacement", || {
        let error = client.branch(&context(), branch_request("a")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::INTERNAL);
        swapped.registry.health().counts.replaced == limit
    });
    // Beyond that it is reported, and calls fail at once instead of hanging.
    until("the report", || {
        client.branch(&context(), branch_request("a")).unwrap_err();
        let health = swapped.registry.health();
        server_of(&health).generation.as_ref().unwrap().state == GenerationState::Poisoned
    });
    for _ in 0..50 {
        client.branch(&context(), branch_request("a")).unwrap_err();
    }
    assert_eq!(swapped.registry.health().counts.replaced, limit);
}
