//! OAuth 2.0 from the authorize page to calls with the token.

use std::time::Duration;

use super::support::{As, Client, Received, Sandbox, git_succeeds, with_credential};
use crate::{ConsentDecision, MockBitbucket, OAuthCounts, OAuthPolicy, ScopeField, Secret};

const CALLBACK: &str = "https://ci.example.com/oauth2/callback";

fn mock_with(sandbox: &Sandbox, policy: OAuthPolicy) -> MockBitbucket {
    MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .callback_url(CALLBACK)
        .callback_url("https://ci.example.com/other")
        .oauth(policy)
        .start()
        .expect("a mock")
}

/// A client of the token endpoint with the consumer's key and secret.
fn consumer(mock: &MockBitbucket) -> Client {
    let consumer = mock.oauth_consumer();
    Client::with(
        mock,
        As::Basic(consumer.id, consumer.secret.expose().to_owned()),
    )
}

fn ask(client: &Client, mock: &MockBitbucket, form: &str) -> Received {
    client
        .send(
            "POST",
            &format!("{}/access_token", mock.oauth_url()),
            Some(("application/x-www-form-urlencoded", form.as_bytes())),
        )
        .expect("a response")
}

fn authorize_url(mock: &MockBitbucket, more: &str) -> String {
    format!(
        "{}/authorize?client_id={}&response_type=code{more}",
        mock.oauth_url(),
        mock.oauth_consumer().id
    )
}

/// The value of a parameter of the address a browser was sent to.
fn parameter(address: &str, name: &str) -> Option<String> {
    url::Url::parse(address)
        .expect("an address")
        .query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn code(mock: &MockBitbucket) -> String {
    let back = mock
        .consent(&authorize_url(mock, "&state=s1"), &ConsentDecision::Allow)
        .expect("consent");
    assert!(back.starts_with(CALLBACK), "{back}");
    assert_eq!(parameter(&back, "state").as_deref(), Some("s1"));
    parameter(&back, "code").expect("a code")
}

/// Access and refresh token of a fresh consent.
fn link(mock: &MockBitbucket) -> (String, String) {
    let response = ask(
        &consumer(mock),
        mock,
        &format!("grant_type=authorization_code&code={}", code(mock)),
    );
    assert_eq!(response.status, 200, "{}", response.text);
    tokens(&response)
}

fn tokens(response: &Received) -> (String, String) {
    let text = |name: &str| response.json()[name].as_str().expect(name).to_owned();
    (text("access_token"), text("refresh_token"))
}

fn refresh(mock: &MockBitbucket, token: &str) -> Received {
    ask(
        &consumer(mock),
        mock,
        &format!("grant_type=refresh_token&refresh_token={token}"),
    )
}

fn error(response: &Received) -> (u16, String) {
    (
        response.status,
        response.json()["error"].as_str().unwrap_or("").to_owned(),
    )
}

#[test]
fn a_person_allows_and_the_token_opens_api_and_git() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox, OAuthPolicy::default());
    let (access, _) = link(&mock);
    assert_eq!(access.len(), 3000);
    let secret = Secret::new(access);
    let me = Client::with(&mock, secret.clone()).get("/user");
    assert_eq!(me.status, 200);
    assert_eq!(me.json()["display_name"], "Casey Builder");
    let url = with_credential(&mock.clone_url("team/app"), "x-token-auth", &secret);
    assert!(git_succeeds(sandbox.path(), &["ls-remote", &url]));
}

#[test]
fn the_page_is_a_form_and_denying_leads_back_with_an_error() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox, OAuthPolicy::default());
    let url = authorize_url(&mock, "&state=x%26y");
    let page = Client::with(&mock, As::Nobody).get(&url);
    assert_eq!(page.status, 200);
    for part in [
        "<form method=\"post\"",
        "value=\"allow\"",
        "value=\"deny\"",
        "x&amp;y",
    ] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    let back = mock
        .consent(&url, &ConsentDecision::Deny)
        .expect("a way back");
    assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&back, "state").as_deref(), Some("x&y"));
    assert_eq!(parameter(&back, "code"), None);
}

#[test]
fn a_callback_that_is_not_registered_is_an_error_page_and_no_redirect() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox, OAuthPolicy::default());
    let nobody = Client::with(&mock, As::Nobody);
    for wrong in [
        "https://evil.example.com/",
        "https://ci.example.com/oauth2/callback/",
        "https://ci.example.com/oauth2/callback?x=1",
    ] {
        let encoded: String = url::form_urlencoded::byte_serialize(wrong.as_bytes()).collect();
        let page = nobody.get(&authorize_url(&mock, &format!("&redirect_uri={encoded}")));
        assert_eq!(page.status, 400, "{wrong}");
        assert_eq!(page.header("location"), "");
    }
    let unknown = format!(
        "{}/authorize?client_id=nobody&response_type=code",
        mock.oauth_url()
    );
    assert_eq!(nobody.get(&unknown).status, 400);
    let other = "&redirect_uri=https%3A%2F%2Fci.example.com%2Fother";
    let back = mock
        .consent(&authorize_url(&mock, other), &ConsentDecision::Allow)
        .expect("consent");
    assert!(
        back.starts_with("https://ci.example.com/other?code="),
        "{back}"
    );
}

#[test]
fn the_implicit_and_the_password_grant_are_refused() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox, OAuthPolicy::default());
    let url = authorize_url(&mock, "").replace("response_type=code", "response_type=token");
    let back = Client::with(&mock, As::Nobody).get(&url);
    assert_eq!(back.status, 302);
    assert!(
        back.header("location")
            .contains("error=unsupported_response_type")
    );
    let password = ask(
        &consumer(&mock),
        &mock,
        "grant_type=password&username=u&password=p",
    );
    assert_eq!(error(&password), (400, "unsupported_grant_type".to_owned()));
}

#[test]
fn the_client_authenticates_by_basic_only() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox, OAuthPolicy::default());
    let known = mock.oauth_consumer();
    let nobody = Client::with(&mock, As::Nobody);
    let in_body = ask(
        &nobody,
        &mock,
        &format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            known.id,
            known.secret.expose()
        ),
    );
    assert_eq!(error(&in_body), (401, "invalid_client".to_owned()));
    let wrong = Client::with(&mock, As::Basic(known.id, "wrong".into()));
    let rejected = ask(&wrong, &mock, "grant_type=client_credentials");
    assert_eq!(error(&rejected), (401, "invalid_client".to_owned()));
}

#[test]
fn a_code_is_used_up_and_runs_out() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox, OAuthPolicy::default());
    let form = format!("grant_type=authorization_code&code={}", code(&mock));
    let client = consumer(&mock);
    assert_eq!(ask(&client, &mock, &form).status, 200);
    let again = ask(&client, &mock, &form);
    assert_eq!(error(&again), (400, "invalid_grant".to_owned()));
    let late = format!("grant_type=authorization_code&code={}", code(&mock));
    mock.advance(Duration::from_secs(61));
    assert_eq!(
        error(&ask(&client, &mock, &late)),
        (400, "invalid_grant".to_owned())
    );
}

#[test]
fn an_access_token_expires_and_a_refresh_gives_a_new_pair() {
    let sandbox = Sandbox::new();
    let mock = mock_with(
        &sandbox,
        OAuthPolicy {
            access_lifetime: Duration::from_secs(3600),
            scope_field: ScopeField::Scopes,
            ..OAuthPolicy::default()
        },
    );
    let (access, first) = link(&mock);
    mock.advance(Duration::from_secs(3600));
    let expired = Client::with(&mock, Secret::new(access)).get("/user");
    assert_eq!(expired.status, 401);
    assert!(
        expired.message().contains("expired"),
        "{}",
        expired.message()
    );
    let response = refresh(&mock, &first);
    assert_eq!(response.json()["expires_in"], 3600);
    assert_eq!(response.json()["token_type"], "bearer");
    assert!(
        response.json()["scopes"]
            .as_str()
            .expect("scopes")
            .contains("repository")
    );
    assert!(response.json().get("scope").is_none());
    let (access, second) = tokens(&response);
    assert_ne!(first, second);
    assert_eq!(
        Client::with(&mock, Secret::new(access)).get("/user").status,
        200
    );
    assert_eq!(
        mock.oauth_counts(),
        OAuthCounts {
            code_exchanges: 1,
            refreshes: 1,
            refreshed: 1,
            client_credentials: 0,
        }
    );
}

#[test]
fn a_rotated_refresh_token_dies_after_ten_minutes_and_locks_the_client_out() {
    let sandbox = Sandbox::new();
    let mock = mock_with(
        &sandbox,
        OAuthPolicy {
            lock_out: Duration::from_secs(30),
            ..OAuthPolicy::default()
        },
    );
    let (_, old) = link(&mock);
    let (_, new) = tokens(&refresh(&mock, &old));
    mock.advance(Duration::from_secs(590));
    assert_eq!(refresh(&mock, &old).status, 200);
    mock.advance(Duration::from_secs(11));
    let dead = refresh(&mock, &old);
    assert_eq!(error(&dead), (400, "unauthorized_client".to_owned()));
    let locked = refresh(&mock, &new);
    assert_eq!(error(&locked), (400, "unauthorized_client".to_owned()));
    mock.advance(Duration::from_secs(30));
    assert_eq!(refresh(&mock, &new).status, 200);
    assert_eq!(
        error(&refresh(&mock, "never-given-out")),
        (400, "invalid_grant".to_owned())
    );
}

#[test]
fn client_credentials_bring_no_refresh_token() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox, OAuthPolicy::default());
    let response = ask(&consumer(&mock), &mock, "grant_type=client_credentials");
    assert_eq!(response.status, 200);
    assert!(response.json().get("refresh_token").is_none());
    let token = response.json()["access_token"]
        .as_str()
        .expect("token")
        .to_owned();
    let client = Client::with(&mock, Secret::new(token));
    assert_eq!(client.get("/repositories/team/app").status, 200);
}

#[test]
fn a_consent_that_is_taken_back_ends_every_token() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox, OAuthPolicy::default());
    let (access, token) = link(&mock);
    mock.revoke_oauth_grants();
    assert_eq!(
        Client::with(&mock, Secret::new(access)).get("/user").status,
        401
    );
    assert_eq!(
        error(&refresh(&mock, &token)),
        (400, "unauthorized_client".to_owned())
    );
}

#[test]
fn a_token_belongs_to_the_account_that_allowed_it_and_has_the_consumers_scopes() {
    let sandbox = Sandbox::new();
    let mock = mock_with(
        &sandbox,
        OAuthPolicy {
            scopes: Some(vec!["account".into()]),
            ..OAuthPolicy::default()
        },
    );
    mock.add_user("Robin", "robin@example.com");
    let back = mock
        .consent(
            &authorize_url(&mock, ""),
            &ConsentDecision::AllowAs("robin@example.com".into()),
        )
        .expect("consent");
    let form = format!(
        "grant_type=authorization_code&code={}",
        parameter(&back, "code").expect("a code")
    );
    let response = ask(&consumer(&mock), &mock, &form);
    assert_eq!(response.json()["scope"], "account");
    let (access, _) = tokens(&response);
    let client = Client::with(&mock, Secret::new(access));
    assert_eq!(client.get("/user").json()["display_name"], "Robin");
    let rejected = client.get("/repositories/team/app");
    assert_eq!(rejected.status, 403);
    assert_eq!(rejected.header("x-oauth-scopes"), "account");
}
