//! What engines that share a store tell each other.

use super::{Database, Store};
use std::sync::Arc;
use std::time::Duration;

/// What there is news of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Events came in or can be worked on again.
    Events,
    /// Runs or messages to services have changed.
    Runs,
    /// A service wants to be left alone.
    Limits,
}

impl Topic {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Events, Self::Runs, Self::Limits];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Runs => "runs",
            Self::Limits => "limits",
        }
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == text)
    }
}

impl Store {
    /// Tells engines that share the store that there is something to look at. A hint:
    /// who misses it looks after [`Store::look_interval`] all the same.
    pub fn tell(&self, topic: Topic) {
        match &*self.database {
            Database::Sqlite(_) => {}
            Database::Postgres(store) => store.tell(topic),
        }
    }

    /// Has `hearer` told what other engines tell.
    pub fn hear(&self, hearer: impl Fn(Topic) + Send + Sync + 'static) {
        match &*self.database {
            Database::Sqlite(_) => {}
            Database::Postgres(store) => store.hear(Arc::new(hearer)),
        }
    }

    /// The longest time after which to look for work that others have left.
    #[must_use]
    pub fn look_interval(&self) -> Duration {
        if self.is_shared() {
            Duration::from_secs(3)
        } else {
            // The system's clock may be set.
            Duration::from_secs(30)
        }
    }
}
