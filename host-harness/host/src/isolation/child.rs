//! The plugin's process: loads one plugin, makes one server, and serves its
//! methods on lanes, a thread for each.

use super::frame::{Broken, Frame, Frames};
use super::handover::receive;
use super::protocol::*;
use super::remote_services::RemoteServices;
use crate::interface::context::CallContext;
use crate::interface::error::{ErrorKind, Result as CallResult, VcsError};
use crate::interface::prelude::*;

use crate::interface::wire::{Wire, WireReader};
use crate::interface::{authorized_client_methods, vcs_server_methods};
use crate::loader::{LoadError, LoadedProvider, Loader, LoaderOptions, Prepared, confine};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::HashMap;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::result::Result;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long the server may take to drop when the process is to end.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Hosts a plugin, if this process was started for that; called by
/// [`serve_child_process`](crate::serve_child_process).
pub(crate) fn serve_plugin_host() -> Option<ExitCode> {
    std::env::var_os(REQUESTED)?;
    // It does not outlive a host that is killed: the sockets are closed then.
    Some(match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

fn serve() -> Result<(), Broken> {
    let control = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let mut first = None;
    let mut services = None;
    while first.is_none() || services.is_none() {
        match receive(&control)? {
            Some((A_LANE, stream)) => first = Some(stream),
            Some((_, stream)) => services = Some(stream),
            None => return Ok(()),
        }
    }
    let (Some(first), Some(services)) = (first, services) else {
        return Err(Broken::Malformed);
    };
    // Before there is any other thread: what confines is inherited.
    let (kind, payload) = Frames::default().next(&first, || true)?;
    if kind != SETUP {
        return Err(Broken::Malformed);
    }
    let (loaded, ready) = match set_up(payload.as_slice()) {
        Ok(loaded) => loaded,
        Err(error) => return respond(&first, &Err::<String, _>(error)),
    };
    let host = Arc::new(Host {
        loaded,
        services: RemoteServices::start(services)?,
        server: RwLock::default(),
        clients: RwLock::default(),
        next_client: AtomicU64::new(0),
    });
    respond(&first, &Ok::<_, String>(ready))?;
    serve_lane_on_a_thread(&host, first)?;
    while let Some((_, stream)) = receive(&control)? {
        serve_lane_on_a_thread(&host, stream)?;
    }
    // The engine wants no more. What hangs now ends with the process.
    let dropping = std::thread::spawn(move || host.drop_all());
    let begun = Instant::now();
    while !dropping.is_finished() && begun.elapsed() < LAST_WAIT {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    Ok(())
}

/// Confines the process and loads the plugin; the error as JSON.
fn set_up(text: &[u8]) -> Result<(LoadedProvider, String), String> {
    let setup: Setup = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let plugin = std::path::PathBuf::from(setup.plugin);
    let as_json = |error: LoadError| serde_json::to_string(&error).unwrap_or_default();
    let staged = std::path::PathBuf::from(setup.staged);
    let confined = match &setup.confinement {
        Some(confinement) => confine::apply(confinement, &staged)
            .map_err(|what| as_json(confine::failed(&plugin, &what)))?,
        None => Vec::new(),
    };
    let loader = Loader::new(LoaderOptions {
        info_time_limit: setup.info_time_limit,
        ..Default::default()
    });
    let prepared = Prepared::of_copy(plugin, staged, setup.size, setup.digest, setup.manifest);
    let loaded = loader.open(&prepared).map_err(as_json)?;
    let ready = serde_json::to_string(&Ready { confined }).map_err(|error| error.to_string())?;
    Ok((loaded, ready))
}

fn respond<T: Wire, E: Wire>(stream: &UnixStream, result: &Result<T, E>) -> Result<(), Broken> {
    Frame::new(DONE).with_result(result).send(stream)
}

/// The plugin in this process.
struct Host {
    loaded: LoadedProvider,
    services: Arc<RemoteServices>,
    server: RwLock<Option<Arc<dyn VcsServer>>>,
    clients: RwLock<HashMap<u64, Arc<dyn AuthorizedClient>>>,
    next_client: AtomicU64,
}

fn serve_lane_on_a_thread(host: &Arc<Host>, stream: UnixStream) -> Result<(), Broken> {
    let host = Arc::clone(host);
    std::thread::Builder::new()
        .name("plugin-lane".to_owned())
        .spawn(move || {
            let mut frames = Frames::default();
            // Ends when the engine closes the lane, or breaks the protocol.
            while host.serve_request(&stream, &mut frames).is_ok() {}
        })?;
    Ok(())
}

impl Host {
    fn server(&self) -> CallResult<Arc<dyn VcsServer>> {
        let server = self.server.read().unwrap_or_else(PoisonError::into_inner);
        let missing = || VcsError::new(ErrorKind::INTERNAL, "there is no server");
        server.clone().ok_or_else(missing)
    }

    fn client(&self, number: u64) -> Option<Arc<dyn AuthorizedClient>> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        clients.get(&number).cloned()
    }

    fn serve_request(&self, stream: &UnixStream, frames: &mut Frames) -> Result<(), Broken> {
        let (kind, payload) = frames.next(stream, || true)?;
        let mut reader = WireReader::new(payload.as_slice());
        match kind {
            SERVER => {
                let config = String::read(&mut reader)?;
                let services = Arc::clone(&self.services) as Arc<dyn HostServices>;
                let made = self.loaded.provider.new_server(&config, services);
                let made = made.map(|server| {
                    let mut place = self.server.write().unwrap_or_else(PoisonError::into_inner);
                    *place = Some(Arc::new(server));
                });
                respond(stream, &made)
            }
            CLIENT => {
                let credential = Credential::read(&mut reader)?;
                let made = self
                    .server()
                    .and_then(|server| server.authorized_client(credential));
                let made = made.map(|client| {
                    let number = self.next_client.fetch_add(1, Ordering::Relaxed);
                    let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
                    clients.insert(number, Arc::from(client));
                    number
                });
                respond(stream, &made)
            }
            DROP_CLIENT => {
                let number = u64::read(&mut reader)?;
                let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
                let client = clients.remove(&number);
                drop(clients);
                drop(client);
                respond(stream, &CallResult::Ok(()))
            }
            CALL => {
                let target = Option::<u64>::read(&mut reader)?;
                let method = String::read(&mut reader)?;
                let context = Context::read(&mut reader, stream)?;
                let call = Call {
                    stream,
                    frames,
                    context,
                    reader,
                };
                match target {
                    None => match self.server() {
                        Ok(server) => call_server(server.as_ref(), &method, call),
                        Err(error) => respond(stream, &CallResult::<()>::Err(error)),
                    },
                    Some(number) => match self.client(number) {
                        Some(client) => call_client(client.as_ref(), &method, call),
                        None => {
                            let error =
                                VcsError::new(ErrorKind::INTERNAL, "there is no such client");
                            respond(stream, &CallResult::<()>::Err(error))
                        }
                    },
                }
            }
            _ => Err(Broken::Malformed),
        }
    }

    fn drop_all(&self) {
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        let clients = std::mem::take(&mut *clients);
        drop(clients);
        let mut server = self.server.write().unwrap_or_else(PoisonError::into_inner);
        let server = server.take();
        drop(server);
    }
}

/// The context of a call, whose caller is in the other process.
struct Context<'a> {
    stream: &'a UnixStream,
    /// What the caller said with its request or after a page: it comes before
    /// the end of the lane, which may take a moment.
    cancelled: AtomicBool,
    deadline: Option<Instant>,
    request_id: String,
    bypass_cache: bool,
}

impl<'a> Context<'a> {
    fn read(reader: &mut WireReader<'_>, stream: &'a UnixStream) -> Result<Self, Broken> {
        let time_left = Option::<u64>::read(reader)?;
        Ok(Self {
            stream,
            deadline: time_left
                .and_then(|left| Instant::now().checked_add(Duration::from_millis(left))),
            request_id: String::read(reader)?,
            bypass_cache: bool::read(reader)?,
            cancelled: AtomicBool::new(bool::read(reader)?),
        })
    }
}

impl CallContext for Context<'_> {
    fn time_left(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    fn is_cancelled(&self) -> bool {
        if self.cancelled.load(Ordering::Relaxed) {
            return true;
        }
        // The engine shuts its half of the lane, or has ended.
        let mut lane = [PollFd::new(self.stream, PollFlags::RDHUP)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let polled = poll(&mut lane, Some(&now));
        polled.is_ok_and(|count| count > 0)
    }

    fn request_id(&self) -> String {
        self.request_id.clone()
    }

    fn bypass_cache(&self) -> bool {
        self.bypass_cache
    }
}

/// A call under way.
struct Call<'a> {
    stream: &'a UnixStream,
    frames: &'a mut Frames,
    context: Context<'a>,
    reader: WireReader<'a>,
}

/// Where pages and chunks go, and bytes come from: the caller in the other process.
struct Caller<'a> {
    stream: &'a UnixStream,
    frames: &'a mut Frames,
    cancelled: &'a AtomicBool,
}

impl Caller<'_> {
    fn ask<T: Wire>(&mut self, frame: Frame, answer: u8) -> CallResult<T> {
        let asked = frame.send(self.stream).and_then(|()| {
            let (kind, payload) = self.frames.next(self.stream, || true)?;
            if kind != answer {
                return Err(Broken::Malformed);
            }
            let mut reader = WireReader::new(payload.as_slice());
            let answer = CallResult::<T>::read(&mut reader)?;
            if bool::read(&mut reader)? {
                self.cancelled.store(true, Ordering::Relaxed);
            }
            Ok(answer)
        });
        asked.unwrap_or_else(|_| {
            let message = "the caller no longer waits";
            Err(VcsError::new(ErrorKind::CANCELLED, message))
        })
    }
}

impl<T: Wire> PageSink<T> for Caller<'_> {
    fn page(&mut self, items: Vec<T>, total: Option<u64>) -> CallResult<Flow> {
        self.ask(Frame::new(PAGE).with(&items).with(&total), FLOW)
    }
}

impl ByteSink for Caller<'_> {
    fn chunk(&mut self, bytes: &[u8]) -> CallResult<Flow> {
        self.ask(Frame::new(CHUNK).with_rest(bytes), FLOW)
    }
}

impl ByteSource for Caller<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> CallResult<usize> {
        let wanted = buffer.len() as u64;
        let bytes: crate::interface::value::Bytes =
            self.ask(Frame::new(READ).with(&wanted), BYTES)?;
        let length = bytes.0.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes.0[..length]);
        Ok(length)
    }
}

/// One method: reads the request, calls, responds.
macro_rules! serve_method {
    (call, $target:ident, $name:ident, $request:ty, $call:ident) => {{
        let mut call = $call;
        let request = <$request as Wire>::read(&mut call.reader)?;
        respond(call.stream, &$target.$name(&call.context, request))
    }};
    ($with_caller:ident, $target:ident, $name:ident, $request:ty, $call:ident) => {{
        let mut call = $call;
        let request = <$request as Wire>::read(&mut call.reader)?;
        let (stream, frames) = (call.stream, call.frames);
        let cancelled = &call.context.cancelled;
        let mut caller = Caller {
            stream,
            frames,
            cancelled,
        };
        respond(stream, &$target.$name(&call.context, request, &mut caller))
    }};
}

macro_rules! serve_methods {
    ($function:ident, $target:ty, $( $section:ident { $( $(#[$doc:meta])* $shape:ident $name:ident($request:ty) -> $response:ty; )* } )*) => {
        fn $function(target: $target, method: &str, call: Call<'_>) -> Result<(), Broken> {
            match method {
                $($( stringify!($name) => serve_method!($shape, target, $name, $request, call), )*)*
                other => respond(call.stream, &CallResult::<()>::Err(VcsError::unsupported(other))),
            }
        }
    };
}

macro_rules! serve_client_methods {
    ($($list:tt)*) => { serve_methods!(call_client, &dyn AuthorizedClient, $($list)*); };
}

macro_rules! serve_server_methods {
    ($($list:tt)*) => { serve_methods!(call_server, &dyn VcsServer, $($list)*); };
}

authorized_client_methods!(serve_client_methods);
vcs_server_methods!(serve_server_methods);
