//! Hashes: what has the form of one, and full ones for shortened ones.

use super::json;
use crate::http::Request;
use crate::repository_name::RepositoryName;
use crate::session::Session;
use crate::wire::{CommitRef, is_full_hash};
use serde_json::Value;
use vcs_provider_interface::prelude::*;

/// Whether a text has the form of a hash. What comes from outside may become an
/// argument of git or a part of a path, so nothing else is taken for one.
pub(crate) fn is_hash_like(text: &str) -> bool {
    (4..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The hash at this pointer; whatever has not the form of one counts as absent.
pub(crate) fn hash_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    json::text(value, pointer).filter(|text| is_hash_like(text))
}

/// Expands a shortened hash in place. It stays short where the commit cannot
/// be looked up: in a deleted fork, in one that the credential may not see, or
/// after a force push.
///
/// # Errors
/// Of the request, but for `NotFound` and `PermissionDenied`.
pub(crate) fn expand_hash(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    hash: &mut String,
) -> Result<()> {
    if hash.is_empty() || is_full_hash(hash) {
        return Ok(());
    }
    let request = Request::get(repo.path(&["commit", hash])).fields("hash");
    match session.http.json::<CommitRef>(context, &request) {
        Ok(commit) => {
            if let Some(full) = commit.hash.filter(|full| full.starts_with(hash.as_str())) {
                *hash = full;
            }
            Ok(())
        }
        Err(error)
            if matches!(
                error.kind,
                ErrorKind::NOT_FOUND | ErrorKind::PERMISSION_DENIED
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}
