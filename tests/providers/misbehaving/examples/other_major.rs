//! A library whose interface calls itself another major version.

mod shared;

use abi_stable::StableAbi;
use abi_stable::library::{CheckTypeLayout, LibHeader, RootModule, RootModuleResult};
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::RStr;
use shared::Fine;
use vcs_provider_interface::abi::records::ProviderInfoAbi;
use vcs_provider_interface::abi::{
    AbiResult, BoxedServer, BuildFacts, SharedHostServices, module_of,
};

/// The module as the interface has it, field by field.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ProviderModuleRef, prefix_fields = ProviderModulePrefix)))]
#[sabi(missing_field(panic))]
pub struct ProviderModule {
    /// How the library was built.
    pub build: BuildFacts,
    /// What the provider is.
    pub info: extern "C" fn() -> AbiResult<ProviderInfoAbi>,
    /// Makes a server.
    #[sabi(last_prefix_field)]
    pub new_server:
        extern "C" fn(config_toml: RStr<'_>, host: SharedHostServices) -> AbiResult<BoxedServer>,
}

impl RootModule for ProviderModuleRef {
    abi_stable::declare_root_module_statics! {ProviderModuleRef}
    const BASE_NAME: &'static str = "vcs_provider";
    const NAME: &'static str = "vcs_provider";
    const VERSION_STRINGS: VersionStrings = VersionStrings::new("2.0.0");
}

fn module() -> ProviderModuleRef {
    let fine = module_of::<Fine>();
    ProviderModule {
        build: fine.build(),
        info: fine.info(),
        new_server: fine.new_server(),
    }
    .leak_into_prefix()
}

extern "C" fn erased_module() -> RootModuleResult {
    abi_stable::library::__call_root_module_loader(module)
}

#[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
// SAFETY: `erased_module` makes a `ProviderModuleRef`, the one of this file.
static HEADER: LibHeader = unsafe {
    LibHeader::from_constructor::<ProviderModuleRef>(erased_module, CheckTypeLayout::Yes)
};
