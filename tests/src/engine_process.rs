//! The program `engine` as an administrator runs it: a folder with configuration
//! and plugin, and processes that serve it, can be killed, and start again.

use crate::bitbucket::config_for;
use crate::engine::{engine, plugin_directory};
use hmac::{Hmac, KeyInit, Mac};
use mock_bitbucket::MockBitbucket;
use serde_json::{Value, json};
use sha2::Sha256;
use std::fmt::Display;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use ureq::Agent;

/// The name of the server in the configuration.
pub const SERVER: &str = "cloud";

/// The public address of engines whose address the service need not reach.
pub const PUBLIC_URL: &str = "https://ci.example.com/api";

/// Where the service sends browsers back to, for engines of [`PUBLIC_URL`].
pub const CALLBACK: &str = "https://ci.example.com/cdsapi/repositories_manager/oauth2/callback";

/// How long a test waits for what has to happen.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The folder of an engine: configuration, plugin, and what the engine keeps.
pub struct EngineHome {
    folder: TempDir,
}

/// A running engine. Killed when dropped.
pub struct EngineProcess {
    child: Child,
    agent: Agent,
    /// The first line of its standard output.
    pub ready: Value,
    /// The token that callers show.
    pub token: String,
}

fn must<T, E: Display>(result: Result<T, E>, what: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}

impl EngineHome {
    /// A home for an engine that reaches this mock: `provider` is added to the
    /// provider's table, `api` to the table of the api service.
    ///
    /// # Panics
    /// If something cannot be built or written: a test cannot go on. The same
    /// holds for everything here.
    #[must_use]
    pub fn new(mock: &MockBitbucket, api: &str, provider: &str) -> Self {
        Self::listening(mock, "127.0.0.1:0", api, provider)
    }

    /// [`EngineHome::new`], with the address that the api service listens on.
    #[must_use]
    pub fn listening(mock: &MockBitbucket, address: &str, api: &str, provider: &str) -> Self {
        let folder = must(TempDir::new(), "no temporary folder");
        let plugins = plugin_directory();
        let config = format!(
            "[api]\nlisten = \"{address}\"\n{api}\n[vcs]\nlisten = \"127.0.0.1:0\"\n\
             [plugins]\ndirectory = \"{}\"\n\
             [vcs.servers.{SERVER}.bitbucketcloud]\n{}\n{provider}\n",
            plugins.display(),
            config_for(mock),
        );
        let home = Self { folder };
        let file = home.path("config.toml");
        must(fs::write(&file, config), "config.toml");
        must(
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)),
            "config.toml",
        );
        home
    }

    /// A home for an engine that is called from outside at [`PUBLIC_URL`].
    #[must_use]
    pub fn public(mock: &MockBitbucket, provider: &str) -> Self {
        let api = format!("url = \"{PUBLIC_URL}\"\nuiUrl = \"https://ci.example.com\"");
        Self::new(mock, &api, provider)
    }

    /// A file of the home.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Everything that the engine logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("engine.log")).unwrap_or_default()
    }

    /// Starts an engine here and waits until it can be called.
    #[must_use]
    pub fn start(&self) -> EngineProcess {
        self.start_with(&[])
    }

    /// Starts an engine that is to end by itself, and gives what it says then.
    ///
    /// # Panics
    /// If it ends as if all were well.
    #[must_use]
    pub fn refused(&self) -> String {
        let ended = must(self.command(&[]).output(), "the engine does not start");
        assert!(!ended.status.success(), "the engine was not refused");
        String::from_utf8_lossy(&ended.stderr).into_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = engine();
        command
            .args(["start", "api", "vcs", "--json", "--movable-clock"])
            .arg("--config")
            .arg(self.path("config.toml"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts an engine with further arguments.
    ///
    /// # Panics
    /// With its log, if it does not start.
    #[must_use]
    pub fn start_with(&self, arguments: &[&str]) -> EngineProcess {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("engine.log"));
        self.start_logging_to(arguments, must(log, "engine.log").into())
    }

    /// Starts an engine whose standard error is this, such as a full device.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start_logging_to(&self, arguments: &[&str], log: Stdio) -> EngineProcess {
        let mut command = self.command(arguments);
        command.stderr(log);
        self.started(command)
    }

    /// Starts an engine by a shell that first runs these words, such as
    /// `ulimit -f 100`.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start_after(&self, words: &str) -> EngineProcess {
        let plain = self.command(&[]);
        let mut command = Command::new("bash");
        command
            .arg("-c")
            .arg(format!("{words}; exec \"$0\" \"$@\""))
            .arg(plain.get_program())
            .args(plain.get_args())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("engine.log"));
        command.stderr(must(log, "engine.log"));
        self.started(command)
    }

    fn started(&self, mut command: Command) -> EngineProcess {
        let mut child = must(command.spawn(), "the engine does not start");
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            must(BufReader::new(output).read_line(&mut line), "its output");
        }
        let ready: Value = match serde_json::from_str(&line) {
            Ok(ready) => ready,
            Err(_) => panic!("the engine is not ready: {line}\n{}", self.log()),
        };
        let token = ready["token_file"].as_str().unwrap_or_default();
        let token = must(fs::read_to_string(token), "the token's file");
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .build();
        EngineProcess {
            child,
            agent: agent.into(),
            ready,
            token,
        }
    }
}

impl EngineProcess {
    /// An address of the api service.
    #[must_use]
    pub fn api(&self, path: &str) -> String {
        format!(
            "{}{path}",
            self.ready["api_url"].as_str().unwrap_or_default()
        )
    }

    /// An address of the vcs service.
    #[must_use]
    pub fn vcs(&self, path: &str) -> String {
        format!(
            "{}{path}",
            self.ready["vcs_url"].as_str().unwrap_or_default()
        )
    }

    /// GET with the token: status and body. Status 0 if there is no answer.
    #[must_use]
    pub fn get(&self, url: &str) -> (u16, Value) {
        let request = self.agent.get(url);
        let bearer = format!("Bearer {}", self.token);
        read(request.header("Authorization", bearer).call())
    }

    /// GET as a browser does, without the token.
    #[must_use]
    pub fn browse(&self, url: &str) -> (u16, Value) {
        read(self.agent.get(url).call())
    }

    /// POST of JSON with the token.
    #[must_use]
    pub fn post(&self, url: &str, body: &Value) -> (u16, Value) {
        let request = self
            .agent
            .post(url)
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json");
        read(request.send(body.to_string()))
    }

    /// Links a repository to the application of this name in project `KEY`.
    ///
    /// # Panics
    /// If it is not linked.
    #[must_use]
    pub fn link(&self, application: &str, repo: &str) -> Value {
        let path = format!("/project/KEY/applications/{application}/link");
        let body = json!({ "server": SERVER, "repo": repo });
        let (status, linked) = self.post(&self.api(&path), &body);
        assert_eq!(status, 200, "{linked}");
        linked
    }

    /// Asks until the answer is as it has to become.
    ///
    /// # Panics
    /// If it does not.
    pub fn wait_for(&self, url: &str, is_there: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (_, body) = self.get(url);
            if is_there(&body) {
                return body;
            }
            assert!(Instant::now() < deadline, "{url} stays {body}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until no event waits to be worked on.
    pub fn wait_until_idle(&self) {
        self.wait_for(&self.api("/mon/status"), |status| {
            status["events"]["pending"] == 0
        });
    }

    /// The process's number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The memory that the process holds, in bytes (`VmRSS`).
    ///
    /// # Panics
    /// If the process has ended.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        let status = must(
            fs::read_to_string(format!("/proc/{}/status", self.child.id())),
            "the process's status",
        );
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().split(' ').next());
        kilobytes
            .and_then(|number| number.parse::<u64>().ok())
            .unwrap_or(0)
            * 1024
    }

    /// Ends the process at once, as a crash would (`SIGKILL`).
    pub fn kill(mut self) {
        self.end();
    }

    /// Sends a signal by its name, such as `TERM`, and does not wait.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(must(sent, "kill").success());
    }

    /// Waits until the process has ended by itself; whether it ended well.
    #[must_use]
    pub fn wait(mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = must(self.child.try_wait(), "the engine's end") {
                return status.success();
            }
            assert!(Instant::now() < deadline, "the engine does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn end(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for EngineProcess {
    fn drop(&mut self) {
        self.end();
    }
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
    let Ok(mut answer) = answer else {
        return (0, Value::Null);
    };
    let status = answer.status().as_u16();
    let limit = 256 * 1024 * 1024;
    match answer
        .body_mut()
        .with_config()
        .limit(limit)
        .read_to_string()
    {
        Ok(text) => {
            let body = serde_json::from_str(&text);
            (status, body.unwrap_or(Value::String(text)))
        }
        Err(_) => (0, Value::Null),
    }
}

/// The value of the signature's header for a body, by the service's rule.
///
/// # Panics
/// Never: a key may have any length.
#[must_use]
pub fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = match Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        Ok(mac) => mac,
        Err(error) => panic!("{error}"),
    };
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}
