//! Servers in processes of their own: the same plugin, the same methods.
//!
//! The engine's own program is started again and becomes the host of one plugin
//! and one server. It is confined before the plugin is loaded, and can be ended
//! and given back, with its memory, threads and mappings, which a plugin inside
//! the engine never can. The registry sees no difference: a server is a server.
//!
//! What crosses is made from the interface's one list of methods, so a new
//! method needs nothing here.

mod child;
mod frame;
mod handover;
mod local_services;
mod parent;
mod protocol;
mod remote_services;

pub(crate) use child::serve_plugin_host;
pub use parent::IsolatedServer;

use crate::interface::error::VcsError;
use crate::loader::{Confinement, LoadError};
use std::path::PathBuf;

/// How servers get processes of their own.
#[derive(Clone, Debug)]
pub struct Isolation {
    /// A program whose `main` begins with
    /// [`serve_child_process`](crate::serve_child_process).
    pub program: PathBuf,
    /// How the processes are confined; not at all where a provider needs more
    /// than that leaves, such as other programs.
    pub confinement: Option<Confinement>,
}

impl Isolation {
    /// Processes of the running program, confined as far as the kernel can.
    ///
    /// # Errors
    /// If the path of the running program cannot be found out.
    pub fn by_this_program() -> std::io::Result<Self> {
        Ok(Self {
            program: std::env::current_exe()?,
            confinement: Some(Confinement::default()),
        })
    }
}

/// Why a server has no process.
#[derive(Debug)]
pub(crate) enum IsolationError {
    /// The process could not be started, or said nothing.
    Start(String),
    /// It rejected the plugin.
    Load(LoadError),
    /// The provider made no server.
    Server(VcsError),
}
