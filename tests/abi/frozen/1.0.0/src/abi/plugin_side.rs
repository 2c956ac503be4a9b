//! The provider's side: puts an author's plain Rust behind the boundary, under
//! the guard.

use super::guard::{Poison, guarded, guarded_drop};
use super::traits::{
    AbiAuthorizedClient, AbiAuthorizedClient_TO, AbiResult, AbiVcsServer, AbiVcsServer_TO,
    BoxedClient, BoxedServer, ByteSinkMut, ByteSourceMut, ContextRef, PageSinkMut,
    SharedHostServices,
};
use crate::abi::AbiValue;
use crate::context::CallContext;
use crate::error::{ErrorKind, Result, VcsError};
use crate::methods::{authorized_client_methods, vcs_server_methods};
use crate::provider::{AuthorizedClient, VcsServer};
use crate::records::*;
use crate::services::{HostServices, LogLevel, LogRecord};
use crate::sink::{ByteSink, ByteSource, Flow, PageSink};
use abi_stable::sabi_trait::prelude::TD_Opaque;
use abi_stable::std_types::{RBox, ROption, RResult};
use std::sync::Arc;
use std::time::Duration;

pub(super) fn to_abi<T: AbiValue>(result: Result<T>) -> AbiResult<T::Abi> {
    match result {
        Ok(value) => RResult::ROk(value.into_abi()),
        Err(error) => RResult::RErr(error.into_abi()),
    }
}

pub(super) fn from_abi<T: AbiValue>(result: AbiResult<T::Abi>) -> Result<T> {
    match result {
        RResult::ROk(value) => Ok(T::from_abi(value)),
        RResult::RErr(error) => Err(VcsError::from_abi(error)),
    }
}

struct RemoteContext<'a>(ContextRef<'a>);

impl CallContext for RemoteContext<'_> {
    fn time_left(&self) -> Option<Duration> {
        self.0
            .time_left_ms()
            .into_option()
            .map(Duration::from_millis)
    }

    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    fn request_id(&self) -> String {
        self.0.request_id().into_string()
    }

    fn bypass_cache(&self) -> bool {
        self.0.bypass_cache()
    }
}

struct RemotePageSink<'a, T: AbiValue>(PageSinkMut<'a, T::Abi>);

impl<T: AbiValue> PageSink<T> for RemotePageSink<'_, T> {
    fn page(&mut self, items: Vec<T>, total: Option<u64>) -> Result<Flow> {
        from_abi(self.0.page(items.into_abi(), total.into_abi()))
    }
}

struct RemoteByteSink<'a>(ByteSinkMut<'a>);

impl ByteSink for RemoteByteSink<'_> {
    fn chunk(&mut self, bytes: &[u8]) -> Result<Flow> {
        from_abi(self.0.chunk(bytes.into()))
    }
}

struct RemoteByteSource<'a>(ByteSourceMut<'a>);

impl ByteSource for RemoteByteSource<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let length = buffer.len();
        let count: u64 = from_abi(self.0.read(buffer.into()))?;
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= length)
            .ok_or_else(|| {
                VcsError::new(
                    ErrorKind::INTERNAL,
                    "the host's byte source says that it wrote more than the buffer holds",
                )
            })
    }
}

/// The host's services as a provider sees them.
pub(super) struct RemoteHostServices(pub(super) SharedHostServices);

impl HostServices for RemoteHostServices {
    fn log(&self, record: LogRecord) {
        self.0.log(record.into_abi());
    }

    fn is_log_enabled(&self, level: LogLevel) -> bool {
        self.0.is_log_enabled(level)
    }

    fn load_grant(&self, grant_id: &str) -> Result<Option<Grant>> {
        from_abi(self.0.load_grant(grant_id.into()))
    }

    fn store_grant(&self, grant_id: &str, grant: Grant) -> Result<()> {
        from_abi(self.0.store_grant(grant_id.into(), grant.into_abi()))
    }

    fn lock_grant(&self, grant_id: &str, wait_ms: u64) -> Result<u64> {
        from_abi(self.0.lock_grant(grant_id.into(), wait_ms))
    }

    fn unlock_grant(&self, grant_id: &str, lock: u64) {
        self.0.unlock_grant(grant_id.into(), lock);
    }

    fn load_rate_state(&self, budget: &str) -> Result<Option<RateState>> {
        from_abi(self.0.load_rate_state(budget.into()))
    }

    fn store_rate_state(&self, budget: &str, state: RateState) -> Result<()> {
        from_abi(self.0.store_rate_state(budget.into(), state.into_abi()))
    }
}

/// A client behind the boundary.
pub struct ClientAdapter {
    client: Option<Box<dyn AuthorizedClient>>,
    poison: Arc<Poison>,
}

impl ClientAdapter {
    fn boxed(client: Box<dyn AuthorizedClient>, poison: Arc<Poison>) -> BoxedClient {
        let adapter = Self {
            client: Some(client),
            poison,
        };
        AbiAuthorizedClient_TO::from_ptr(RBox::new(adapter), TD_Opaque)
    }

    fn run<T: AbiValue>(
        &self,
        method: &str,
        body: impl FnOnce(&dyn AuthorizedClient) -> Result<T>,
    ) -> AbiResult<T::Abi> {
        to_abi(guarded(&self.poison, method, || match &self.client {
            Some(client) => body(client.as_ref()),
            None => Err(VcsError::new(ErrorKind::INTERNAL, "the client was dropped")),
        }))
    }
}

impl Drop for ClientAdapter {
    fn drop(&mut self) {
        guarded_drop(&self.poison, || drop(self.client.take()));
    }
}

/// One method of an adapter: the author's method under the guard.
macro_rules! answer_across {
    (list $name:ident($request:ty) -> $item:ty) => {
        fn $name(
            &self,
            context: ContextRef<'_>,
            request: <$request as AbiValue>::Abi,
            sink: PageSinkMut<'_, <$item as AbiValue>::Abi>,
        ) -> AbiResult<()> {
            self.run(stringify!($name), |inner| {
                inner.$name(
                    &RemoteContext(context),
                    AbiValue::from_abi(request),
                    &mut RemotePageSink(sink),
                )
            })
        }
    };
    (read $name:ident($request:ty) -> $response:ty) => {
        fn $name(
            &self,
            context: ContextRef<'_>,
            request: <$request as AbiValue>::Abi,
            sink: ByteSinkMut<'_>,
        ) -> AbiResult<<$response as AbiValue>::Abi> {
            self.run(stringify!($name), |inner| {
                inner.$name(
                    &RemoteContext(context),
                    AbiValue::from_abi(request),
                    &mut RemoteByteSink(sink),
                )
            })
        }
    };
    (write $name:ident($request:ty) -> $response:ty) => {
        fn $name(
            &self,
            context: ContextRef<'_>,
            request: <$request as AbiValue>::Abi,
            source: ByteSourceMut<'_>,
        ) -> AbiResult<<$response as AbiValue>::Abi> {
            self.run(stringify!($name), |inner| {
                inner.$name(
                    &RemoteContext(context),
                    AbiValue::from_abi(request),
                    &mut RemoteByteSource(source),
                )
            })
        }
    };
    (call $name:ident($request:ty) -> $response:ty) => {
        fn $name(
            &self,
            context: ContextRef<'_>,
            request: <$request as AbiValue>::Abi,
        ) -> AbiResult<<$response as AbiValue>::Abi> {
            self.run(stringify!($name), |inner| {
                inner.$name(&RemoteContext(context), AbiValue::from_abi(request))
            })
        }
    };
}

macro_rules! implement_client_adapter {
    ( $( $section:ident { $( $(#[$doc:meta])* $shape:ident $name:ident($request:ty) -> $response:ty; )* } )* ) => {
        impl AbiAuthorizedClient for ClientAdapter {
            $($( answer_across! { $shape $name($request) -> $response } )*)*
        }
    };
}

authorized_client_methods!(implement_client_adapter);

/// A server behind the boundary.
pub struct ServerAdapter {
    server: Option<Box<dyn VcsServer>>,
    poison: Arc<Poison>,
}

impl ServerAdapter {
    pub(super) fn boxed(server: Box<dyn VcsServer>, poison: Arc<Poison>) -> BoxedServer {
        let adapter = Self {
            server: Some(server),
            poison,
        };
        AbiVcsServer_TO::from_ptr(RBox::new(adapter), TD_Opaque)
    }

    fn run<T: AbiValue>(
        &self,
        method: &str,
        body: impl FnOnce(&dyn VcsServer) -> Result<T>,
    ) -> AbiResult<T::Abi> {
        to_abi(self.guarded(method, body))
    }

    fn guarded<T>(
        &self,
        method: &str,
        body: impl FnOnce(&dyn VcsServer) -> Result<T>,
    ) -> Result<T> {
        guarded(&self.poison, method, || match &self.server {
            Some(server) => body(server.as_ref()),
            None => Err(VcsError::new(ErrorKind::INTERNAL, "the server was dropped")),
        })
    }
}

impl Drop for ServerAdapter {
    fn drop(&mut self) {
        guarded_drop(&self.poison, || drop(self.server.take()));
    }
}

macro_rules! implement_server_adapter {
    ( $( $section:ident { $( $(#[$doc:meta])* $shape:ident $name:ident($request:ty) -> $response:ty; )* } )* ) => {
        impl AbiVcsServer for ServerAdapter {
            $($( answer_across! { $shape $name($request) -> $response } )*)*

            fn authorized_client(&self, credential: CredentialAbi) -> AbiResult<BoxedClient> {
                let client = self.guarded("authorized_client", |server| {
                    server.authorized_client(AbiValue::from_abi(credential))
                });
                match client {
                    Ok(client) => {
                        RResult::ROk(ClientAdapter::boxed(client, Arc::clone(&self.poison)))
                    }
                    Err(error) => RResult::RErr(error.into_abi()),
                }
            }
        }
    };
}

vcs_server_methods!(implement_server_adapter);

/// A total as the boundary carries it, back in plain form.
pub(super) fn plain_total(total: ROption<u64>) -> Option<u64> {
    total.into_option()
}
