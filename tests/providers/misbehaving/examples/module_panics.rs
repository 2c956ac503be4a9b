//! A library that panics while it makes its module.

use vcs_provider_interface::abi::{LibHeader, ProviderModuleRef, header_of};

fn module() -> ProviderModuleRef {
    panic!("while the module is made")
}

extern "C" fn erased_module() -> abi_stable::library::RootModuleResult {
    abi_stable::library::__call_root_module_loader(module)
}

#[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
static HEADER: LibHeader = header_of(erased_module);
