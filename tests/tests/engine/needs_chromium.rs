//! The pages in a browser: a person signs in, connects a project on the service's own
//! consent page, follows a build status, and can read all of it.

use integration_tests::bitbucket::REPO;
use integration_tests::engine_process::{EngineHome, EngineProcess, SERVER};
use integration_tests::sandbox::GitSandbox;
use integration_tests::web_driver::Browser;
use mock_bitbucket::MockBitbucket;
use serde_json::json;
use std::net::TcpListener;

const TAB: char = '\u{e004}';
/// A host that only the test's browser knows.
const HOST: &str = "ci.example.com";

const ENTER: char = '\u{e007}';

/// Where browsers find the engine: its host is [`HOST`] for them, and this machine.
fn public(port: u16) -> String {
    format!("http://{HOST}:{port}")
}

struct Fixture {
    browser: Browser,
    engine: EngineProcess,
    _mock: MockBitbucket,
    _home: EngineHome,
    git: GitSandbox,
}

impl Fixture {
    /// An engine in development mode: the service knows its callback beforehand, so
    /// its port is one that was free a moment ago.
    fn new() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let git = GitSandbox::small();
        let mock = MockBitbucket::builder()
            .callback_url(format!(
                "http://{address}/repositories_manager/oauth2/callback"
            ))
            .repo(REPO, git.path())
            .start()
            .unwrap();
        // Bitbucket takes no addresses of this machine in statuses.
        let api = format!("development = true\nuiUrl = \"{}\"", public(address.port()));
        let home = EngineHome::listening(&mock, &address.to_string(), &api, "");
        Self {
            engine: home.start(),
            browser: Browser::start(HOST),
            _mock: mock,
            _home: home,
            git,
        }
    }

    fn open(&self, path: &str) {
        self.browser.open(&self.engine.api(path));
    }

    /// Signs in on the form that is shown, with the keyboard alone.
    fn sign_in(&self) {
        self.browser.wait_for("Sign in");
        self.browser
            .enter("#token", &format!("{}{ENTER}", self.engine.token.trim()));
        self.browser.wait_for("Sign out");
    }

    /// The page can be read at every width and in both colours.
    fn check_page(&self, name: &str) {
        for colours in ["light", "dark"] {
            for width in [360, 1280] {
                self.browser.look(width, colours);
                let place = format!("{name} at {width} px, {colours}");
                let wide = self
                    .browser
                    .script("return document.scrollingElement.scrollWidth - window.innerWidth");
                assert!(wide.as_i64().unwrap() <= 0, "{place} is too wide by {wide}");
                assert_eq!(self.browser.violations(), "", "{place}");
                self.browser.picture(&format!("{name}-{width}-{colours}"));
            }
        }
        let background = "return getComputedStyle(document.body).backgroundColor";
        let dark = self.browser.script(background);
        self.browser.look(1280, "light");
        assert_ne!(
            dark,
            self.browser.script(background),
            "{name} is never dark"
        );
    }

    /// Nothing secret is in the page, its address or the browser's history.
    fn check_secrets(&self) {
        let page = self
            .browser
            .script("return document.documentElement.outerHTML");
        let stored = self
            .browser
            .script("return JSON.stringify([document.cookie, localStorage, history.state])");
        let seen = format!("{page} {stored} {}", self.browser.address());
        for secret in [self.engine.token.trim(), "code=", "state="] {
            assert!(!seen.contains(secret), "{secret} is shown: {seen}");
        }
    }
}

#[test]
#[ignore = "needs Chromium, its driver and axe-core"]
fn a_person_signs_in_connects_a_project_and_may_reload() {
    let fixture = Fixture::new();
    let browser = &fixture.browser;
    fixture.open("/project/KEY");
    fixture.check_page("sign-in");
    fixture.sign_in();
    assert_eq!(browser.address(), fixture.engine.api("/project/KEY"));
    assert!(browser.text().contains("not connected"));
    fixture.check_page("project");
    browser.click("td form button");
    browser.wait_for("Confirm access to your account");
    browser.click("button[value=allow]");
    browser.wait_for("Connected: the engine may act for project KEY");
    let connected = fixture
        .engine
        .api(&format!("/project/KEY?connected={SERVER}"));
    assert_eq!(browser.address(), connected);
    fixture.check_secrets();
    fixture.check_page("connected");
    browser.open(&connected);
    browser.wait_for("Connected: the engine may act");
    let (_, managers) = fixture
        .engine
        .get(&fixture.engine.api("/project/KEY/repositories_manager"));
    assert_eq!(managers[0]["linked"], true);
}

#[test]
#[ignore = "needs Chromium, its driver and axe-core"]
fn a_person_who_denies_reads_why_and_what_to_do() {
    let fixture = Fixture::new();
    let browser = &fixture.browser;
    fixture.open("/project/KEY");
    fixture.sign_in();
    browser.click("td form button");
    browser.wait_for("Confirm access to your account");
    browser.click("button[value=deny]");
    browser.wait_for("access was refused on the consent page");
    assert_eq!(browser.address(), fixture.engine.api("/consent/denied"));
    fixture.check_secrets();
    fixture.check_page("denied");
    let (_, managers) = fixture
        .engine
        .get(&fixture.engine.api("/project/KEY/repositories_manager"));
    assert_eq!(managers[0]["linked"], false);
}

#[test]
#[ignore = "needs Chromium, its driver and axe-core"]
fn the_address_of_a_build_status_leads_to_the_run() {
    let fixture = Fixture::new();
    let browser = &fixture.browser;
    let _ = fixture.engine.link("app", REPO);
    let poll = fixture.engine.api("/project/KEY/applications/app/poll");
    assert_eq!(fixture.engine.post(&poll, &json!({})).0, 200);
    fixture.git.write("a.txt", "a");
    let hash = fixture.git.commit_all("a change");
    assert_eq!(fixture.engine.post(&poll, &json!({})).0, 200);
    let runs = fixture.engine.api("/project/KEY/applications/app/runs");
    fixture.engine.wait_for(&runs, |runs| {
        runs.as_array().is_some_and(|runs| !runs.is_empty())
    });
    let statuses = format!("/vcs/{SERVER}/repos/{REPO}/commits/{hash}/statuses");
    let statuses = fixture
        .engine
        .wait_for(&fixture.engine.vcs(&statuses), |statuses| {
            statuses
                .as_array()
                .is_some_and(|statuses| !statuses.is_empty())
        });
    let address = statuses[0]["url"].as_str().unwrap();
    browser.open(address);
    fixture.sign_in();
    assert_eq!(browser.address(), address);
    assert!(browser.text().contains(&hash), "{}", browser.text());
    fixture.check_page("run");
    let (base, _) = address.split_once("/project/").unwrap();
    for (page, text, name) in [
        ("/", "Outbox", "overview"),
        ("/project/KEY/application/app", "Clean-ups", "application"),
        ("/deliveries", "Reasons for rejection", "deliveries"),
    ] {
        browser.open(&format!("{base}{page}"));
        browser.wait_for(text);
        fixture.check_page(name);
    }
}

#[test]
#[ignore = "needs Chromium, its driver and axe-core"]
fn the_keyboard_reaches_the_content_and_every_action() {
    let fixture = Fixture::new();
    let browser = &fixture.browser;
    fixture.open("/project/KEY");
    fixture.sign_in();
    fixture.open("/project/KEY");
    let focused = "return document.activeElement.innerText.trim()";
    let mut reached = Vec::new();
    for _ in 0..5 {
        browser.press(&TAB.to_string());
        reached.push(
            browser
                .script(focused)
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        );
    }
    assert_eq!(
        reached,
        [
            "Skip to the content",
            "engine",
            "Deliveries",
            "Sign out",
            "Connect to cloud",
        ]
    );
}
