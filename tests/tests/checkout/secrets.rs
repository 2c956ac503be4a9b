//! A planted secret is in no environment, argument, file or log of any process
//! below the checkout, and no other host gets it.

use crate::git_server::{GitServer, Manner};
use crate::support::{AUTHORIZATION, PASSWORD, USER, World, add_submodule, git, head};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

pub(crate) fn private(delay: u64) -> Manner {
    Manner {
        authorization: Some(AUTHORIZATION.to_owned()),
        delay: Duration::from_millis(delay),
        ..Manner::default()
    }
}

/// What was seen of the processes below another.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) commands: BTreeSet<String>,
    pub(crate) leaks: BTreeSet<String>,
}

/// Looks at all processes below this one, once.
fn look(top: u32, secrets: &[&str], seen: &mut Seen) {
    let mut parents = HashMap::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        parents.insert(pid, parent.unwrap_or(0));
    }
    let is_below = |mut pid: u32| {
        for _ in 0..64 {
            match parents.get(&pid) {
                Some(parent) if *parent == top => return true,
                Some(parent) => pid = *parent,
                None => return false,
            }
        }
        false
    };
    let own = std::fs::read(format!("/proc/{top}/cmdline")).unwrap_or_default();
    let own = String::from_utf8_lossy(&own).replace('\0', " ");
    for pid in parents.keys().copied().filter(|pid| is_below(*pid)) {
        let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        // The engine's own program without arguments tries a plugin. It ends before
        // git begins, and has the environment that the user gave the engine; so has
        // a process of the engine that has not become another program yet.
        if arguments.trim_end().ends_with("/engine") || arguments == own {
            continue;
        }
        let environment = String::from_utf8_lossy(&read("environ")).into_owned();
        let shows = |secret: &&str| arguments.contains(*secret) || environment.contains(*secret);
        if secrets.iter().any(shows) {
            seen.leaks.insert(arguments.clone());
        }
        seen.commands.insert(arguments);
    }
}

/// Runs a command to its end while the processes below it are looked at.
pub(crate) fn watched(command: &mut Command, secrets: &[&str]) -> (Option<i32>, String, Seen) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command");
    let mut seen = Seen::default();
    let status = loop {
        look(child.id(), secrets, &mut seen);
        if let Some(status) = child.try_wait().expect("its state") {
            break status;
        }
    };
    let output = child.wait_with_output().expect("its output");
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    (status.code(), said, seen)
}

/// The files below a directory that contain a text.
fn files_with(directory: &Path, text: &str) -> String {
    let found = Command::new("grep")
        .args(["-rlF", "--", text])
        .arg(directory)
        .output()
        .expect("grep");
    String::from_utf8_lossy(&found.stdout).into_owned()
}

#[test]
fn the_secret_reaches_git_through_the_helper_s_pipe_alone() {
    let world = World::new();
    let lib = world.repository("lib", &[]);
    add_submodule(&world.app(), "lib", "../lib", &head(&lib));
    let server = world.serve_with(private(60));
    let file = world.write("kept/password", PASSWORD);
    let temporary = world.path("tmp");
    std::fs::create_dir(&temporary).expect("a directory");
    let url = server.url("app");
    for (name, reference) in [
        ("file", format!("file:{}", file.display())),
        ("env", "env:WORKER_PASSWORD".to_owned()),
    ] {
        let target = world.path(name);
        let target = target.to_str().expect("a path");
        let mut command = world.action(&["git-clone", &url, target, "--user", USER]);
        command
            .args(["--password", &reference, "--log-level", "trace"])
            .env("TMPDIR", &temporary);
        if name == "env" {
            command.env("WORKER_PASSWORD", PASSWORD);
        }
        let (code, said, seen) = watched(&mut command, &[PASSWORD]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(seen.leaks, BTreeSet::new());
        let saw = |name: &str| seen.commands.iter().any(|line| line.contains(name));
        assert!(
            saw("git-remote-http") || saw("remote-http"),
            "{:?}",
            seen.commands
        );
        assert!(!said.contains(PASSWORD), "{said}");
        assert_eq!(files_with(Path::new(target), PASSWORD), "");
        assert!(Path::new(target).join("lib/file3").exists());
    }
    let left = std::fs::read_dir(&temporary).expect("a directory").count();
    assert_eq!(left, 0, "files are left in the temporary directory");
}

#[test]
fn a_wrong_password_is_told_without_it() {
    let world = World::new();
    let server = world.serve_with(private(0));
    let file = world.write("kept/password", "wrong-s3cret");
    let reference = format!("file:{}", file.display());
    let ran = world.clone(
        &server.url("app"),
        &["--user", USER, "--password", &reference],
    );
    assert_eq!(ran.code, Some(43), "{ran:?}");
    assert!(!format!("{ran:?}").contains("wrong-s3cret"), "{ran:?}");
}

#[test]
fn a_secret_on_the_command_line_is_not_taken_and_not_repeated() {
    let world = World::new();
    for option in ["--password", "--private-key", "--proxy"] {
        let value = "http://u:hunter2@proxy:1";
        let ran = world.clone("http://127.0.0.1:1/app", &[option, value]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
        assert!(format!("{ran:?}").contains("env:NAME"), "{ran:?}");
    }
}

fn authorized(server: &GitServer) -> usize {
    let requests = server.requests();
    requests
        .iter()
        .filter(|request| request.header("authorization").is_some())
        .count()
}

#[test]
fn neither_a_submodule_of_another_host_nor_a_redirect_gets_the_credential() {
    let world = World::new();
    let stranger = world.serve_with(private(0));
    add_submodule(
        &world.app(),
        "sub",
        &stranger.url("app"),
        &head(&world.app()),
    );
    let server = world.serve_with(private(0));
    let file = world.write("kept/password", PASSWORD);
    let reference = format!("file:{}", file.display());
    let more = ["--user", USER, "--password", &reference];
    let ran = world.clone(&server.url("app"), &more);
    assert_eq!(ran.code, Some(43), "{ran:?}");
    let place = format!("http://127.0.0.1:{}", stranger.port);
    assert!(ran.stdout.contains(&place), "{ran:?}");
    assert_eq!(authorized(&stranger), 0);

    let forwarding = world.serve_with(Manner {
        redirect: Some(place),
        ..Manner::default()
    });
    let ran = world.clone(&forwarding.url("app"), &more);
    assert_ne!(ran.code, Some(0), "{ran:?}");
    assert_eq!(authorized(&stranger), 0);
    assert!(!world.work().exists());
    // Without submodules the repository itself is there.
    let more = [&more[..], &["--submodules=false"]].concat();
    let _ = world.clone(&server.url("app"), &more).success();
    assert_eq!(git(&world.work(), &["ls-files", "file1"]), "file1");
}
