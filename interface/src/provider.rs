//! What a provider is: the traits that an author implements and a host calls.
//!
//! Both sides see the same traits: the host's handle of a loaded provider
//! implements them as well, by calling across the boundary.

use crate::context::CallContext;
use crate::error::{Result, VcsError};
use crate::info::ProviderInfo;
use crate::methods::{authorized_client_methods, vcs_server_methods};
use crate::records::*;
use crate::services::HostServices;
use crate::sink::{ByteSink, ByteSource, PageSink};
use std::sync::Arc;

/// A VCS provider: the entry of a plugin.
///
/// Exported with [`export_provider!`](crate::export_provider).
pub trait Provider: Send + Sync + 'static {
    /// What this provider is and can do. Called once when it is loaded; must
    /// be quick and send nothing.
    fn info() -> ProviderInfo;

    /// Makes a server from its configuration: the table of one server in TOML.
    ///
    /// Called once for each configured server and for each replacement while
    /// the engine runs; must be quick and send nothing.
    ///
    /// # Errors
    /// `Config`, with the name of the key.
    fn new_server(config_toml: &str, host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>>;
}

macro_rules! define_authorized_client {
    (
        lists { $( $(#[$list_doc:meta])* $list:ident($list_request:ty) -> $list_item:ty; )* }
        reads { $( $(#[$read_doc:meta])* $read:ident($read_request:ty) -> $read_answer:ty; )* }
        writes { $( $(#[$write_doc:meta])* $write:ident($write_request:ty) -> $write_answer:ty; )* }
        calls { $( $(#[$call_doc:meta])* $call:ident($call_request:ty) -> $call_answer:ty; )* }
        last { $(#[$last_doc:meta])* $last:ident($last_request:ty) -> $last_answer:ty; }
        added { $( $(#[$added_doc:meta])* $added:ident($added_request:ty) -> $added_answer:ty; )* }
    ) => {
        /// A client of a server with one credential.
        ///
        /// Methods may be called from several threads at once. A list is whole
        /// or an error; after an error the pages that were pushed before it are
        /// to be dropped. A method that a provider does not have answers
        /// `Unsupported`, which is the default of all of them.
        ///
        /// # Errors
        /// Every method may return `InvalidInput`, `Unauthenticated`,
        /// `PermissionDenied`, `NotFound`, `RateLimited`, `Unavailable`,
        /// `Timeout`, `Cancelled`, `Unsupported`, `EndpointRemoved`,
        /// `InvalidResponse` or `Internal`; creating ones also `AlreadyExists`
        /// and `Conflict`.
        pub trait AuthorizedClient: Send + Sync {
            $( $(#[$list_doc])*
            ///
            /// # Errors
            /// See the trait.
            fn $list(
                &self,
                context: &dyn CallContext,
                request: $list_request,
                sink: &mut dyn PageSink<$list_item>,
            ) -> Result<()> {
                let _ = (context, request, sink);
                Err(VcsError::unsupported(stringify!($list)))
            } )*

            $( $(#[$read_doc])*
            ///
            /// # Errors
            /// See the trait.
            fn $read(
                &self,
                context: &dyn CallContext,
                request: $read_request,
                sink: &mut dyn ByteSink,
            ) -> Result<$read_answer> {
                let _ = (context, request, sink);
                Err(VcsError::unsupported(stringify!($read)))
            } )*

            $( $(#[$write_doc])*
            ///
            /// # Errors
            /// See the trait.
            fn $write(
                &self,
                context: &dyn CallContext,
                request: $write_request,
                source: &mut dyn ByteSource,
            ) -> Result<$write_answer> {
                let _ = (context, request, source);
                Err(VcsError::unsupported(stringify!($write)))
            } )*

            $( $(#[$call_doc])*
            ///
            /// # Errors
            /// See the trait.
            fn $call(&self, context: &dyn CallContext, request: $call_request) -> Result<$call_answer> {
                let _ = (context, request);
                Err(VcsError::unsupported(stringify!($call)))
            } )*

            $(#[$last_doc])*
            ///
            /// # Errors
            /// See the trait.
            fn $last(&self, context: &dyn CallContext, request: $last_request) -> Result<$last_answer> {
                let _ = (context, request);
                Err(VcsError::unsupported(stringify!($last)))
            }

            $( $(#[$added_doc])*
            ///
            /// # Errors
            /// See the trait; `Unsupported` also from a provider that is older
            /// than this method.
            fn $added(&self, context: &dyn CallContext, request: $added_request) -> Result<$added_answer> {
                let _ = (context, request);
                Err(VcsError::unsupported(stringify!($added)))
            } )*
        }

        /// The names of the methods of [`AuthorizedClient`], in the order of the list.
        pub const AUTHORIZED_CLIENT_METHODS: &[&str] = &[
            $( stringify!($list), )* $( stringify!($read), )* $( stringify!($write), )*
            $( stringify!($call), )* stringify!($last), $( stringify!($added), )*
        ];
    };
}

authorized_client_methods!(define_authorized_client);

macro_rules! define_vcs_server {
    (
        calls { $( $(#[$call_doc:meta])* $call:ident($call_request:ty) -> $call_answer:ty; )* }
        added { $( $(#[$added_doc:meta])* $added:ident($added_request:ty) -> $added_answer:ty; )* }
    ) => {
        /// One configured server of a provider.
        ///
        /// Methods may be called from several threads at once. All but
        /// `authorized_client` answer `Unsupported` by default.
        pub trait VcsServer: Send + Sync {
            /// Makes a client for a credential. Quick; sends nothing.
            ///
            /// # Errors
            /// `InvalidInput` for a credential that cannot be one, `Config` where
            /// the configured credential is wanted and there is none.
            fn authorized_client(&self, credential: Credential) -> Result<Box<dyn AuthorizedClient>>;

            $( $(#[$call_doc])*
            ///
            /// # Errors
            /// `Unsupported` by default; `Unauthenticated` for a refused code or
            /// a wrong signature; `InvalidInput` for a body that cannot be read;
            /// otherwise as in [`AuthorizedClient`].
            fn $call(&self, context: &dyn CallContext, request: $call_request) -> Result<$call_answer> {
                let _ = (context, request);
                Err(VcsError::unsupported(stringify!($call)))
            } )*

            $( $(#[$added_doc])*
            ///
            /// # Errors
            /// As above; `Unsupported` also from a provider that is older than
            /// this method.
            fn $added(&self, context: &dyn CallContext, request: $added_request) -> Result<$added_answer> {
                let _ = (context, request);
                Err(VcsError::unsupported(stringify!($added)))
            } )*
        }
    };
}

vcs_server_methods!(define_vcs_server);
