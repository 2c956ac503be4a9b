//! Any text as configuration: read, or refused with the kind that says so.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vcs_bitbucketcloud_fuzz::server;
use vcs_provider_interface::prelude::*;

fuzz_target!(|text: &str| {
    if let Err(error) = server(text) {
        assert_eq!(error.kind, ErrorKind::CONFIG);
    }
});
