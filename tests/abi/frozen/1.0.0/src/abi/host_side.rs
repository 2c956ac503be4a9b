//! The host's side: a loaded provider as plain Rust, and the host's own objects
//! as the boundary wants them.

use super::guard::guarded_callback;
use super::plugin_side::{from_abi, plain_total, to_abi};
use super::root_module::ProviderModuleRef;
use super::traits::{
    AbiByteSink, AbiByteSink_TO, AbiByteSource, AbiByteSource_TO, AbiCallContext,
    AbiCallContext_TO, AbiHostServices, AbiHostServices_TO, AbiPageSink, AbiPageSink_TO, AbiResult,
    BoxedClient, BoxedServer, SharedHostServices,
};
use crate::abi::AbiValue;
use crate::context::CallContext;
use crate::error::{Result, VcsError};
use crate::info::ProviderInfo;
use crate::methods::{authorized_client_methods, vcs_server_methods};
use crate::provider::{AuthorizedClient, VcsServer};
use crate::records::*;
use crate::services::{HostServices, LogLevel, LogRecord, LogRecordAbi};
use crate::sink::{ByteSink, ByteSource, Flow, PageSink};
use abi_stable::sabi_trait::prelude::TD_Opaque;
use abi_stable::std_types::{RArc, ROption, RResult, RSlice, RSliceMut, RStr, RString, RVec};
use abi_stable::{RMut, RRef};
use std::sync::Arc;

struct LocalContext<'a>(&'a dyn CallContext);

impl AbiCallContext for LocalContext<'_> {
    fn time_left_ms(&self) -> ROption<u64> {
        self.0
            .time_left()
            .map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
            .into()
    }

    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    fn request_id(&self) -> RString {
        self.0.request_id().into()
    }

    fn bypass_cache(&self) -> bool {
        self.0.bypass_cache()
    }
}

struct LocalPageSink<'a, T>(&'a mut dyn PageSink<T>);

impl<T: AbiValue> AbiPageSink<T::Abi> for LocalPageSink<'_, T> {
    fn page(&mut self, items: RVec<T::Abi>, total: ROption<u64>) -> AbiResult<Flow> {
        to_abi(guarded_callback("page sink", || {
            self.0.page(Vec::from_abi(items), plain_total(total))
        }))
    }
}

struct LocalByteSink<'a>(&'a mut dyn ByteSink);

impl AbiByteSink for LocalByteSink<'_> {
    fn chunk(&mut self, bytes: RSlice<'_, u8>) -> AbiResult<Flow> {
        to_abi(guarded_callback("byte sink", || {
            self.0.chunk(bytes.as_slice())
        }))
    }
}

struct LocalByteSource<'a>(&'a mut dyn ByteSource);

impl AbiByteSource for LocalByteSource<'_> {
    fn read(&mut self, mut buffer: RSliceMut<'_, u8>) -> AbiResult<u64> {
        to_abi(guarded_callback("byte source", || {
            self.0.read(buffer.as_mut_slice()).map(|count| count as u64)
        }))
    }
}

struct LocalHostServices(Arc<dyn HostServices>);

impl AbiHostServices for LocalHostServices {
    fn log(&self, record: LogRecordAbi) {
        // A log that fails must not fail the call that logs.
        let _ = guarded_callback("log", || {
            self.0.log(LogRecord::from_abi(record));
            Ok(())
        });
    }

    fn is_log_enabled(&self, level: LogLevel) -> bool {
        guarded_callback("log", || Ok(self.0.is_log_enabled(level))).unwrap_or(false)
    }

    fn load_grant(&self, grant_id: RStr<'_>) -> AbiResult<ROption<GrantAbi>> {
        to_abi(guarded_callback("grant store", || {
            self.0.load_grant(grant_id.as_str())
        }))
    }

    fn store_grant(&self, grant_id: RStr<'_>, grant: GrantAbi) -> AbiResult<()> {
        to_abi(guarded_callback("grant store", || {
            self.0
                .store_grant(grant_id.as_str(), Grant::from_abi(grant))
        }))
    }

    fn lock_grant(&self, grant_id: RStr<'_>, wait_ms: u64) -> AbiResult<u64> {
        to_abi(guarded_callback("grant store", || {
            self.0.lock_grant(grant_id.as_str(), wait_ms)
        }))
    }

    fn unlock_grant(&self, grant_id: RStr<'_>, lock: u64) {
        // The lock is released at the latest when the process ends.
        let _ = guarded_callback("grant store", || {
            self.0.unlock_grant(grant_id.as_str(), lock);
            Ok(())
        });
    }

    fn load_rate_state(&self, budget: RStr<'_>) -> AbiResult<ROption<RateStateAbi>> {
        to_abi(guarded_callback("rate store", || {
            self.0.load_rate_state(budget.as_str())
        }))
    }

    fn store_rate_state(&self, budget: RStr<'_>, state: RateStateAbi) -> AbiResult<()> {
        to_abi(guarded_callback("rate store", || {
            self.0
                .store_rate_state(budget.as_str(), RateState::from_abi(state))
        }))
    }
}

fn share(services: Arc<dyn HostServices>) -> SharedHostServices {
    AbiHostServices_TO::from_ptr(RArc::new(LocalHostServices(services)), TD_Opaque)
}

/// A loaded provider.
///
/// A copy of a handle to code that stays mapped for the life of the process.
#[derive(Clone, Copy)]
pub struct HostProvider {
    module: ProviderModuleRef,
}

impl HostProvider {
    /// Takes the module of a library that was checked and initialised.
    #[must_use]
    pub fn new(module: ProviderModuleRef) -> Self {
        Self { module }
    }

    /// What the provider says of itself.
    ///
    /// # Errors
    /// `Internal` if the provider panics.
    pub fn info(&self) -> Result<ProviderInfo> {
        from_abi((self.module.info())())
    }

    /// Makes a server from its configuration.
    ///
    /// # Errors
    /// `Config` with the name of the key; `Internal` if the provider panics.
    pub fn new_server(
        &self,
        config_toml: &str,
        services: Arc<dyn HostServices>,
    ) -> Result<HostServer> {
        match (self.module.new_server())(config_toml.into(), share(services)) {
            RResult::ROk(server) => Ok(HostServer { server }),
            RResult::RErr(error) => Err(VcsError::from_abi(error)),
        }
    }
}

/// A server of a loaded provider.
pub struct HostServer {
    server: BoxedServer,
}

/// One method of a handle: across the boundary and back.
macro_rules! call_across {
    ($inner:ident; list $name:ident($request:ty) -> $item:ty) => {
        fn $name(
            &self,
            context: &dyn CallContext,
            request: $request,
            sink: &mut dyn PageSink<$item>,
        ) -> Result<()> {
            let context = LocalContext(context);
            let context = AbiCallContext_TO::from_ptr(RRef::new(&context), TD_Opaque);
            let mut sink = LocalPageSink(sink);
            let sink = AbiPageSink_TO::from_ptr(RMut::new(&mut sink), TD_Opaque);
            from_abi(self.$inner.$name(context, request.into_abi(), sink))
        }
    };
    ($inner:ident; read $name:ident($request:ty) -> $response:ty) => {
        fn $name(
            &self,
            context: &dyn CallContext,
            request: $request,
            sink: &mut dyn ByteSink,
        ) -> Result<$response> {
            let context = LocalContext(context);
            let context = AbiCallContext_TO::from_ptr(RRef::new(&context), TD_Opaque);
            let mut sink = LocalByteSink(sink);
            let sink = AbiByteSink_TO::from_ptr(RMut::new(&mut sink), TD_Opaque);
            from_abi(self.$inner.$name(context, request.into_abi(), sink))
        }
    };
    ($inner:ident; write $name:ident($request:ty) -> $response:ty) => {
        fn $name(
            &self,
            context: &dyn CallContext,
            request: $request,
            source: &mut dyn ByteSource,
        ) -> Result<$response> {
            let context = LocalContext(context);
            let context = AbiCallContext_TO::from_ptr(RRef::new(&context), TD_Opaque);
            let mut source = LocalByteSource(source);
            let source = AbiByteSource_TO::from_ptr(RMut::new(&mut source), TD_Opaque);
            from_abi(self.$inner.$name(context, request.into_abi(), source))
        }
    };
    ($inner:ident; call $name:ident($request:ty) -> $response:ty) => {
        fn $name(&self, context: &dyn CallContext, request: $request) -> Result<$response> {
            let context = LocalContext(context);
            let context = AbiCallContext_TO::from_ptr(RRef::new(&context), TD_Opaque);
            from_abi(self.$inner.$name(context, request.into_abi()))
        }
    };
}

macro_rules! implement_host_server {
    ( $( $section:ident { $( $(#[$doc:meta])* $shape:ident $name:ident($request:ty) -> $response:ty; )* } )* ) => {
        impl VcsServer for HostServer {
            $($( call_across! { server; $shape $name($request) -> $response } )*)*

            fn authorized_client(&self, credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
                match self.server.authorized_client(credential.into_abi()) {
                    RResult::ROk(client) => Ok(Box::new(HostClient { client })),
                    RResult::RErr(error) => Err(VcsError::from_abi(error)),
                }
            }
        }
    };
}

vcs_server_methods!(implement_host_server);

/// A client of a loaded provider.
pub struct HostClient {
    client: BoxedClient,
}

macro_rules! implement_host_client {
    ( $( $section:ident { $( $(#[$doc:meta])* $shape:ident $name:ident($request:ty) -> $response:ty; )* } )* ) => {
        impl AuthorizedClient for HostClient {
            $($( call_across! { client; $shape $name($request) -> $response } )*)*
        }
    };
}

authorized_client_methods!(implement_host_client);
