//! Remotes over SSH: the key is held by an agent of this checkout alone, and a
//! host is trusted by its known key only.

use super::GitError;
use super::credential::CredentialServer;
use super::isolation::isolate;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::secret::Secret;

/// What is needed for SSH.
#[derive(Clone, Debug, Default)]
pub struct SshAccess {
    /// The private key, in OpenSSH's or PEM form.
    pub private_key: Option<Secret>,
    /// The passphrase of the key.
    pub passphrase: Option<Secret>,
    /// Which hosts are trusted.
    pub known_hosts: KnownHosts,
}

/// Which hosts are trusted. An unknown host is always rejected.
#[derive(Clone, Debug, Default)]
pub enum KnownHosts {
    /// Those that the machine and its user know.
    #[default]
    Machine,
    /// Those of a `known_hosts` file.
    File(PathBuf),
    /// These lines of a `known_hosts` file.
    Lines(Vec<String>),
}

impl SshAccess {
    /// The value of `GIT_SSH_COMMAND`, which git hands to a shell.
    pub(super) fn command(
        &self,
        agent: Option<&Agent>,
        directory: &Path,
    ) -> Result<String, GitError> {
        let mut options = [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "UpdateHostKeys=no",
            "PreferredAuthentications=publickey",
            "IdentityFile=none",
            "ForwardAgent=no",
            "ClearAllForwardings=yes",
            "PermitLocalCommand=no",
            "ControlPath=none",
            "ConnectTimeout=30",
            "ServerAliveInterval=15",
        ]
        .map(str::to_owned)
        .to_vec();
        options.push(match agent {
            Some(agent) => format!("IdentityAgent={}", agent.socket.display()),
            None => "IdentityAgent=none".to_owned(),
        });
        let file = match &self.known_hosts {
            KnownHosts::Machine => None,
            KnownHosts::File(file) => Some(file.canonicalize().map_err(|error| {
                GitError::Preparation(format!("known hosts: {}: {error}", file.display()))
            })?),
            KnownHosts::Lines(lines) => {
                let file = directory.join("known_hosts");
                std::fs::write(&file, lines.join("\n") + "\n").map_err(|error| {
                    GitError::Preparation(format!("{}: {error}", file.display()))
                })?;
                Some(file)
            }
        };
        if let Some(file) = file {
            // ssh splits the value at spaces unless it is quoted.
            options.push(format!("UserKnownHostsFile=\"{}\"", file.display()));
            options.push("GlobalKnownHostsFile=none".to_owned());
        }
        let mut command = "ssh -F /dev/null".to_owned();
        for option in options {
            command.push_str(&format!(" -o '{}'", option.replace('\'', "'\\''")));
        }
        Ok(command)
    }
}

/// An ssh-agent that holds one key. It ends with this process, however that
/// ends: its command is a `cat` that reads until this process is gone.
pub(super) struct Agent {
    command: Child,
    agent: Option<rustix::process::Pid>,
    socket: PathBuf,
}

impl Agent {
    /// Starts an agent and gives it the key.
    pub(super) fn start(
        key: &Secret,
        has_passphrase: bool,
        server: &CredentialServer,
    ) -> Result<Self, GitError> {
        let socket = server.directory().join("agent");
        let not_started = |program: &str, error: &std::io::Error| {
            GitError::Preparation(format!(
                "{program}, which a private key needs, cannot be started: {error}"
            ))
        };
        let mut command = Command::new("ssh-agent");
        isolate(&mut command, server.directory(), None);
        let mut child = command
            .arg("-a")
            .arg(&socket)
            .args(["sh", "-c", "echo $SSH_AGENT_PID; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| not_started("ssh-agent", &error))?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            // Without the line it ends with its command, only later.
            let _ = BufReader::new(output).read_line(&mut line);
        }
        let pid = line.trim().parse().ok();
        let agent = Self {
            command: child,
            agent: pid.and_then(rustix::process::Pid::from_raw),
            socket,
        };
        let mut command = Command::new("ssh-add");
        isolate(&mut command, server.directory(), None);
        if has_passphrase {
            let program = server
                .passphrase_program()
                .map_err(|error| GitError::Preparation(error.to_string()))?;
            command
                .env("SSH_ASKPASS", program)
                .env("SSH_ASKPASS_REQUIRE", "force");
        }
        let mut adding = command
            .args(["-q", "-"])
            .env("SSH_AUTH_SOCK", &agent.socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| not_started("ssh-add", &error))?;
        if let Some(mut input) = adding.stdin.take() {
            // A key that is not taken is told by the exit code.
            let _ = input
                .write_all(key.expose().trim_end().as_bytes())
                .and_then(|()| input.write_all(b"\n"));
        }
        let output = adding
            .wait_with_output()
            .map_err(|error| not_started("ssh-add", &error))?;
        if output.status.success() {
            return Ok(agent);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().last().unwrap_or("nothing").trim();
        let advice = if has_passphrase || !said.contains("passphrase") {
            ""
        } else {
            "; it has a passphrase, which is to be named as well"
        };
        let message = format!("the private key cannot be used (ssh-add: {said}){advice}");
        Err(VcsError::new(ErrorKind::INVALID_INPUT, message).into())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(agent) = self.agent {
            // One that has ended already needs no end.
            let _ = rustix::process::kill_process(agent, rustix::process::Signal::TERM);
        }
        let _ = self.command.kill();
        let _ = self.command.wait();
    }
}
