//! `cargo xtask`: builds, stages, runs the demo and the tests.
//!
//! Without dependencies, so that it is built in a moment.
//!
//! - `cargo xtask stage` builds the engine and the provider in the profile
//!   `release` and puts the plugin with its manifest into `plugins` beside the
//!   engine.
//! - `cargo xtask demo [ARGUMENT…]` does the same in the profile `demo`, which
//!   compiles in a third of the time, and runs `engine demo` with the arguments.
//! - `cargo xtask dist` builds both for release and packs what is shipped; see
//!   [`dist`].
//! - `cargo xtask test [--full] [--plain] [ARGUMENT…]` builds what tests load and
//!   runs the tests; see [`suite`].

// Hostile input must come out as an error; a panic is for tests.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]

mod clients;
mod command;
mod debian;
mod dist;
mod files;
mod packing;
mod postgres;
mod prerequisites;
mod stage;
mod suite;
mod tally;

use command::Failure;
use std::ffi::OsString;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask stage | demo [ARGUMENT…] | dist [--out DIR] | test [--full] [--plain] [ARGUMENT…]";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let task = arguments.next();
    let rest: Vec<OsString> = arguments.collect();
    let outcome = match task.as_ref().and_then(|task| task.to_str()) {
        Some("stage") if rest.is_empty() => stage::stage("release").map(|engine| {
            println!("staged: {}", engine.with_file_name("plugins").display());
        }),
        Some("demo") => stage::demo(rest),
        Some("dist") => dist::dist(rest),
        Some("test") => suite::test(rest),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Status(code)) => ExitCode::from(code),
        Err(Failure::Message(message)) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
