//! Starting and stopping the services: opens the store, binds the addresses,
//! runs everything until told to stop, and stops in order.

use super::background::run_in_background;
use super::clock::{Clock, MovableClock, SystemClock};
use super::config::EngineConfig;
use super::grants::GrantStore;
use super::metrics::LostLogLines;
use super::open_store::{open_grants, open_store};
use super::providers::ConfiguredServers;
use super::services::{AccessToken, Shared, api_router, serve, vcs_router};
use super::store::Store;
use crate::engine::{Engine, Settings};
use crate::servers::Servers;
use serde::Serialize;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vcs_plugin_host::loader::LoaderOptions;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};

/// How long blocking work may take to end after everything else has.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// How long the services and the work that nobody waits for may take to end.
const TASKS_WAIT: Duration = Duration::from_secs(6);

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Which services to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Services {
    /// Projects, consent, linking, webhooks, and the work that follows.
    pub api: bool,
    /// Calls to providers.
    pub vcs: bool,
}

/// How to start.
#[derive(Clone, Debug)]
pub struct StartOptions {
    /// Which services.
    pub services: Services,
    /// The directory of plugins.
    pub plugin_directory: PathBuf,
    /// How plugins are loaded.
    pub loader: LoaderOptions,
    /// Whether the engine's clock can be moved forward by a caller with the
    /// token: for tests and demonstrations.
    pub movable_clock: bool,
    /// How many log lines were lost, where the caller's log counts them.
    pub lost_log_lines: LostLogLines,
}

/// What a started engine says of itself.
#[derive(Clone, Debug, Serialize)]
pub struct Ready {
    /// The address of the api service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
    /// The address of the vcs service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vcs_url: Option<String>,
    /// The file with the token that callers show; `None` if it is elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// The file that the engine's data is in, or the address of the database.
    pub store: PathBuf,
    /// What an administrator should know of the configuration.
    pub notices: Vec<String>,
    /// The process.
    pub pid: u32,
}

/// The parts of an engine that is to be started.
pub struct Parts {
    /// The store.
    pub store: Arc<Store>,
    /// The grants in it.
    pub grants: Arc<GrantStore>,
    /// The token of callers.
    pub token: AccessToken,
    /// The servers.
    pub servers: Arc<dyn Servers>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The same clock, if callers may move it.
    pub movable_clock: Option<Arc<MovableClock>>,
    /// How many log lines were lost.
    pub lost_log_lines: LostLogLines,
}

/// An engine that runs. Dropping it stops it at once; [`Running::stop`] stops
/// it in order.
pub struct Running {
    runtime: Runtime,
    engine: Arc<Engine>,
    ready: Ready,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// The signals that a running engine follows.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// Runs the services until a signal: SIGTERM and SIGINT stop them in order,
/// SIGHUP reloads the plugins. `on_ready` is told when they can be called.
///
/// # Errors
/// `Config` if something of the configuration cannot be used, with its place;
/// `Unavailable` or `Internal` if the store or an address cannot be used; and
/// what `on_ready` returns.
pub fn run<E: From<VcsError>>(
    config: &EngineConfig,
    options: StartOptions,
    on_ready: impl FnOnce(&Ready) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let running = start(config, options)?;
    // Before anybody is told: who reads the line may send a signal at once.
    let signals = running.receive_signals()?;
    on_ready(running.ready())?;
    running.wait_for_signal(signals);
    running.stop();
    Ok(())
}

/// Starts the services of a configuration.
///
/// # Errors
/// As [`run`].
pub fn start(config: &EngineConfig, options: StartOptions) -> Result<Running> {
    let mut notices = config.warnings.clone();
    let movable_clock = options.movable_clock.then(|| Arc::new(MovableClock::new()));
    let clock: Arc<dyn Clock> = match &movable_clock {
        Some(clock) => Arc::clone(clock) as Arc<dyn Clock>,
        None => Arc::new(SystemClock),
    };
    let sealed_before = config.store.database.is_none() && has_sealed_before(config);
    let store = Arc::new(open_store(&config.store)?);
    if store.was_empty() && sealed_before {
        let words = empty_store_in_words(&config.store.path);
        tracing::error!("{words}");
        notices.push(words);
    }
    let grants = open_grants(&config.store, Arc::clone(&store), Arc::clone(&clock))?;
    let grants = Arc::new(grants);
    for server in &config.vcs.servers {
        if let Ok(table) = server.toml.parse() {
            grants.known_secrets().add_from_toml(&table);
        }
    }
    let token = AccessToken::load(config)?;
    let servers =
        ConfiguredServers::start(config, options.plugin_directory, &grants, options.loader)?;
    notices.extend(servers.notices());
    let parts = Parts {
        store,
        grants,
        token,
        servers: Arc::new(servers),
        clock,
        movable_clock,
        lost_log_lines: options.lost_log_lines,
    };
    let mut running = Running::start(config, options.services, parts)?;
    running.ready.notices = notices;
    Ok(running)
}

impl Running {
    /// Starts services of these parts on the configured addresses; port 0 takes
    /// a free one.
    ///
    /// # Errors
    /// `Config` if an address cannot be used; `Internal` if the system gives no
    /// threads.
    pub fn start(config: &EngineConfig, services: Services, parts: Parts) -> Result<Self> {
        let bind = |wanted: bool, key: &str, address: SocketAddr| match wanted {
            true => listen(key, address).map(Some),
            false => Ok(None),
        };
        let api = bind(services.api, "api.listen", config.api.listen)?;
        let vcs = bind(services.vcs, "vcs.listen", config.vcs.listen)?;
        let url_of = |bound: &Option<(TcpListener, SocketAddr)>| {
            bound
                .as_ref()
                .map(|(_, address)| format!("http://{address}"))
        };
        let (api_url, vcs_url) = (url_of(&api), url_of(&vcs));
        let ready = Ready {
            token_file: parts.token.file.as_deref().map(absolute),
            store: place_of(&parts.store),
            notices: Vec::new(),
            pid: std::process::id(),
            api_url,
            vcs_url,
        };
        let engine = Engine::new(
            parts.grants,
            parts.store,
            parts.servers,
            parts.clock,
            settings(config, ready.api_url.as_deref()),
        );
        let engine = Arc::new(engine.with_lost_log_lines(parts.lost_log_lines));
        if let Some(clock) = &parts.movable_clock {
            let woken = Arc::downgrade(&engine);
            clock.on_move(move || {
                if let Some(engine) = woken.upgrade() {
                    engine.wake_all();
                }
            });
        }
        let told = Arc::downgrade(&engine);
        engine.store.hear(move |topic| {
            if let Some(engine) = told.upgrade() {
                engine.hear(topic);
            }
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| VcsError::new(ErrorKind::INTERNAL, error.to_string()))?;
        let shared = Shared::new(Arc::clone(&engine), parts.token, parts.movable_clock);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        let _inside = runtime.enter();
        let open = shared.connections();
        for (bound, router) in [(api, api_router(&shared)), (vcs, vcs_router(&shared))] {
            if let Some((listener, address)) = bound {
                let listener = tokio::net::TcpListener::from_std(listener)
                    .map_err(|error| VcsError::new(ErrorKind::INTERNAL, error.to_string()))?;
                tracing::info!(%address, "listening");
                tasks.push(tokio::spawn(serve(
                    listener,
                    router,
                    Arc::clone(open),
                    stopped.clone(),
                )));
            }
        }
        if services.api {
            let work = run_in_background(Arc::clone(&engine), stopped);
            tasks.push(tokio::spawn(work));
        }
        drop(_inside);
        Ok(Self {
            runtime,
            engine,
            ready,
            stop,
            tasks,
        })
    }

    /// Where the services are.
    #[must_use]
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The engine behind the services.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Receives signals from now on.
    ///
    /// # Errors
    /// `Internal` if signals cannot be received.
    pub fn receive_signals(&self) -> Result<Signals> {
        let _inside = self.runtime.enter();
        let receive = |kind| {
            signal(kind).map_err(|error| VcsError::new(ErrorKind::INTERNAL, error.to_string()))
        };
        Ok(Signals {
            terminate: receive(SignalKind::terminate())?,
            interrupt: receive(SignalKind::interrupt())?,
            hang_up: receive(SignalKind::hangup())?,
        })
    }

    /// Waits until a signal says to stop; reloads the plugins at SIGHUP. A reload
    /// that is under way does not hold up the end.
    pub fn wait_for_signal(&self, mut signals: Signals) {
        self.runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = signals.terminate.recv() => break,
                    _ = signals.interrupt.recv() => break,
                    _ = signals.hang_up.recv() => {
                        let servers = Arc::clone(&self.engine.servers);
                        // What it did is in the log.
                        drop(tokio::task::spawn_blocking(move || servers.reload()));
                    }
                }
            }
            tracing::info!("stopping");
        });
    }

    /// Stops in order: no new requests, those under way are answered within a
    /// bound, the work on events ends after the event in hand.
    pub fn stop(mut self) {
        self.engine.stopping.cancel();
        self.engine.servers.stop();
        // Nobody listens if everything has ended already.
        let _ = self.stop.send(true);
        let tasks = std::mem::take(&mut self.tasks);
        self.runtime.block_on(async {
            let ended = async {
                for task in tasks {
                    if task.await.is_err() {
                        tracing::error!("a service ended with a panic");
                    }
                }
            };
            // A call to a service that says nothing ends when it wants. What it is for
            // is either done or not begun, and is looked at after the next start.
            if tokio::time::timeout(TASKS_WAIT, ended).await.is_err() {
                tracing::warn!("calls to services were still under way when the engine stopped");
            }
        });
        self.runtime.shutdown_timeout(LAST_WAIT);
        self.engine.store.shut();
    }
}

/// The settings, with the address that was really bound where the configuration
/// leaves the port to the system.
fn settings(config: &EngineConfig, bound: Option<&str>) -> Settings {
    let mut settings = Settings::of(config);
    let listen = format!("http://{}", config.api.listen);
    if let Some(bound) = bound {
        for url in [&mut settings.api_url, &mut settings.ui_url] {
            if *url == listen {
                bound.clone_into(url);
            }
        }
    }
    settings
}

/// Whether an engine has worked with this configuration before: it made a key, or
/// the directory of the grants' locks, beside the store.
fn has_sealed_before(config: &EngineConfig) -> bool {
    let store = &config.store.path;
    let made_key = config.store.key.is_none() && store.with_extension("key").exists();
    let mut locks = store.as_os_str().to_owned();
    locks.push(".locks");
    made_key || Path::new(&locks).exists()
}

fn empty_store_in_words(path: &Path) -> String {
    format!(
        "the store {} is empty, but an engine has sealed secrets beside it before: if this is a \
         copy or a backup, stop, and copy the file together with its -wal file from an engine \
         that was stopped in order; projects, grants and hooks are unknown until then",
        path.display()
    )
}

/// Where a store is, for whoever reads the line.
fn place_of(store: &Store) -> PathBuf {
    let place = PathBuf::from(store.place());
    if store.is_shared() {
        place
    } else {
        absolute(&place)
    }
}

/// A path that means the same to whoever reads it.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn listen(key: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        // Room for many who come at once; the usual length is soon full.
        rustix::net::listen(&listener, BACKLOG)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    });
    listener.map_err(|error| {
        let message = format!("`{key}`: cannot listen on {address}: {error}");
        VcsError::new(ErrorKind::CONFIG, message)
    })
}
