//! Which files of a plugin directory are plugins, and which look like mistakes.

use super::error::{LoadError, Reason};
use super::manifest::Manifest;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of a plugin directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The file.
    #[serde(serialize_with = "super::error::as_text")]
    pub path: PathBuf,
    /// What it seems to be.
    pub kind: FoundKind,
}

/// What a file of a plugin directory seems to be, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundKind {
    /// A library with a manifest beside it.
    Plugin,
    /// A library without a manifest; it will be rejected.
    WithoutManifest,
    /// A manifest without its library.
    WithoutPlugin,
    /// Something that does not belong here.
    Odd,
}

/// Lists a plugin directory, sorted by name. Opens none of its files.
///
/// # Errors
/// `not_found` or `unreadable` for the directory itself.
pub fn scan(directory: &Path) -> Result<Vec<Found>, LoadError> {
    let failed = |error: std::io::Error| {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => Reason::NotFound,
            _ => Reason::Unreadable,
        };
        LoadError::new(reason, directory)
            .expected("a plugin directory")
            .found(error)
    };
    let mut paths = fs::read_dir(directory)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<Vec<_>, _>>()
        })
        .map_err(failed)?;
    paths.sort();
    let found = paths.iter().filter_map(|path| {
        kind_of(path, &paths).map(|kind| Found {
            path: path.clone(),
            kind,
        })
    });
    Ok(found.collect())
}

/// `None` for a file that needs no mention: a manifest, or its signature, whose
/// library is there.
fn kind_of(path: &Path, all: &[PathBuf]) -> Option<FoundKind> {
    let name = path.file_name()?.to_string_lossy();
    let manifest = match path.extension() {
        Some(ending) if ending == "minisig" => &path.with_extension(""),
        _ => path,
    };
    if manifest.to_string_lossy().ends_with(".manifest.toml") {
        let is_there = all.iter().any(|other| {
            other.extension().is_some_and(|ending| ending == "so")
                && Manifest::path_of(other) == *manifest
        });
        return (!is_there).then_some(FoundKind::WithoutPlugin);
    }
    if !name.ends_with(".so") || name.starts_with('.') {
        return Some(FoundKind::Odd);
    }
    Some(if all.contains(&Manifest::path_of(path)) {
        FoundKind::Plugin
    } else {
        FoundKind::WithoutManifest
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_sorted_and_odd_files_are_reported() {
        let directory = tempfile::tempdir().unwrap();
        for name in [
            "libz.so",
            "libz.manifest.toml",
            "libz.manifest.toml.minisig",
            "liba.so",
            "liblost.manifest.toml",
            "notes.txt",
            ".hidden.so",
        ] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let found = scan(directory.path()).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|found| {
                (
                    found.path.file_name().unwrap().to_str().unwrap(),
                    &found.kind,
                )
            })
            .collect();
        assert_eq!(
            names,
            [
                (".hidden.so", &FoundKind::Odd),
                ("liba.so", &FoundKind::WithoutManifest),
                ("liblost.manifest.toml", &FoundKind::WithoutPlugin),
                ("libz.so", &FoundKind::Plugin),
                ("notes.txt", &FoundKind::Odd),
            ]
        );
        let error = scan(&directory.path().join("none")).unwrap_err();
        assert_eq!(error.code(), "not_found");
    }
}
