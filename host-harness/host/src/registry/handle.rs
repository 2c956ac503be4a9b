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
        Some(generation.plugin().info.clone())
    }
}

macro_rules! implement_server_handle {
    (
        calls { $( $(#[$call_doc:meta])* $call:ident($call_request:ty) -> $call_answer:ty; )* }
        added { $( $(#[$added_doc:meta])* $added:ident($added_request:ty) -> $added_answer:ty; )* }
    ) => {
        impl VcsServer for ServerHandle {
            $( fn $call(&self, context: &dyn CallContext, request: $call_request) -> Result<$call_answer> {
                self.slot.call(|generation| generation.server()?.$call(context, request))
            } )*

            $( fn $added(&self, context: &dyn CallContext, request: $added_request) -> Result<$added_answer> {
                self.slot.call(|generation| generation.server()?.$added(context, request))
            } )*

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
                client.call(|_| Ok(()))?;
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
    fn call<T>(&self, call: impl FnOnce(&dyn AuthorizedClient) -> Result<T>) -> Result<T> {
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
    (
        lists { $( $(#[$list_doc:meta])* $list:ident($list_request:ty) -> $list_item:ty; )* }
        reads { $( $(#[$read_doc:meta])* $read:ident($read_request:ty) -> $read_answer:ty; )* }
        writes { $( $(#[$write_doc:meta])* $write:ident($write_request:ty) -> $write_answer:ty; )* }
        calls { $( $(#[$call_doc:meta])* $call:ident($call_request:ty) -> $call_answer:ty; )* }
        last { $(#[$last_doc:meta])* $last:ident($last_request:ty) -> $last_answer:ty; }
        added { $( $(#[$added_doc:meta])* $added:ident($added_request:ty) -> $added_answer:ty; )* }
    ) => {
        impl AuthorizedClient for ClientHandle {
            $( fn $list(
                &self,
                context: &dyn CallContext,
                request: $list_request,
                sink: &mut dyn PageSink<$list_item>,
            ) -> Result<()> {
                self.call(|client| client.$list(context, request, sink))
            } )*

            $( fn $read(
                &self,
                context: &dyn CallContext,
                request: $read_request,
                sink: &mut dyn ByteSink,
            ) -> Result<$read_answer> {
                self.call(|client| client.$read(context, request, sink))
            } )*

            $( fn $write(
                &self,
                context: &dyn CallContext,
                request: $write_request,
                source: &mut dyn ByteSource,
            ) -> Result<$write_answer> {
                self.call(|client| client.$write(context, request, source))
            } )*

            $( fn $call(&self, context: &dyn CallContext, request: $call_request) -> Result<$call_answer> {
                self.call(|client| client.$call(context, request))
            } )*

            fn $last(&self, context: &dyn CallContext, request: $last_request) -> Result<$last_answer> {
                self.call(|client| client.$last(context, request))
            }

            $( fn $added(&self, context: &dyn CallContext, request: $added_request) -> Result<$added_answer> {
                self.call(|client| client.$added(context, request))
            } )*
        }
    };
}

authorized_client_methods!(implement_client_handle);
