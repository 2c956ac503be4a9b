//! Thousands of deliveries, each sent several times, while the engine is killed.

use integration_tests::bitbucket::REPO;
use integration_tests::engine_process::{EngineHome, EngineProcess, PATIENCE, signature};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::{Fault, FaultRule, MockBitbucket};
use serde_json::{Value, json};
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};
use ureq::Agent;

/// Different deliveries.
const DELIVERIES: usize = 10_000;

/// Different deliveries of the short form.
const FEW_DELIVERIES: usize = 1_500;

/// How often each is sent.
const TIMES: usize = 3;

/// Senders at the same time.
const SENDERS: usize = 8;

/// When the engine is killed: after so many thousandths of all answers.
const KILLS: [usize; 5] = [50, 250, 400, 600, 850];

/// A hook whose address and secret the administrator enters by hand.
struct Hook {
    path: String,
    secret: String,
    repository: Value,
}

fn hook(engine: &EngineProcess) -> Hook {
    let linked = engine.link("app", REPO);
    let hook = &linked["hook"];
    assert_eq!(hook["state"], "manual", "{linked}");
    let url = hook["url"].as_str().unwrap();
    Hook {
        path: format!("/webhook/{}", url.rsplit('/').next().unwrap()),
        secret: hook["secret"].as_str().unwrap().to_owned(),
        repository: json!({
            "type": "repository",
            "full_name": REPO,
            "name": "widget",
            "uuid": linked["application"]["repo_id"],
        }),
    }
}

fn hash(number: usize) -> String {
    format!("{number:040x}")
}

/// The body of the push number so-and-so: 400 branches, each moved many times.
fn push(hook: &Hook, number: usize, truncated: bool) -> String {
    let branch = format!("topic/{}", number % 400);
    let target = |hash: String| json!({ "name": branch, "type": "branch", "target": { "type": "commit", "hash": hash } });
    json!({
        "actor": { "type": "user", "display_name": "Ada" },
        "repository": hook.repository,
        "push": { "changes": [{
            "old": target(hash(number + 1_000_000)),
            "new": target(hash(number)),
            "created": false, "closed": false, "forced": false, "truncated": truncated,
            "commits": [],
        }] },
    })
    .to_string()
}

/// Where the engine is now; `None` while it is down.
struct Address {
    url: Mutex<Option<String>>,
    changed: Condvar,
}

impl Address {
    fn set(&self, url: Option<String>) {
        *self.url.lock().unwrap() = url;
        self.changed.notify_all();
    }

    fn wait(&self) -> String {
        let url = self.url.lock().unwrap();
        let is_down = |url: &mut Option<String>| url.is_none();
        let waited = self.changed.wait_timeout_while(url, PATIENCE, is_down);
        waited.unwrap().0.clone().expect("the engine comes back")
    }
}

/// Sends until everything has got its 2xx, as the service does.
fn send_all(
    hook: &Hook,
    address: &Address,
    queue: &Mutex<VecDeque<usize>>,
    answered: &AtomicUsize,
    truncated: bool,
) {
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(20)))
        .proxy(None)
        .build()
        .into();
    loop {
        let Some(number) = queue.lock().unwrap().pop_front() else {
            return;
        };
        let body = push(hook, number, truncated);
        loop {
            let url = format!("{}{}", address.wait(), hook.path);
            let sent = agent
                .post(url)
                .header("Content-Type", "application/json")
                .header("X-Event-Key", "repo:push")
                .header("X-Hook-UUID", "{hook}")
                .header("X-Request-UUID", format!("delivery-{number}"))
                .header("X-Attempt-Number", "1")
                .header("X-Hub-Signature", signature(&hook.secret, body.as_bytes()))
                .send(&body);
            match sent {
                Ok(answer) if answer.status() == 200 => break,
                Ok(answer) if answer.status().is_server_error() => {}
                Ok(answer) => panic!("{} for a good delivery", answer.status()),
                Err(_) => std::thread::yield_now(),
            }
        }
        answered.fetch_add(1, Ordering::AcqRel);
    }
}

/// All sends: three times each, the repetitions some way behind.
fn sends(deliveries: usize) -> VecDeque<usize> {
    let far = deliveries / 5;
    let repeated = |number: usize| {
        [
            Some(number),
            number.checked_sub(37),
            number.checked_sub(far),
        ]
    };
    (0..deliveries + far)
        .flat_map(repeated)
        .flatten()
        .filter(|number| *number < deliveries)
        .collect()
}

/// Has the API reject every request for an hour.
fn limit(mock: &MockBitbucket) {
    let headers = [("Retry-After".to_owned(), "3600".to_owned())];
    mock.add_fault(FaultRule {
        route: None,
        then: Fault {
            status: Some(429),
            headers: headers.into(),
            ..Fault::default()
        },
        ..FaultRule::default()
    });
}

/// Sends deliveries, each three times, while the engine is killed; with `limited`,
/// all of them lack commits and the API says no to everything.
fn each_is_handled_once(deliveries: usize, limited: bool) {
    let git = GitSandbox::small();
    let mock = MockBitbucket::builder()
        .repo(REPO, git.path())
        .start()
        .unwrap();
    let home = EngineHome::public(&mock, "disableWebHooksCreation = true");
    let engine = home.start();
    let hook = hook(&engine);
    if limited {
        limit(&mock);
    }
    let queue = Mutex::new(sends(deliveries));
    let total = deliveries * TIMES;
    assert_eq!(queue.lock().unwrap().len(), total);
    let answered = AtomicUsize::new(0);
    let address = Address {
        url: Mutex::new(Some(engine.api(""))),
        changed: Condvar::new(),
    };
    let begun = Instant::now();
    let engine = std::thread::scope(|scope| {
        let mut engine = engine;
        for _ in 0..SENDERS {
            scope.spawn(|| send_all(&hook, &address, &queue, &answered, limited));
        }
        for kill in KILLS {
            while answered.load(Ordering::Acquire) < total * kill / 1000 {
                assert!(begun.elapsed() < 5 * PATIENCE, "the senders make no way");
                std::thread::sleep(Duration::from_millis(5));
            }
            address.set(None);
            engine.kill();
            engine = home.start();
            address.set(Some(engine.api("")));
        }
        engine
    });
    let sending = begun.elapsed();
    // One more kill, in the middle of the work on what was received.
    engine.kill();
    let restarted = Instant::now();
    let engine = home.start();
    engine.wait_until_idle();
    let rest = restarted.elapsed();
    if limited {
        assert!(rest < Duration::from_secs(30), "runs wait: {rest:?}");
    }
    println!(
        "{total} deliveries (limited: {limited}) answered in {:.1} s with {} kills, worked on after \
         {:.1} s, the rest in {:.1} s",
        sending.as_secs_f64(),
        KILLS.len(),
        begun.elapsed().as_secs_f64(),
        rest.as_secs_f64()
    );
    let (_, runs) = engine.get(&engine.api("/project/KEY/applications/app/runs"));
    let runs = runs.as_array().unwrap();
    let hashes: HashSet<&str> = runs
        .iter()
        .map(|run| run["hash"].as_str().unwrap())
        .collect();
    assert_eq!(runs.len(), deliveries, "an event was handled twice or lost");
    assert_eq!(hashes.len(), deliveries);
    assert!((0..deliveries).all(|number| hashes.contains(&*hash(number))));
    let (_, status) = engine.get(&engine.api("/mon/status"));
    assert_eq!(status["events"], json!({ "pending": 0, "parked": 0 }));
}

#[test]
fn of_many_deliveries_each_sent_three_times_with_kills_every_event_is_handled_once() {
    each_is_handled_once(DELIVERIES, false);
}

/// Situation `limited-during-push`.
#[test]
fn while_the_api_is_limited_every_truncated_push_is_a_run_all_the_same() {
    each_is_handled_once(FEW_DELIVERIES, true);
}

/// The long forms of the tests above.
mod needs_full_run {
    use super::*;

    #[test]
    #[ignore = "takes minutes: cargo xtask test --full"]
    fn while_the_api_is_limited_ten_thousand_truncated_pushes_are_runs_all_the_same() {
        each_is_handled_once(DELIVERIES, true);
    }
}
