//! The boundary itself: every type and function here is part of the ABI.
//!
//! A plugin author never needs this module; a host needs
//! [`ProviderModule`] and [`HostProvider`] to open one.
//!
//! # Rules for 1.x
//! 1. **Methods are only added at the end** of the section `added` of a list in
//!    `methods`, in any of the four shapes; their default body answers `Unsupported`. The methods before
//!    that section are the prefix that every 1.x has. A method that is added to
//!    a trait that the host implements needs a default body as well.
//! 2. **A record never gains, loses, renames or reorders a field.** New facts go
//!    into its `extra`, a new request into a new record.
//! 3. **Names are ABI**: of this package, of the types, of the fields.
//! 4. **A code number keeps its meaning**; new ones are added, in the section
//!    `added` of their type.
//! 5. **No supertrait is added**; all traits are `Send + Sync` from the start,
//!    but for the sinks, which stay on the calling thread.
//! 6. A change of layout raises the interface's version on purpose: a test holds
//!    a dump of all layouts.
//!
//! # Who owns what, and on which thread
//! Arguments and results are moved: the receiver owns and frees them, with the
//! allocator of the image that made them (each container carries it along).
//! Contexts, sinks and sources are borrowed until the method returns. Every
//! method may be called from any thread; a sink or source is used on the thread
//! of the call. Nothing may be kept after a method has returned, except that a
//! server and its clients keep the host's services.
//!
//! # Panics
//! None crosses. Each method of a provider, its constructor and its drop run
//! under a [`guard`]; a caught panic is an `Internal` error
//! and poisons the provider's instance: later calls fail with `Internal` at
//! once. A sink or source of the host that panics is caught the same way.
//!
//! # Should `abi_stable` have to go
//! It is pinned to one version, because its own types are part of the layout.
//! Nothing outside this module names one of its types in public, which a test
//! holds, so another carrier can take its place without a change to a provider
//! or a host. It would have to provide:
//!
//! - owned text, lists, options, pairs and results with a fixed layout, whose
//!   memory is freed by the image that made it ([`AbiValue`] for plain types);
//! - objects with a table of functions that can grow at its end, and that say
//!   how many functions the other side has;
//! - a symbol in the library, and behind it a description of all layouts that a
//!   host compares before it calls anything.
//!
//! Three macros hold the seam: `record` (a record and its form here),
//! `open_enum` (a code), and the list of methods with what is made of it in
//! `traits`, `host_side` and `plugin_side`. The loader of the host is the only
//! other user: it reads the header and compares the layouts. A new carrier is a
//! new symbol beside the old one; a library can export both for one major
//! version, and a host looks for the new one first.

pub mod guard;
mod host_side;
mod plugin_side;
mod record;
mod root_module;
mod traits;
mod value;

pub use abi_stable::library::LibHeader;
pub use host_side::{HostClient, HostProvider, HostServer};
pub use plugin_side::{ClientAdapter, ServerAdapter};
pub use root_module::{
    BuildFacts, ProviderModule, ProviderModuleRef, erased_module_of, header_of, module_of,
};
pub use traits::{
    AbiAuthorizedClient, AbiAuthorizedClient_TO, AbiByteSink, AbiByteSink_TO, AbiByteSource,
    AbiByteSource_TO, AbiCallContext, AbiCallContext_TO, AbiHostServices, AbiHostServices_TO,
    AbiPageSink, AbiPageSink_TO, AbiResult, AbiVcsServer, AbiVcsServer_TO, BoxedClient,
    BoxedServer, ByteSinkMut, ByteSourceMut, ContextRef, PageSinkMut, SharedHostServices,
};
pub use value::AbiValue;
pub(crate) use record::record;

/// The records in the form that crosses the boundary: `Branch` as `BranchAbi`.
pub mod records {
    pub use crate::error::on_the_boundary::*;
    pub use crate::info::on_the_boundary::*;
    pub use crate::records::auth::on_the_boundary::*;
    pub use crate::records::commit::on_the_boundary::*;
    pub use crate::records::connection::on_the_boundary::*;
    pub use crate::records::content::on_the_boundary::*;
    pub use crate::records::done::on_the_boundary::*;
    pub use crate::records::event::on_the_boundary::*;
    pub use crate::records::hook::on_the_boundary::*;
    pub use crate::records::insight::on_the_boundary::*;
    pub use crate::records::polling::on_the_boundary::*;
    pub use crate::records::pull_request::on_the_boundary::*;
    pub use crate::records::release::on_the_boundary::*;
    pub use crate::records::repository::on_the_boundary::*;
    pub use crate::records::server::on_the_boundary::*;
    pub use crate::records::status::on_the_boundary::*;
    pub use crate::records::webhook_proof::on_the_boundary::*;
    pub use crate::secret::on_the_boundary::*;
    pub use crate::services::on_the_boundary::*;
}
