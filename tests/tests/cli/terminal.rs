//! What a person at a terminal gets: tables that fit, and the next useful command. A
//! script gets neither.

use integration_tests::engine::{Engine, REPO};
use integration_tests::sandbox::GitSandbox;
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

/// Runs a command whose outputs are a terminal with so many columns; gives what the
/// terminal shows.
fn on_a_terminal(mut command: Command, columns: u16) -> String {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(i32::try_from(OFlags::NOCTTY.bits()).unwrap())
        .open(OsStr::from_bytes(name.as_bytes()))
        .unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&terminal, size).unwrap();
    command
        .env("TERM", "xterm")
        .stdout(terminal.try_clone().unwrap())
        .stderr(terminal);
    let mut child = command.spawn().unwrap();
    // The terminal is the child's alone from here on, and closes with it.
    drop(command);
    let mut shown = Vec::new();
    let mut person = std::fs::File::from(person);
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = person.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..count]);
    }
    assert!(child.wait().unwrap().success());
    String::from_utf8_lossy(&shown).into_owned()
}

#[test]
fn a_table_fits_the_terminal_and_the_next_command_is_named() {
    let git = GitSandbox::small();
    git.write("file", "more");
    git.commit_all(&"a subject that is much too long ".repeat(6));
    let engine = Engine::serving(git);
    let arguments = ["vcs", "commits", REPO, "--color", "never"];
    let shown = on_a_terminal(engine.command(&arguments), 60);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines.len() > 2 && lines[0].starts_with("COMMIT"), "{shown}");
    let table = lines.iter().filter(|line| !line.starts_with("next: "));
    for line in table {
        assert!(line.chars().count() <= 60, "{line}");
    }
    assert!(shown.contains('…'), "{shown}");
    let next = format!("next: engine vcs list-statuses {REPO} HASH");
    assert!(shown.contains(&next), "{shown}");
    // A script gets whole lines, and nothing on standard error.
    let piped = engine.run(&arguments);
    assert_eq!((piped.code, piped.stderr.as_str()), (Some(0), ""));
    assert!(!piped.stdout.contains('…') && !piped.stdout.contains("next: "));
    assert!(piped.stdout.lines().any(|line| line.chars().count() > 150));
}

#[test]
fn forms_of_output_are_a_table_a_document_and_an_object_a_line() {
    let engine = Engine::serving(GitSandbox::small());
    let branches = |form: &str| {
        let ran = engine.run(&["vcs", "branches", REPO, "--output", form]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran
    };
    let document = branches("json").json();
    let lines: Vec<serde_json::Value> = branches("jsonl")
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(document.as_array(), Some(&lines));
    assert!(branches("table").stdout.contains("COMMIT"));
    let failed = engine.run(&["vcs", "branches", "acme/none", "--output", "jsonl"]);
    assert_eq!(failed.stdout.lines().count(), 1, "{failed:?}");
    assert_eq!(failed.json()["error"]["kind"], "NotFound");
}
