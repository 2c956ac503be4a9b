//! The engine with the plugin beside it, ready to run.

use crate::command::{Failure, cargo, failure, run, target_directory};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PLUGIN: &str = "libvcs_bitbucketcloud.so";

/// Builds both in a profile and stages the plugin; returns the engine's path.
pub(crate) fn stage(profile: &str) -> Result<PathBuf, Failure> {
    run(cargo()
        .args(["build", "--locked", "--profile", profile])
        .args(["-p", "host-harness", "-p", "vcs-bitbucketcloud"]))?;
    let built = target_directory().join(profile);
    let plugins = built.join("plugins");
    std::fs::create_dir_all(&plugins).map_err(|error| failure(plugins.display(), error))?;
    let plugin = plugins.join(PLUGIN);
    replace(&built.join(PLUGIN), &plugin)?;
    let engine = built.join("engine");
    // The manifest belongs to exactly these bytes.
    run(Command::new(&engine)
        .args(["plugins", "pin", "--json"])
        .arg(&plugin)
        .stdout(Stdio::null()))?;
    Ok(engine)
}

/// Stages in the profile `demo` and runs the engine's demo.
pub(crate) fn demo(arguments: Vec<OsString>) -> Result<(), Failure> {
    let engine = stage("demo")?;
    let plugin = engine.with_file_name("plugins").join(PLUGIN);
    run(Command::new(&engine)
        .arg("demo")
        .arg("--plugin")
        .arg(plugin)
        .args(arguments))
}

/// Puts a copy in place of a plugin by renaming: an engine that has the former
/// file open must not see it change.
fn replace(source: &Path, target: &Path) -> Result<(), Failure> {
    let copy = target.with_extension("so.new");
    std::fs::copy(source, &copy).map_err(|error| failure(source.display(), error))?;
    set_mode(&copy).map_err(|error| failure(copy.display(), error))?;
    std::fs::rename(&copy, target).map_err(|error| failure(target.display(), error))
}

/// Only the owner may write to a plugin; the loader rejects others.
#[cfg(unix)]
fn set_mode(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path) -> std::io::Result<()> {
    Ok(())
}
