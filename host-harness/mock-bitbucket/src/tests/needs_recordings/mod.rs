//! The mock against what the service really is: its official description, and what was
//! recorded of it. Neither is in the repository.

mod contract;
mod description;
mod recorded;
mod schema;
