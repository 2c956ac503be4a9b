//! A library that exports its module without a layout to check.

mod shared;

use abi_stable::library::CheckTypeLayout;
use shared::Fine;
use vcs_provider_interface::abi::{LibHeader, ProviderModuleRef, erased_module_of};

#[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
// SAFETY: `erased_module_of` makes a `ProviderModuleRef`. That the layout is left
// out is the defect.
static HEADER: LibHeader = unsafe {
    LibHeader::from_constructor::<ProviderModuleRef>(erased_module_of::<Fine>, CheckTypeLayout::No)
};
