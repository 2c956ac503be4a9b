//! The command `engine`; everything stands in [`host_harness::cli`].

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

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = vcs_plugin_host::serve_child_process() {
        return code;
    }
    if let Some(code) = vcs_engine::git::serve_credential_helper() {
        return code;
    }
    host_harness::cli::run()
}
