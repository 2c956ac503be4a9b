//! Remotes over SSH, against a real sshd.

use crate::support::World;
use integration_tests::engine::{Ran, run};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SSHD: &str = "/usr/sbin/sshd";

struct Sshd {
    child: Child,
    port: u16,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // One that has ended already needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keygen(file: &Path, passphrase: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", passphrase, "-f"])
        .arg(file)
        .status();
    assert!(made.is_ok_and(|status| status.success()));
}

/// A server that knows the key `world/key`.
fn start(world: &World) -> Sshd {
    // An sshd that runs as root wants this directory.
    let _ = std::fs::create_dir_all("/run/sshd");
    let port = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = port.local_addr().expect("its address").port();
    for name in ["host", "key", "other"] {
        keygen(&world.path(name), "");
    }
    keygen(&world.path("locked"), "the-passphrase");
    let keys = ["key.pub", "locked.pub"]
        .map(|name| std::fs::read_to_string(world.path(name)).expect("a key"));
    let authorized = world.write("authorized", &keys.concat());
    let config = world.write(
        "sshd_config",
        &format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\n\
             StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n",
            world.path("host").display(),
            authorized.display()
        ),
    );
    let child = Command::new(SSHD)
        .args(["-D", "-e", "-f"])
        .arg(config)
        .stderr(Stdio::null())
        .spawn()
        .expect("sshd");
    let mut sshd = Sshd { child, port };
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = sshd.child.try_wait().expect("its state");
        assert!(ended.is_none(), "sshd does not start: {ended:?}");
        assert!(begin.elapsed() < Duration::from_secs(10), "sshd is silent");
        std::thread::sleep(Duration::from_millis(10));
    }
    let host_key = std::fs::read_to_string(world.path("host.pub")).expect("a key");
    world.write("known_hosts", &format!("[127.0.0.1]:{port} {host_key}"));
    sshd
}

fn clone(world: &World, sshd: &Sshd, target: &str, more: &[&str]) -> Ran {
    let user = Command::new("id").arg("-un").output().expect("id");
    let user = String::from_utf8(user.stdout).expect("a name");
    let url = format!(
        "ssh://{}@127.0.0.1:{}{}",
        user.trim(),
        sshd.port,
        world.app().display()
    );
    let target = world.path(target);
    let words = [
        "git-clone",
        &url,
        target.to_str().expect("a path"),
        "--json",
    ];
    let mut command = world.action(&[&words, more].concat());
    run(command.env("SSH_AUTH_SOCK", "/nowhere"))
}

fn reference(world: &World, name: &str) -> String {
    format!("file:{}", world.path(name).display())
}

#[test]
#[ignore = "needs an SSH server (package openssh-server)"]
fn a_key_opens_a_known_host_and_no_other() {
    let world = World::new();
    let sshd = start(&world);
    let known_hosts = world.path("known_hosts");
    let known_hosts = known_hosts.to_str().expect("a path");
    let key = reference(&world, "key");
    let ran = clone(
        &world,
        &sshd,
        "with-key",
        &["--private-key", &key, "--known-hosts", known_hosts],
    );
    let _ = ran.success();
    assert!(world.path("with-key/file3").exists());

    let ran = clone(&world, &sshd, "unknown-host", &["--private-key", &key]);
    assert_eq!(ran.code, Some(49), "{ran:?}");
    assert!(ran.stdout.contains("known hosts"), "{ran:?}");

    let other = reference(&world, "other");
    let ran = clone(
        &world,
        &sshd,
        "with-other",
        &["--private-key", &other, "--known-hosts", known_hosts],
    );
    assert_eq!(ran.code, Some(43), "{ran:?}");
    assert!(!world.path("with-other").exists());
}

#[test]
#[ignore = "needs an SSH server (package openssh-server)"]
fn a_key_with_a_passphrase_wants_it() {
    let world = World::new();
    let sshd = start(&world);
    let known_hosts = world.path("known_hosts");
    let key = reference(&world, "locked");
    let more = [
        "--private-key",
        &key,
        "--known-hosts",
        known_hosts.to_str().expect("a path"),
    ];
    let ran = clone(&world, &sshd, "without", &more);
    assert_eq!(ran.code, Some(41), "{ran:?}");
    assert!(ran.stdout.contains("passphrase"), "{ran:?}");
    world.write("kept/passphrase", "the-passphrase\n");
    let passphrase = reference(&world, "kept/passphrase");
    let more = [&more[..], &["--passphrase", &passphrase]].concat();
    let _ = clone(&world, &sshd, "with", &more).success();
}
