//! Lists for people: the newest first, a page at a time.

use super::sql::values;
use super::{OutboxMessage, Result, Run, Store, StoredEvent, events, outbox, runs};

/// Where a page of a list begins.
#[derive(Debug, Clone, Copy)]
pub struct PageOf {
    /// The application whose things are listed.
    pub application: i64,
    /// The number that all of the page are below; `None` for the newest page.
    pub before: Option<i64>,
    /// How many there are on it, at most.
    pub limit: usize,
}

impl PageOf {
    fn before(self) -> i64 {
        self.before.unwrap_or(i64::MAX)
    }

    fn limit(self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX)
    }
}

impl Store {
    /// A page of an application's runs.
    ///
    /// # Errors
    /// As every read.
    pub fn newest_runs(&self, page: PageOf) -> Result<Vec<Run>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {} FROM runs WHERE application = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
                runs::COLUMNS
            );
            let (application, before, limit) = (page.application, page.before(), page.limit());
            connection.query(&sql, values![application, before, limit], runs::read_row)
        })
    }

    /// A page of an application's events.
    ///
    /// # Errors
    /// As every read.
    pub fn newest_events(&self, page: PageOf) -> Result<Vec<StoredEvent>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {} FROM events WHERE application = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
                events::COLUMNS
            );
            let (application, before, limit) = (page.application, page.before(), page.limit());
            connection.query(&sql, values![application, before, limit], events::read_row)
        })
    }

    /// A page of what services are or were told of an application.
    ///
    /// # Errors
    /// As every read.
    pub fn newest_messages(&self, page: PageOf) -> Result<Vec<OutboxMessage>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {} FROM outbox WHERE application = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
                outbox::COLUMNS
            );
            let (application, before, limit) = (page.application, page.before(), page.limit());
            connection.query(&sql, values![application, before, limit], outbox::read_row)
        })
    }
}
