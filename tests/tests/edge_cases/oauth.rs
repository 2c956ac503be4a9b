//! Access tokens that end in the middle.

use crate::support::{branches, quick_small};
use integration_tests::bitbucket::{Bitbucket, context};
use mock_bitbucket::ConsentDecision;
use std::time::Duration;
use vcs_provider_interface::prelude::*;

const GRANT: &str = "grant-1";

/// A client with a grant that a person has just given.
fn with_grant(bitbucket: &Bitbucket) -> Credential {
    let callback = bitbucket.mock.oauth_consumer().callback_url;
    let request = AuthorizeRequest {
        redirect_uri: Some(callback.clone()),
        ..Default::default()
    };
    let redirect = bitbucket
        .server
        .authorize_redirect(&context(), request)
        .expect("an address");
    let back = bitbucket
        .mock
        .consent(&redirect.url, &ConsentDecision::Allow)
        .expect("consent");
    let code = back
        .split(['?', '&'])
        .find_map(|pair| pair.strip_prefix("code="))
        .expect("a code");
    let request = AuthorizeTokenRequest {
        code: Some(Secret::from(code)),
        redirect_uri: Some(callback),
        ..Default::default()
    };
    let grant = bitbucket
        .server
        .authorize_token(&context(), request)
        .expect("a grant");
    bitbucket.host.put_grant(GRANT, grant);
    Credential::grant(GRANT)
}

/// Situation `token-expires`.
#[test]
fn a_token_that_ends_in_the_middle_is_renewed_once_and_the_call_repeated() {
    let bitbucket = quick_small();
    let client = bitbucket.client_with(with_grant(&bitbucket));
    assert_eq!(branches(&*client).expect("a list").len(), 2);
    assert_eq!(bitbucket.mock.oauth_counts().refreshes, 0);
    bitbucket.mock.advance(Duration::from_secs(3 * 3600));
    assert_eq!(branches(&*client).expect("a list").len(), 2);
    let counts = bitbucket.mock.oauth_counts();
    assert_eq!((counts.refreshes, counts.refreshed), (1, 1));
}

/// Situation `token-expires`.
#[test]
fn concurrent_calls_wait_for_the_same_refresh() {
    let bitbucket = quick_small();
    let credential = with_grant(&bitbucket);
    bitbucket.mock.advance(Duration::from_secs(3 * 3600));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let client = bitbucket.client_with(credential.clone());
            scope.spawn(move || branches(&*client).expect("a list"));
        }
    });
    assert_eq!(bitbucket.mock.oauth_counts().refreshes, 1);
    let kept = bitbucket.host.grant(GRANT).expect("a grant");
    assert_eq!(kept.dead, None);
}

/// Situation `token-expires`.
#[test]
fn a_grant_that_was_taken_back_says_that_it_has_to_be_given_anew() {
    let bitbucket = quick_small();
    let client = bitbucket.client_with(with_grant(&bitbucket));
    bitbucket.mock.revoke_oauth_grants();
    let error = branches(&*client).expect_err("nothing works any more");
    assert_eq!(error.kind, ErrorKind::UNAUTHENTICATED);
    let asked = bitbucket.mock.oauth_counts().refreshes;
    let error = branches(&*client).expect_err("and it stays so");
    assert_eq!(error.kind, ErrorKind::UNAUTHENTICATED);
    assert!(bitbucket.mock.oauth_counts().refreshes <= asked + 1);
}
