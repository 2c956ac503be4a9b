//! Names that come from outside: of repositories, refs, commits and files.

use vcs_provider_interface::prelude::*;

/// The kinds of refs that this provider knows.
#[derive(Clone, Copy)]
pub(crate) enum Namespace {
    Branch,
    Tag,
}

impl Namespace {
    /// The folder of refs of this kind.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Branch => "refs/heads/",
            Self::Tag => "refs/tags/",
        }
    }
}

/// Whether git accepts this as the name of a branch or tag. What it does not
/// accept might mean something else to it, such as `main~1`.
pub(crate) fn is_ref_name(name: &str) -> bool {
    let is_forbidden = |character: char| {
        character.is_control()
            || matches!(character, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\')
    };
    let is_part =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    !name.is_empty()
        && name != "@"
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && !name.contains(is_forbidden)
        && name.split('/').all(is_part)
}

/// Refuses what cannot become a branch or tag.
pub(crate) fn require_ref_name(name: &str) -> Result<()> {
    if is_ref_name(name) {
        return Ok(());
    }
    Err(VcsError::new(
        ErrorKind::INVALID_INPUT,
        format!("{name:?} cannot be the name of a branch or tag"),
    ))
}

/// Whether this may be a hash, whole or shortened.
pub(crate) fn is_hash(text: &str) -> bool {
    (4..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a repository may have this full name: nothing that leads out of the
/// folder, nothing hidden.
pub(crate) fn is_full_name(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && !part.contains(|character: char| character.is_control() || character == '\\')
    };
    let mut parts = name.split('/');
    matches!(
        (parts.next(), parts.next(), parts.next()),
        (Some(workspace), Some(slug), None) if is_part(workspace) && is_part(slug)
    )
}

/// A path inside a commit without slashes at its ends.
pub(crate) fn inner_path(path: &str) -> Result<&str> {
    let path = path.trim_end_matches('/');
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    if path.is_empty() || path.split('/').all(is_plain) {
        return Ok(path);
    }
    Err(VcsError::new(
        ErrorKind::INVALID_INPUT,
        format!("{path:?} is not a path from the root of a repository"),
    ))
}
