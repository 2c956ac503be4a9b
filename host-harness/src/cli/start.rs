//! `engine start [api] vcs`.

use super::args::{ServiceName, StartArguments};
use super::failure::Failure;
use super::output::Output;
use super::session::{careful_loading, config_of, plugin_directory};
use serde_json::json;
use vcs_engine::config::EngineConfig;
use vcs_engine::start::{self, Ready, Services, StartOptions};
use vcs_plugin_host::loader::LoaderOptions;

/// Runs the services until a signal. Says on standard output when they can be
/// called: with `--json` as one line.
pub(super) fn run(arguments: &StartArguments, output: &Output) -> Result<(), Failure> {
    let config = config_of(&arguments.directory)?.ok_or_else(|| {
        Failure::usage("say where the configuration is, with --config FILE or ENGINE_CONFIG")
    })?;
    let directory = plugin_directory(&arguments.directory, Some(&config))?;
    let options = StartOptions {
        services: Services {
            api: arguments.services.contains(&ServiceName::Api),
            vcs: arguments.services.contains(&ServiceName::Vcs),
        },
        plugin_directory: directory,
        loader: loader_options(&config)?,
        movable_clock: arguments.movable_clock,
    };
    start::run(&config, options, |ready| {
        output.announcement(|| json!(ready), || in_words(ready))
    })
}

fn in_words(ready: &Ready) -> String {
    let mut lines = ready.notices.clone();
    for (service, url) in [("api", &ready.api_url), ("vcs", &ready.vcs_url)] {
        if let Some(url) = url {
            lines.push(format!("the {service} service listens on {url}"));
        }
    }
    if let Some(file) = &ready.token_file {
        lines.push(format!("callers show the token in {}", file.display()));
    }
    lines.push(format!("the engine's data is in {}", ready.store.display()));
    lines.join("\n") + "\n"
}

/// Where all servers get confined processes, nothing of a plugin runs outside
/// of one, so the preflight is confined as well.
fn loader_options(config: &EngineConfig) -> Result<LoaderOptions, Failure> {
    let mut options = careful_loading(Some(config))?;
    let isolation = &config.plugins.isolation;
    let mut servers = config.vcs.servers.iter();
    if servers.all(|server| isolation.is_for(&server.name)) {
        if let Some(preflight) = &mut options.preflight {
            preflight.confinement = isolation.confinement();
        }
    }
    Ok(options)
}
