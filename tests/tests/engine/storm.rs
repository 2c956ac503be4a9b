//! A storm: many runs report their states while the service fails at random and
//! the engine is killed; every status arrives, in order.

use integration_tests::bitbucket::REPO;
use integration_tests::engine_process::{EngineHome, EngineProcess, PATIENCE, SERVER, signature};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::{Fault, FaultRule, MockBitbucket};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};
use ureq::Agent;

/// The seed of the storm, unless `STORM_SEED` names another.
const SEED: u64 = 20_261_125;

/// Reporters at the same time.
const REPORTERS: usize = 8;

/// How big a storm is.
struct Size {
    applications: usize,
    runs_of_each: usize,
    kills: usize,
}

/// A small generator of numbers that a seed repeats (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A run to report on.
#[derive(Clone)]
struct Job {
    path: String,
    key: String,
    states: Vec<Value>,
}

/// Lets a third of the requests for statuses go wrong.
fn stir(mock: &MockBitbucket, numbers: &mut Numbers, requests: u64) -> usize {
    let mut faults = 0;
    for nth in 1..=requests {
        let then = match numbers.below(12) {
            0 => Fault {
                status: Some(503),
                ..Fault::default()
            },
            1 => Fault {
                status: Some(429),
                headers: [("Retry-After".to_owned(), "1".to_owned())].into(),
                ..Fault::default()
            },
            2 => Fault {
                reset: true,
                perform: Some(numbers.below(2) == 0),
                ..Fault::default()
            },
            3 => Fault {
                delay_ms: Some(50 + numbers.below(400)),
                ..Fault::default()
            },
            _ => continue,
        };
        faults += 1;
        mock.add_fault(FaultRule {
            method: Some("POST".to_owned()),
            path: Some("*/statuses/build".to_owned()),
            nth: Some(nth),
            then,
            ..FaultRule::default()
        });
    }
    faults
}

/// Links applications, and pushes a branch for each run of each.
fn jobs(engine: &EngineProcess, size: &Size, hash: &str, numbers: &mut Numbers) -> Vec<Job> {
    let mut jobs = Vec::new();
    for number in 0..size.applications {
        let name = format!("app{number}");
        let linked = engine.link(&name, REPO);
        let hook = &linked["hook"];
        let id = hook["url"].as_str().unwrap().rsplit('/').next().unwrap();
        let branch = |run: usize| format!("b{run}");
        let changes: Vec<_> = (0..size.runs_of_each)
            .map(|run| {
                json!({
                    "old": null,
                    "new": { "name": branch(run), "type": "branch",
                             "target": { "type": "commit", "hash": hash } },
                    "created": true, "closed": false, "forced": false, "truncated": false,
                    "commits": [],
                })
            })
            .collect();
        let body = json!({
            "actor": { "type": "user", "display_name": "Ada" },
            "repository": { "type": "repository", "full_name": REPO, "name": "widget",
                            "uuid": linked["application"]["repo_id"] },
            "push": { "changes": changes },
        })
        .to_string();
        deliver(engine, id, hook["secret"].as_str().unwrap(), &body);
        let path = format!("/project/KEY/applications/{name}/runs");
        let runs = engine.wait_for(&engine.api(&path), |runs| {
            runs.as_array()
                .is_some_and(|runs| runs.len() == size.runs_of_each)
        });
        for run in runs.as_array().unwrap() {
            let end = if numbers.below(2) == 0 {
                "Success"
            } else {
                "Fail"
            };
            jobs.push(Job {
                path: format!("{path}/{}/state", run["id"]),
                key: format!("KEY/{name}/{}", run["branch"].as_str().unwrap()),
                states: vec![
                    // Each says something of its own: what is sent twice can be told.
                    json!({ "state": "Checking", "description": "looking" }),
                    json!({ "state": "Building", "description": "begun" }),
                    json!({ "state": "Building", "description": "half way" }),
                    json!({ "state": end, "description": "the end" }),
                ],
            });
        }
    }
    jobs
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(20)))
        .proxy(None)
        .build()
        .into()
}

fn deliver(engine: &EngineProcess, hook: &str, secret: &str, body: &str) {
    let sent = agent()
        .post(engine.api(&format!("/webhook/{hook}")))
        .header("Content-Type", "application/json")
        .header("X-Event-Key", "repo:push")
        .header("X-Hook-UUID", "{hook}")
        .header("X-Request-UUID", format!("delivery-{hook}"))
        .header("X-Hub-Signature", signature(secret, body.as_bytes()))
        .send(body)
        .unwrap();
    assert_eq!(sent.status(), 200);
}

/// Where the engine is now, with its token; `None` while it is down.
struct Place {
    url: Mutex<Option<(String, String)>>,
    changed: Condvar,
}

impl Place {
    fn of(engine: &EngineProcess) -> (String, String) {
        (engine.api(""), engine.token.clone())
    }

    fn set(&self, url: Option<(String, String)>) {
        *self.url.lock().unwrap() = url;
        self.changed.notify_all();
    }

    fn wait(&self) -> (String, String) {
        let url = self.url.lock().unwrap();
        let waited = self
            .changed
            .wait_timeout_while(url, PATIENCE, |url| url.is_none());
        waited.unwrap().0.clone().expect("the engine comes back")
    }
}

/// Reports states until each was taken, one of each run after the other.
fn report_all(place: &Place, queue: &Mutex<VecDeque<Job>>, reported: &AtomicUsize) {
    let agent = agent();
    loop {
        let Some(mut job) = queue.lock().unwrap().pop_front() else {
            return;
        };
        let state = job.states.remove(0);
        loop {
            let (url, token) = place.wait();
            let sent = agent
                .post(format!("{url}{}", job.path))
                .header("Authorization", format!("Bearer {token}"))
                .header("Content-Type", "application/json")
                .send(state.to_string());
            match sent {
                Ok(answer) if answer.status() == 202 => break,
                Ok(answer) if answer.status().is_server_error() => {}
                Ok(answer) => panic!("{} for a good report", answer.status()),
                Err(_) => std::thread::yield_now(),
            }
        }
        reported.fetch_add(1, Ordering::AcqRel);
        if !job.states.is_empty() {
            queue.lock().unwrap().push_back(job);
        }
    }
}

/// Waits until the outbox is empty, with the clock moved over its pauses.
fn wait_until_sent(engine: &EngineProcess) {
    let deadline = Instant::now() + 3 * PATIENCE;
    loop {
        let (_, outbox) = engine.get(&engine.api("/mon/outbox"));
        let count = &outbox["count"];
        assert_eq!(count["rejected"], 0, "{outbox}");
        if count["pending"] == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "not sent: {count}");
        let clock = engine.api("/mon/clock/advance");
        let _ = engine.post(&clock, &json!({ "seconds": 60 }));
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn is_terminal(state: &str) -> bool {
    state != "INPROGRESS"
}

fn storm(size: &Size) {
    let seed = std::env::var("STORM_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    let mut numbers = Numbers(seed);
    let git = GitSandbox::small();
    let mock = MockBitbucket::builder()
        .repo(REPO, git.path())
        .start()
        .unwrap();
    let home = EngineHome::public(&mock, "disableWebHooksCreation = true");
    let engine = home.start();
    let runs = size.applications * size.runs_of_each;
    let planned = stir(&mock, &mut numbers, 4 * runs as u64);
    let hash = git.hash("main");
    let jobs = jobs(&engine, size, &hash, &mut numbers);
    assert_eq!(jobs.len(), runs);
    let queue = Mutex::new(VecDeque::from(jobs.clone()));
    let reported = AtomicUsize::new(0);
    let total = 4 * runs;
    let place = Place {
        url: Mutex::new(Some(Place::of(&engine))),
        changed: Condvar::new(),
    };
    let begun = Instant::now();
    let engine = std::thread::scope(|scope| {
        let mut engine = engine;
        for _ in 0..REPORTERS {
            scope.spawn(|| report_all(&place, &queue, &reported));
        }
        for kill in 1..=size.kills {
            // The last kill comes when everything was reported.
            let mark = total * kill / size.kills;
            while reported.load(Ordering::Acquire) < mark {
                assert!(begun.elapsed() < 5 * PATIENCE, "the reporters make no way");
                std::thread::sleep(Duration::from_millis(5));
            }
            place.set(None);
            engine.kill();
            engine = home.start();
            place.set(Some(Place::of(&engine)));
        }
        engine
    });
    let reporting = begun.elapsed();
    wait_until_sent(&engine);

    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    let path = format!("/vcs/{SERVER}/repos/{REPO}/commits/{hash}/statuses");
    let (status, statuses) = engine.get(&engine.vcs(&path));
    assert_eq!(status, 200, "{statuses}");
    for status in statuses.as_array().unwrap() {
        let text = |name: &str| status[name].as_str().unwrap().to_owned();
        shown.insert(text("key"), text("state"));
    }
    assert_eq!(shown.len(), runs);
    for job in &jobs {
        let last = job.states.last().unwrap()["state"].as_str();
        let there = shown.get(&job.key).map(String::as_str);
        assert_eq!(there, last, "{}", job.key);
    }

    let sent = Sent::of(&mock);
    let kept_in_hand = IN_HAND * size.kills;
    println!(
        "seed {seed}: {runs} runs, {} kills, {planned} faults planned, reported in {:.1} s, \
         sent after {:.1} s: {} requests for {} different messages, {} failures, {} more than that",
        size.kills,
        reporting.as_secs_f64(),
        begun.elapsed().as_secs_f64(),
        sent.requests,
        sent.different,
        sent.failures,
        sent.beyond,
    );
    assert!(sent.different <= 5 * runs, "{} messages", sent.different);
    assert!(
        sent.beyond <= kept_in_hand,
        "{} requests more than one for each message and each failure, and {kept_in_hand} may \
         have been in hand at the kills",
        sent.beyond
    );
}

/// Messages of one credential in hand at the same time; all applications of the
/// storm have the same.
const IN_HAND: usize = 4;

/// What the service saw of the statuses.
///
/// Why a message is sent again: a failure that says that the service did not take
/// it is followed by one more try. After one that does not say so (a reset, a 503),
/// the next try is either the same message, or a newer one that is confirmed by
/// sending it once more, because the late one could have taken its place. So each
/// failure costs one request beyond the first of each message, never two. The same
/// holds for each message in hand when the engine is killed: nothing failed there
/// that the service could know of.
#[derive(Default)]
struct Sent {
    requests: usize,
    /// Different messages among them.
    different: usize,
    failures: usize,
    /// Requests of a key beyond its different messages and its failures.
    beyond: usize,
}

impl Sent {
    /// Counts, and makes sure that no status ever went from a terminal state back.
    fn of(mock: &MockBitbucket) -> Self {
        let mut exchanges = mock.requests();
        exchanges.sort_by_key(|exchange| exchange.number);
        let mut of_keys: BTreeMap<String, (usize, BTreeSet<String>, usize)> = BTreeMap::new();
        let mut ended: BTreeMap<String, u64> = BTreeMap::new();
        for exchange in exchanges {
            if exchange.method != "POST" || !exchange.path.ends_with("/statuses/build") {
                continue;
            }
            let body = exchange.json();
            let key = body["key"].as_str().unwrap().to_owned();
            let (requests, messages, failures) = of_keys.entry(key.clone()).or_default();
            *requests += 1;
            messages.insert(body.to_string());
            if exchange.status == 0 || exchange.status >= 400 {
                *failures += 1;
            }
            if exchange.status >= 400 {
                continue;
            }
            let ends = is_terminal(body["state"].as_str().unwrap());
            assert!(
                ends || !ended.contains_key(&key),
                "{key} went back after request {}",
                ended[&key]
            );
            if ends {
                ended.entry(key).or_insert(exchange.number);
            }
        }
        let mut sent = Self::default();
        for (requests, messages, failures) in of_keys.into_values() {
            sent.requests += requests;
            sent.different += messages.len();
            sent.failures += failures;
            sent.beyond += requests.saturating_sub(messages.len() + failures);
        }
        sent
    }
}

/// Situation `status-during-outage`.
#[test]
fn every_status_arrives_in_order_through_faults_and_kills() {
    storm(&Size {
        applications: 4,
        runs_of_each: 8,
        kills: 3,
    });
}

/// The long forms of the tests above.
mod needs_full_run {
    use super::*;

    #[test]
    #[ignore = "takes minutes: cargo xtask test --full"]
    fn two_hundred_runs_arrive_in_order_through_faults_and_ten_kills() {
        storm(&Size {
            applications: 20,
            runs_of_each: 10,
            kills: 10,
        });
    }
}
