//! The provider against a socket that responds with raw bytes: what goes onto
//! the wire, and what is made of odd responses. Goes through the provider's
//! public way in.

mod connection;
mod echoes;
mod failures;
mod needs_recordings;
mod pages;
mod polling;
mod redirects;
mod refs;
mod repositories;
mod secrets;
mod side_by_side;
mod support;
mod writes;
