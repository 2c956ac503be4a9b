//! Figures of the store that cost nothing to read, however much is in it.

use super::sql::values;
use super::{Result, Store};

/// How things stand in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreFigures {
    /// How many events are in each state.
    pub events: Vec<(String, i64)>,
    /// The age of the oldest event that waits to be worked on, in milliseconds; 0
    /// without one.
    pub oldest_pending_ms: i64,
}

impl Store {
    /// How many runs are in a state.
    ///
    /// # Errors
    /// As every read.
    pub fn count_runs(&self, state: &str) -> Result<i64> {
        self.read(|connection| {
            connection.query_one(
                "SELECT count(*) FROM runs WHERE state = ?1",
                values![state],
                |row| row.get(0),
            )
        })
    }

    /// Counts that are kept as things happen.
    ///
    /// # Errors
    /// As every read.
    pub fn figures(&self, now: i64) -> Result<StoreFigures> {
        self.read(|connection| {
            let events = connection.query(
                "SELECT state, CAST(sum(count) AS BIGINT) FROM event_counts GROUP BY state
                 ORDER BY state",
                values![],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            let oldest: Option<i64> = connection.query_optional(
                "SELECT received_at FROM events WHERE state = 'pending' ORDER BY id LIMIT 1",
                values![],
                |row| row.get(0),
            )?;
            Ok(StoreFigures {
                events,
                oldest_pending_ms: oldest.map_or(0, |oldest| now.saturating_sub(oldest).max(0)),
            })
        })
    }
}
