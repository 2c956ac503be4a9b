//! An engine with one linked repository whose hook a test may sign for.

use integration_tests::bitbucket::REPO;
use integration_tests::engine_process::{EngineHome, EngineProcess, PATIENCE, signature};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::{Duration, Instant};
use ureq::Agent;

/// Whether the long form was asked for.
pub(crate) fn is_long() -> bool {
    std::env::var("CHAOS").is_ok_and(|value| value == "all")
}

/// As many as are wanted in a short run, or ten times as many.
pub(crate) fn many(short: usize) -> usize {
    if is_long() { short * 10 } else { short }
}

/// A generator of the same numbers for the same seed (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    /// The generator of this run; the seed is printed, to repeat it.
    pub(crate) fn of_this_run(name: &str) -> Self {
        let seed = std::env::var("CHAOS_SEED").ok();
        let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(18);
        println!("{name}: CHAOS_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }
}

/// A hook whose address and secret the administrator entered by hand.
pub(crate) struct Hook {
    path: String,
    secret: String,
    repository: Value,
}

/// A mocked service with one repository, and a home for engines that use it.
pub(crate) struct Place {
    pub(crate) home: EngineHome,
    pub(crate) mock: MockBitbucket,
    git: GitSandbox,
}

impl Place {
    pub(crate) fn new() -> Self {
        let git = GitSandbox::small();
        let mock = MockBitbucket::builder()
            .repo(REPO, git.path())
            .start()
            .unwrap();
        let home = EngineHome::public(&mock, "disableWebHooksCreation = true");
        Self { home, mock, git }
    }

    /// A commit that the service has.
    pub(crate) fn hash(&self) -> String {
        self.git.hash("main")
    }
}

impl Hook {
    /// Links the repository and takes what the administrator would enter.
    pub(crate) fn link(engine: &EngineProcess) -> Self {
        let linked = engine.link("app", REPO);
        let hook = &linked["hook"];
        let url = hook["url"].as_str().unwrap();
        Self {
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

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The body of a push that moves a branch of its own to this commit.
    pub(crate) fn push(&self, number: usize) -> String {
        self.push_to(&format!("topic/{number}"), number + 1_000_000, number)
    }

    /// The body of a push that moves a branch between two commits.
    pub(crate) fn push_to(&self, branch: &str, from: usize, to: usize) -> String {
        let target = |hash: usize| json!({ "name": branch, "type": "branch", "target": { "type": "commit", "hash": commit(hash) } });
        json!({
            "actor": { "type": "user", "display_name": "Ada" },
            "repository": self.repository,
            "push": { "changes": [{
                "old": target(from), "new": target(to),
                "created": false, "closed": false, "forced": false, "truncated": false,
                "commits": [],
            }] },
        })
        .to_string()
    }

    /// The body of a push that deletes the branch of [`Hook::push`].
    pub(crate) fn deletion(&self, number: usize) -> String {
        json!({
            "actor": { "type": "user", "display_name": "Ada" },
            "repository": self.repository,
            "push": { "changes": [{
                "old": {
                    "name": format!("topic/{number}"),
                    "type": "branch",
                    "target": { "type": "commit", "hash": commit(number) },
                },
                "new": null,
                "created": false, "closed": true, "forced": false, "truncated": false,
                "commits": [],
            }] },
        })
        .to_string()
    }

    /// Sends a signed body once; the status, or `None` without a response.
    pub(crate) fn send(&self, agent: &Agent, base: &str, id: &str, body: &str) -> Option<u16> {
        let sent = agent
            .post(format!("{base}{}", self.path))
            .header("Content-Type", "application/json")
            .header("X-Event-Key", "repo:push")
            .header("X-Hook-UUID", "{hook}")
            .header("X-Request-UUID", id)
            .header("X-Attempt-Number", "1")
            .header("X-Hub-Signature", signature(&self.secret, body.as_bytes()))
            .send(body);
        sent.ok().map(|response| response.status().as_u16())
    }

    /// Sends the push of this number, and says whether it was acknowledged.
    pub(crate) fn deliver(&self, agent: &Agent, base: &str, number: usize) -> bool {
        let id = format!("delivery-{number}");
        self.send(agent, base, &id, &self.push(number)) == Some(200)
    }
}

/// The hash of a commit that exists for tests only.
pub(crate) fn commit(number: usize) -> String {
    format!("{number:040x}")
}

/// A client that takes an error status as a response and waits at most this long.
pub(crate) fn client(patience: Duration) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(patience))
        .proxy(None)
        .build()
        .into()
}

/// What has to hold after every disturbance: each acknowledged push has exactly one
/// run, and there are no other runs than of pushes that were sent.
pub(crate) fn nothing_lost_nothing_twice(engine: &EngineProcess, acknowledged: &[usize]) {
    let url = engine.api("/project/KEY/applications/app/runs");
    let hashes = |runs: &Value| -> Vec<String> {
        let runs = runs.as_array().map_or(&[][..], Vec::as_slice);
        runs.iter()
            .filter_map(|run| run["hash"].as_str().map(str::to_owned))
            .collect()
    };
    let wanted: HashSet<String> = acknowledged.iter().map(|number| commit(*number)).collect();
    let runs = engine.wait_for(&url, |runs| {
        let found: HashSet<String> = hashes(runs).into_iter().collect();
        wanted.is_subset(&found)
    });
    engine.wait_until_idle();
    let (_, later) = engine.get(&url);
    assert!(hashes(&later).len() >= hashes(&runs).len());
    let all = hashes(&later);
    let different: HashSet<&String> = all.iter().collect();
    assert_eq!(all.len(), different.len(), "a push was worked on twice");
}

/// Whether the engine takes a delivery and works on it, and how long that took.
pub(crate) fn serves(engine: &EngineProcess, hook: &Hook, number: usize) -> Duration {
    let begun = Instant::now();
    let agent = client(PATIENCE);
    assert!(hook.deliver(&agent, &engine.api(""), number));
    nothing_lost_nothing_twice(engine, &[number]);
    begun.elapsed()
}
