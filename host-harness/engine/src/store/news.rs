//! What engines that share a store tell each other.

use super::{Database, Store, Topic};
use std::sync::Arc;
use std::time::Duration;

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
