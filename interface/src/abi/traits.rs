//! The traits of the boundary.

// `sabi_trait` names its own helper types; their documentation is generated too.
#![allow(
    missing_docs,
    non_camel_case_types,
    non_local_definitions,
    unsafe_code,
    clippy::all
)]

use crate::error::VcsErrorAbi;
use crate::methods::{authorized_client_methods, vcs_server_methods};
use crate::records::*;
use crate::services::{LogLevel, LogRecordAbi};
use crate::sink::Flow;
use crate::value::AbiValue;
use abi_stable::sabi_trait;
use abi_stable::std_types::{RArc, RBox, ROption, RResult, RSlice, RSliceMut, RStr, RString, RVec};
use abi_stable::{RMut, RRef};

/// The result of every method of the boundary.
pub type AbiResult<T> = RResult<T, VcsErrorAbi>;

/// The form of a plain type that crosses the boundary.
type Abi<T> = <T as AbiValue>::Abi;

/// [`CallContext`](crate::context::CallContext) on the boundary.
#[sabi_trait]
pub trait AbiCallContext: Send + Sync {
    /// Milliseconds left; none without a deadline.
    fn time_left_ms(&self) -> ROption<u64>;
    /// Whether the caller cancelled.
    fn is_cancelled(&self) -> bool;
    /// The caller's name of the call.
    fn request_id(&self) -> RString;
    /// Whether nothing remembered may be used.
    #[sabi(last_prefix_field)]
    fn bypass_cache(&self) -> bool;
}

/// [`PageSink`](crate::sink::PageSink) on the boundary.
#[sabi_trait]
pub trait AbiPageSink<T> {
    /// Takes a page.
    #[sabi(last_prefix_field)]
    fn page(&mut self, items: RVec<T>, total: ROption<u64>) -> AbiResult<Flow>;
}

/// [`ByteSink`](crate::sink::ByteSink) on the boundary.
#[sabi_trait]
pub trait AbiByteSink {
    /// Takes a chunk.
    #[sabi(last_prefix_field)]
    fn chunk(&mut self, bytes: RSlice<'_, u8>) -> AbiResult<Flow>;
}

/// [`ByteSource`](crate::sink::ByteSource) on the boundary.
#[sabi_trait]
pub trait AbiByteSource {
    /// Fills a buffer.
    #[sabi(last_prefix_field)]
    fn read(&mut self, buffer: RSliceMut<'_, u8>) -> AbiResult<u64>;
}

/// [`HostServices`](crate::services::HostServices) on the boundary.
#[sabi_trait]
pub trait AbiHostServices: Send + Sync {
    /// Takes a log line.
    fn log(&self, record: LogRecordAbi);
    /// Whether a level is kept.
    fn is_log_enabled(&self, level: LogLevel) -> bool;
    /// Loads a grant.
    fn load_grant(&self, grant_id: RStr<'_>) -> AbiResult<ROption<GrantAbi>>;
    /// Stores a grant durably.
    fn store_grant(&self, grant_id: RStr<'_>, grant: GrantAbi) -> AbiResult<()>;
    /// Locks a grant.
    fn lock_grant(&self, grant_id: RStr<'_>, wait_ms: u64) -> AbiResult<u64>;
    /// Unlocks a grant.
    #[sabi(last_prefix_field)]
    fn unlock_grant(&self, grant_id: RStr<'_>, lock: u64);
}

/// A borrowed context.
pub type ContextRef<'a> = AbiCallContext_TO<'a, RRef<'a, ()>>;
/// A borrowed sink of pages.
pub type PageSinkMut<'a, T> = AbiPageSink_TO<'a, RMut<'a, ()>, T>;
/// A borrowed sink of bytes.
pub type ByteSinkMut<'a> = AbiByteSink_TO<'a, RMut<'a, ()>>;
/// A borrowed source of bytes.
pub type ByteSourceMut<'a> = AbiByteSource_TO<'a, RMut<'a, ()>>;
/// The host's services, shared.
pub type SharedHostServices = AbiHostServices_TO<'static, RArc<()>>;
/// An owned client.
pub type BoxedClient = AbiAuthorizedClient_TO<'static, RBox<()>>;
/// An owned server.
pub type BoxedServer = AbiVcsServer_TO<'static, RBox<()>>;

macro_rules! define_abi_authorized_client {
    (
        lists { $( $(#[$list_doc:meta])* $list:ident($list_request:ty) -> $list_item:ty; )* }
        reads { $( $(#[$read_doc:meta])* $read:ident($read_request:ty) -> $read_answer:ty; )* }
        writes { $( $(#[$write_doc:meta])* $write:ident($write_request:ty) -> $write_answer:ty; )* }
        calls { $( $(#[$call_doc:meta])* $call:ident($call_request:ty) -> $call_answer:ty; )* }
        last { $(#[$last_doc:meta])* $last:ident($last_request:ty) -> $last_answer:ty; }
        added { $( $(#[$added_doc:meta])* $added:ident($added_request:ty) -> $added_answer:ty; )* }
    ) => {
        /// [`AuthorizedClient`](crate::provider::AuthorizedClient) on the boundary.
        #[sabi_trait]
        pub trait AbiAuthorizedClient: Send + Sync {
            $( $(#[$list_doc])*
            fn $list(
                &self,
                context: ContextRef<'_>,
                request: Abi<$list_request>,
                sink: PageSinkMut<'_, Abi<$list_item>>,
            ) -> AbiResult<()>; )*
            $( $(#[$read_doc])*
            fn $read(
                &self,
                context: ContextRef<'_>,
                request: Abi<$read_request>,
                sink: ByteSinkMut<'_>,
            ) -> AbiResult<Abi<$read_answer>>; )*
            $( $(#[$write_doc])*
            fn $write(
                &self,
                context: ContextRef<'_>,
                request: Abi<$write_request>,
                source: ByteSourceMut<'_>,
            ) -> AbiResult<Abi<$write_answer>>; )*
            $( $(#[$call_doc])*
            fn $call(
                &self,
                context: ContextRef<'_>,
                request: Abi<$call_request>,
            ) -> AbiResult<Abi<$call_answer>>; )*
            $(#[$last_doc])*
            #[sabi(last_prefix_field)]
            fn $last(
                &self,
                context: ContextRef<'_>,
                request: Abi<$last_request>,
            ) -> AbiResult<Abi<$last_answer>>;
            $( $(#[$added_doc])*
            fn $added(
                &self,
                context: ContextRef<'_>,
                request: Abi<$added_request>,
            ) -> AbiResult<Abi<$added_answer>> {
                // Runs where the other side is too old to have the method.
                let _ = (context, request);
                AbiResult::RErr(crate::error::VcsError::unsupported(stringify!($added)).into_abi())
            } )*
        }
    };
}

authorized_client_methods!(define_abi_authorized_client);

macro_rules! define_abi_vcs_server {
    (
        calls { $( $(#[$call_doc:meta])* $call:ident($call_request:ty) -> $call_answer:ty; )* }
        added { $( $(#[$added_doc:meta])* $added:ident($added_request:ty) -> $added_answer:ty; )* }
    ) => {
        /// [`VcsServer`](crate::provider::VcsServer) on the boundary.
        #[sabi_trait]
        pub trait AbiVcsServer: Send + Sync {
            $( $(#[$call_doc])*
            fn $call(
                &self,
                context: ContextRef<'_>,
                request: Abi<$call_request>,
            ) -> AbiResult<Abi<$call_answer>>; )*
            /// Makes a client for a credential.
            #[sabi(last_prefix_field)]
            fn authorized_client(&self, credential: CredentialAbi) -> AbiResult<BoxedClient>;
            $( $(#[$added_doc])*
            fn $added(
                &self,
                context: ContextRef<'_>,
                request: Abi<$added_request>,
            ) -> AbiResult<Abi<$added_answer>> {
                // Runs where the other side is too old to have the method.
                let _ = (context, request);
                AbiResult::RErr(crate::error::VcsError::unsupported(stringify!($added)).into_abi())
            } )*
        }
    };
}

vcs_server_methods!(define_abi_vcs_server);
