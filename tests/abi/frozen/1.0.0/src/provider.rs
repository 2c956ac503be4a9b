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

/// One method of a trait, with the default of all: `Unsupported`.
macro_rules! define_method {
    ($(#[$doc:meta])* list $name:ident($request:ty) -> $item:ty) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// See the trait.
        fn $name(
            &self,
            context: &dyn CallContext,
            request: $request,
            sink: &mut dyn PageSink<$item>,
        ) -> Result<()> {
            let _ = (context, request, sink);
            Err(VcsError::unsupported(stringify!($name)))
        }
    };
    ($(#[$doc:meta])* read $name:ident($request:ty) -> $response:ty) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// See the trait.
        fn $name(
            &self,
            context: &dyn CallContext,
            request: $request,
            sink: &mut dyn ByteSink,
        ) -> Result<$response> {
            let _ = (context, request, sink);
            Err(VcsError::unsupported(stringify!($name)))
        }
    };
    ($(#[$doc:meta])* write $name:ident($request:ty) -> $response:ty) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// See the trait.
        fn $name(
            &self,
            context: &dyn CallContext,
            request: $request,
            source: &mut dyn ByteSource,
        ) -> Result<$response> {
            let _ = (context, request, source);
            Err(VcsError::unsupported(stringify!($name)))
        }
    };
    ($(#[$doc:meta])* call $name:ident($request:ty) -> $response:ty) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// See the trait.
        fn $name(&self, context: &dyn CallContext, request: $request) -> Result<$response> {
            let _ = (context, request);
            Err(VcsError::unsupported(stringify!($name)))
        }
    };
}

macro_rules! define_authorized_client {
    ( $( $section:ident { $( $(#[$doc:meta])* $shape:ident $name:ident($request:ty) -> $response:ty; )* } )* ) => {
        /// A client of a server with one credential.
        ///
        /// Methods may be called from several threads at once. A list is whole
        /// or an error; after an error the pages that were pushed before it are
        /// to be dropped. A method that a provider does not have answers
        /// `Unsupported`, which is the default of all of them; so does a method
        /// that a provider is too old for.
        ///
        /// # Errors
        /// Every method may return `InvalidInput`, `Unauthenticated`,
        /// `PermissionDenied`, `NotFound`, `RateLimited`, `Unavailable`,
        /// `Timeout`, `Cancelled`, `Unsupported`, `EndpointRemoved`,
        /// `InvalidResponse` or `Internal`; creating ones also `AlreadyExists`
        /// and `Conflict`.
        pub trait AuthorizedClient: Send + Sync {
            $($( define_method! { $(#[$doc])* $shape $name($request) -> $response } )*)*
        }

        /// The names of the methods of [`AuthorizedClient`], in the order of the list.
        pub const AUTHORIZED_CLIENT_METHODS: &[&str] = &[ $($( stringify!($name), )*)* ];
    };
}

authorized_client_methods!(define_authorized_client);

macro_rules! define_vcs_server {
    ( $( $section:ident { $( $(#[$doc:meta])* $shape:ident $name:ident($request:ty) -> $response:ty; )* } )* ) => {
        /// One configured server of a provider.
        ///
        /// Methods may be called from several threads at once. All but
        /// `authorized_client` answer `Unsupported` by default.
        ///
        /// # Errors
        /// `Unsupported` by default; `Unauthenticated` for a rejected code or a
        /// wrong signature; `InvalidInput` for a body that cannot be read;
        /// otherwise as in [`AuthorizedClient`].
        pub trait VcsServer: Send + Sync {
            /// Makes a client for a credential. Quick; sends nothing.
            ///
            /// # Errors
            /// `InvalidInput` for a credential that cannot be one, `Config` where
            /// the configured credential is wanted and there is none.
            fn authorized_client(&self, credential: Credential) -> Result<Box<dyn AuthorizedClient>>;

            $($( define_method! { $(#[$doc])* $shape $name($request) -> $response } )*)*
        }

        /// The names of the methods of [`VcsServer`] but for `authorized_client`,
        /// in the order of the list.
        pub const VCS_SERVER_METHODS: &[&str] = &[ $($( stringify!($name), )*)* ];
    };
}

vcs_server_methods!(define_vcs_server);
