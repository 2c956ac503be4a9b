//! Finds, checks, loads and swaps VCS providers: what an engine embeds.
//!
//! [`loader`] takes a file to a checked, opened provider and holds the only
//! `unsafe` code of a host. [`plugin_directory`] says which file of a directory
//! serves which provider type. [`registry`] says which generation of which
//! provider serves: swap, drain, rollback and health; [`isolation`] gives a
//! server a process of its own, where that is wanted. Each knows those before
//! it and none behind it. None knows HTTP, a database or a particular service.
//!
//! A host needs no other dependency: the interface stands in [`interface`].

#![deny(unsafe_code)]
// The list of methods is taken apart one method at a time.
#![recursion_limit = "512"]
#![deny(clippy::self_named_module_files)]
// Hostile input must come out as an error; a panic is for tests.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]

pub mod isolation;
pub mod loader;
pub mod plugin_directory;
pub mod registry;

pub use vcs_provider_interface as interface;

/// Serves as another process of a host, if this process was started as one: for
/// a preflight, or to host one plugin.
///
/// The first line of a host's `main`:
/// ```no_run
/// # fn main() -> std::process::ExitCode {
/// if let Some(code) = vcs_plugin_host::serve_child_process() {
///     return code;
/// }
/// # std::process::ExitCode::SUCCESS
/// # }
/// ```
#[must_use]
pub fn serve_child_process() -> Option<std::process::ExitCode> {
    loader::serve_preflight().or_else(isolation::serve_plugin_host)
}
