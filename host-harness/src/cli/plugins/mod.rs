//! `engine plugins`: looks at plugins, installs them, and makes the source of a new one.

mod install;
mod template;

use super::args::plugins::{PluginsArguments, PluginsCommand};
use super::exit;
use super::failure::Failure;
use super::output::Output;
use super::progress::ListProgress;
use super::render::one_line;
use super::session::{careful_loading, config_of, name_the_directory, plugin_directory};
use minisign::SecretKeyBox;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use vcs_plugin_host::loader::{FoundKind, LoadError, Loader, Manifest, PluginReport};
use vcs_plugin_host::plugin_directory::{Role, survey};

/// Looks at plugins, installs them, or makes the source of a new one.
pub(super) fn run(arguments: &PluginsArguments, output: &Output) -> Result<(), Failure> {
    let config = config_of(&arguments.directory)?;
    let loader = Loader::new(careful_loading(config.as_ref())?);
    match &arguments.command {
        PluginsCommand::List => {
            let directory = plugin_directory(&arguments.directory, config.as_ref())?;
            list(&loader, &directory, output)
        }
        PluginsCommand::Install { file } => {
            let directory = plugin_directory(&arguments.directory, config.as_ref())?;
            report_installed(&install::install(&loader, file, &directory)?, output)
        }
        PluginsCommand::Rollback { provider_type } => {
            let directory = plugin_directory(&arguments.directory, config.as_ref())?;
            let installed = install::rollback(&loader, provider_type, &directory)?;
            report_installed(&installed, output)
        }
        PluginsCommand::New {
            name,
            directory,
            interface,
        } => {
            let written = template::write(name, directory.as_deref(), interface.as_deref())?;
            let written = written.display().to_string();
            output.either(
                || json!({ "directory": written }),
                || format!("{}\n", one_line(&written)),
            )?;
            output.hint(&format!("{written}/conform.sh builds, pins and checks it"));
            Ok(())
        }
        PluginsCommand::Check { file } => {
            let report = loader.check(file)?;
            output.either(|| json!(report), || accepted(&report))
        }
        PluginsCommand::Pin { file } => {
            let manifest = loader.write_manifest(file)?;
            output.record(&manifest)
        }
        PluginsCommand::Sign {
            key,
            password_env,
            file,
        } => {
            let signature = sign(file, key, password_env.as_deref())?;
            output.either(
                || json!({ "signature": signature.display().to_string() }),
                || format!("{}\n", one_line(&signature.display().to_string())),
            )
        }
    }
}

fn report_installed(installed: &install::Installed, output: &Output) -> Result<(), Failure> {
    let former = installed.former.as_ref();
    let former = former.map(|path| path.display().to_string());
    output.either(
        || json!({ "plugin": installed.plugin, "former": former }),
        || {
            let mut text = accepted(&installed.plugin);
            if let Some(former) = &former {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "kept      {}: the former build", one_line(former));
            }
            text
        },
    )?;
    output
        .hint("a running engine takes it over by itself; `engine plugins rollback TYPE` goes back");
    Ok(())
}

/// Signs the manifest of a plugin, whose file must be the one that it names.
fn sign(plugin: &Path, key: &Path, password_env: Option<&str>) -> Result<PathBuf, Failure> {
    // Whoever signs need not trust a key yet.
    Loader::new(careful_loading(None)?).examine(plugin)?;
    let unusable = |what: &dyn std::fmt::Display| {
        Failure::usage(format!("the key {} cannot be used: {what}", key.display()))
    };
    let read = |path: &Path| std::fs::read(path).map_err(|error| Failure::file(path, &error));
    let text = String::from_utf8(read(key)?).map_err(|error| unusable(&error))?;
    let sealed = SecretKeyBox::from_string(&text).map_err(|error| unusable(&error))?;
    let password = match password_env {
        Some(name) => Some(std::env::var(name).map_err(|error| {
            Failure::usage(format!("the environment variable {name}: {error}"))
        })?),
        None => None,
    };
    let secret_key = match password {
        Some(password) => sealed.into_secret_key(Some(password)),
        None => sealed.into_unencrypted_secret_key(),
    };
    let secret_key = secret_key
        .map_err(|error| unusable(&format!("{error}; name its password with --password-env")))?;
    let manifest = Manifest::path_of(plugin);
    let bytes = read(&manifest)?;
    let name = manifest.file_name().unwrap_or_default().to_string_lossy();
    let comment = format!("file:{name}");
    let signature = minisign::sign(None, &secret_key, bytes.as_slice(), Some(&comment), None)
        .map_err(|error| unusable(&error))?;
    let path = Manifest::signature_path_of(plugin);
    std::fs::write(&path, signature.into_string()).map_err(|error| Failure::file(&path, &error))?;
    Ok(path)
}

/// What a file of the plugin directory turned out to be.
enum Finding {
    Accepted(Box<PluginReport>),
    Rejected(LoadError),
    Ignored(String),
}

/// Lists the plugins; that one is rejected is a result and no failure.
fn list(loader: &Loader, directory: &Path, output: &Output) -> Result<(), Failure> {
    let progress = ListProgress::new("plugins");
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
            progress.page(1, None);
            (file.path.display().to_string(), finding)
        })
        .collect();
    drop(progress);
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
