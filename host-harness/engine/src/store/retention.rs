//! Purging what is too old to matter, in small steps: others write in between, and a
//! step is not felt.

use super::sql::{Dialect, values};
use super::{Result, Store};

/// Rows that one step purges at most.
const STEP: i64 = 500;

/// What is purged: deliveries, handled events, what polling compares with, and what
/// clean-ups and the outbox have done with.
const STATEMENTS: [&str; 5] = [
    "DELETE FROM deliveries WHERE (hook, delivery) IN
     (SELECT hook, delivery FROM deliveries WHERE received_at < ?1 LIMIT ?2)",
    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE state <> 'pending'
     AND state IN ('handled', 'duplicate') AND handled_at < ?1 LIMIT ?2)",
    "DELETE FROM changes WHERE id IN (SELECT id FROM changes WHERE at < ?1 LIMIT ?2)",
    "DELETE FROM cleanups WHERE id IN
     (SELECT id FROM cleanups WHERE state <> 'pending' AND ended_at < ?1 LIMIT ?2)",
    "DELETE FROM outbox WHERE id IN
     (SELECT id FROM outbox WHERE state <> 'pending' AND updated_at < ?1 LIMIT ?2)",
];

/// Puts together what connections have counted that are closed.
const FOLD_COUNTS: &str = "WITH gone AS (
        DELETE FROM event_counts WHERE slot <> 0
        AND slot NOT IN (SELECT pid FROM pg_stat_activity) RETURNING state, count)
    INSERT INTO event_counts
    SELECT state, 0, CAST(sum(count) AS BIGINT) FROM gone GROUP BY state
    ON CONFLICT (state, slot) DO UPDATE SET count = event_counts.count + excluded.count";

impl Store {
    /// Purges what is from before a time. Returns how many rows there were. Blocks,
    /// for many small writes.
    ///
    /// # Errors
    /// As every write.
    pub fn purge_before(&self, time: i64) -> Result<usize> {
        let mut gone = 0;
        for sql in STATEMENTS {
            loop {
                let purged =
                    self.write(move |connection| connection.execute(sql, values![time, STEP]))?;
                gone += purged;
                if i64::try_from(purged).unwrap_or(i64::MAX) < STEP {
                    break;
                }
            }
        }
        self.write(move |connection| {
            if connection.dialect() == Dialect::Postgres {
                connection.execute(FOLD_COUNTS, values![])?;
            }
            // Of engines that ended without giving them back.
            connection.execute("DELETE FROM leases WHERE until < ?1", values![time])
        })?;
        Ok(gone)
    }
}
