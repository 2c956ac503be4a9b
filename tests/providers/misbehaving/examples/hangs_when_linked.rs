//! A library whose constructor, which the dynamic linker runs, never ends.

mod shared;

use shared::Fine;

extern "C" fn constructor() {
    loop {
        std::thread::park();
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;

vcs_provider_interface::export_provider!(Fine);
