//! What a person gives a command beside its arguments: secrets, files, standard input.

use super::failure::Failure;
use serde::de::DeserializeOwned;
use std::io::Read as _;
use std::path::Path;
use vcs_provider_interface::secret::Secret;

/// Reads a secret from a file or an environment variable; a line break at the
/// end of a file does not belong to it.
pub(in crate::cli) fn secret_from(
    file: Option<&Path>,
    variable: Option<&str>,
) -> Result<Option<Secret>, Failure> {
    let text = match (file, variable) {
        (Some(path), _) => {
            std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?
        }
        (None, Some(name)) => std::env::var(name).map_err(|_| {
            Failure::usage(format!("the environment variable {name} holds no text"))
        })?,
        (None, None) => return Ok(None),
    };
    let secret = Secret::from(text.trim_end_matches(['\r', '\n']));
    if secret.is_empty() {
        return Err(Failure::usage("the secret is empty"));
    }
    Ok(Some(secret))
}

/// Reads a JSON file, or standard input for `-`.
pub(in crate::cli) fn json_from<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let bytes = bytes_from(path)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// Reads a file, or standard input for `-`.
pub(in crate::cli) fn bytes_from(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| Failure::file(path, &error))
}
