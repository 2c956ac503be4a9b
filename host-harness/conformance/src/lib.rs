//! The behaviour that every provider must show, as data and as checks.
//!
//! A rule is a public function over a [`TestContext`]: a provider's server and client,
//! what it says of itself, and the [`Target`] it is tried on. [`rules::all`]
//! lists the rules with their titles and what they assert; [`Run`] runs them and
//! gives a [`Report`], which can be shown as text, JSON or [`junit`].
//!
//! A rule runs if the provider has the capabilities it needs and the target
//! gives what it needs; otherwise it is skipped, and the report says why. Rules
//! repeat calls that must be idempotent, delete what they created, and know no
//! particular service: what differs between services, such as the headers of
//! their deliveries, is data of the target.
//!
//! That a sink is not used after a call has returned, and only on the calling
//! thread, needs no rule: the borrow of the sink says so to the compiler, and
//! providers forbid unsafe code.
//!
//! *Architecture invariant:* the rules know the interface only, neither the
//! loader nor a mocked server.

#![deny(unsafe_code)]
// Hostile input must come out as an error; a panic is for tests.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]

pub mod context;
mod git_clone;
pub mod junit;
mod lists;
mod methods;
pub mod recorder;
pub mod report;
pub mod repositories;
pub mod rule;
pub mod rules;
mod runner;
pub mod target;
pub mod verdict;
pub mod webhook_dialect;

pub use context::TestContext;
pub use recorder::RecordingHost;
pub use report::{Counts, Outcome, Report, RuleReport};
pub use rule::Rule;
pub use runner::Run;
pub use target::{ServerFaults, Target};
pub use verdict::{Failure, Verdict};
pub use webhook_dialect::WebhookDialect;
