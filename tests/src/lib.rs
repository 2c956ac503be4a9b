//! What the integration tests share: libraries to load, plugin folders and
//! repositories to serve, a host for providers, and the contract with the
//! service.

pub mod bitbucket;
pub mod contract;
pub mod elf_bytes;
pub mod elf_damage;
pub mod engine;
pub mod engine_process;
pub mod host;
mod libraries;
pub mod mock_process;
pub mod other_compiler;
pub mod place;
pub mod sandbox;
pub mod scenario;
pub mod web_driver;

pub use libraries::{built_example, built_library, built_program, released_library};
