//! What is in service, as data.

use crate::loader::{Compatibility, Digest, LoadCounts};
use serde::Serialize;
use std::path::PathBuf;

/// The state of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The configured servers, by name.
    pub servers: Vec<ServerHealth>,
    /// The plugins, by type.
    pub plugins: Vec<PluginHealth>,
    /// What the loader counted.
    pub loader: LoadCounts,
    /// What the registry counted.
    pub counts: RegistryCounts,
}

/// What a registry counted since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RegistryCounts {
    /// Generations that were put into service.
    pub published: u64,
    /// Swaps that did not happen; what served before went on.
    pub rejected: u64,
    /// Poisoned generations that were replaced.
    pub replaced: u64,
    /// Returns to an earlier plugin.
    pub rolled_back: u64,
    /// Instances of providers that were made.
    pub instances_made: u64,
    /// Instances that were dropped after their last call.
    pub instances_dropped: u64,
}

/// The state of a configured server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerHealth {
    /// The server's name.
    pub name: String,
    /// The type of its provider.
    pub provider_type: String,
    /// What takes new calls; `None` without a provider.
    pub generation: Option<GenerationHealth>,
    /// Old generations whose last call has not ended.
    pub draining: Vec<GenerationHealth>,
    /// Why the last swap of this server did not happen, if it did not.
    pub last_rejection: Option<Rejection>,
}

/// Why a swap did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// The stable code.
    pub code: String,
    /// The sentence.
    pub message: String,
}

/// What a generation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GenerationState {
    /// It takes calls.
    Serving,
    /// It panicked; every call to it is an error.
    Poisoned,
    /// It takes no new calls and waits for its last one to end.
    Draining,
}

/// The state of one instance of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GenerationHealth {
    /// Counts up over all servers of a registry, from 1.
    pub number: u64,
    /// What it does.
    pub state: GenerationState,
    /// The digest of the plugin's file.
    pub sha256: Digest,
    /// The provider's version.
    pub version: String,
    /// The interface it was built with.
    pub interface_version: String,
    /// Which side of the boundary has more.
    pub compatibility: Compatibility,
    /// Calls that it took.
    pub calls: u64,
    /// Calls that ended with an error.
    pub errors: u64,
    /// Calls that have not ended.
    pub in_flight: u64,
    /// Its process, for a server that has its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessHealth>,
}

/// The process of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProcessHealth {
    /// Its number.
    pub pid: u32,
    /// What confines it, and what does not, in words.
    pub confined: Vec<String>,
}

/// The plugin of a provider type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PluginHealth {
    /// The provider type.
    pub provider_type: String,
    /// The file it was loaded from.
    #[serde(serialize_with = "crate::loader::as_text")]
    pub path: PathBuf,
    /// The digest of the file.
    pub sha256: Digest,
    /// The provider's version.
    pub version: String,
    /// Which side of the boundary has more.
    pub compatibility: Compatibility,
    /// The digest of the plugin before it, to which a rollback returns.
    pub previous: Option<Digest>,
}
