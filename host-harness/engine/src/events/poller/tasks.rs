//! The servers are polled side by side: one that is silent delays only its own.

use super::PollSchedule;
use crate::engine::Engine;
use crate::store::StoreError;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

/// The longest time without a look, because the system's clock may be set.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// The rest after a failure, and the shortest between two looks.
const SHORTEST_REST: Duration = Duration::from_secs(1);

/// The polls of a server that are not under way.
struct Resting {
    schedule: PollSchedule,
    until: Instant,
}

/// What came of the polls of a server.
type Done = (PollSchedule, Result<usize, StoreError>);

/// The polls of all servers.
#[derive(Default)]
struct Polls {
    resting: HashMap<String, Resting>,
    /// By task: the server, and whether it was woken since the task began.
    under_way: HashMap<Id, (String, bool)>,
    tasks: JoinSet<Done>,
}

/// Polls until `stop` says so.
pub(crate) async fn poll_when_due(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    let mut polls = Polls::default();
    while !*stop.borrow() {
        polls.start_due(&engine);
        let until = polls.next_look();
        tokio::select! {
            Some(done) = polls.tasks.join_next_with_id() => polls.finish(&engine, done),
            () = engine.wake_poller.notified() => polls.wake(),
            () = tokio::time::sleep_until(until) => {}
            _ = stop.changed() => {}
        }
    }
}

impl Polls {
    fn start_due(&mut self, engine: &Arc<Engine>) {
        for (server, _) in engine.servers.names() {
            if self.under_way.values().any(|(name, _)| *name == server) {
                continue;
            }
            let schedule = match self.resting.remove(&server) {
                Some(resting) if resting.until > Instant::now() => {
                    self.resting.insert(server, resting);
                    continue;
                }
                Some(resting) => resting.schedule,
                None => PollSchedule::of(&server),
            };
            let poller = Arc::clone(engine);
            let task = self.tasks.spawn_blocking(move || {
                let mut schedule = schedule;
                let polled = schedule.poll_due(&poller);
                (schedule, polled)
            });
            self.under_way.insert(task.id(), (server, false));
        }
    }

    fn next_look(&self) -> Instant {
        let latest = Instant::now() + LONGEST_REST;
        let rests = self.resting.values().map(|resting| resting.until);
        rests.min().map_or(latest, |until| until.min(latest))
    }

    fn wake(&mut self) {
        for resting in self.resting.values_mut() {
            resting.until = Instant::now();
        }
        for (_, woken) in self.under_way.values_mut() {
            *woken = true;
        }
    }

    fn finish(&mut self, engine: &Engine, done: Result<(Id, Done), JoinError>) {
        let id = match &done {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some((server, woken)) = self.under_way.remove(&id) else {
            return;
        };
        let (schedule, rest) = match done {
            Ok((_, (schedule, Ok(_)))) => {
                let rest = rest_until(engine.now(), schedule.next_at());
                (schedule, rest)
            }
            Ok((_, (schedule, Err(error)))) => {
                tracing::error!(server, %error, "polling has to wait");
                (schedule, SHORTEST_REST)
            }
            Err(error) => {
                tracing::error!(server, %error, "polling begins anew");
                (PollSchedule::of(&server), SHORTEST_REST)
            }
        };
        let rest = if woken { Duration::ZERO } else { rest };
        let until = Instant::now() + rest;
        self.resting.insert(server, Resting { schedule, until });
    }
}

fn rest_until(now: i64, due: Option<i64>) -> Duration {
    let wait = due.map_or(i64::MAX, |due| due.saturating_sub(now));
    Duration::from_millis(wait.max(0).unsigned_abs()).clamp(SHORTEST_REST, LONGEST_REST)
}
