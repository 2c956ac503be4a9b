//! What a plugin's library exports, and how a library says how it was built.

use super::guard::{Poison, guarded, remember_panic_places};
use super::plugin_side::{RemoteHostServices, ServerAdapter, to_abi};
use super::traits::{AbiResult, BoxedServer, SharedHostServices};
use crate::abi::AbiValue;
use crate::info::{COMPILER, INTERFACE_VERSION, PANIC_STRATEGY, ProviderInfoAbi, TARGET};
use crate::provider::Provider;
use abi_stable::StableAbi;
use abi_stable::library::{CheckTypeLayout, LibHeader, RootModule, RootModuleResult};
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RResult, RStr};
use std::sync::Arc;

/// How a library was built. Data, so that a host can look before it calls.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug)]
pub struct BuildFacts {
    /// The version of the interface.
    pub interface_version: RStr<'static>,
    /// The target.
    pub target: RStr<'static>,
    /// The compiler.
    pub compiler: RStr<'static>,
    /// `unwind` or `abort`.
    pub panic_strategy: RStr<'static>,
}

impl BuildFacts {
    /// The facts of this build.
    pub const THIS: Self = Self {
        interface_version: RStr::from_str(INTERFACE_VERSION),
        target: RStr::from_str(TARGET),
        compiler: RStr::from_str(COMPILER),
        panic_strategy: RStr::from_str(PANIC_STRATEGY),
    };
}

/// The root of a plugin's library: everything else is reached from here.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ProviderModuleRef, prefix_fields = ProviderModulePrefix)))]
#[sabi(missing_field(panic))]
pub struct ProviderModule {
    /// How the library was built.
    pub build: BuildFacts,
    /// What the provider is.
    pub info: extern "C" fn() -> AbiResult<ProviderInfoAbi>,
    /// Makes a server from its configuration in TOML.
    #[sabi(last_prefix_field)]
    pub new_server:
        extern "C" fn(config_toml: RStr<'_>, host: SharedHostServices) -> AbiResult<BoxedServer>,
}

impl RootModule for ProviderModuleRef {
    abi_stable::declare_root_module_statics! {ProviderModuleRef}
    const BASE_NAME: &'static str = "vcs_provider";
    const NAME: &'static str = "vcs_provider";
    const VERSION_STRINGS: VersionStrings = abi_stable::package_version_strings!();
}

/// Makes the module of a provider that is part of this program, such as in a test
/// of its author.
#[must_use]
pub fn module_of<P: Provider>() -> ProviderModuleRef {
    ProviderModule {
        build: BuildFacts::THIS,
        info: info_of::<P>,
        new_server: new_server_of::<P>,
    }
    .leak_into_prefix()
}

extern "C" fn info_of<P: Provider>() -> AbiResult<ProviderInfoAbi> {
    to_abi(guarded(&Poison::new(), "info", || Ok(P::info())))
}

extern "C" fn new_server_of<P: Provider>(
    config_toml: RStr<'_>,
    host: SharedHostServices,
) -> AbiResult<BoxedServer> {
    let poison = Arc::new(Poison::new());
    let server = guarded(&poison, "new_server", || {
        P::new_server(config_toml.as_str(), Arc::new(RemoteHostServices(host)))
    });
    match server {
        Ok(server) => RResult::ROk(ServerAdapter::boxed(server, poison)),
        Err(error) => RResult::RErr(error.into_abi()),
    }
}

/// The header of the library of a provider, made by
/// [`export_provider!`](crate::export_provider).
#[must_use]
#[allow(unsafe_code)]
pub const fn header_of<P: Provider>() -> LibHeader {
    // SAFETY: `erased_module_of` returns nothing but a `ProviderModuleRef` with
    // its type erased, which is the module named here.
    unsafe {
        LibHeader::from_constructor::<ProviderModuleRef>(
            erased_module_of::<P>,
            CheckTypeLayout::Yes,
        )
    }
}

/// The module of a library's provider with its type erased, as the header wants it.
pub extern "C" fn erased_module_of<P: Provider>() -> RootModuleResult {
    remember_panic_places();
    abi_stable::library::__call_root_module_loader(module_of::<P>)
}
