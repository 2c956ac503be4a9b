//! The command `engine` from outside: the built program, the built plugin, the
//! mocked service and real git.

mod actions;
mod demo;
mod failures;
mod hostile_plugins;
mod lists;
mod plugins;
mod terminal;
