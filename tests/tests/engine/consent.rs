//! The consent flow from outside, and every way of misusing its state.

use integration_tests::bitbucket::REPO;
use integration_tests::engine_process::{CALLBACK, EngineHome, EngineProcess, SERVER};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::{ConsentDecision, MockBitbucket};
use serde_json::json;

struct Fixture {
    mock: MockBitbucket,
    engine: EngineProcess,
    _home: EngineHome,
    _git: GitSandbox,
}

impl Fixture {
    fn new() -> Self {
        let git = GitSandbox::small();
        let mock = MockBitbucket::builder()
            .callback_url(CALLBACK)
            .repo(REPO, git.path())
            .start()
            .unwrap();
        let home = EngineHome::public(&mock, "");
        Self {
            engine: home.start(),
            mock,
            _home: home,
            _git: git,
        }
    }

    /// The engine's own address of what the service sends the browser to.
    fn answer(&self, decision: &ConsentDecision) -> String {
        let path = format!("/project/KEY/repositories_manager/{SERVER}/authorize");
        let (status, begun) = self.engine.get(&self.engine.api(&path));
        assert_eq!(status, 200, "{begun}");
        let url = begun["url"].as_str().unwrap();
        let back = self.mock.consent(url, decision).unwrap();
        assert!(back.starts_with(CALLBACK), "{back}");
        back.replacen("https://ci.example.com", &self.engine.api(""), 1)
    }

    fn is_linked(&self, project: &str) -> bool {
        let path = format!("/project/{project}/repositories_manager");
        let (status, managers) = self.engine.get(&self.engine.api(&path));
        assert_eq!(status, 200);
        managers[0]["linked"] == true
    }
}

#[test]
fn a_person_who_allows_links_the_project_once() {
    let fixture = Fixture::new();
    let answer = fixture.answer(&ConsentDecision::Allow);
    assert!(!fixture.is_linked("KEY"));
    assert_eq!(fixture.engine.browse(&answer).0, 200);
    assert!(fixture.is_linked("KEY") && !fixture.is_linked("OTHER"));
    assert_eq!(fixture.engine.browse(&answer).0, 400);
}

#[test]
fn a_person_who_denies_is_told_plainly_and_nothing_is_stored() {
    let fixture = Fixture::new();
    let answer = fixture.answer(&ConsentDecision::Deny);
    let (status, text) = fixture.engine.browse(&answer);
    assert_eq!(status, 403);
    assert!(text.as_str().unwrap().contains("access_denied"), "{text}");
    assert!(!fixture.is_linked("KEY"));
}

#[test]
fn an_expired_state_is_refused_and_nothing_is_stored() {
    let fixture = Fixture::new();
    let answer = fixture.answer(&ConsentDecision::Allow);
    let clock = fixture.engine.api("/mon/clock/advance");
    let (status, _) = fixture.engine.post(&clock, &json!({ "seconds": 600 }));
    assert_eq!(status, 200);
    assert_eq!(fixture.engine.browse(&answer).0, 400);
    assert!(!fixture.is_linked("KEY"));
}

#[test]
fn a_missing_or_changed_state_is_refused_and_nothing_is_stored() {
    let fixture = Fixture::new();
    let answer = fixture.answer(&ConsentDecision::Allow);
    let (base, query) = answer.split_once('?').unwrap();
    let code = query
        .split('&')
        .find(|pair| pair.starts_with("code="))
        .unwrap();
    for query in [
        code.to_owned(),
        format!("{code}&state="),
        format!("{code}&state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        String::new(),
    ] {
        let (status, body) = fixture.engine.browse(&format!("{base}?{query}"));
        assert_eq!(status, 400, "{query}: {body}");
    }
    assert!(!fixture.is_linked("KEY"));
}

#[test]
fn a_state_of_another_engine_is_foreign() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let answer = fixture.answer(&ConsentDecision::Allow);
    let foreign = answer.replacen(&fixture.engine.api(""), &other.engine.api(""), 1);
    assert_eq!(other.engine.browse(&foreign).0, 400);
    assert!(!other.is_linked("KEY"));
}

#[test]
fn a_state_shown_for_another_project_is_foreign() {
    let fixture = Fixture::new();
    let answer = fixture.answer(&ConsentDecision::Allow);
    let value = |name: &str| {
        let pairs = answer.split_once('?').unwrap().1.split('&');
        let found = pairs.filter_map(|pair| pair.split_once('='));
        let found = found.filter(|(key, _)| *key == name);
        found.map(|(_, value)| value.to_owned()).next().unwrap()
    };
    let path = format!("/project/OTHER/repositories_manager/{SERVER}/authorize/callback");
    let body = json!({ "state": value("state"), "code": value("code") });
    let (status, _) = fixture.engine.post(&fixture.engine.api(&path), &body);
    assert_eq!(status, 400);
    assert!(!fixture.is_linked("OTHER") && !fixture.is_linked("KEY"));
}
