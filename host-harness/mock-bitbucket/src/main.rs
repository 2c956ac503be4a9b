//! The program `mock-bitbucket`: a Bitbucket Cloud to test against.

use std::process::ExitCode;

use clap::Parser;
use mock_bitbucket::command::{self, MockArguments};

/// A faithful, stateful Bitbucket Cloud over real git repositories, for tests.
#[derive(Parser)]
#[command(name = "mock-bitbucket", version)]
struct Arguments {
    #[command(flatten)]
    mock: MockArguments,
}

fn main() -> ExitCode {
    match command::run(&Arguments::parse().mock) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mock-bitbucket: {error}");
            ExitCode::FAILURE
        }
    }
}
