//! A library that panics while it makes its module.

use abi_stable::library::CheckTypeLayout;
use vcs_provider_interface::abi::{LibHeader, ProviderModuleRef, guard};

fn module() -> ProviderModuleRef {
    panic!("while the module is made")
}

extern "C" fn erased_module() -> abi_stable::library::RootModuleResult {
    guard::remember_panic_places();
    abi_stable::library::__call_root_module_loader(module)
}

#[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
// SAFETY: the type of the module is the one that `erased_module` would make.
static HEADER: LibHeader = unsafe {
    LibHeader::from_constructor::<ProviderModuleRef>(erased_module, CheckTypeLayout::Yes)
};
