//! The command `engine`; everything stands in [`host_harness::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    host_harness::cli::run()
}
