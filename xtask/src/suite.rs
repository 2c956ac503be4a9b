//! The tests: built once, run by `cargo nextest` where it is installed and by
//! `cargo test` elsewhere.
//!
//! Without further arguments all of them run, except for those that compile whole
//! projects (`--full` adds them) and those that lack something; the closing lines
//! say which. Further arguments go to the runner: `cargo xtask test -p
//! integration-tests --test smoke` runs one test binary. `--plain` takes `cargo
//! test` even where nextest is installed.

use crate::clients;
use crate::command::{Failure, cargo, ended, failure, target_directory};
use crate::postgres::SERVER;
use crate::prerequisites::{Found, Prerequisite, look};
use crate::tally::Tally;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Names the file with cargo's messages about what was built, for tests that load
/// libraries and start programs. Without it they ask cargo themselves.
const BUILT_ARTIFACTS: &str = "TEST_BUILT_ARTIFACTS";

/// What the command line asks for.
struct Wanted {
    full: bool,
    plain: bool,
    for_the_runner: Vec<OsString>,
}

impl Wanted {
    fn of(arguments: Vec<OsString>) -> Self {
        let mut wanted = Self {
            full: false,
            plain: false,
            for_the_runner: Vec::new(),
        };
        for argument in arguments {
            match argument.to_str() {
                Some("--full") => wanted.full = true,
                Some("--plain") => wanted.plain = true,
                _ => wanted.for_the_runner.push(argument),
            }
        }
        wanted
    }

    fn everything(&self) -> bool {
        self.for_the_runner.is_empty()
    }
}

pub(crate) fn test(arguments: Vec<OsString>) -> Result<(), Failure> {
    let wanted = Wanted::of(arguments);
    let mut found = look(wanted.full);
    if wanted.everything() {
        found.prerequisites.extend(clients::install());
    }
    let built = build()?;
    let nextest = !wanted.plain && has_nextest();
    let mut suite = Suite {
        found,
        built,
        tally: Tally::default(),
        outcome: Ok(()),
    };
    if nextest {
        suite.nextest(&wanted);
    } else {
        suite.plain(&wanted);
    }
    suite.close(&wanted)
}

struct Suite {
    found: Found,
    built: PathBuf,
    tally: Tally,
    outcome: Result<(), Failure>,
}

impl Suite {
    /// One run of everything, and the tests in documentation, which nextest does
    /// not run.
    fn nextest(&mut self, wanted: &Wanted) {
        let mut arguments = vec![OsString::from("nextest"), OsString::from("run")];
        if wanted.everything() {
            arguments.extend(["--workspace", "--no-fail-fast"].map(OsString::from));
            arguments.extend(["--run-ignored", "all", "-E"].map(OsString::from));
            arguments.push(filter_for_nextest(&self.found.prerequisites).into());
        }
        self.run(&arguments, &wanted.for_the_runner);
        if wanted.everything() {
            self.run(&["test", "--workspace", "--doc"].map(OsString::from), &[]);
        }
    }

    fn plain(&mut self, wanted: &Wanted) {
        let everything = ["test", "--workspace", "--no-fail-fast"].map(OsString::from);
        if !wanted.everything() {
            self.run(&[OsString::from("test")], &wanted.for_the_runner);
            return;
        }
        self.run(&everything, &[]);
        let met: Vec<OsString> = self
            .found
            .prerequisites
            .iter()
            .filter(|need| need.missing.is_none())
            .map(|need| need.module.into())
            .collect();
        if met.is_empty() {
            return;
        }
        let before = self.tally;
        let ignored = ["--lib", "--bins", "--tests", "--", "--ignored"].map(OsString::from);
        let arguments = [&everything[..], &ignored[..]].concat();
        self.run(&arguments, &met);
        // The first run counted them as skipped.
        let ran = (self.tally.passed + self.tally.failed) - (before.passed + before.failed);
        self.tally.skipped = self.tally.skipped.saturating_sub(ran);
    }

    /// Runs cargo, shows its output and counts what it says. The first failure is
    /// the suite's.
    fn run(&mut self, arguments: &[OsString], more: &[OsString]) {
        let mut command = cargo();
        command.args(arguments);
        command.arg("--locked").args(more);
        if arguments.iter().any(|argument| argument == "--") {
            // Behind the dashes everything is the test binary's.
            command = cargo();
            command
                .args(&arguments[..1])
                .arg("--locked")
                .args(&arguments[1..])
                .args(more);
        }
        if !builds_in_another_profile(more) {
            command.env(BUILT_ARTIFACTS, &self.built);
        }
        if let Some(compiler) = &self.found.other_compiler {
            command.env("OTHER_RUSTC", compiler);
        }
        if let Some(server) = &self.found.postgres {
            command.env(SERVER, &server.url);
        }
        let outputs = (std::io::stdout(), std::io::stderr());
        if let Err(error) = tee(&mut command, outputs, &mut self.tally) {
            if self.outcome.is_ok() {
                self.outcome = Err(error);
            }
        }
    }

    fn close(self, wanted: &Wanted) -> Result<(), Failure> {
        if wanted.everything() {
            for need in &self.found.prerequisites {
                if let Some(reason) = &need.missing {
                    println!("skipped: {}: {reason}", need.module);
                }
            }
        }
        println!("{}", self.tally);
        self.outcome
    }
}

/// Builds everything that tests load and start, in one run of cargo: features are
/// chosen once, and what does not build is one clear failure. Returns the file
/// with cargo's messages.
fn build() -> Result<PathBuf, Failure> {
    let output = cargo()
        .args(["build", "--locked", "--workspace"])
        .args(["--lib", "--bins", "--examples"])
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failure("cargo", error))?;
    ended("cargo", output.status)?;
    let messages: String = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| line.contains("\"cdylib\"") || line.contains("\"executable\":\""))
        .map(|line| format!("{line}\n"))
        .collect();
    let scratch = target_directory().join("tmp");
    let file = scratch.join("built-artifacts.json");
    // Copies of former builds that tests shared.
    let _ = fs::remove_dir_all(scratch.join("pinned"));
    fs::create_dir_all(&scratch)
        .and_then(|()| fs::write(&file, messages))
        .map_err(|error| failure(file.display(), error))?;
    Ok(file)
}

fn has_nextest() -> bool {
    cargo()
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Everything but the tests whose need is not met.
fn filter_for_nextest(prerequisites: &[Prerequisite]) -> String {
    prerequisites
        .iter()
        .filter(|need| need.missing.is_some())
        .fold("all()".to_owned(), |filter, need| {
            format!("{filter} - test({}::)", need.module)
        })
}

fn builds_in_another_profile(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| {
        let text = argument.to_string_lossy();
        text == "--release" || text.starts_with("--profile") || text.starts_with("--cargo-profile")
    })
}

/// Runs a command, passes both of its outputs on, and reads their lines.
fn tee(
    command: &mut Command,
    (out, err): (impl Write, impl Write + Send + 'static),
    tally: &mut Tally,
) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    if std::io::stderr().is_terminal() && std::env::var_os("CARGO_TERM_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failure(name.as_str(), error))?;
    let errors = child.stderr.take().map(|stderr| {
        std::thread::spawn(move || {
            let mut tally = Tally::default();
            let outcome = pass_on(stderr, err, &mut tally);
            (outcome, tally)
        })
    });
    let mut outcome = Ok(());
    if let Some(stdout) = child.stdout.take() {
        outcome = pass_on(stdout, out, tally);
    }
    if let Some((other, counted)) = errors.and_then(|thread| thread.join().ok()) {
        outcome = outcome.and(other);
        tally.passed += counted.passed;
        tally.failed += counted.failed;
        tally.skipped += counted.skipped;
    }
    let status = child
        .wait()
        .map_err(|error| failure(name.as_str(), error))?;
    outcome.map_err(|error| failure(name.as_str(), error))?;
    ended(&name, status)
}

fn pass_on(from: impl std::io::Read, mut to: impl Write, tally: &mut Tally) -> std::io::Result<()> {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        tally.read(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(module: &'static str, missing: bool) -> Prerequisite {
        Prerequisite {
            module,
            missing: missing.then(|| "not here".to_owned()),
        }
    }

    #[test]
    fn what_lacks_its_need_is_filtered_out_and_nothing_else() {
        let filter = filter_for_nextest(&[need("needs_a", true), need("needs_b", false)]);
        assert_eq!(filter, "all() - test(needs_a::)");
    }

    #[test]
    fn own_flags_are_taken_and_the_others_passed_on() {
        let arguments = ["--full", "-p", "plugin", "--plain"].map(OsString::from);
        let wanted = Wanted::of(arguments.to_vec());
        assert!(wanted.full && wanted.plain && !wanted.everything());
        assert_eq!(wanted.for_the_runner, ["-p", "plugin"]);
        assert!(Wanted::of(vec!["--full".into()]).everything());
    }

    #[test]
    fn a_failed_command_is_the_suites_failure_and_its_lines_are_counted() {
        let mut tally = Tally::default();
        let script = "echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored'; exit 101";
        let mut command = Command::new("sh");
        let outputs = (std::io::sink(), std::io::sink());
        let outcome = tee(command.args(["-c", script]), outputs, &mut tally);
        assert!(matches!(outcome, Err(Failure::Status(101))));
        assert_eq!(tally.to_string(), "1 passed, 1 failed, 0 skipped");
    }
}
