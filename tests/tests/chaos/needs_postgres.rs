//! Three engines on one PostgreSQL database, as behind a load balancer: engines are
//! killed, the database goes away, and everything happens exactly once all the same.

use crate::support::{Random, client, is_long};
use integration_tests::bitbucket::REPO;
use integration_tests::engine_process::{
    CALLBACK, EngineHome, EngineProcess, PATIENCE, SERVER, signature,
};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::{ConsentDecision, MockBitbucket};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

/// Names a server on which tests may make databases; `cargo xtask test` starts one.
const SERVER_OF_TESTS: &str = "ENGINE_TEST_POSTGRES";

/// Engines at the same time.
const ENGINES: usize = 3;

/// Applications, whose events are worked on beside each other.
const APPLICATIONS: usize = 4;

/// Callers at the same time.
const CALLERS: usize = 6;

/// A database that ends with this.
struct Database {
    server: String,
    name: String,
}

impl Database {
    fn new() -> Self {
        let server = std::env::var(SERVER_OF_TESTS)
            .unwrap_or_else(|_| panic!("{SERVER_OF_TESTS} names no server"));
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::AcqRel);
        let name = format!("storm{}_{number}", std::process::id());
        let database = Self { server, name };
        database.run(&format!("CREATE DATABASE {}", database.name));
        database
    }

    fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    fn run(&self, sql: &str) {
        let ran = Command::new("psql")
            .args(["-q", "-v", "ON_ERROR_STOP=1", "-c", sql, &self.server])
            .output()
            .unwrap();
        assert!(
            ran.status.success(),
            "{}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }

    /// Nobody is let in, and who is in is thrown out, for a while: what engines see of
    /// a server that is started again.
    fn away(&self, time: Duration) {
        let name = &self.name;
        self.run(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
        self.run(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ));
        std::thread::sleep(time);
        self.run(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.run(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// The engines, as a load balancer knows them.
struct Engines {
    homes: Vec<EngineHome>,
    running: Vec<RwLock<Option<EngineProcess>>>,
    turn: AtomicUsize,
}

impl Engines {
    fn start(mock: &MockBitbucket, database: &Database) -> Self {
        let store = format!(
            "disableWebHooksCreation = true\n[store]\nurl = \"{}\"\nconnections = 3\n\
             keyEnv = \"STORM_STORE_KEY\"",
            database.url()
        );
        let homes: Vec<_> = (0..ENGINES)
            .map(|_| EngineHome::public(mock, &store))
            .collect();
        let running = homes
            .iter()
            .map(|home| RwLock::new(Some(begin(home))))
            .collect();
        Self {
            homes,
            running,
            turn: AtomicUsize::new(0),
        }
    }

    /// Kills one engine and starts it again.
    fn replace(&self, number: usize) {
        if let Some(engine) = self.running[number].write().unwrap().take() {
            engine.kill();
        }
        let engine = begin(&self.homes[number]);
        *self.running[number].write().unwrap() = Some(engine);
    }

    /// Where the next engine is, and the token that it wants; `None` while it is down.
    fn next(&self) -> Option<(String, String)> {
        let number = self.turn.fetch_add(1, Ordering::AcqRel) % ENGINES;
        let engine = self.running[number].read().unwrap();
        engine
            .as_ref()
            .map(|engine| (engine.api(""), engine.token.clone()))
    }

    fn with_first<T>(&self, work: impl FnOnce(&EngineProcess) -> T) -> T {
        let engine = self.running[0].read().unwrap();
        work(engine.as_ref().unwrap())
    }
}

fn begin(home: &EngineHome) -> EngineProcess {
    let set = format!("export STORM_STORE_KEY={}", "5a".repeat(32));
    home.start_after(&set)
}

struct Hook {
    path: String,
    secret: String,
    repository: Value,
}

impl Hook {
    fn link(engine: &EngineProcess, number: usize) -> Self {
        let linked = engine.link(&format!("app{number}"), REPO);
        let url = linked["hook"]["url"].as_str().unwrap().to_owned();
        Self {
            path: format!("/webhook/{}", url.rsplit('/').next().unwrap()),
            secret: linked["hook"]["secret"].as_str().unwrap().to_owned(),
            repository: json!({
                "type": "repository", "full_name": REPO, "name": "widget",
                "uuid": linked["application"]["repo_id"],
            }),
        }
    }

    /// A new branch at this commit.
    fn push(&self, branch: &str, hash: &str) -> String {
        json!({
            "actor": { "type": "user", "display_name": "Ada" },
            "repository": self.repository,
            "push": { "changes": [{
                "old": null,
                "new": { "name": branch, "type": "branch",
                         "target": { "type": "commit", "hash": hash } },
                "created": true, "closed": false, "forced": false, "truncated": false,
                "commits": [],
            }] },
        })
        .to_string()
    }
}

/// Calls until it is taken: an engine that is down, or without its database, leaves it
/// to the next try.
fn until_taken(what: &str, call: impl Fn() -> Option<u16>) -> usize {
    let deadline = Instant::now() + PATIENCE;
    for tries in 1.. {
        match call() {
            Some(200 | 202) => return tries,
            None | Some(500..=599) => std::thread::sleep(Duration::from_millis(20)),
            Some(status) => panic!("{status} for {what}"),
        }
        assert!(Instant::now() < deadline, "{what} is not taken");
    }
    0
}

/// What each branch's run of all applications is, once there are as many as that.
fn runs(engines: &Engines, pushes: usize) -> BTreeMap<(usize, String), i64> {
    let mut found = BTreeMap::new();
    for application in 0..APPLICATIONS {
        let of_it = (0..pushes)
            .filter(|push| push % APPLICATIONS == application)
            .count();
        let path = format!("/project/KEY/applications/app{application}/runs");
        let runs = engines.with_first(|engine| {
            engine.wait_for(&engine.api(&path), |runs| {
                runs.as_array().is_some_and(|runs| runs.len() >= of_it)
            })
        });
        for run in runs.as_array().unwrap() {
            let branch = run["branch"].as_str().unwrap().to_owned();
            let other = found.insert((application, branch), run["id"].as_i64().unwrap());
            assert_eq!(other, None, "a push was worked on twice: {run}");
        }
    }
    found
}

fn storm(pushes: usize, disturbances: usize) {
    let mut random = Random::of_this_run("three engines");
    let git = GitSandbox::small();
    let mock = MockBitbucket::builder()
        .repo(REPO, git.path())
        .start()
        .unwrap();
    let database = Database::new();
    let engines = Engines::start(&mock, &database);
    let hooks: Vec<_> = (0..APPLICATIONS)
        .map(|number| engines.with_first(|engine| Hook::link(engine, number)))
        .collect();
    let hash = git.hash("main");
    // Each push three times, in an order that mixes them.
    let mut deliveries: Vec<usize> = (0..3).flat_map(|_| 0..pushes).collect();
    for number in 0..deliveries.len() {
        let other = random.below(deliveries.len());
        deliveries.swap(number, other);
    }
    let (left, tries) = (Mutex::new(deliveries), AtomicUsize::new(0));
    let ended = AtomicBool::new(false);
    let begun = Instant::now();
    let away_at = random.below(disturbances);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                scope.spawn(|| {
                    let agent = client(Duration::from_secs(20));
                    while let Some(push) = { left.lock().unwrap().pop() } {
                        let hook = &hooks[push % APPLICATIONS];
                        let body = hook.push(&format!("b{push}"), &hash);
                        let tried = until_taken("a delivery", || {
                            let (base, _) = engines.next()?;
                            let sent = agent
                                .post(format!("{base}{}", hook.path))
                                .header("Content-Type", "application/json")
                                .header("X-Event-Key", "repo:push")
                                .header("X-Hook-UUID", "{hook}")
                                .header("X-Request-UUID", format!("delivery-{push}"))
                                .header("X-Hub-Signature", signature(&hook.secret, body.as_bytes()))
                                .send(&*body);
                            sent.ok().map(|response| response.status().as_u16())
                        });
                        tries.fetch_add(tried, Ordering::AcqRel);
                    }
                })
            })
            .collect();
        let (engines, database, ended) = (&engines, &database, &ended);
        let disturber = scope.spawn(move || {
            for number in 0..disturbances {
                std::thread::sleep(Duration::from_millis(500 + random.below(1000) as u64));
                if number == away_at {
                    database.away(Duration::from_secs(1));
                }
                engines.replace(random.below(ENGINES));
            }
            ended.store(true, Ordering::Release);
        });
        for caller in callers {
            caller.join().unwrap();
        }
        disturber.join().unwrap();
    });
    assert!(ended.load(Ordering::Acquire));
    let taken = begun.elapsed();
    let runs = runs(&engines, pushes);
    let branches: BTreeSet<_> = runs.keys().map(|(_, branch)| branch.clone()).collect();
    assert_eq!(
        (runs.len(), branches.len()),
        (pushes, pushes),
        "an acknowledged push is lost"
    );
    let handled = begun.elapsed();
    // The same states at the service as the engines were told, whoever sends them.
    let agent = client(Duration::from_secs(20));
    for ((application, _), run) in &runs {
        let path = format!("/project/KEY/applications/app{application}/runs/{run}/state");
        until_taken("a report", || {
            let (base, token) = engines.next()?;
            let sent = agent
                .post(format!("{base}{path}"))
                .header("Authorization", format!("Bearer {token}"))
                .header("Content-Type", "application/json")
                .send(json!({ "state": "Success" }).to_string());
            sent.ok().map(|response| response.status().as_u16())
        });
    }
    engines.with_first(|engine| {
        engine.wait_for(&engine.api("/mon/outbox"), |outbox| {
            assert_eq!(outbox["count"]["rejected"], 0, "{outbox}");
            outbox["count"]["pending"] == 0
        });
        let path = format!("/vcs/{SERVER}/repos/{REPO}/commits/{hash}/statuses");
        let (_, statuses) = engine.get(&engine.vcs(&path));
        let statuses = statuses.as_array().unwrap();
        assert_eq!(statuses.len(), pushes);
        for status in statuses {
            assert_eq!(status["state"], "Success", "{status}");
        }
        engine.wait_until_idle();
    });
    println!(
        "{pushes} pushes three times at {ENGINES} engines, {disturbances} kills, the database away \
         once: {} tries for {} acknowledgements in {:.1} s, all handled after {:.1} s, told after \
         {:.1} s",
        tries.load(Ordering::Acquire),
        3 * pushes,
        taken.as_secs_f64(),
        handled.as_secs_f64(),
        begun.elapsed().as_secs_f64(),
    );
}

#[test]
#[ignore = "needs a PostgreSQL server; cargo xtask test starts one"]
fn every_push_is_handled_once_by_three_engines_through_kills_and_a_lost_database() {
    if is_long() {
        storm(5000, 30);
    } else {
        storm(120, 3);
    }
}

/// Consents for project `KEY` as a person with a browser.
fn consent(engine: &EngineProcess, mock: &MockBitbucket) {
    let path = format!("/project/KEY/repositories_manager/{SERVER}/authorize");
    let (_, begun) = engine.get(&engine.api(&path));
    let back = mock.consent(begun["url"].as_str().unwrap(), &ConsentDecision::Allow);
    let local = back
        .unwrap()
        .replacen("https://ci.example.com", &engine.api(""), 1);
    assert_eq!(engine.browse(&local).0, 200);
}

#[test]
#[ignore = "needs a PostgreSQL server; cargo xtask test starts one"]
fn a_grant_is_renewed_once_by_three_engines_that_need_it_at_once() {
    let git = GitSandbox::small();
    let mock = MockBitbucket::builder()
        .callback_url(CALLBACK)
        .repo(REPO, git.path())
        .start()
        .unwrap();
    let database = Database::new();
    let engines = Engines::start(&mock, &database);
    engines.with_first(|engine| consent(engine, &mock));
    for expiry in 0..3 {
        mock.advance(Duration::from_secs(3 * 60 * 60));
        let before = mock.oauth_counts().refreshes;
        std::thread::scope(|scope| {
            for engine in &engines.running {
                scope.spawn(|| {
                    let engine = engine.read().unwrap();
                    let engine = engine.as_ref().unwrap();
                    let path = format!("/vcs/{SERVER}/repos/{REPO}?project=KEY");
                    let (status, body) = engine.get(&engine.vcs(&path));
                    assert_eq!(status, 200, "{body}");
                });
            }
        });
        assert_eq!(mock.oauth_counts().refreshes, before + 1, "expiry {expiry}");
        // Whoever dies then takes nothing along.
        engines.replace(expiry % ENGINES);
    }
}
