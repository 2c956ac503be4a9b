//! What stands between the engine and every provider: a circuit breaker for each
//! server, the redaction of what comes back, and the figures.
//!
//! One wrapper for all methods, made from the interface's own list, so that no method
//! can go around it.

mod circuit;
mod secrets;

pub use circuit::{CircuitStatus, Circuits};
pub use secrets::{KnownSecrets, REDACTED};

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::servers::Servers;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::prelude::{
    AuthorizedClient, ByteSink, ByteSource, PageSink, VcsServer,
};
use vcs_provider_interface::records::*;
use vcs_provider_interface::{authorized_client_methods, vcs_server_methods};

/// What the wrapper works with.
pub struct Guard {
    /// The breakers.
    pub circuits: Circuits,
    /// The secrets to take out.
    pub secrets: Arc<KnownSecrets>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    call_limit: Duration,
}

/// Servers behind the guard.
pub struct GuardedServers {
    inner: Arc<dyn Servers>,
    guard: Arc<Guard>,
}

impl Guard {
    /// A guard; a call to a rested server that finds out whether it answers again may
    /// take as long as any call.
    #[must_use]
    pub fn new(
        secrets: Arc<KnownSecrets>,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
        call_limit: Duration,
    ) -> Self {
        Self {
            circuits: Circuits::default(),
            secrets,
            metrics,
            clock,
            call_limit,
        }
    }

    /// How the servers are that were called.
    #[must_use]
    pub fn status(&self) -> HashMap<String, CircuitStatus> {
        self.circuits.status(self.clock.monotonic())
    }

    /// Makes a call to a service, if its server is not rested.
    fn call<T>(
        &self,
        server: &str,
        method: &'static str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.circuits
            .admit(server, self.clock.monotonic(), self.call_limit)?;
        let begun = Instant::now();
        let result = work();
        self.circuits.note(server, &result, self.clock.monotonic());
        self.metrics.call(server, method, &result, begun.elapsed());
        result.map_err(|error| self.secrets.redact_error(error))
    }

    /// A record without secrets that do not belong there.
    fn without_secrets<T: Serialize + DeserializeOwned>(&self, record: T) -> Result<T> {
        let text = match serde_json::to_string(&record) {
            Ok(text) if self.secrets.is_in(&text) => text,
            _ => return Ok(record),
        };
        serde_json::from_str(&self.secrets.redact(&text)).map_err(|_| {
            VcsError::new(
                ErrorKind::INVALID_RESPONSE,
                "the service sent back a credential; its response is not used",
            )
        })
    }
}

impl GuardedServers {
    /// Puts the guard before servers.
    #[must_use]
    pub fn new(inner: Arc<dyn Servers>, guard: Arc<Guard>) -> Self {
        Self { inner, guard }
    }
}

impl Servers for GuardedServers {
    fn names(&self) -> Vec<(String, String)> {
        self.inner.names()
    }

    fn server(&self, name: &str) -> Result<Arc<dyn VcsServer>> {
        Ok(Arc::new(GuardedServer {
            name: name.to_owned(),
            inner: self.inner.server(name)?,
            guard: Arc::clone(&self.guard),
        }))
    }

    fn is_served(&self, name: &str) -> bool {
        self.inner.is_served(name)
    }

    fn health(&self) -> Value {
        self.inner.health()
    }

    fn reload(&self) -> Value {
        self.inner.reload()
    }
}

struct GuardedServer {
    name: String,
    inner: Arc<dyn VcsServer>,
    guard: Arc<Guard>,
}

impl GuardedServer {
    /// What a provider answers by itself goes past the breaker.
    fn redacted<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.guard.secrets.redact_error(error))
    }
}

macro_rules! guarded_server_method {
    (call authorize_token($request:ty) -> $response:ty) => {
        fn authorize_token(
            &self,
            context: &dyn CallContext,
            request: $request,
        ) -> Result<$response> {
            if let Some(code) = &request.code {
                self.guard.secrets.add(code);
            }
            self.guard.call(&self.name, "authorize_token", || {
                self.inner.authorize_token(context, request)
            })
        }
    };
    (call $name:ident($request:ty) -> $response:ty) => {
        fn $name(&self, context: &dyn CallContext, request: $request) -> Result<$response> {
            self.redacted(self.inner.$name(context, request))
        }
    };
}

macro_rules! implement_guarded_server {
    ( $( $section:ident { $( $(#[$doc:meta])* $shape:ident $name:ident($request:ty) -> $response:ty; )* } )* ) => {
        impl VcsServer for GuardedServer {
            $($( guarded_server_method! { $shape $name($request) -> $response } )*)*

            fn authorized_client(&self, credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
                let client = self.inner.authorized_client(credential);
                Ok(Box::new(GuardedClient {
                    server: self.name.clone(),
                    inner: self.redacted(client)?,
                    guard: Arc::clone(&self.guard),
                }))
            }
        }
    };
}

vcs_server_methods!(implement_guarded_server);

struct GuardedClient {
    server: String,
    inner: Box<dyn AuthorizedClient>,
    guard: Arc<Guard>,
}

impl GuardedClient {
    fn call<T>(
        &self,
        method: &'static str,
        work: impl FnOnce(&dyn AuthorizedClient) -> Result<T>,
    ) -> Result<T> {
        let call = || work(self.inner.as_ref());
        self.guard.call(&self.server, method, call)
    }

    /// A record that is stored or shown. Credentials for a checkout are meant to be
    /// secrets.
    fn record<T: Serialize + DeserializeOwned>(&self, method: &str, record: T) -> Result<T> {
        if method == "checkout_credentials" {
            return Ok(record);
        }
        self.guard.without_secrets(record)
    }
}

macro_rules! guarded_client_method {
    (list $name:ident($request:ty) -> $item:ty) => {
        fn $name(
            &self,
            context: &dyn CallContext,
            request: $request,
            sink: &mut dyn PageSink<$item>,
        ) -> Result<()> {
            self.call(stringify!($name), |client| {
                client.$name(context, request, sink)
            })
        }
    };
    (read $name:ident($request:ty) -> $response:ty) => {
        fn $name(
            &self,
            context: &dyn CallContext,
            request: $request,
            sink: &mut dyn ByteSink,
        ) -> Result<$response> {
            self.call(stringify!($name), |client| {
                client.$name(context, request, sink)
            })
        }
    };
    (write $name:ident($request:ty) -> $response:ty) => {
        fn $name(
            &self,
            context: &dyn CallContext,
            request: $request,
            source: &mut dyn ByteSource,
        ) -> Result<$response> {
            self.call(stringify!($name), |client| {
                client.$name(context, request, source)
            })
        }
    };
    (call $name:ident($request:ty) -> $response:ty) => {
        fn $name(&self, context: &dyn CallContext, request: $request) -> Result<$response> {
            let method = stringify!($name);
            let record = self.call(method, |client| client.$name(context, request))?;
            self.record(method, record)
        }
    };
}

macro_rules! implement_guarded_client {
    ( $( $section:ident { $( $(#[$doc:meta])* $shape:ident $name:ident($request:ty) -> $response:ty; )* } )* ) => {
        impl AuthorizedClient for GuardedClient {
            $($( guarded_client_method! { $shape $name($request) -> $response } )*)*
        }
    };
}

authorized_client_methods!(implement_guarded_client);
