//! Which messages are in hand: one for each key, few for each credential.

use super::delivery::send;
use crate::clock::later;
use crate::engine::Engine;
use crate::store::{LONGEST_MESSAGE_PAUSE, OutboxMessage, Result};
use rustix::fs::{FlockOperation, flock};
use std::collections::{HashMap, HashSet};
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Messages in hand at the same time.
const PARALLEL: usize = 32;

/// Messages of one credential in hand at the same time.
const PARALLEL_OF_CREDENTIAL: usize = 4;

/// Messages that are looked at together.
const WINDOW: usize = 1024;

/// The rest after the store failed, or while another process sends.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How long messages in hand may take to end when the engine stops.
const LAST_WAIT: Duration = Duration::from_secs(3);

/// The project and the server whose credential a message uses.
type Credential = (String, String);

/// What came of sending one message.
struct Done {
    id: i64,
    credential: Credential,
    result: Result<Option<i64>>,
}

/// Sends until `stop` says so. Of several processes of one machine that share a file,
/// one sends at a time: the next takes over when it ends, however it ends. Of several
/// engines that share a database, each sends what no other has in hand.
pub(crate) async fn send_when_due(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    let mut sender = Sender::new(engine);
    while !*stop.borrow() {
        let rest = match sender.start_due().await {
            Ok(rest) => rest,
            Err(error) => {
                tracing::error!(%error, "the outbox has to wait");
                AFTER_FAILURE
            }
        };
        tokio::select! {
            Some(done) = sender.running.join_next() => sender.finish(done).await,
            () = sender.engine.wake_outbox.notified() => {}
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
    let ending = async {
        while let Some(done) = sender.running.join_next().await {
            sender.finish(done).await;
        }
    };
    // Whatever is not ended is sent again by the next engine.
    let _ = tokio::time::timeout(LAST_WAIT, ending).await;
}

struct Sender {
    engine: Arc<Engine>,
    lock: Option<File>,
    in_hand: HashSet<i64>,
    of_credential: HashMap<Credential, usize>,
    /// Until when credentials want to be left alone.
    resting: HashMap<Credential, i64>,
    running: JoinSet<Done>,
}

impl Sender {
    fn new(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            lock: None,
            in_hand: HashSet::new(),
            of_credential: HashMap::new(),
            resting: HashMap::new(),
            running: JoinSet::new(),
        }
    }

    /// Begins to send what is due and says how long to rest.
    async fn start_due(&mut self) -> Result<Duration> {
        if !self.is_only_sender() {
            return Ok(AFTER_FAILURE);
        }
        let now = self.engine.now();
        // A rest that seems longer than any was begun before the clock was set back.
        let latest = later(now, LONGEST_MESSAGE_PAUSE);
        self.resting
            .retain(|_, until| *until > now && *until <= latest);
        let mut rested = HashSet::new();
        for message in self.engine.store.due_messages(now, WINDOW)? {
            if self.running.len() >= PARALLEL {
                break;
            }
            let credential = (message.project.clone(), message.server.clone());
            if let Some(until) = self.resting.get(&credential).copied() {
                if rested.insert(credential) {
                    let (project, server) = (&message.project, &message.server);
                    self.engine
                        .store
                        .postpone_messages(project, server, until)
                        .await?;
                }
                continue;
            }
            self.start(&message, credential);
        }
        let next = self.engine.store.next_message_at()?;
        let wait = next.map_or(i64::MAX, |next| next.saturating_sub(now));
        let wait = Duration::from_millis(wait.max(0).unsigned_abs());
        // What is due but not begun waits for something in hand.
        Ok(wait.clamp(AFTER_FAILURE, self.engine.store.look_interval()))
    }

    fn start(&mut self, message: &OutboxMessage, credential: Credential) {
        let of_credential = self.of_credential.entry(credential.clone()).or_default();
        if *of_credential >= PARALLEL_OF_CREDENTIAL || !self.in_hand.insert(message.id) {
            return;
        }
        *of_credential += 1;
        let (engine, id) = (Arc::clone(&self.engine), message.id);
        self.running.spawn(async move {
            Done {
                id,
                credential,
                result: send(&engine, id).await,
            }
        });
    }

    async fn finish(&mut self, done: std::result::Result<Done, tokio::task::JoinError>) {
        let done = match done {
            Ok(done) => done,
            Err(error) => {
                // Which one it was is not known: nothing is in hand any more
                // once the others have ended.
                tracing::error!(%error, "sending ended with a panic");
                if self.running.is_empty() {
                    self.in_hand.clear();
                    self.of_credential.clear();
                }
                return;
            }
        };
        self.in_hand.remove(&done.id);
        if let Some(count) = self.of_credential.get_mut(&done.credential) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_credential.remove(&done.credential);
            }
        }
        match done.result {
            Ok(None) => {}
            Ok(Some(until)) => {
                self.resting.insert(done.credential, until);
            }
            Err(error) => {
                tracing::error!(message = done.id, %error, "the outbox could not be written");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }

    /// Whether this process is the one that sends; becomes it if nobody is. The
    /// system lets the lock go when a process ends.
    fn is_only_sender(&mut self) -> bool {
        if self.lock.is_some() {
            return true;
        }
        let Some(directory) = self.engine.store.lock_directory() else {
            // Each message has a lease.
            return true;
        };
        match try_lock(&directory) {
            Ok(lock) => self.lock = lock,
            Err(error) => tracing::error!(%error, "the outbox's lock cannot be used"),
        }
        self.lock.is_some()
    }
}

fn try_lock(directory: &Path) -> std::io::Result<Option<File>> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(directory.join("outbox"))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
