//! `engine plugins list|check|pin`.

use super::args::{PluginsArguments, PluginsCommand};
use super::exit;
use super::failure::Failure;
use super::output::Output;
use super::render::one_line;
use super::session::{careful_loading, config_of, name_the_directory, plugin_directory};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use vcs_plugin_host::loader::{FoundKind, LoadError, Loader, PluginReport};
use vcs_plugin_host::plugin_directory::{Role, survey};

/// Lists, checks or pins plugins.
pub(super) fn run(arguments: &PluginsArguments, output: &Output) -> Result<(), Failure> {
    let config = config_of(&arguments.directory)?;
    let loader = Loader::new(careful_loading(config.as_ref())?);
    match &arguments.command {
        PluginsCommand::List => {
            let directory = plugin_directory(&arguments.directory, config.as_ref())?;
            list(&loader, &directory, output)
        }
        PluginsCommand::Check { file } => {
            let report = loader.check(file)?;
            output.either(|| json!(report), || accepted(&report))
        }
        PluginsCommand::Pin { file } => {
            let manifest = loader.write_manifest(file)?;
            output.record(&manifest)
        }
    }
}

/// What a file of the plugin directory turned out to be.
enum Finding {
    Accepted(Box<PluginReport>),
    Rejected(LoadError),
    Ignored(String),
}

/// Lists the plugins; that one is rejected is a result and no failure.
fn list(loader: &Loader, directory: &Path, output: &Output) -> Result<(), Failure> {
    let findings: Vec<(String, Finding)> = survey(loader, directory)
        .map_err(name_the_directory)?
        .into_iter()
        .map(|file| {
            let finding = match file.role {
                Role::Serves => match loader.check(&file.path) {
                    Ok(report) => Finding::Accepted(Box::new(report)),
                    Err(error) => Finding::Rejected(error),
                },
                Role::CopyOf(other) => {
                    Finding::Ignored(format!("the same plugin as {}", other.display()))
                }
                Role::Rejected(error) => Finding::Rejected(error),
                Role::Ignored(FoundKind::WithoutPlugin) => {
                    Finding::Ignored("a manifest without its plugin".to_owned())
                }
                Role::Ignored(_) => Finding::Ignored("not a plugin".to_owned()),
            };
            (file.path.display().to_string(), finding)
        })
        .collect();
    output.either(
        || {
            findings
                .iter()
                .map(|(path, finding)| document(path, finding))
                .collect()
        },
        || text(directory, &findings),
    )
}

fn document(path: &str, finding: &Finding) -> Value {
    match finding {
        Finding::Accepted(report) => json!({ "path": path, "state": "accepted", "plugin": report }),
        Finding::Rejected(error) => json!({
            "path": path,
            "state": "rejected",
            "step": error.step(),
            "code": error.code(),
            "exit_code": exit::of_step(error.step()).code,
            "message": error.to_string(),
        }),
        Finding::Ignored(what) => json!({ "path": path, "state": "ignored", "message": what }),
    }
}

fn text(directory: &Path, findings: &[(String, Finding)]) -> String {
    let mut text = String::new();
    for (path, finding) in findings {
        let line = match finding {
            Finding::Accepted(report) => accepted(report),
            Finding::Rejected(error) => format!(
                "\x1b[31mrejected\x1b[0m  {}\n",
                one_line(&error.to_string())
            ),
            Finding::Ignored(what) => format!("ignored   {}: {}\n", one_line(path), one_line(what)),
        };
        text.push_str(&line);
    }
    if findings.is_empty() {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}: there are no plugins",
            one_line(&directory.display().to_string())
        );
    }
    text
}

fn accepted(report: &PluginReport) -> String {
    let line = format!(
        "{}: {} {} (interface {}, {} capabilities, sha256 {:.12})",
        report.path.display(),
        report.info.provider_type,
        report.info.version,
        report.info.interface_version,
        report.info.capabilities.len(),
        report.sha256
    );
    format!("\x1b[32maccepted\x1b[0m  {}\n", one_line(&line))
}
