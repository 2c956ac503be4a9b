//! The engine's side: starts the plugin's process and calls into it.

use super::frame::{Broken, Frame, Frames, with_notice};
use super::handover;
use super::local_services::serve_services;
use super::protocol::*;
use super::{Isolation, IsolationError};
use crate::interface::abi::guard;
use crate::interface::context::{CallContext, HostCallContext};
use crate::interface::error::{ErrorKind, Result as CallResult, VcsError};
use crate::interface::prelude::*;

use crate::interface::value::Bytes;
use crate::interface::wire::{Wire, WireReader};
use crate::interface::{authorized_client_methods, vcs_server_methods};
use crate::loader::{LoadError, Prepared};

use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::result::Result;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long after its deadline, or after it was cancelled, a call may take to
/// end. One that is later hangs.
const GRACE: Duration = Duration::from_secs(1);

/// How long a process may take to end by itself.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// So many lanes are kept that no call uses.
const IDLE_LANES: usize = 8;

/// What a plugin's process inherits of the environment, where it is there.
const INHERITED: &[&str] = &[
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LC_ALL",
    "NO_PROXY",
    "PATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TZ",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket on which one call runs at a time.
struct Lane {
    stream: UnixStream,
    frames: Frames,
}

/// A plugin's process.
struct Process {
    child: Mutex<Child>,
    control: UnixStream,
    idle: Mutex<Vec<Lane>>,
    has_ended: AtomicBool,
    confined: Vec<String>,
}

/// A server in a process of its own. The process ends with it and its clients.
pub struct IsolatedServer {
    process: Arc<Process>,
}

impl IsolatedServer {
    /// Starts a process, which loads the plugin and makes the server.
    ///
    /// # Errors
    /// If the process cannot be started, or rejects the plugin, or the provider
    /// the configuration.
    pub(crate) fn start(
        isolation: &Isolation,
        prepared: &Prepared,
        config_toml: &str,
        services: Arc<dyn HostServices>,
        limit: Duration,
    ) -> Result<Self, IsolationError> {
        let process = Process::start(isolation, prepared, services, limit)?;
        let context = HostCallContext::new("make a server").with_time_limit(limit);
        let frame = Frame::new(SERVER).with(&config_toml.to_owned());
        process
            .converse::<()>(frame, &context, |_, _, _| Err(Broken::Malformed))
            .map_err(IsolationError::Server)?;
        Ok(Self {
            process: Arc::new(process),
        })
    }

    /// The number of its process.
    pub(crate) fn process_id(&self) -> u32 {
        lock(&self.process.child).id()
    }

    /// What keeps the process from doing more than it must.
    pub(crate) fn confined(&self) -> &[String] {
        &self.process.confined
    }
}

impl Process {
    fn start(
        isolation: &Isolation,
        prepared: &Prepared,
        services: Arc<dyn HostServices>,
        limit: Duration,
    ) -> Result<Self, IsolationError> {
        let failed = |error: &dyn std::fmt::Display| IsolationError::Start(error.to_string());
        let (control, far) = UnixStream::pair().map_err(|error| failed(&error))?;
        let mut command = Command::new(&isolation.program);
        command.env_clear().env(REQUESTED, "1");
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let child = command
            .stdin(Stdio::from(OwnedFd::from(far)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .spawn()
            .map_err(|error| failed(&format!("{}: {error}", isolation.program.display())))?;
        let mut process = Self {
            child: Mutex::new(child),
            control,
            idle: Mutex::default(),
            has_ended: AtomicBool::new(false),
            confined: Vec::new(),
        };
        let (near, far) = UnixStream::pair().map_err(|error| failed(&error))?;
        let lane = process.new_lane().map_err(|error| failed(&error))?;
        handover::send(&process.control, SERVICES, &far).map_err(|error| failed(&error))?;
        drop(far);
        std::thread::Builder::new()
            .name("plugin-services".to_owned())
            .spawn(move || serve_services(&near, &services))
            .map_err(|error| failed(&error))?;
        lock(&process.idle).push(lane);
        let setup = serde_json::to_vec(&Setup {
            plugin: prepared.plugin().into(),
            staged: prepared.staged().into(),
            size: prepared.size(),
            digest: prepared.digest(),
            manifest: prepared.manifest().cloned(),
            info_time_limit: limit,
            confinement: isolation.confinement.clone(),
        })
        .map_err(|error| failed(&error))?;
        process.confined = process.set_up(&setup, limit)?;
        Ok(process)
    }

    fn set_up(&self, setup: &[u8], limit: Duration) -> Result<Vec<String>, IsolationError> {
        let mut lane = self
            .lane()
            .map_err(|error| IsolationError::Start(error.to_string()))?;
        let begun = Instant::now();
        let answered = Frame::new(SETUP)
            .with_rest(setup)
            .send(&lane.stream)
            .and_then(|()| lane.frames.next(&lane.stream, || begun.elapsed() < limit))
            .and_then(|(_, payload)| {
                let mut reader = WireReader::new(payload.as_slice());
                Ok(Result::<String, String>::read(&mut reader)?)
            });
        match answered {
            Ok(Ok(ready)) => {
                lock(&self.idle).push(lane);
                let ready: Ready = serde_json::from_str(&ready)
                    .map_err(|error| IsolationError::Start(error.to_string()))?;
                Ok(ready.confined)
            }
            Ok(Err(error)) => Err(match serde_json::from_str::<LoadError>(&error) {
                Ok(error) => IsolationError::Load(error),
                Err(_) => IsolationError::Start(error),
            }),
            Err(broken) => Err(IsolationError::Start(format!(
                "the plugin's process: {broken}{}",
                self.how_it_ended()
            ))),
        }
    }

    fn new_lane(&self) -> Result<Lane, Broken> {
        let (near, far) = UnixStream::pair()?;
        with_notice(&near)?;
        handover::send(&self.control, A_LANE, &far)?;
        Ok(Lane {
            stream: near,
            frames: Frames::default(),
        })
    }

    fn lane(&self) -> Result<Lane, Broken> {
        let idle = lock(&self.idle).pop();
        idle.map_or_else(|| self.new_lane(), Ok)
    }

    /// Sends a request and works on what the provider wants until the response
    /// comes.
    fn converse<T: Wire>(
        &self,
        request: Frame,
        context: &dyn CallContext,
        mut work: impl FnMut(u8, &mut WireReader<'_>, &UnixStream) -> Result<(), Broken>,
    ) -> CallResult<T> {
        let sent = self.lane().and_then(|lane| {
            request.send(&lane.stream)?;
            Ok(lane)
        });
        let mut lane = sent.map_err(|broken| self.not_sent(&broken))?;
        let mut given_up_at: Option<Instant> = None;
        let mut is_cancelled = false;
        let mut received = || loop {
            let (kind, payload) = lane.frames.next(&lane.stream, || {
                let is_late = context.time_left().is_some_and(|left| left.is_zero());
                if !is_cancelled && context.is_cancelled() {
                    is_cancelled = true;
                    // Seen by the provider as a cancellation.
                    let _ = lane.stream.shutdown(Shutdown::Write);
                }
                if !(is_late || is_cancelled) {
                    return true;
                }
                given_up_at.get_or_insert_with(Instant::now).elapsed() < GRACE
            })?;
            let mut reader = WireReader::new(payload.as_slice());
            if kind == DONE {
                return Ok(CallResult::<T>::read(&mut reader)?);
            }
            work(kind, &mut reader, &lane.stream)?;
        };
        match received() {
            Ok(result) => {
                let mut idle = lock(&self.idle);
                if !is_cancelled && idle.len() < IDLE_LANES {
                    idle.push(lane);
                }
                result
            }
            Err(Broken::GivenUp) if is_cancelled => Err(VcsError::new(
                ErrorKind::CANCELLED,
                "the call was cancelled",
            )),
            Err(Broken::GivenUp) => {
                // It hangs, and so may others; a process can be ended.
                self.end();
                let message = "the provider did not respond by the deadline; its process was ended";
                Err(VcsError::new(ErrorKind::TIMEOUT, message)
                    .with_extra(guard::POISONED, "plugin process"))
            }
            Err(broken) => {
                let message = format!(
                    "the provider's process failed during the call: {broken}{}",
                    self.how_it_ended()
                );
                self.end();
                Err(VcsError::new(ErrorKind::INTERNAL, message)
                    .with_extra(guard::POISONED, "plugin process"))
            }
        }
    }

    fn not_sent(&self, broken: &Broken) -> VcsError {
        let message = format!(
            "the provider's process takes no calls: {broken}{}; a new one is started",
            self.how_it_ended()
        );
        self.end();
        VcsError::new(ErrorKind::UNAVAILABLE, message).with_extra(guard::POISONED, "plugin process")
    }

    /// In words that follow others; nothing if it still runs.
    fn how_it_ended(&self) -> String {
        let begun = Instant::now();
        loop {
            match lock(&self.child).try_wait() {
                Ok(Some(status)) => {
                    return match status.signal() {
                        Some(signal) => format!(" (signal {signal})"),
                        None => format!(" ({status})"),
                    };
                }
                Ok(None) if begun.elapsed() < Duration::from_millis(100) => {}
                _ => return String::new(),
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// Ends the process now.
    fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
        let _ = self.control.shutdown(Shutdown::Both);
        let mut child = lock(&self.child);
        // It may have ended already; then there is only its status to take.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Lets the process end by itself, for a while.
impl Drop for Process {
    fn drop(&mut self) {
        lock(&self.idle).clear();
        let _ = self.control.shutdown(Shutdown::Both);
        let begun = Instant::now();
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        while begun.elapsed() < LAST_WAIT {
            if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Writes the head of a call.
fn call_frame(target: Option<u64>, method: &str, context: &dyn CallContext) -> Frame {
    let time_left = context
        .time_left()
        .map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
    Frame::new(CALL)
        .with(&target)
        .with(&method.to_owned())
        .with(&time_left)
        .with(&context.request_id())
        .with(&context.bypass_cache())
        .with(&context.is_cancelled())
}

/// Answers a wish of the provider, and says whether the call is cancelled by now.
fn answer(
    kind: u8,
    result: &CallResult<impl Wire>,
    context: &dyn CallContext,
    stream: &UnixStream,
) -> Result<(), Broken> {
    Frame::new(kind)
        .with_result(result)
        .with(&context.is_cancelled())
        .send(stream)
}

/// One method on this side.
macro_rules! call_method {
    (list $name:ident($request:ty) -> $item:ty) => {
        fn $name(
            &self,
            context: &dyn CallContext,
            request: $request,
            sink: &mut dyn PageSink<$item>,
        ) -> CallResult<()> {
            let frame = call_frame(self.target(), stringify!($name), context).with(&request);
            self.process
                .converse(frame, context, |kind, reader, stream| {
                    if kind != PAGE {
                        return Err(Broken::Malformed);
                    }
                    let items = Vec::<$item>::read(reader)?;
                    let total = Option::<u64>::read(reader)?;
                    answer(FLOW, &sink.page(items, total), context, stream)
                })
        }
    };
    (read $name:ident($request:ty) -> $response:ty) => {
        fn $name(
            &self,
            context: &dyn CallContext,
            request: $request,
            sink: &mut dyn ByteSink,
        ) -> CallResult<$response> {
            let frame = call_frame(self.target(), stringify!($name), context).with(&request);
            self.process
                .converse(frame, context, |kind, reader, stream| {
                    if kind != CHUNK {
                        return Err(Broken::Malformed);
                    }
                    answer(FLOW, &sink.chunk(reader.rest()), context, stream)
                })
        }
    };
    (write $name:ident($request:ty) -> $response:ty) => {
        fn $name(
            &self,
            context: &dyn CallContext,
            request: $request,
            source: &mut dyn ByteSource,
        ) -> CallResult<$response> {
            let frame = call_frame(self.target(), stringify!($name), context).with(&request);
            self.process
                .converse(frame, context, |kind, reader, stream| {
                    if kind != READ {
                        return Err(Broken::Malformed);
                    }
                    let wanted = u64::read(reader)?.min(LONGEST_READ);
                    let mut bytes = vec![0; usize::try_from(wanted).unwrap_or(0)];
                    let read = source.read(&mut bytes).map(|count| {
                        bytes.truncate(count);
                        Bytes(bytes)
                    });
                    answer(BYTES, &read, context, stream)
                })
        }
    };
    (call $name:ident($request:ty) -> $response:ty) => {
        fn $name(&self, context: &dyn CallContext, request: $request) -> CallResult<$response> {
            let frame = call_frame(self.target(), stringify!($name), context).with(&request);
            self.process
                .converse(frame, context, |_, _, _| Err(Broken::Malformed))
        }
    };
}

/// So many bytes are given at once to a provider that uploads.
const LONGEST_READ: u64 = 1024 * 1024;

impl IsolatedServer {
    #[allow(clippy::unused_self)]
    fn target(&self) -> Option<u64> {
        None
    }
}

macro_rules! implement_server {
    ( $( $section:ident { $( $(#[$doc:meta])* $shape:ident $name:ident($request:ty) -> $response:ty; )* } )* ) => {
        impl VcsServer for IsolatedServer {
            $($( call_method! { $shape $name($request) -> $response } )*)*

            fn authorized_client(&self, credential: Credential) -> CallResult<Box<dyn AuthorizedClient>> {
                let frame = Frame::new(CLIENT).with(&credential);
                let context = HostCallContext::new("make a client").with_time_limit(CLIENT_LIMIT);
                let number = self
                    .process
                    .converse(frame, &context, |_, _, _| Err(Broken::Malformed))?;
                let process = Arc::clone(&self.process);
                Ok(Box::new(IsolatedClient { process, number }))
            }
        }
    };
}

vcs_server_methods!(implement_server);

/// How long a provider may take to make or drop a client.
const CLIENT_LIMIT: Duration = Duration::from_secs(10);

/// A client in the server's process.
struct IsolatedClient {
    process: Arc<Process>,
    number: u64,
}

impl IsolatedClient {
    fn target(&self) -> Option<u64> {
        Some(self.number)
    }
}

/// Dropped by the other process, for whose answer nobody waits.
impl Drop for IsolatedClient {
    fn drop(&mut self) {
        if self.process.has_ended.load(Ordering::Acquire) {
            return;
        }
        // The lane is not used again: its response is never read.
        if let Ok(lane) = self.process.new_lane() {
            let _ = Frame::new(DROP_CLIENT)
                .with(&self.number)
                .send(&lane.stream);
        }
    }
}

macro_rules! implement_client {
    ( $( $section:ident { $( $(#[$doc:meta])* $shape:ident $name:ident($request:ty) -> $response:ty; )* } )* ) => {
        impl AuthorizedClient for IsolatedClient {
            $($( call_method! { $shape $name($request) -> $response } )*)*
        }
    };
}

authorized_client_methods!(implement_client);
