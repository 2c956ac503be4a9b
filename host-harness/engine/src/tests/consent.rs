//! The consent flow: one state, one grant.

use super::TestEngine;
use super::fake::SERVER;
use crate::consent::{Callback, Consent, ConsentError, grant_id};
use std::time::Duration;
use url::Url;
use vcs_provider_interface::records::{Credential, CredentialKind};
use vcs_provider_interface::secret::Secret;

fn begin(test: &TestEngine) -> Consent {
    test.engine.begin_consent("KEY", SERVER).unwrap()
}

fn state_of(consent: &Consent) -> String {
    let url = Url::parse(&consent.url).unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state");
    state.unwrap().1.into_owned()
}

fn with_code(state: Option<&str>) -> Callback {
    Callback {
        state: state.map(Secret::from),
        code: Some(Secret::from("good-code")),
        error: None,
        expected: None,
        issuer: None,
    }
}

fn grant_of(test: &TestEngine) -> Option<vcs_provider_interface::records::Grant> {
    test.engine.grants.load(&grant_id("KEY", SERVER)).unwrap()
}

#[track_caller]
fn assert_rejected(test: &TestEngine, callback: Callback) {
    let error = test.engine.end_consent(callback).unwrap_err();
    assert!(matches!(error, ConsentError::UnknownState), "{error}");
    assert_eq!(grant_of(test), None);
    assert_eq!(
        test.engine.store.project_grant("KEY", SERVER).unwrap(),
        None
    );
}

#[test]
fn a_consent_becomes_the_project_s_grant_and_its_credential() {
    let test = TestEngine::new();
    let consent = begin(&test);
    assert_eq!(
        consent.redirect_uri,
        "https://ci.example/cdsapi/repositories_manager/oauth2/callback"
    );
    let state = state_of(&consent);
    let consented = test.engine.end_consent(with_code(Some(&state))).unwrap();
    assert_eq!((&*consented.project, &*consented.server), ("KEY", SERVER));
    assert!(grant_of(&test).is_some());
    let credential = test.engine.credential(Some("KEY"), SERVER).unwrap();
    assert_eq!(credential, Credential::grant(grant_id("KEY", SERVER)));
    let others = test.engine.credential(Some("OTHER"), SERVER).unwrap();
    assert_eq!(others.kind, CredentialKind::CONFIGURED);
}

#[test]
fn a_missing_or_made_up_state_is_rejected() {
    let test = TestEngine::new();
    let state = state_of(&begin(&test));
    assert_rejected(&test, with_code(None));
    assert_rejected(&test, with_code(Some("")));
    assert_rejected(&test, with_code(Some(&state[1..])));
    assert_rejected(&test, with_code(Some(&"x".repeat(43))));
}

#[test]
fn a_state_is_accepted_once() {
    let test = TestEngine::new();
    let state = state_of(&begin(&test));
    test.engine.end_consent(with_code(Some(&state))).unwrap();
    let before = grant_of(&test);
    let error = test
        .engine
        .end_consent(with_code(Some(&state)))
        .unwrap_err();
    assert!(matches!(error, ConsentError::UnknownState));
    assert_eq!(grant_of(&test), before);
}

#[test]
fn a_state_ends_after_ten_minutes() {
    let test = TestEngine::new();
    let state = state_of(&begin(&test));
    test.clock.advance(Duration::from_secs(600));
    assert_rejected(&test, with_code(Some(&state)));
    let state = state_of(&begin(&test));
    test.clock.advance(Duration::from_secs(599));
    assert!(test.engine.end_consent(with_code(Some(&state))).is_ok());
}

#[test]
fn a_state_of_another_project_or_server_is_rejected_and_used_up() {
    let test = TestEngine::new();
    for expected in [("OTHER", SERVER), ("KEY", "other")] {
        let state = state_of(&begin(&test));
        let foreign = Callback {
            expected: Some((expected.0.to_owned(), expected.1.to_owned())),
            ..with_code(Some(&state))
        };
        assert_rejected(&test, foreign);
        assert_rejected(&test, with_code(Some(&state)));
    }
}

#[test]
fn a_state_survives_a_restart() {
    let test = TestEngine::new();
    let state = state_of(&begin(&test));
    let test = test.restarted();
    assert!(test.engine.end_consent(with_code(Some(&state))).is_ok());
}

#[test]
fn a_rejection_is_shown_plainly_and_uses_the_state_up() {
    let test = TestEngine::new();
    let state = state_of(&begin(&test));
    let denied = Callback {
        code: None,
        error: Some("access_denied<script>\n".to_owned()),
        ..with_code(Some(&state))
    };
    let error = test.engine.end_consent(denied).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the service did not give access: access_deniedscript"
    );
    assert_rejected(&test, with_code(Some(&state)));
}

#[test]
fn a_rejected_code_stores_nothing() {
    let test = TestEngine::new();
    let state = state_of(&begin(&test));
    let callback = Callback {
        code: Some(Secret::from("bad-code")),
        ..with_code(Some(&state))
    };
    let error = test.engine.end_consent(callback).unwrap_err();
    assert!(error.to_string().contains("rejected"), "{error}");
    assert!(!error.to_string().contains("bad-code"));
    assert_eq!(grant_of(&test), None);
}

#[test]
fn consenting_again_replaces_the_grant() {
    let test = TestEngine::new();
    for version in 1..=3 {
        let state = state_of(&begin(&test));
        test.engine.end_consent(with_code(Some(&state))).unwrap();
        assert_eq!(grant_of(&test).unwrap().version, version);
    }
}

#[test]
fn the_state_is_in_none_of_the_engine_s_files() {
    let test = TestEngine::new();
    let state = state_of(&begin(&test));
    for entry in std::fs::read_dir(test.directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes
                .windows(state.len())
                .any(|window| window == state.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
}
