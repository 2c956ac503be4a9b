//! The store in a PostgreSQL database that many engines share.
//!
//! Every piece of work is a transaction of its own, on one of a few connections. What
//! one transaction decides by, others cannot change meanwhile: it locks the rows (see
//! [`Dialect::locking`](super::sql::Dialect)).

mod dialect;
mod migration;
mod news;
mod session;
mod sessions;
mod settings;
mod wait;

pub use settings::{DEFAULT_CONNECTIONS, PostgresSettings};

use super::job::{Job, WriteStatistics};
use super::sql::Connection;
use super::{Result, StoreError, Topic};
use news::News;
use session::Session;
use sessions::{Readers, Source, Writers};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Runtime;

/// Connections that read, beside a third of those that write.
const READERS: usize = 2;

/// The database, and the ways to it.
pub(super) struct PostgresStore {
    shown: String,
    writers: Writers,
    readers: Readers,
    news: Arc<News>,
    /// Where the connections live.
    runtime: Mutex<Option<Runtime>>,
}

impl PostgresStore {
    /// Connects and brings the database to the newest schema; also says whether it was
    /// empty. `owner` tells this engine from others.
    pub(super) fn open(settings: &PostgresSettings, owner: &str) -> Result<(Self, bool)> {
        let runtime = new_runtime()?;
        let handle = runtime.handle().clone();
        let opened = wait::blocking(|| -> Result<_> {
            let first = Session::connect(&handle, settings)?;
            let was_empty = migration::migrate(&first)?;
            Ok((first, was_empty))
        });
        let (first, was_empty) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error);
            }
        };
        let source = Arc::new(Source::new(handle.clone(), settings.clone()));
        let news = Arc::new(News::default());
        news::start(
            &handle,
            settings.clone(),
            Arc::clone(&news),
            owner.to_owned(),
        );
        let store = Self {
            shown: settings.shown(),
            writers: Writers::start(&source, first, settings.connections)?,
            readers: Readers::new(source, READERS + settings.connections / 3),
            news,
            runtime: Mutex::new(Some(runtime)),
        };
        Ok((store, was_empty))
    }

    /// The schema of a database, which stays as it is; `None` for one without tables.
    pub(super) fn schema_of(settings: &PostgresSettings) -> Result<Option<usize>> {
        let runtime = new_runtime()?;
        let found = wait::blocking(|| {
            let session = Session::connect(runtime.handle(), settings)?;
            migration::version(&session)
        });
        runtime.shutdown_background();
        found
    }

    /// The address, without what is secret.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether what was written last could be written.
    pub(super) fn is_well(&self) -> bool {
        !self.writers.progress().is_failing()
    }

    /// What was written since the start.
    pub(super) fn write_statistics(&self) -> WriteStatistics {
        self.writers.progress().statistics()
    }

    /// Writes what is waiting and closes the connections.
    pub(super) fn shut(&self) {
        self.readers.close();
        self.writers.finish();
        let runtime = self
            .runtime
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }

    /// Reads. What one statement reads is one consistent state.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.readers.read(work)
    }

    /// Hands over a piece of work.
    pub(super) fn submit(&self, job: Box<dyn Job>) {
        self.writers.submit(job);
    }

    /// Has other engines told that there is something to do.
    pub(super) fn tell(&self, topic: Topic) {
        self.news.tell(topic);
    }

    /// Who is told of what other engines do.
    pub(super) fn hear(&self, hearer: news::Hearer) {
        self.news.hear(hearer);
    }
}

fn new_runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("store-postgres")
        .enable_all()
        .build()
        .map_err(|error| StoreError::Failed(error.to_string()))
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.shut();
    }
}

/// Runs a statement on a server, for tests.
#[cfg(test)]
pub(super) fn execute(url: &str, sql: &str) {
    let runtime = new_runtime().unwrap();
    wait::blocking(|| {
        let session = Session::connect(runtime.handle(), &PostgresSettings::new(url)).unwrap();
        session.batch(sql).unwrap();
    });
    runtime.shutdown_background();
}
