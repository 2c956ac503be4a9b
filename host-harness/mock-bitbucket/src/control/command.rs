//! The command `engine mock bitbucket`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::json;
use toml::{Table, Value};

use crate::control::error::MockError;
use crate::control::handle::{MockBitbucket, split_name};
use crate::http::faults::FaultPlan;
use crate::http::record::create_private;
use crate::model::oauth::OAuthPolicy;

/// Serves a mocked Bitbucket Cloud over real git repositories until it is ended.
///
/// When it is ready it prints one line of JSON with `api_url`, `oauth_url`,
/// `web_url` and `credentials`. Hooks may point at this machine unless
/// `--reject-local-hook-urls` is given.
#[derive(Args, Clone, Debug)]
pub struct MockArguments {
    /// Where to listen; port 0 takes any free port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Serves the git repository at PATH, bare or not, as WS/SLUG. May be repeated.
    #[arg(long = "repo", value_name = "WS/SLUG=PATH", value_parser = parse_repository)]
    pub repositories: Vec<(String, PathBuf)>,
    /// Plans faults by a JSON file: {"rules": [{"method", "route", "path", "nth",
    /// "from", "every", "times", "then": {"delay_ms", "status", "headers", "body",
    /// "html", "replace_json", "remove_json", "foreign_next", "loop_next",
    /// "cut_after_bytes", "reset", "perform"}}]}. `path` takes `*` for anything;
    /// `nth`, `from`, `every` and `times` count the requests that fit, from 1.
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Writes every request and response to FILE, one JSON line each, without secrets.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Waits so many milliseconds before every response.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub latency: u64,
    /// Writes a config file (mode 0600) with which the engine reaches this mock.
    #[arg(long, value_name = "FILE")]
    pub write_config: Option<PathBuf>,
    /// Rejects hooks that point at this machine or a private network, as the real
    /// service does.
    #[arg(long)]
    pub reject_local_hook_urls: bool,
    /// Takes raw slashes in names of branches and tags and unknown query parameters,
    /// as the real service does, for other people's clients. Strict by default.
    #[arg(long)]
    pub lenient: bool,
    /// Begins with what this JSON file holds: users, workspaces, repositories, tokens,
    /// hooks, pull_requests. See the page of the crate for its form.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Writes what the mock holds at its end to FILE, in the same form, without
    /// secrets.
    #[arg(long, value_name = "FILE")]
    pub dump_state: Option<PathBuf>,
    /// Makes the same identifiers and secrets in every run.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Speaks HTTPS, and writes the certificate of its fresh authority to FILE (PEM).
    #[arg(long, value_name = "FILE")]
    pub tls: Option<PathBuf>,
    /// Serves the control API here: push, clock, faults, tokens, state. It asks for no
    /// credential; keep it on a loopback address. Port 0 takes any free port.
    #[arg(long, value_name = "ADDR")]
    pub control: Option<SocketAddr>,
    /// A callback address of the OAuth consumer. May be repeated.
    #[arg(long = "callback", alias = "callback-url", value_name = "URL")]
    pub callback_urls: Vec<String>,
    /// How many seconds an OAuth access token lives.
    #[arg(long, value_name = "SECONDS", default_value_t = 7200)]
    pub access_token_lifetime: u64,
}

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The mock could not be started.
    #[error(transparent)]
    Mock(#[from] MockError),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The fault plan is not right.
    #[error("{path}: {source}")]
    Faults {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The state is not right.
    #[error("{path}: {source}")]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Signals cannot be waited for, or standard output is closed.
    #[error("{0}")]
    Terminal(#[from] std::io::Error),
}

/// Runs the command: starts, prints the line, serves until SIGINT or SIGTERM.
///
/// # Errors
///
/// When a file cannot be read or written or the mock cannot be started.
pub fn run(arguments: &MockArguments) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        // Before the line is printed: who reads it may end the mock at once.
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        let mock = start(arguments)?;
        let mut output = std::io::stdout().lock();
        writeln!(output, "{}", ready_line(&mock))?;
        output.flush()?;
        drop(output);
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        if let Some(path) = &arguments.dump_state {
            let state = serde_json::to_string_pretty(&mock.dump_state()).map_err(|source| {
                CommandError::State {
                    path: path.clone(),
                    source,
                }
            })?;
            write(path, &state)?;
        }
        drop(mock);
        Ok(())
    })
}

fn start(arguments: &MockArguments) -> Result<MockBitbucket, CommandError> {
    let mut builder = MockBitbucket::builder()
        .listen(arguments.listen)
        .latency(Duration::from_millis(arguments.latency))
        .oauth(OAuthPolicy {
            access_lifetime: Duration::from_secs(arguments.access_token_lifetime),
            ..OAuthPolicy::default()
        });
    for (full_name, path) in &arguments.repositories {
        builder = builder.repo(full_name, path);
    }
    if let Some(path) = &arguments.faults {
        let text = read(path)?;
        let plan = FaultPlan::from_json(&text).map_err(|source| CommandError::Faults {
            path: path.clone(),
            source,
        })?;
        builder = builder.faults(plan);
    }
    if let Some(path) = &arguments.record {
        builder = builder.record(path);
    }
    if arguments.reject_local_hook_urls {
        builder = builder.reject_local_hook_urls();
    }
    if let Some(seed) = arguments.seed {
        builder = builder.seed(seed);
    }
    if arguments.tls.is_some() {
        builder = builder.tls();
    }
    if let Some(address) = arguments.control {
        builder = builder.control(address);
    }
    if arguments.lenient {
        builder = builder.lenient();
    }
    for url in &arguments.callback_urls {
        builder = builder.callback_url(url);
    }
    let mock = builder.start()?;
    if let (Some(path), Some(authority)) = (&arguments.tls, mock.authority()) {
        write(path, authority)?;
    }
    if let Some(path) = &arguments.state {
        let text = read(path)?;
        let state = serde_json::from_str(&text).map_err(|source| CommandError::State {
            path: path.clone(),
            source,
        })?;
        mock.load_state(&state)?;
    }
    if let Some(path) = &arguments.write_config {
        write_config(&mock, path).map_err(|source| CommandError::File {
            path: path.clone(),
            source,
        })?;
    }
    Ok(mock)
}

fn read(path: &Path) -> Result<String, CommandError> {
    std::fs::read_to_string(path).map_err(|source| CommandError::File {
        path: path.to_path_buf(),
        source,
    })
}

fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    std::fs::write(path, text).map_err(|source| CommandError::File {
        path: path.to_path_buf(),
        source,
    })
}

/// The line that says that the mock is ready, without its end.
#[must_use]
pub fn ready_line(mock: &MockBitbucket) -> String {
    let token = mock.api_token();
    let consumer = mock.oauth_consumer();
    json!({
        "api_url": mock.api_url(),
        "oauth_url": mock.oauth_url(),
        "web_url": mock.web_url(),
        "control_url": mock.control_url(),
        "credentials": {
            "email": token.email,
            "api_token": token.token.expose(),
            "access_token": mock.access_token().expose(),
            "client_id": consumer.id,
            "client_secret": consumer.secret.expose(),
            "callback_url": consumer.callback_url,
        },
    })
    .to_string()
}

/// Writes a config file with which the engine reaches this mock, readable by its
/// owner only.
///
/// # Errors
///
/// When the file cannot be written.
pub fn write_config(mock: &MockBitbucket, path: &Path) -> std::io::Result<()> {
    let mut file = create_private(path)?;
    file.write_all(config(mock).as_bytes())
}

/// The config as TOML.
fn config(mock: &MockBitbucket) -> String {
    let token = mock.api_token();
    let consumer = mock.oauth_consumer();
    let text = |text: &str| Value::String(text.to_owned());
    let mut auth = Table::new();
    auth.insert("email".into(), text(&token.email));
    auth.insert("token".into(), text(token.token.expose()));
    let mut provider = Table::new();
    provider.insert("apiUrl".into(), text(mock.api_url()));
    provider.insert("oauthUrl".into(), text(mock.oauth_url()));
    provider.insert("webUrl".into(), text(mock.web_url()));
    provider.insert("clientId".into(), text(&consumer.id));
    provider.insert("clientSecret".into(), text(consumer.secret.expose()));
    provider.insert("auth".into(), Value::Table(auth));
    let mut document = provider;
    for name in ["bitbucketcloud", "bitbucketcloud", "servers", "vcs"] {
        document = Table::from_iter([(name.to_owned(), Value::Table(document))]);
    }
    document.to_string()
}

fn parse_repository(text: &str) -> Result<(String, PathBuf), String> {
    let (full_name, path) = text
        .split_once('=')
        .ok_or_else(|| "use WS/SLUG=PATH".to_owned())?;
    split_name(full_name).map_err(|error| error.to_string())?;
    Ok((full_name.to_owned(), PathBuf::from(path)))
}
