//! Rules for branches at a push: git's own hook `pre-receive`, written for one push.

use std::io;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::git::repository::GitError;
use crate::model::mock::Mock;
use crate::model::repository::Repository;
use crate::model::restrictions::Restrictions;
use crate::model::user::User;

/// A directory with the hook that stops what the rules forbid to an account; `None`
/// where they forbid nothing.
pub(crate) fn hooks(
    mock: &Mock,
    repository: &Repository,
    user: Option<&User>,
) -> Result<Option<TempDir>, GitError> {
    let rules = Restrictions::of(mock, repository)?;
    let kinds = ["push", "force", "delete"].map(|kind| rules.patterns(kind, user));
    if kinds.iter().all(Vec::is_empty) {
        return Ok(None);
    }
    let [push, force, delete] = kinds.map(|patterns| words(&patterns));
    write(&script(&push, &force, &delete))
        .map(Some)
        .map_err(GitError::Start)
}

fn write(script: &str) -> io::Result<TempDir> {
    let directory = tempfile::tempdir()?;
    let hook = directory.path().join("pre-receive");
    std::fs::write(&hook, script)?;
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755))?;
    Ok(directory)
}

/// Patterns as a shell's `case` has them; one that nothing matches where there are none.
fn words(patterns: &[&str]) -> String {
    if patterns.is_empty() {
        return "''".to_owned();
    }
    let word = |pattern: &&str| {
        let literals: Vec<String> = pattern
            .split('*')
            .map(|literal| format!("'{}'", literal.replace('\'', r"'\''")))
            .collect();
        literals.join("*")
    };
    patterns.iter().map(word).collect::<Vec<_>>().join("|")
}

fn script(push: &str, force: &str, delete: &str) -> String {
    format!(
        r#"#!/bin/sh
stop() {{ echo "$1" >&2; exit 1; }}
while read -r old new ref; do
  case "$ref" in refs/heads/*) name=${{ref#refs/heads/}} ;; *) continue ;; esac
  case "$new" in
    *[!0]*) ;;
    *) case "$name" in {delete}) stop "Permission denied to delete branch $name." ;; esac
       continue ;;
  esac
  case "$name" in {push}) stop "Permission denied to update branch $name." ;; esac
  case "$old" in
    *[!0]*) git merge-base --is-ancestor "$old" "$new" ||
      case "$name" in {force}) stop "Permission denied to rewrite branch $name." ;; esac ;;
  esac
done
"#
    )
}
