//! The mock over a real socket, with real git repositories.

mod support;

mod serving;
