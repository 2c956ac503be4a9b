//! The traits of the boundary.

// `sabi_trait` names its own helper types; their documentation is generated too.
#![allow(
    missing_docs,
    non_camel_case_types,
    non_local_definitions,
    unsafe_code,
    unused_variables,
    clippy::all
)]

use crate::abi::AbiValue;
use crate::error::VcsErrorAbi;
use crate::methods::{authorized_client_methods, vcs_server_methods};
use crate::records::*;
use crate::services::{LogLevel, LogRecordAbi};
use crate::sink::Flow;
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
    fn unlock_grant(&self, grant_id: RStr<'_>, lock: u64);
    /// Loads the shared state of a rate budget.
    fn load_rate_state(&self, budget: RStr<'_>) -> AbiResult<ROption<RateStateAbi>>;
    /// Stores the shared state of a rate budget.
    #[sabi(last_prefix_field)]
    fn store_rate_state(&self, budget: RStr<'_>, state: RateStateAbi) -> AbiResult<()>;
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

/// Turns the methods of a list one by one into the form that they have on the
/// boundary and hands all of them to `$then`, because `sabi_trait` must see a
/// trait without macros in it.
///
/// A method of the section `added` gets a default body, which runs where the
/// other side is too old to have the method.
macro_rules! on_the_boundary {
    ($then:ident; $( $section:ident { $($methods:tt)* } )*) => {
        on_the_boundary! { @next $then [] $( $section { $($methods)* } )* }
    };
    // Of an empty section on to the next, and out after the last.
    (@next $then:ident [$($done:tt)*] $section:ident {} $($rest:tt)*) => {
        on_the_boundary! { @next $then [$($done)*] $($rest)* }
    };
    (@next $then:ident [$($done:tt)*]) => {
        $then! { $($done)* }
    };
    // By section: the attribute and the body.
    (@next $then:ident $done:tt since_1_0 { $(#[$doc:meta])* $shape:ident $name:ident $request:tt -> $response:ty; $($methods:tt)* } $($rest:tt)*) => {
        on_the_boundary! { @method $then $done [$(#[$doc])*] (;) $shape $name $request $response; since_1_0 { $($methods)* } $($rest)* }
    };
    (@next $then:ident $done:tt last { $(#[$doc:meta])* $shape:ident $name:ident $request:tt -> $response:ty; $($methods:tt)* } $($rest:tt)*) => {
        on_the_boundary! { @method $then $done [$(#[$doc])* #[sabi(last_prefix_field)]] (;) $shape $name $request $response; last { $($methods)* } $($rest)* }
    };
    (@next $then:ident $done:tt added { $(#[$doc:meta])* $shape:ident $name:ident $request:tt -> $response:ty; $($methods:tt)* } $($rest:tt)*) => {
        on_the_boundary! { @method $then $done [$(#[$doc])*] ({ unsupported(stringify!($name)) }) $shape $name $request $response; added { $($methods)* } $($rest)* }
    };
    // By shape: the parameters and the result.
    (@method $then:ident [$($done:tt)*] $attributes:tt $body:tt list $name:ident ($request:ty) $item:ty; $($rest:tt)*) => {
        on_the_boundary! { @next $then [$($done)* {
            $attributes $body $name
            (context: ContextRef<'_>, request: Abi<$request>, sink: PageSinkMut<'_, Abi<$item>>)
            (AbiResult<()>)
        }] $($rest)* }
    };
    (@method $then:ident [$($done:tt)*] $attributes:tt $body:tt read $name:ident ($request:ty) $response:ty; $($rest:tt)*) => {
        on_the_boundary! { @next $then [$($done)* {
            $attributes $body $name
            (context: ContextRef<'_>, request: Abi<$request>, sink: ByteSinkMut<'_>)
            (AbiResult<Abi<$response>>)
        }] $($rest)* }
    };
    (@method $then:ident [$($done:tt)*] $attributes:tt $body:tt write $name:ident ($request:ty) $response:ty; $($rest:tt)*) => {
        on_the_boundary! { @next $then [$($done)* {
            $attributes $body $name
            (context: ContextRef<'_>, request: Abi<$request>, source: ByteSourceMut<'_>)
            (AbiResult<Abi<$response>>)
        }] $($rest)* }
    };
    (@method $then:ident [$($done:tt)*] $attributes:tt $body:tt call $name:ident ($request:ty) $response:ty; $($rest:tt)*) => {
        on_the_boundary! { @next $then [$($done)* {
            $attributes $body $name
            (context: ContextRef<'_>, request: Abi<$request>)
            (AbiResult<Abi<$response>>)
        }] $($rest)* }
    };
    (@method $then:ident [$($done:tt)*] $attributes:tt $body:tt client $name:ident ($credential:ty) $client:ty; $($rest:tt)*) => {
        on_the_boundary! { @next $then [$($done)* {
            $attributes $body $name
            (credential: Abi<$credential>)
            (AbiResult<$client>)
        }] $($rest)* }
    };
}

/// What a method answers where the other side is too old to have it.
#[allow(dead_code, reason = "unused for as long as nothing was added")]
fn unsupported<T>(method: &str) -> AbiResult<T> {
    AbiResult::RErr(crate::error::VcsError::unsupported(method).into_abi())
}

macro_rules! define_abi_authorized_client {
    ( $( { [$($attribute:tt)*] ($($body:tt)*) $name:ident ($($parameters:tt)*) ($($result:tt)*) } )* ) => {
        /// [`AuthorizedClient`](crate::provider::AuthorizedClient) on the boundary.
        #[sabi_trait]
        pub trait AbiAuthorizedClient: Send + Sync {
            $( $($attribute)* fn $name(&self, $($parameters)*) -> $($result)* $($body)* )*
        }
    };
}

macro_rules! define_abi_vcs_server {
    ( $( { [$($attribute:tt)*] ($($body:tt)*) $name:ident ($($parameters:tt)*) ($($result:tt)*) } )* ) => {
        /// [`VcsServer`](crate::provider::VcsServer) on the boundary.
        #[sabi_trait]
        pub trait AbiVcsServer: Send + Sync {
            $( $($attribute)* fn $name(&self, $($parameters)*) -> $($result)* $($body)* )*
        }
    };
}

macro_rules! authorized_client_on_the_boundary {
    ($($sections:tt)*) => {
        on_the_boundary! { define_abi_authorized_client; $($sections)* }
    };
}

macro_rules! vcs_server_on_the_boundary {
    (since_1_0 { $($methods:tt)* } added { $($added:tt)* }) => {
        on_the_boundary! {
            define_abi_vcs_server;
            since_1_0 { $($methods)* }
            last {
                /// Makes a client for a credential.
                client authorized_client(Credential) -> BoxedClient;
            }
            added { $($added)* }
        }
    };
}

authorized_client_methods!(authorized_client_on_the_boundary);
vcs_server_methods!(vcs_server_on_the_boundary);
