//! Loads a plugin, calls its server, and swaps a second build in while it serves:
//!
//! ```console
//! $ cargo run -p vcs-plugin-host --example load_and_swap -- FIRST.so SECOND.so CONFIG.toml
//! ```

use std::path::Path;
use std::process::ExitCode;
use vcs_plugin_host::interface::{context::HostCallContext, prelude::*};
use vcs_plugin_host::loader::{Loader, LoaderOptions, Preflight, serve_preflight};
use vcs_plugin_host::registry::{Registry, RegistryOptions, ServerSettings};

fn main() -> ExitCode {
    // This program, started again, is the process in which a plugin is tried.
    serve_preflight().unwrap_or_else(|| match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    })
}

fn run() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [first, second, config] = arguments.as_slice() else {
        return Err("usage: load_and_swap FIRST.so SECOND.so CONFIG.toml".into());
    };
    let preflight = Some(Preflight::by_this_program()?);
    let loader = Loader::new(LoaderOptions {
        preflight,
        ..Default::default()
    });
    let registry = Registry::new(loader, RegistryOptions::default());
    let loaded = registry.load(Path::new(first))?;
    let config = std::fs::read_to_string(config)?;
    registry.configure(ServerSettings::new(
        "main",
        &loaded.info.provider_type,
        &config,
    ))?;
    let server = registry.server("main").ok_or("it was configured above")?;
    for plugin in [first, second] {
        let report = registry.load(Path::new(plugin))?;
        let info = server.polling_info(
            &HostCallContext::new("example"),
            ServerInfoRequest::default(),
        );
        println!(
            "{} {} answers: {info:?}",
            report.info.provider_type, report.sha256
        );
    }
    Ok(())
}
