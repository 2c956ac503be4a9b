//! Real git repositories on disk: objects, refs, trees, comparing, rebasing.

pub(crate) mod commit_files;
pub(crate) mod compare;
pub(crate) mod object_reader;
pub(crate) mod objects;
pub(crate) mod order;
pub(crate) mod rebase;
pub(crate) mod ref_cache;
pub(crate) mod ref_files;
pub(crate) mod refs;
pub(crate) mod repository;
pub(crate) mod tree;
