//! The engine as a process: the program, the plugin, the mocked service and a
//! disk, with kills in between.

mod consent;
mod deliveries;
mod grants;
mod hooks;
mod metrics;
mod needs_chromium;
mod needs_promtool;
mod secrets;
mod services;
mod storm;
mod story;
mod vcs_routes;
