//! Real pushes in a real repository, and what the engine makes of them.

use integration_tests::bitbucket::REPO;
use integration_tests::engine_process::{EngineHome, EngineProcess};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
use serde_json::{Value, json};

struct Story {
    git: GitSandbox,
    work: GitSandbox,
    mock: MockBitbucket,
    home: EngineHome,
    engine: EngineProcess,
}

const RUNS: &str = "/project/KEY/applications/app/runs";
const CLEANUPS: &str = "/project/KEY/applications/app/cleanups";

impl Story {
    /// An engine that is linked, and a clone to push from.
    fn begin(provider: &str) -> (Self, Value) {
        let git = GitSandbox::small();
        git.git(&["config", "receive.denyCurrentBranch", "ignore"]);
        let mock = MockBitbucket::builder()
            .repo(REPO, git.path())
            .start()
            .unwrap();
        let home = EngineHome::new(&mock, "", provider);
        let engine = home.start();
        let linked = engine.link("app", REPO);
        let work = GitSandbox::empty();
        let token = mock.api_token();
        let credential = format!(
            "http://x-bitbucket-api-token-auth:{}@",
            token.token.expose()
        );
        let url = mock.clone_url(REPO).replacen("http://", &credential, 1);
        work.git(&["remote", "add", "service", &url]);
        work.git(&["fetch", "--quiet", "service"]);
        work.git(&["switch", "--quiet", "--create", "topic", "service/main"]);
        let story = Self {
            git,
            work,
            mock,
            home,
            engine,
        };
        (story, linked)
    }

    fn push(&self, refspec: &str) {
        self.work.git(&["push", "--quiet", "service", refspec]);
        let longest = std::time::Duration::from_secs(30);
        assert!(self.mock.wait_until_delivered(longest));
    }

    fn commit(&self, text: &str) -> String {
        self.work.write("file.txt", text);
        self.work.commit_all(text)
    }

    /// The runs of the branch `topic`, once there are so many.
    fn runs(&self, count: usize) -> Vec<String> {
        let url = self.engine.api(&format!("{RUNS}?branch=topic"));
        let runs = self.engine.wait_for(&url, |runs| {
            runs.as_array().is_some_and(|runs| runs.len() == count)
        });
        let runs = runs.as_array().unwrap().iter();
        runs.map(|run| run["hash"].as_str().unwrap().to_owned())
            .collect()
    }

    fn cleanups(&self, count: usize) {
        self.engine.wait_for(&self.engine.api(CLEANUPS), |planned| {
            planned
                .as_array()
                .is_some_and(|planned| planned.len() == count)
        });
    }

    fn advance(&self, seconds: u64) {
        let url = self.engine.api("/mon/clock/advance");
        let (status, _) = self.engine.post(&url, &json!({ "seconds": seconds }));
        assert_eq!(status, 200);
    }
}

const DAY: u64 = 24 * 60 * 60;

#[test]
fn a_push_is_a_run_and_a_deleted_branch_loses_its_runs_after_a_day() {
    let (story, linked) = Story::begin("");
    assert_eq!(linked["hook"]["state"], "active", "{linked}");
    let first = story.commit("one");
    story.push("topic");
    assert_eq!(story.runs(1)[0], first);
    let second = story.commit("two");
    story.push("topic");
    assert_eq!(story.runs(2), [first, second]);

    story.push(":topic");
    story.cleanups(1);
    story.advance(DAY - 60);
    story.engine.wait_until_idle();
    assert_eq!(story.runs(2).len(), 2);
    story.advance(61);
    story.runs(0);
}

#[test]
fn a_branch_that_comes_back_keeps_its_runs() {
    let (story, _) = Story::begin("");
    story.commit("one");
    story.push("topic");
    story.runs(1);
    story.push(":topic");
    story.cleanups(1);
    story.advance(DAY / 2);
    story.push("topic");
    story.cleanups(0);
    story.advance(2 * DAY);
    story.engine.wait_until_idle();
    assert_eq!(story.runs(2).len(), 2);
}

#[test]
fn an_overdue_clean_up_runs_after_a_restart() {
    let (story, _) = Story::begin("");
    story.commit("one");
    story.push("topic");
    story.runs(1);
    story.push(":topic");
    story.cleanups(1);
    let Story {
        git,
        work,
        mock,
        home,
        engine,
    } = story;
    engine.kill();
    let story = Story {
        engine: home.start(),
        git,
        work,
        mock,
        home,
    };
    story.cleanups(1);
    assert_eq!(story.runs(1).len(), 1);
    story.advance(DAY);
    story.runs(0);
}

#[test]
fn with_webhooks_off_polling_finds_the_same_pushes() {
    let (story, linked) = Story::begin("disableWebHooks = true");
    assert_eq!(linked["hook"]["state"], "disabled", "{linked}");
    let first = story.commit("one");
    story.push("topic");
    let poll = story.engine.api("/project/KEY/applications/app/poll");
    let (status, polled) = story.engine.post(&poll, &json!({}));
    assert_eq!(status, 200, "{polled}");
    assert_eq!(story.runs(1), [first]);
    story.push(":topic");
    let (status, polled) = story.engine.post(&poll, &json!({}));
    assert_eq!(status, 200, "{polled}");
    story.cleanups(1);
}

#[test]
fn polling_after_deliveries_finds_nothing_new() {
    let (story, _) = Story::begin("");
    let first = story.commit("one");
    story.push("topic");
    story.runs(1);
    let poll = story.engine.api("/project/KEY/applications/app/poll");
    let (status, polled) = story.engine.post(&poll, &json!({}));
    assert_eq!(status, 200, "{polled}");
    story.engine.wait_until_idle();
    assert_eq!(story.runs(1), [first]);
}

#[test]
fn a_run_s_state_appears_as_a_build_status() {
    let (story, _) = Story::begin("");
    let hash = story.commit("one");
    story.push("topic");
    story.runs(1);
    let (_, runs) = story.engine.get(&story.engine.api(RUNS));
    let run = &runs.as_array().unwrap()[0]["id"];
    let url = story.engine.api(&format!("{RUNS}/{run}/state"));
    let body = json!({ "state": "Success", "description": "all well" });
    let (status, reported) = story.engine.post(&url, &body);
    assert_eq!((status, &reported["state"]), (202, &json!("Success")));
    // The engine's own address is local here, which the service rejects.
    let outbox = story.engine.api("/mon/outbox");
    let outbox = story
        .engine
        .wait_for(&outbox, |outbox| outbox["count"]["rejected"] == 1);
    let note = outbox["rejected"][0]["note"].as_str().unwrap();
    assert!(
        note.contains("InvalidInput") || note.contains("public"),
        "{note}"
    );
    let (_, application) = story
        .engine
        .get(&story.engine.api("/project/KEY/applications/app"));
    assert_eq!(application["outbox"]["rejected"], 1, "{application}");
    assert_eq!(story.git.hash("topic"), hash);
    let log = story.home.log();
    for line in [
        "linked",
        "a delivery was kept",
        "a run waits",
        "was reported on",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
}
