//! OAuth through the loaded library: grants that end, rotate, die and come back.

use integration_tests::bitbucket::{Bitbucket, REPO, context, server_of};
use integration_tests::host::RecordingHost;
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::{ConsentDecision, Fault, FaultRule, MockBitbucket};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use vcs_provider_interface::prelude::*;

const CALLBACK: &str = "https://ci.example.com/cdsapi/repositories_manager/oauth2/callback";
const GRANT: &str = "project-1";

/// A mock with a registered callback, and short pauses between tries.
fn bitbucket() -> Bitbucket {
    let mock = MockBitbucket::builder().callback_url(CALLBACK);
    Bitbucket::with(GitSandbox::small(), mock, "backoffMilliseconds = 1\n")
}

/// A person allows; the code of the callback, once.
fn consent(bitbucket: &Bitbucket) -> Secret {
    let request = AuthorizeRequest {
        redirect_uri: Some(CALLBACK.to_owned()),
        ..Default::default()
    };
    let redirect = bitbucket
        .server
        .authorize_redirect(&context(), request)
        .unwrap();
    let back = bitbucket
        .mock
        .consent(&redirect.url, &ConsentDecision::Allow)
        .unwrap();
    let parameters = back.split_once('?').unwrap().1;
    let value = |name: &str| {
        parameters
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            .unwrap()
    };
    assert_eq!(value("state"), redirect.state.unwrap().expose());
    Secret::from(value("code"))
}

fn exchange(bitbucket: &Bitbucket, code: Secret) -> Result<Grant> {
    let request = AuthorizeTokenRequest {
        code: Some(code),
        redirect_uri: Some(CALLBACK.to_owned()),
        ..Default::default()
    };
    bitbucket.server.authorize_token(&context(), request)
}

/// Links, and puts the grant into the host's store.
fn link(bitbucket: &Bitbucket) -> Grant {
    let grant = exchange(bitbucket, consent(bitbucket)).unwrap();
    bitbucket.host.put_grant(GRANT, grant.clone());
    grant
}

fn use_grant(server: &dyn VcsServer) -> Result<Repository> {
    let client = server.authorized_client(Credential::grant(GRANT))?;
    let request = RepositoryRequest {
        repo: REPO.to_owned(),
        ..Default::default()
    };
    client.repo_by_fullname(&context(), request)
}

fn token_endpoint(then: Fault) -> FaultRule {
    FaultRule {
        path: Some("/site/oauth2/access_token".to_owned()),
        then,
        ..Default::default()
    }
}

/// Uses the grant from so many threads that begin together.
fn use_from_many_threads(servers: &[&dyn VcsServer], threads: usize) -> Vec<Result<Repository>> {
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..threads)
            .map(|number| {
                let server = servers[number % servers.len()];
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    use_grant(server)
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    })
}

#[test]
fn consent_gives_a_grant_that_opens_the_api_and_git() {
    let bitbucket = bitbucket();
    let grant = link(&bitbucket);
    assert_eq!(grant.version, 1);
    assert!(
        grant.scopes.iter().any(|scope| scope == "repository"),
        "{:?}",
        grant.scopes
    );
    assert_eq!(use_grant(&bitbucket.server).unwrap().fullname, REPO);

    let client = bitbucket.client_with(Credential::grant(GRANT));
    let request = CheckoutRequest {
        repo: REPO.to_owned(),
        ..Default::default()
    };
    let checkout = client.checkout_credentials(&context(), request).unwrap();
    assert_eq!(checkout.username.as_deref(), Some("x-token-auth"));
    assert_eq!(checkout.secret, grant.access_token);
    assert!(!checkout.http_url.contains('@'), "{}", checkout.http_url);
    assert_eq!(bitbucket.mock.oauth_counts().refreshes, 0);
}

#[test]
fn each_redirect_has_a_state_of_its_own_of_at_least_128_bits() {
    let bitbucket = bitbucket();
    let state = || {
        let request = AuthorizeRequest::default();
        let redirect = bitbucket
            .server
            .authorize_redirect(&context(), request)
            .unwrap();
        redirect.state.unwrap()
    };
    let (one, other) = (state(), state());
    assert_ne!(one, other);
    assert!(one.len() >= 32 && one.expose().chars().all(|digit| digit.is_ascii_hexdigit()));
}

#[test]
fn a_code_works_once() {
    let bitbucket = bitbucket();
    let code = consent(&bitbucket);
    exchange(&bitbucket, code.clone()).unwrap();
    let error = exchange(&bitbucket, code.clone()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNAUTHENTICATED);
    assert!(error.message.contains("link again"), "{error}");
    assert!(!error.to_string().contains(code.expose()), "{error}");
}

/// Situation `token-expires`.
#[test]
fn sixty_four_calls_with_an_expired_token_make_one_refresh_and_none_fails() {
    let bitbucket = bitbucket();
    link(&bitbucket);
    use_grant(&bitbucket.server).unwrap();
    bitbucket.mock.advance(Duration::from_secs(3 * 3600));
    for result in use_from_many_threads(&[&bitbucket.server], 64) {
        assert_eq!(result.unwrap().fullname, REPO);
    }
    assert_eq!(bitbucket.mock.oauth_counts().refreshes, 1);
    assert_eq!(bitbucket.host.grant(GRANT).unwrap().version, 2);
}

#[test]
fn two_servers_on_one_store_refresh_once_and_both_go_on() {
    let bitbucket = bitbucket();
    link(&bitbucket);
    let config = integration_tests::bitbucket::config_for(&bitbucket.mock);
    let other = server_of(&config, &bitbucket.host);
    use_grant(&bitbucket.server).unwrap();
    use_grant(&other).unwrap();
    bitbucket.mock.advance(Duration::from_secs(3 * 3600));
    for result in use_from_many_threads(&[&bitbucket.server, &other], 16) {
        assert_eq!(result.unwrap().fullname, REPO);
    }
    assert_eq!(bitbucket.mock.oauth_counts().refreshes, 1);
}

#[test]
fn a_token_is_renewed_before_it_ends() {
    let bitbucket = bitbucket();
    let mut grant = link(&bitbucket);
    grant.expires_at_ms = Some(0);
    bitbucket.host.put_grant(GRANT, grant);
    use_grant(&bitbucket.server).unwrap();
    assert_eq!(bitbucket.mock.oauth_counts().refreshes, 1);
    let refused = bitbucket
        .mock
        .requests()
        .iter()
        .filter(|exchange| exchange.status == 401)
        .count();
    assert_eq!(refused, 0, "the ended token was not even tried");
}

#[test]
fn a_wall_clock_that_went_back_does_not_make_a_token_live_longer() {
    let bitbucket = bitbucket();
    let mut grant = link(&bitbucket);
    let lifetime: u64 = grant
        .extra
        .iter()
        .find(|(key, _)| key == "lifetime_ms")
        .and_then(|(_, value)| value.parse().ok())
        .unwrap();
    assert_eq!(lifetime, 7_200_000);
    // As if the pair had been stored by a clock that was years ahead.
    grant.expires_at_ms = grant.expires_at_ms.map(|end| end + 315_360_000_000);
    grant.extra.insert("lifetime_ms", "0");
    bitbucket.host.put_grant(GRANT, grant);
    use_grant(&bitbucket.server).unwrap();
    assert_eq!(bitbucket.mock.oauth_counts().refreshes, 1);
}

#[test]
fn a_dead_grant_says_link_again_keeps_its_pair_and_does_not_hammer() {
    let bitbucket = bitbucket();
    let grant = link(&bitbucket);
    use_grant(&bitbucket.server).unwrap();
    bitbucket.mock.revoke_oauth_grants();
    for _ in 0..10 {
        let error = use_grant(&bitbucket.server).unwrap_err();
        assert_eq!(error.kind, ErrorKind::UNAUTHENTICATED);
        assert!(error.message.contains("link again"), "{error}");
        assert!(!error.retryable);
    }
    // Asked twice, since a consumer that is turned away for a moment hears the same.
    assert_eq!(bitbucket.mock.oauth_counts().refreshes, 2);
    let stored = bitbucket.host.grant(GRANT).unwrap();
    assert_eq!(
        stored.refresh_token, grant.refresh_token,
        "kept for diagnosis"
    );
    assert!(stored.dead.is_some());

    // Linking again is noticed without a restart.
    bitbucket.mock.advance(Duration::from_secs(60));
    let mut fresh = exchange(&bitbucket, consent(&bitbucket)).unwrap();
    fresh.version = stored.version + 1;
    bitbucket.host.put_grant(GRANT, fresh);
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while use_grant(&bitbucket.server).is_err() {
        assert!(
            std::time::Instant::now() < end,
            "the new grant is never noticed"
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_consumer_that_is_turned_away_for_a_moment_does_not_lose_a_healthy_grant() {
    let bitbucket = bitbucket();
    let mut grant = link(&bitbucket);
    grant.expires_at_ms = Some(0);
    bitbucket.host.put_grant(GRANT, grant);
    let mut turned_away = token_endpoint(Fault {
        status: Some(400),
        body: Some(serde_json::json!({"error": "unauthorized_client"})),
        ..Default::default()
    });
    turned_away.nth = Some(1);
    bitbucket.mock.add_fault(turned_away);
    use_grant(&bitbucket.server).unwrap();
    assert!(bitbucket.host.grant(GRANT).unwrap().dead.is_none());
}

#[test]
fn a_renewal_that_fails_for_now_leaves_a_token_that_still_works_in_use() {
    let bitbucket = bitbucket();
    let mut grant = link(&bitbucket);
    // Due for renewal, but not ended: half a minute is left of two hours.
    let soon = grant.expires_at_ms.unwrap() - 7_200_000 + 30_000;
    grant.expires_at_ms = Some(soon);
    bitbucket.host.put_grant(GRANT, grant);
    bitbucket.mock.add_fault(token_endpoint(Fault {
        status: Some(503),
        ..Default::default()
    }));
    use_grant(&bitbucket.server).unwrap();
    assert_eq!(bitbucket.host.grant(GRANT).unwrap().version, 1);
}

#[test]
fn a_refresh_whose_answer_was_lost_is_asked_again_with_the_old_token() {
    let bitbucket = bitbucket();
    let mut grant = link(&bitbucket);
    grant.expires_at_ms = Some(0);
    bitbucket.host.put_grant(GRANT, grant);
    let mut lost = token_endpoint(Fault {
        cut_after_bytes: Some(20),
        ..Default::default()
    });
    lost.nth = Some(1);
    bitbucket.mock.add_fault(lost);
    use_grant(&bitbucket.server).unwrap();
    assert_eq!(bitbucket.mock.oauth_counts().refreshes, 2);
    assert_eq!(bitbucket.host.grant(GRANT).unwrap().version, 2);
}

/// A host whose store is full.
struct FullDisk(Arc<RecordingHost>);

impl HostServices for FullDisk {
    fn log(&self, record: LogRecord) {
        self.0.log(record);
    }

    fn is_log_enabled(&self, level: LogLevel) -> bool {
        self.0.is_log_enabled(level)
    }

    fn load_grant(&self, grant_id: &str) -> Result<Option<Grant>> {
        self.0.load_grant(grant_id)
    }

    fn store_grant(&self, _grant_id: &str, _grant: Grant) -> Result<()> {
        Err(VcsError::new(
            ErrorKind::UNAVAILABLE,
            "no space left on device",
        ))
    }

    fn lock_grant(&self, grant_id: &str, wait_ms: u64) -> Result<u64> {
        self.0.lock_grant(grant_id, wait_ms)
    }

    fn unlock_grant(&self, grant_id: &str, lock: u64) {
        self.0.unlock_grant(grant_id, lock);
    }
}

#[test]
fn a_new_pair_that_cannot_be_stored_is_not_used() {
    let bitbucket = bitbucket();
    let mut grant = link(&bitbucket);
    grant.expires_at_ms = Some(0);
    bitbucket.host.put_grant(GRANT, grant.clone());
    let full = Arc::new(FullDisk(Arc::clone(&bitbucket.host)));
    let config = integration_tests::bitbucket::config_for(&bitbucket.mock);
    let server = integration_tests::bitbucket::loaded_provider()
        .new_server(&config, full)
        .map_err(|error| error.to_string());
    let Ok(server) = server else {
        panic!("the configuration is fine");
    };
    let before = bitbucket.api_requests().len();
    let error = use_grant(&server).unwrap_err();
    assert!(error.message.contains("could not be stored"), "{error}");
    assert_eq!(
        bitbucket.api_requests().len(),
        before,
        "nothing was sent with the new token"
    );
    // The old pair is still there, and still good for a renewal.
    use_grant(&bitbucket.server).unwrap();
}

#[test]
fn a_wrong_consumer_is_a_configuration_error_that_names_the_keys() {
    let bitbucket = bitbucket();
    let code = consent(&bitbucket);
    let config = integration_tests::bitbucket::config_for(&bitbucket.mock);
    let secret = bitbucket.mock.oauth_consumer().secret;
    let config = config.replace(secret.expose(), "planted-wrong-secret");
    let server = server_of(&config, &bitbucket.host);
    let request = AuthorizeTokenRequest {
        code: Some(code),
        redirect_uri: Some(CALLBACK.to_owned()),
        ..Default::default()
    };
    let error = server.authorize_token(&context(), request).unwrap_err();
    assert_eq!(error.kind, ErrorKind::CONFIG);
    assert!(
        error.message.contains("clientId") && error.message.contains("clientSecret"),
        "{error}"
    );
    assert!(
        !error.to_string().contains("planted-wrong-secret"),
        "{error}"
    );
}

#[test]
fn the_consumer_itself_works_without_a_user_and_renews_its_token() {
    let bitbucket = bitbucket();
    let client = bitbucket.client_with(Credential::client_credentials());
    let read = || {
        let request = RepositoryRequest {
            repo: REPO.to_owned(),
            ..Default::default()
        };
        client.repo_by_fullname(&context(), request)
    };
    read().unwrap();
    read().unwrap();
    assert_eq!(bitbucket.mock.oauth_counts().client_credentials, 1);
    bitbucket.mock.advance(Duration::from_secs(3 * 3600));
    read().unwrap();
    assert_eq!(bitbucket.mock.oauth_counts().client_credentials, 2);
}

#[test]
fn an_unknown_grant_is_unauthenticated_and_sends_nothing() {
    let bitbucket = bitbucket();
    let error = use_grant(&bitbucket.server).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNAUTHENTICATED);
    assert!(error.message.contains(GRANT), "{error}");
    assert!(bitbucket.mock.requests().is_empty());
}

#[test]
fn no_token_is_in_a_log_line_or_an_error() {
    let bitbucket = bitbucket();
    let grant = link(&bitbucket);
    use_grant(&bitbucket.server).unwrap();
    bitbucket.mock.advance(Duration::from_secs(3 * 3600));
    use_grant(&bitbucket.server).unwrap();
    let renewed = bitbucket.host.grant(GRANT).unwrap();
    bitbucket.mock.revoke_oauth_grants();
    let error = use_grant(&bitbucket.server).unwrap_err();
    let seen = format!("{}{error:?}{renewed:?}", bitbucket.host.log_text());
    let consumer = bitbucket.mock.oauth_consumer();
    let secrets = [
        grant.access_token.unwrap().expose().to_owned(),
        grant.refresh_token.unwrap().expose().to_owned(),
        renewed.access_token.unwrap().expose().to_owned(),
        renewed.refresh_token.unwrap().expose().to_owned(),
        consumer.secret.expose().to_owned(),
    ];
    for secret in &secrets {
        assert!(
            !seen.contains(secret.as_str()),
            "a secret is in what was logged"
        );
    }
}
