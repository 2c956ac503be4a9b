//! A library that exports something, but no provider.

/// What it exports instead.
#[unsafe(no_mangle)]
pub extern "C" fn something_else() -> u32 {
    7
}
