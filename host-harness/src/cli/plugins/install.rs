//! `engine plugins install` and `rollback`: one build takes the place of another, and
//! the former one is kept beside the plugin directory.
//!
//! A running engine watches the directory. Whatever it sees between two steps here is
//! rejected, and what served before goes on serving: the library is put in place before
//! its manifest, and each file by renaming.

use crate::cli::failure::Failure;
use crate::cli::session::name_the_directory;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use vcs_plugin_host::loader::{Loader, Manifest, PluginReport};
use vcs_plugin_host::plugin_directory::{Role, survey};

/// What an installation did.
pub(super) struct Installed {
    /// The plugin that serves its type now.
    pub(super) plugin: PluginReport,
    /// The build that it replaced, where it is kept.
    pub(super) former: Option<PathBuf>,
}

/// Puts a plugin into the plugin directory, in place of the one of its type.
pub(super) fn install(
    loader: &Loader,
    file: &Path,
    directory: &Path,
) -> Result<Installed, Failure> {
    // It has to load before anything is touched.
    let wanted = loader.check(file)?;
    let provider_type = wanted.info.provider_type.clone();
    let present = survey(loader, directory)
        .map_err(name_the_directory)?
        .into_iter()
        .find(|one| {
            let manifest = one.manifest.as_ref();
            one.role == Role::Serves
                && manifest.is_some_and(|manifest| manifest.provider_type == provider_type)
        });
    if let Some(present) = &present {
        let same = present.manifest.as_ref().map(|manifest| &manifest.sha256);
        if same == Some(&wanted.sha256) {
            return Ok(Installed {
                plugin: loader.check(&present.path)?,
                former: None,
            });
        }
    }
    let name = file.file_name().unwrap_or(file.as_os_str());
    let target = directory.join(name);
    let is_foreign = target.exists()
        && present
            .as_ref()
            .is_none_or(|present| present.path != target);
    if is_foreign {
        return Err(Failure::usage(format!(
            "{} is there and is not the plugin of the type {provider_type}; move it away first",
            target.display()
        )));
    }
    let former = match &present {
        Some(present) => Some(keep(&present.path, &former_of(directory, &provider_type))?),
        None => None,
    };
    let staged = TempDir::new_in(directory).map_err(|error| Failure::file(directory, &error))?;
    let copy = staged.path().join(name);
    copy_plugin(file, &copy)?;
    // Another name would leave two plugins of one type, of which neither is taken.
    if let Some(present) = present.filter(|present| present.path != target) {
        for part in parts_of(&present.path) {
            remove(&part)?;
        }
    }
    let places = parts_of(&target);
    for (from, to) in parts_of(&copy).iter().zip(&places) {
        if from.exists() {
            rename(from, to)?;
        } else {
            remove(to)?;
        }
    }
    Ok(Installed {
        plugin: loader.check(&target)?,
        former,
    })
}

/// Puts the former build of a type back; the present one is kept in its place.
pub(super) fn rollback(
    loader: &Loader,
    provider_type: &str,
    directory: &Path,
) -> Result<Installed, Failure> {
    let kept = former_of(directory, provider_type);
    let former = survey(loader, &kept)
        .ok()
        .and_then(|files| files.into_iter().find(|one| one.role == Role::Serves))
        .ok_or_else(|| {
            Failure::usage(format!(
                "no former plugin of the type {provider_type} is kept in {}; `engine plugins \
                 install` keeps the one that it replaces",
                kept.display()
            ))
        })?;
    // Out of the way of the present one, which is kept there next.
    let aside = TempDir::new().map_err(|error| Failure::file(&std::env::temp_dir(), &error))?;
    let name = former.path.file_name().unwrap_or_default();
    let copy = aside.path().join(name);
    copy_plugin(&former.path, &copy)?;
    install(loader, &copy, directory)
}

/// Where the former build of a type is kept: beside the plugin directory, so that
/// nothing in it is taken for a plugin.
fn former_of(directory: &Path, provider_type: &str) -> PathBuf {
    let mut name = directory
        .file_name()
        .map_or_else(|| OsString::from("plugins"), OsString::from);
    name.push("-former");
    directory.with_file_name(name).join(provider_type)
}

/// Keeps a copy of a plugin in this directory, in place of what is there.
fn keep(plugin: &Path, place: &Path) -> Result<PathBuf, Failure> {
    if place.exists() {
        std::fs::remove_dir_all(place).map_err(|error| Failure::file(place, &error))?;
    }
    std::fs::create_dir_all(place).map_err(|error| Failure::file(place, &error))?;
    let copy = place.join(plugin.file_name().unwrap_or_default());
    copy_plugin(plugin, &copy)?;
    Ok(copy)
}

/// The files of a plugin: library, manifest and, where it is there, signature. In this
/// order they are put in place.
fn parts_of(plugin: &Path) -> [PathBuf; 3] {
    [
        plugin.to_owned(),
        Manifest::signature_path_of(plugin),
        Manifest::path_of(plugin),
    ]
}

fn copy_plugin(from: &Path, to: &Path) -> Result<(), Failure> {
    for (from, to) in parts_of(from).iter().zip(&parts_of(to)) {
        if from.exists() {
            std::fs::copy(from, to).map_err(|error| Failure::file(from, &error))?;
            only_for_the_owner_to_write(to).map_err(|error| Failure::file(to, &error))?;
        }
    }
    Ok(())
}

fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::rename(from, to).map_err(|error| Failure::file(to, &error))
}

fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::file(path, &error))
        }
        _ => Ok(()),
    }
}

/// The loader rejects files that others can change.
#[cfg(unix)]
fn only_for_the_owner_to_write(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn only_for_the_owner_to_write(_path: &Path) -> std::io::Result<()> {
    Ok(())
}
