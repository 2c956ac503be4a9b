//! Hashes: what has the form of one.

use super::pointer;
use super::tree::Json;

/// Whether a text is a whole hash.
pub(crate) fn is_full_hash(text: &str) -> bool {
    text.len() == 40 && is_hash(text)
}

/// Whether a text is a hash, whole or shortened.
pub(crate) fn is_hash(text: &str) -> bool {
    (4..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a text has the form of a hash. What comes from outside may become an
/// argument of git or a part of a path, so nothing else is taken for one.
pub(crate) fn is_hash_like(text: &str) -> bool {
    (4..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The hash at this pointer; whatever has not the form of one counts as absent.
pub(crate) fn hash_at<'a>(value: &'a Json<'a>, pointer: &str) -> Option<&'a str> {
    pointer::text(value, pointer).filter(|text| is_hash_like(text))
}
