//! The guide for plugin authors keeps its word: its provider conforms.

// Shown in the guide as the root of a library.
#[allow(unreachable_pub)]
mod static_provider;

use static_provider::StaticProvider;
use std::sync::Arc;
use vcs_conformance::{RecordingHost, Run, Target};
use vcs_provider_interface::abi::{HostProvider, module_of};
use vcs_provider_interface::services::HostServices;

const GUIDE: &str = include_str!("../../../../docs/plugin-authors.md");

/// The table of the server in the guide's configuration file.
fn config_of_the_guide() -> String {
    let start = GUIDE.find("[vcs.servers.sample.static]").unwrap();
    let length = GUIDE[start..].find("```").unwrap();
    GUIDE[start..start + length]
        .replace("vcs.servers.sample.static.", "")
        .replace("[vcs.servers.sample.static]", "")
}

#[test]
fn the_provider_of_the_guide_conforms() {
    let provider = HostProvider::new(module_of::<StaticProvider>());
    // Silence about panics is for plugins; here it would hide a failing test.
    drop(std::panic::take_hook());
    let host = Arc::new(RecordingHost::default());
    let services = Arc::clone(&host) as Arc<dyn HostServices>;
    let server = provider
        .new_server(&config_of_the_guide(), services)
        .unwrap_or_else(|error| panic!("{error}"));
    let info = provider.info().unwrap();
    let report = Run::new(Arc::new(server), info, Target::new("demo/one", host))
        .run(|_, _, _| {})
        .unwrap();
    assert!(report.conforms(), "{}", report.text());
    assert!(report.counts().passed > 15, "{}", report.text());
}

#[test]
fn the_guide_shows_the_provider_that_is_tested() {
    let code = include_str!("static_provider.rs");
    assert!(GUIDE.contains(&format!("```rust\n{code}```\n")));
}
