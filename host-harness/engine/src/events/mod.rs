//! From a delivery or a poll to what the engine does about it.
//!
//! [`intake`] keeps a delivery, [`poller`] finds what deliveries missed,
//! [`worker`] works on what was kept, [`rules`] says what follows from an event,
//! [`handling`] does it, [`completion`] asks for what the event lacked.

mod completion;
mod handling;
mod intake;
mod poller;
pub mod rules;
mod worker;

pub use intake::Rejection;
pub(crate) use poller::poll_when_due;
pub use poller::{PollManner, PollSchedule, Polled};
