//! Sending what the outbox holds: one message for each key at a time, a bounded
//! number for each credential, with growing pauses until the service has taken
//! it or rejected it for good.

mod delivery;
pub mod pauses;
mod sender;

pub(crate) use sender::send_when_due;
