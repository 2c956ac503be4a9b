//! What a service, a proxy or a stranger may send: whatever it is, a call ends
//! in time with a result or a typed error, and never with a panic.

mod answers;
mod deliveries;
mod engine_inputs;
mod headers;
mod names;
mod support;
