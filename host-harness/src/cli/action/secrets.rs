//! Secrets that the command line names by where they are, never by themselves.

use crate::cli::args::HiddenText;
use crate::cli::failure::Failure;
use crate::cli::input::secret_from;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use vcs_provider_interface::secret::Secret;

/// The form of a reference that the configuration has: `{ env = "NAME" }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
enum Reference {
    #[serde(rename = "env")]
    Environment(String),
    #[serde(rename = "file")]
    File(PathBuf),
}

/// The configuration's form stands behind a key.
#[derive(Deserialize)]
struct Keyed {
    value: Reference,
}

/// Whether the text is a reference, and not the value itself.
pub(super) fn is_reference(text: &HiddenText) -> bool {
    parse(&text.0).is_some()
}

/// The secret that a reference names. The message of a failure does not repeat
/// what was typed, which may be the secret itself.
pub(super) fn read(option: &str, text: &HiddenText) -> Result<Secret, Failure> {
    let found = match parse(&text.0) {
        Some(Reference::Environment(name)) => secret_from(None, Some(&name)),
        Some(Reference::File(file)) => secret_from(Some(Path::new(&file)), None),
        None => Ok(None),
    };
    found
        .map_err(|failure| failure.in_context(option))?
        .ok_or_else(|| {
            Failure::usage(format!(
                "{option}: name where the secret is, with env:NAME or file:PATH; a secret on the \
                 command line can be seen by other users of this machine"
            ))
        })
}

fn parse(text: &str) -> Option<Reference> {
    if let Some(name) = text.strip_prefix("env:") {
        return Some(Reference::Environment(name.to_owned()));
    }
    if let Some(path) = text.strip_prefix("file:") {
        return Some(Reference::File(path.into()));
    }
    if !text.starts_with('{') {
        return None;
    }
    let keyed: Result<Keyed, _> = toml::from_str(&format!("value = {text}"));
    keyed.map(|keyed| keyed.value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_two_forms_and_nothing_else_is_one() {
        for text in ["env:NAME", r#"{ env = "NAME" }"#] {
            assert!(matches!(parse(text), Some(Reference::Environment(name)) if name == "NAME"));
        }
        for text in ["file:/a b", r#"{file="/a b"}"#] {
            assert!(
                matches!(parse(text), Some(Reference::File(path)) if path == Path::new("/a b"))
            );
        }
        let failure = read("--password", &HiddenText("hunter2".to_owned())).unwrap_err();
        assert!(!failure.to_string().contains("hunter2"), "{failure}");
        assert!(failure.to_string().contains("--password"), "{failure}");
    }
}
