//! Files and directories, with errors that name them.

use crate::command::{Failure, failure};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The files below a directory, by their paths from it, sorted.
pub(crate) fn files_below(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        let entries = fs::read_dir(&next).map_err(|error| failure(next.display(), error))?;
        for entry in entries {
            let path = entry
                .map_err(|error| failure(next.display(), error))?
                .path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(relative) = path.strip_prefix(directory) {
                found.push(relative.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Removes what a former run left.
pub(crate) fn clear(directory: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(failure(directory.display(), error))
        }
        _ => Ok(()),
    }
}

pub(crate) fn copy(from: &Path, to: &Path, mode: u32) -> Result<(), Failure> {
    make_parent(to)?;
    fs::copy(from, to).map_err(|error| failure(from.display(), error))?;
    set_mode(to, mode)
}

pub(crate) fn write(to: &Path, text: &str) -> Result<(), Failure> {
    make_parent(to)?;
    fs::write(to, text).map_err(|error| failure(to.display(), error))
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<(), Failure> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| failure(path.display(), error))
}

fn make_parent(path: &Path) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(|error| failure(parent.display(), error))
}
