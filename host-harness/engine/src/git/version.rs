//! The least version of git, checked once.

use super::GitError;
use super::isolation::isolate;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The oldest git that can be used: the first that takes settings from the
/// environment (`GIT_CONFIG_COUNT`). An older one would leave out the credential
/// and all isolation without a word.
pub const LEAST_VERSION: (u32, u32) = (2, 31);

pub(super) fn least() -> String {
    format!("{}.{}", LEAST_VERSION.0, LEAST_VERSION.1)
}

/// Whether the git of this machine is new enough. Asked once per process; a
/// failure is asked again, since git may be installed meanwhile.
pub(super) fn check() -> Result<(), GitError> {
    static CHECKED: OnceLock<()> = OnceLock::new();
    if CHECKED.get().is_some() {
        return Ok(());
    }
    let mut command = Command::new("git");
    isolate(&mut command, Path::new("/"), None);
    let output = command
        .arg("version")
        .stdin(Stdio::null())
        .output()
        .map_err(GitError::NotStarted)?;
    let text = String::from_utf8_lossy(&output.stdout);
    match parse(&text) {
        Some(version) if version < LEAST_VERSION => Err(GitError::TooOld {
            found: text.trim().trim_start_matches("git version ").to_owned(),
        }),
        // What names no version may well be one that can do everything.
        _ => {
            let _ = CHECKED.set(());
            Ok(())
        }
    }
}

/// Reads `git version 2.39.5 (Apple Git-154)`.
fn parse(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text
        .strip_prefix("git version ")?
        .split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_in_the_forms_that_vendors_give_them() {
        for (text, version) in [
            ("git version 2.47.3\n", Some((2, 47))),
            ("git version 2.39.5 (Apple Git-154)\n", Some((2, 39))),
            ("git version 2.30.2.windows.1\n", Some((2, 30))),
            ("git version 3.0.0-rc1\n", Some((3, 0))),
            ("something else\n", None),
        ] {
            assert_eq!(parse(text), version, "{text}");
        }
    }
}
