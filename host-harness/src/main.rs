//! The command `engine`; everything stands in [`host_harness::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = host_harness::loader::serve_trial() {
        return code;
    }
    host_harness::cli::run()
}
