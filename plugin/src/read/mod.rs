//! From Bitbucket Cloud's JSON to the interface's records.
//!
//! Owns what a delivery and an answer of the API have in common: people,
//! commits, pull requests, comments, statuses and repositories. Reads
//! tolerantly, because deliveries leave out what the API gives, old ones have
//! other fields than new ones, and a missing detail must not cost the event.
//! What comes from the API goes through [`Document`] first, which is strict.
//! Knows no event keys, and asks the service for nothing but full hashes.

mod comment;
mod document;
mod hash;
mod item;
pub(crate) mod json;
mod people;
mod pull_request;
mod repository;
mod status;

pub(crate) use comment::comment;
pub(crate) use document::Document;
pub(crate) use hash::{expand_hash, hash_at, is_hash_like};
pub(crate) use item::Item;
pub(crate) use people::{account, commit, split_name_and_email};
pub(crate) use pull_request::{listed_pull_request_fields, pull_request};
pub(crate) use repository::event_repository;
pub(crate) use status::{engine_state, status};
