//! A log that nobody takes: closed, full, or not read.

use crate::support::{Hook, Place, client, nothing_lost_nothing_twice};
use integration_tests::engine::engine;
use integration_tests::engine_process::PATIENCE;
use std::fs::OpenOptions;

use std::process::{Command, Stdio};

#[test]
fn an_engine_whose_log_is_a_full_device_starts_and_works() {
    let place = Place::new();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let engine = place
        .home
        .start_logging_to(&["--log-level", "trace"], full.into());
    let hook = Hook::link(&engine);
    let agent = client(PATIENCE);
    let numbers: Vec<usize> = (0..20).collect();
    for number in &numbers {
        assert!(hook.deliver(&agent, &engine.api(""), *number));
    }
    nothing_lost_nothing_twice(&engine, &numbers);
    engine.signal("TERM");
    assert!(engine.wait(), "it does not end in order");
}

#[test]
fn deliveries_are_worked_on_after_the_reader_of_the_log_has_gone() {
    let place = Place::new();
    let mut reader = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pipe = reader.stdin.take().unwrap();
    let engine = place
        .home
        .start_logging_to(&["--log-level", "debug"], pipe.into());
    let hook = Hook::link(&engine);
    let agent = client(PATIENCE);
    assert!(hook.deliver(&agent, &engine.api(""), 1));
    reader.kill().unwrap();
    reader.wait().unwrap();
    let numbers: Vec<usize> = (1..20).collect();
    for number in &numbers {
        assert!(hook.deliver(&agent, &engine.api(""), *number));
    }
    nothing_lost_nothing_twice(&engine, &numbers);
}

#[test]
fn nothing_waits_for_a_reader_of_the_log_that_stopped_reading() {
    let place = Place::new();
    // It has a pipe and never reads it.
    let mut sleeper = Command::new("sleep")
        .arg("600")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let pipe = sleeper.stdin.take().unwrap();
    let engine = place
        .home
        .start_logging_to(&["--log-level", "trace"], pipe.into());
    let hook = Hook::link(&engine);
    let agent = client(PATIENCE);
    // At this level, far more is logged than a pipe holds.
    let numbers: Vec<usize> = (0..200).collect();
    for number in &numbers {
        assert!(hook.deliver(&agent, &engine.api(""), *number));
    }
    nothing_lost_nothing_twice(&engine, &numbers);
    engine.signal("TERM");
    assert!(engine.wait(), "it does not end in order");
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
}

#[test]
fn a_failing_command_keeps_its_exit_code_where_nothing_can_be_written() {
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = engine();
    command.args(["vcs", "branches", "acme/widget", "--config", "/nonexistent"]);
    let plain = command.output().unwrap();
    let mut muted = engine();
    muted.args(["vcs", "branches", "acme/widget", "--config", "/nonexistent"]);
    let muted = muted.stderr(full()).output().unwrap();
    assert!(plain.status.code().is_some_and(|code| code > 1));
    assert_eq!(plain.status.code(), muted.status.code());
}

#[test]
fn lines_for_a_collector_are_one_json_object_each() {
    let place = Place::new();
    let engine = place.home.start_with(&["--log-format", "json"]);
    engine.signal("TERM");
    assert!(engine.wait());
    let log = place.home.log();
    assert!(!log.is_empty());
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            line["level"].is_string() && line["message"].is_string(),
            "{line}"
        );
    }
}
