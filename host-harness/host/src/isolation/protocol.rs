//! What the two processes say to each other.
//!
//! A *lane* is a socket on which one call runs at a time: the engine's thread
//! that calls writes a request and then answers what the provider wants until
//! the response comes. Pages and chunks wait for the answer to each, which is
//! the back-pressure. The engine cancels a call by shutting its half of the
//! lane. Another socket carries the host's services the other way round. The
//! first socket, the other process's standard input, carries only the lanes.

use crate::loader::{Confinement, Digest, Manifest};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::time::Duration;

/// Says to a started program that it is to host a plugin.
pub(super) const REQUESTED: &str = "VCS_PLUGIN_HOST";

/// From the engine, on a lane: confine yourself and load this. Answered by [`DONE`].
pub(super) const SETUP: u8 = 1;
/// Make the server. Answered by [`DONE`].
pub(super) const SERVER: u8 = 2;
/// Make a client. Answered by [`DONE`] with its number.
pub(super) const CLIENT: u8 = 3;
/// Drop a client. Answered by [`DONE`].
pub(super) const DROP_CLIENT: u8 = 4;
/// Call a method. Answered by [`DONE`], after any number of the others.
pub(super) const CALL: u8 = 5;
/// The answer to a page or a chunk.
pub(super) const FLOW: u8 = 6;
/// The answer to [`READ`].
pub(super) const BYTES: u8 = 7;

/// From the plugin's process, on a lane: the end of a request.
pub(super) const DONE: u8 = 10;
/// A page of a list.
pub(super) const PAGE: u8 = 11;
/// A chunk of bytes.
pub(super) const CHUNK: u8 = 12;
/// A wish for bytes to upload.
pub(super) const READ: u8 = 13;

/// From the plugin's process, on the socket of services.
pub(super) const LOG: u8 = 20;
pub(super) const IS_LOG_ENABLED: u8 = 21;
pub(super) const LOAD_GRANT: u8 = 22;
pub(super) const STORE_GRANT: u8 = 23;
pub(super) const LOCK_GRANT: u8 = 24;
pub(super) const UNLOCK_GRANT: u8 = 25;
pub(super) const LOAD_RATE_STATE: u8 = 26;
pub(super) const STORE_RATE_STATE: u8 = 27;
/// From the engine, on the socket of services: the response to a number.
pub(super) const RESPONSE: u8 = 30;

/// With each socket that is handed over.
pub(super) const A_LANE: u8 = b'L';
pub(super) const SERVICES: u8 = b'S';

/// What the other process is to load, as JSON in [`SETUP`].
#[derive(Serialize, Deserialize)]
pub(super) struct Setup {
    // Not as paths: serde rejects those that are not Unicode.
    pub(super) plugin: OsString,
    pub(super) staged: OsString,
    pub(super) size: u64,
    pub(super) digest: Digest,
    pub(super) manifest: Option<Manifest>,
    pub(super) info_time_limit: Duration,
    pub(super) confinement: Option<Confinement>,
}

/// What it did, as JSON in the response.
#[derive(Serialize, Deserialize)]
pub(super) struct Ready {
    pub(super) confined: Vec<String>,
}
