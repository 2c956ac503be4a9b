//! What the engine holds: handles that stay valid over every swap.
//!
//! Each call goes to the generation that serves when the call begins, and that
//! generation stays until the call has ended: an answer comes from exactly one
//! generation, and a swap loses no call. A handle keeps no generation alive
//! between calls.

use super::generation::Generation;
use super::slot::Slot;
use std::sync::Arc;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::Result;
use vcs_provider_interface::prelude::{
    AuthorizedClient, ByteSink, ByteSource, PageSink, VcsServer,
};
use vcs_provider_interface::records::*;
use vcs_provider_interface::{authorized_client_methods, vcs_server_methods};

/// A configured server, whichever provider serves it at the moment.
#[derive(Clone)]
pub struct ServerHandle {
    slot: Arc<Slot>,
}

impl ServerHandle {
    pub(super) fn new(slot: Arc<Slot>) -> Self {
        Self { slot }
    }

    /// The server's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.slot.name()
    }

    /// What the provider in service says of itself; `None` without one.
    #[must_use]
    pub fn provider_info(&self) -> Option<vcs_provider_interface::info::ProviderInfo> {
        let generation = self.slot.current()?;
        Some(generation.plugin().report.info.clone())
    }

    fn on_server<T>(&self, call: impl FnOnce(&dyn VcsServer) -> Result<T>) -> Result<T> {
        self.slot.call(|generation| call(generation.server()?))
    }
}

/// One method of a handle: the method of whatever serves when the call begins.
macro_rules! pass_on {
    (($($call:tt)*) list $name:ident($request:ty) -> $item:ty) => {
        fn $name(
            &self,
            context: &dyn CallContext,
            request: $request,
            sink: &mut dyn PageSink<$item>,
        ) -> Result<()> {
            pass_on!(self, ($($call)*), target => target.$name(context, request, sink))
        }
    };
    (($($call:tt)*) read $name:ident($request:ty) -> $response:ty) => {
        fn $name(
            &self,
            context: &dyn CallContext,
            request: $request,
            sink: &mut dyn ByteSink,
        ) -> Result<$response> {
            pass_on!(self, ($($call)*), target => target.$name(context, request, sink))
        }
    };
    (($($call:tt)*) write $name:ident($request:ty) -> $response:ty) => {
        fn $name(
            &self,
            context: &dyn CallContext,
            request: $request,
            source: &mut dyn ByteSource,
        ) -> Result<$response> {
            pass_on!(self, ($($call)*), target => target.$name(context, request, source))
        }
    };
    (($($call:tt)*) call $name:ident($request:ty) -> $response:ty) => {
        fn $name(&self, context: &dyn CallContext, request: $request) -> Result<$response> {
            pass_on!(self, ($($call)*), target => target.$name(context, request))
        }
    };
    ($self:ident, ($call:ident), $target:ident => $body:expr) => {
        $self.$call(|$target| $body)
    };
}

macro_rules! implement_server_handle {
    ( $( $section:ident { $( $(#[$doc:meta])* $shape:ident $name:ident($request:ty) -> $response:ty; )* } )* ) => {
        impl VcsServer for ServerHandle {
            $($( pass_on! { (on_server) $shape $name($request) -> $response } )*)*

            /// The client that is returned stays valid over every swap: a
            /// provider makes its own client when the first call reaches it.
            /// The provider in service makes its client at once, so that a
            /// credential that cannot be used is an error here.
            fn authorized_client(&self, credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
                let client = ClientHandle {
                    number: self.slot.new_client_number(),
                    slot: Arc::clone(&self.slot),
                    credential,
                };
                client.on_client(|_| Ok(()))?;
                Ok(Box::new(client))
            }
        }
    };
}

vcs_server_methods!(implement_server_handle);

/// A client with one credential, whichever provider serves at the moment.
struct ClientHandle {
    slot: Arc<Slot>,
    number: u64,
    credential: Credential,
}

impl ClientHandle {
    fn on_client<T>(&self, call: impl FnOnce(&dyn AuthorizedClient) -> Result<T>) -> Result<T> {
        self.slot.call(|generation: &Generation| {
            let client = generation.client(self.number, &self.credential)?;
            call(client.as_ref())
        })
    }
}

impl Drop for ClientHandle {
    fn drop(&mut self) {
        if let Some(generation) = self.slot.current() {
            generation.forget_client(self.number);
        }
    }
}

macro_rules! implement_client_handle {
    ( $( $section:ident { $( $(#[$doc:meta])* $shape:ident $name:ident($request:ty) -> $response:ty; )* } )* ) => {
        impl AuthorizedClient for ClientHandle {
            $($( pass_on! { (on_client) $shape $name($request) -> $response } )*)*
        }
    };
}

authorized_client_methods!(implement_client_handle);
