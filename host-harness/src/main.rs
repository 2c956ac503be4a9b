//! The command `engine`.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = host_harness::loader::serve_trial() {
        return code;
    }
    ExitCode::SUCCESS
}
