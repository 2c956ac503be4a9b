//! The data of the interface: what is asked for and what is answered.
//!
//! Every record is plain Rust and `serde`-serialisable, in the field names that
//! CDS uses in its JSON where CDS has the field. Times are milliseconds since
//! 1970-01-01 UTC. A `repo` is the provider's full name of a repository, such
//! as `workspace/slug`. An absent fact is `None` or an empty string, never a
//! made-up value. `extra` holds pairs that the interface has no field for.

mod auth;
mod commit;
mod connection;
mod content;
mod event;
mod hook;
mod insight;
mod pull_request;
mod release;
mod repository;
mod status;

pub use auth::*;
pub use commit::*;
pub use connection::*;
pub use content::*;
pub use event::*;
pub use hook::*;
pub use insight::*;
pub use pull_request::*;
pub use release::*;
pub use repository::*;
pub use status::*;

/// Facts without a field of their own: a list of key and value.
pub type Extra = Vec<(String, String)>;
