//! A library with a symbol of the right name that is not a header.

/// Some bytes under the name of a header.
#[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
pub static NOT_A_HEADER: [u64; 64] = [0x2a; 64];
