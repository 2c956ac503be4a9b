//! What `check_connection` finds.

use super::support::{Reply, Service, SilentHost, context};
use std::sync::Arc;
use vcs_provider_interface::prelude::*;

const API_TOKEN: &str = "[auth]\nemail = 'me@example.com'\ntoken = 'ATAT-secret'";

fn check(service: &Service, settings: &str, repo: Option<&str>) -> Result<Connection> {
    let request = ConnectionRequest {
        repo: repo.map(str::to_owned),
        ..Default::default()
    };
    service
        .server(settings, Arc::new(SilentHost::default()))
        .authorized_client(Credential::configured())
        .expect("the credential is configured")
        .check_connection(&context(), request)
}

#[test]
fn a_good_credential_is_described() {
    let service = Service::start(|request| {
        let scopes = (
            "X-OAuth-Scopes",
            "read:user:bitbucket, read:workspace:bitbucket",
        );
        match request.path() {
            "/2.0/user" => Reply::with(
                200,
                &[
                    scopes,
                    ("X-RateLimit-Limit", "1000"),
                    ("X-RateLimit-NearLimit", "true"),
                ],
                r#"{"account_id":"5:1","display_name":"Me","nickname":"me"}"#,
            ),
            "/2.0/user/workspaces" => Reply::with(
                200,
                &[scopes],
                r#"{"values":[{"administrator":true,"workspace":{"slug":"team","uuid":"{1}"}}]}"#,
            ),
            "/2.0/repositories/team" => {
                Reply::with(200, &[scopes], r#"{"size":12,"values":[{"uuid":"{2}"}]}"#)
            }
            _ => Reply::not_found(),
        }
    });
    let found = check(&service, API_TOKEN, None).expect("the connection works");
    assert_eq!(
        found.account.map(|account| account.id),
        Some("5:1".to_owned())
    );
    assert_eq!(found.credential, "API token");
    assert_eq!((found.workspaces, found.repositories), (Some(1), Some(12)));
    assert!(
        found
            .scopes_missing
            .contains(&"read:repository:bitbucket".to_owned())
    );
    assert_eq!(found.rate_limit.limit, Some(1000));
    assert_eq!(found.rate_limit.requests_sent, 3);
    assert!(
        found
            .warnings
            .iter()
            .any(|warning| warning.contains("rate limit"))
    );
}

/// Situation `empty-because-of-scopes`.
#[test]
fn a_credential_that_sees_nothing_is_reported() {
    let service = Service::start(|request| match request.path() {
        "/2.0/user" => Reply::json(200, r#"{"account_id":"5:1"}"#),
        _ => Reply::with(200, &[("X-OAuth-Scopes", "email")], r#"{"values":[]}"#),
    });
    let found = check(&service, API_TOKEN, None).expect("the credential is accepted");
    assert_eq!((found.workspaces, found.repositories), (Some(0), Some(0)));
    let warning = found.warnings.join(" ");
    assert!(warning.contains("sees no workspace"), "{warning}");
    assert!(warning.contains("email"), "{warning}");
    assert!(warning.contains("webhook"), "{warning}");
}

/// Situation `app-passwords`.
#[test]
fn an_access_token_is_never_asked_for_its_user() {
    let service = Service::start(|request| match request.path() {
        "/2.0/user" | "/2.0/user/workspaces" => Reply::json(
            401,
            r#"{"error":{"message":"Token is invalid, expired, or not supported for this endpoint."}}"#,
        ),
        "/2.0/repositories/team" => Reply::json(200, r#"{"size":3,"values":[{"uuid":"{2}"}]}"#),
        "/2.0/repositories/team/repo" => Reply::json(200, r#"{"uuid":"{2}"}"#),
        _ => Reply::not_found(),
    });
    let token = "[auth]\naccessToken = 'ATCT-secret'";
    let found = check(&service, token, Some("team/repo")).expect("the repository is visible");
    assert_eq!((found.account, found.workspaces), (None, None));
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);

    let configured = format!("workspaces = ['team']\n{token}");
    let found = check(&service, &configured, None).expect("the workspace is visible");
    assert_eq!((found.workspaces, found.repositories), (Some(1), Some(3)));
    assert!(
        service
            .received()
            .iter()
            .all(|request| request.path() != "/2.0/user"),
        "an access token cannot call /user"
    );

    let error = check(&service, token, None).expect_err("nothing to try it on");
    assert!(error.message.contains("workspaces"), "{error}");
}

#[test]
fn a_credential_that_is_rejected_is_an_error() {
    let service = Service::start(|_| Reply::json(401, r#"{"error":{"message":"expired"}}"#));
    let error = check(&service, API_TOKEN, None).expect_err("rejected");
    assert_eq!(error.kind, ErrorKind::UNAUTHENTICATED);
}

#[test]
fn a_server_without_a_credential_says_which_table_is_missing() {
    let service = Service::start(|_| Reply::not_found());
    let server = service.server("", Arc::new(SilentHost::default()));
    let Err(error) = server.authorized_client(Credential::configured()) else {
        panic!("there is no credential");
    };
    assert_eq!(error.kind, ErrorKind::CONFIG);
    assert!(error.message.contains("[auth]"), "{error}");
}
