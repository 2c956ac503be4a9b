//! The export macro.

/// Exports a provider from a `cdylib`: the one symbol that a host looks for.
///
/// The type must implement [`Provider`](crate::provider::Provider). See the
/// crate page for a whole plugin.
#[macro_export]
macro_rules! export_provider {
    ($provider:ty) => {
        const _: () = {
            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            static HEADER: $crate::abi::LibHeader = $crate::abi::header_of::<$provider>();
        };
    };
}

#[cfg(test)]
mod tests {
    /// The name in the macro has to be a literal; this holds it to the constant
    /// that a host looks for.
    #[test]
    fn the_exported_symbol_is_the_one_that_abi_stable_looks_for() {
        assert_eq!(
            abi_stable::library::ROOT_MODULE_LOADER_NAME,
            "_1as_0lib_1header_0root_bmodule_bloader"
        );
    }
}
