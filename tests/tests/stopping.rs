//! SIGTERM ends the engine in order and in time, whatever plugins do.

use integration_tests::place::{Place, manifest_of, until, with_tail, write_manifest};
use integration_tests::{built_example, built_library, built_program};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use vcs_plugin_host::loader::Manifest;

/// How long an engine may take to stop.
const LIMIT: Duration = Duration::from_secs(10);

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Whether the engine has started a process, which is the preflight's.
fn has_child(engine: &Child) -> bool {
    let tasks = fs::read_dir(format!("/proc/{}/task", engine.id())).unwrap();
    tasks.filter_map(Result::ok).any(|task| {
        let children = fs::read_to_string(task.path().join("children"));
        children.is_ok_and(|children| !children.trim().is_empty())
    })
}

#[test]
fn a_reload_with_plugins_that_hang_does_not_hold_up_the_stop() {
    let place = Place::new();
    place.install_pinned(&built_library("vcs-misbehaving"), "libgood.so");
    let config = place.scratch().join("config.toml");
    let text = format!(
        "[api]\nlisten = \"127.0.0.1:0\"\n[vcs]\nlisten = \"127.0.0.1:0\"\n\
         [plugins]\ndirectory = {:?}\n[vcs.servers.main.misbehaving]\n",
        place.plugins()
    );
    fs::write(&config, text).unwrap();
    let mut engine = Command::new(built_program("engine"))
        .args(["start", "api", "vcs", "--json", "--config"])
        .arg(&config)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let stdout = engine.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut ready).unwrap();
    assert!(ready.contains("vcs_url"), "{ready}");
    let hanging = built_example("hangs_when_linked");
    for number in 0..5u8 {
        let bytes = fs::read(with_tail(&hanging, &[number], &place)).unwrap();
        let name = format!("libhangs{number}.so");
        let file = place.install_bytes(&bytes, &name);
        // Two of one type would be rejected before they are tried.
        let manifest = Manifest {
            provider_type: format!("hangs-{number}"),
            ..manifest_of(&name, &bytes)
        };
        write_manifest(&file, &manifest);
    }
    signal(&engine, "HUP");
    until("the preflight of a plugin that hangs", || {
        has_child(&engine)
    });
    let begun = Instant::now();
    signal(&engine, "TERM");
    let status = engine.wait().unwrap();
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    assert_eq!(status.code(), Some(0), "{status}");
}
