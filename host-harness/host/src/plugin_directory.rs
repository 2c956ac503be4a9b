//! Which file of a plugin directory serves which provider type: the one answer,
//! for a start, a reload, a list and a single call alike.
//!
//! A file serves its type if it is exactly what its manifest names and no other
//! such file is of the same type. Two files with the same bytes are one plugin:
//! the first by name serves, the other is reported as a copy. Two different
//! plugins of one type are both rejected, because which of them is meant is a
//! guess that nobody should make. A broken file takes no part, so it hinders
//! no other.

use crate::loader::{FoundKind, LoadError, Loader, Manifest, Reason, scan};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// A file of a plugin directory and what it is good for.
#[derive(Clone, Debug)]
pub struct PluginFile {
    /// The file.
    pub path: PathBuf,
    /// Its manifest, if it is exactly the file that the manifest names.
    pub manifest: Option<Manifest>,
    /// What it is good for.
    pub role: Role,
}

/// What a file of a plugin directory is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is the plugin of its type. That it loads is for the loader to find out.
    Serves,
    /// It has the same bytes as this file, which serves.
    CopyOf(PathBuf),
    /// It serves nothing, for this reason.
    Rejected(LoadError),
    /// It is no plugin.
    Ignored(FoundKind),
}

/// Why no file serves a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindError {
    /// The directory cannot be read, or the file of this type is rejected.
    Rejected(LoadError),
    /// No file is of this type.
    NoneOfType {
        /// The directory.
        directory: PathBuf,
        /// The type that was looked for.
        provider_type: String,
        /// The types that are there.
        present: BTreeSet<String>,
    },
}

impl From<LoadError> for FindError {
    fn from(error: LoadError) -> Self {
        Self::Rejected(error)
    }
}

impl fmt::Display for FindError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(error) => error.fmt(formatter),
            Self::NoneOfType {
                directory,
                provider_type,
                present,
            } => {
                let directory = directory.display();
                write!(
                    formatter,
                    "{directory}: there is no plugin of the type {provider_type:?}; "
                )?;
                if present.is_empty() {
                    return formatter.write_str("there is none");
                }
                let present: Vec<&str> = present.iter().map(String::as_str).collect();
                write!(formatter, "there are: {}", present.join(", "))
            }
        }
    }
}

impl std::error::Error for FindError {}

/// Says of every file of a plugin directory what it is good for, sorted by name.
/// Compares each plugin with its manifest; runs nothing of it.
///
/// # Errors
/// `not_found` or `unreadable` for the directory itself.
pub fn survey(loader: &Loader, directory: &Path) -> Result<Vec<PluginFile>, LoadError> {
    let files = scan(directory)?.into_iter().map(|found| match found.kind {
        FoundKind::Plugin | FoundKind::WithoutManifest => examined(loader, found.path),
        kind @ (FoundKind::WithoutPlugin | FoundKind::Odd) => PluginFile {
            path: found.path,
            manifest: None,
            role: Role::Ignored(kind),
        },
    });
    let mut files: Vec<PluginFile> = files.collect();
    give_each_type_one_file(&mut files);
    Ok(files)
}

/// Finds the file that serves a type, as [`survey`] would say; compares only
/// files whose manifest names this type.
///
/// # Errors
/// See [`FindError`].
pub fn find(loader: &Loader, directory: &Path, provider_type: &str) -> Result<PathBuf, FindError> {
    let mut candidates = Vec::new();
    let mut present = BTreeSet::new();
    let mut unclear = None;
    for found in scan(directory)? {
        let manifest = match found.kind {
            FoundKind::Plugin | FoundKind::WithoutManifest => loader.manifest(&found.path),
            FoundKind::WithoutPlugin | FoundKind::Odd => continue,
        };
        match manifest {
            Ok(manifest) if manifest.provider_type == provider_type => {
                candidates.push(examined(loader, found.path));
            }
            Ok(manifest) => {
                present.insert(manifest.provider_type);
            }
            // It may be the one that is wanted.
            Err(error) => {
                unclear.get_or_insert((found.path, error));
            }
        }
    }
    give_each_type_one_file(&mut candidates);
    let mut rejected = None;
    for file in candidates {
        match file.role {
            Role::Serves => return Ok(file.path),
            Role::Rejected(error) => {
                rejected.get_or_insert(error);
            }
            Role::CopyOf(_) | Role::Ignored(_) => {}
        }
    }
    if let Some(error) = rejected {
        return Err(error.into());
    }
    match unclear {
        // What cannot be a provider is said before that it has no manifest.
        Some((path, error)) => Err(loader.examine(&path).err().unwrap_or(error).into()),
        None => Err(FindError::NoneOfType {
            directory: directory.to_owned(),
            provider_type: provider_type.to_owned(),
            present,
        }),
    }
}

fn examined(loader: &Loader, path: PathBuf) -> PluginFile {
    match loader.examine(&path) {
        Ok(manifest) => PluginFile {
            path,
            manifest: Some(manifest),
            role: Role::Serves,
        },
        Err(error) => PluginFile {
            path,
            manifest: None,
            role: Role::Rejected(error),
        },
    }
}

/// Of the files that would serve, leaves one for each type.
fn give_each_type_one_file(files: &mut [PluginFile]) {
    let mut of_type: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, file) in files.iter().enumerate() {
        if let Some(manifest) = &file.manifest {
            let provider_type = manifest.provider_type.clone();
            of_type.entry(provider_type).or_default().push(index);
        }
    }
    for (provider_type, indices) in of_type {
        let Some((first, others)) = indices.split_first() else {
            continue;
        };
        let digest_of = |index: &usize| files[*index].manifest.as_ref().map(|found| found.sha256);
        let are_equal = others
            .iter()
            .all(|other| digest_of(other) == digest_of(first));
        if are_equal {
            let path = files[*first].path.clone();
            for other in others {
                files[*other].role = Role::CopyOf(path.clone());
            }
            continue;
        }
        let names: Vec<String> = indices
            .iter()
            .filter_map(|index| files[*index].manifest.as_ref())
            .map(|manifest| manifest.name.clone())
            .collect();
        for index in indices {
            let error = LoadError::new(Reason::DuplicateType, &files[index].path)
                .expected(format!("one plugin of type {provider_type}"))
                .found(names.join(" and "))
                .advice("remove all but one");
            files[index].role = Role::Rejected(error);
        }
    }
}
