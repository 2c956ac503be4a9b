//! Credentials: which there are, what they see, and what they may not.

use crate::support::{
    Elsewhere, access_token, answer, api_token, branches, fact, quick_small, repositories,
    repository, rule,
};
use integration_tests::bitbucket::{Bitbucket, REPO, context, server_of};
use integration_tests::host::RecordingHost;
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::{CredentialKind, Fault, MockBitbucket, TokenRequest, Visibility};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use vcs_provider_interface::prelude::*;

/// Situation `removed-endpoints`.
#[test]
fn removed_endpoints_are_never_asked() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    repositories(&*client).expect("a list");
    let mut seen = 0;
    client
        .workspaces(
            &context(),
            WorkspacesRequest::default(),
            &mut vcs_provider_interface::sink::PageFn(|page: Vec<Workspace>, _| {
                seen += page.len();
                Ok(Flow::CONTINUE)
            }),
        )
        .expect("a list");
    assert_eq!(seen, 1);
    client
        .check_connection(&context(), ConnectionRequest::default())
        .expect("a connection");
    for exchange in bitbucket.mock.requests() {
        assert_ne!(exchange.status, 410, "{exchange:?}");
        assert!(!exchange.path.contains("/user/permissions"), "{exchange:?}");
    }
}

/// Situation `removed-endpoints`.
#[test]
fn an_endpoint_that_is_removed_says_so_with_the_announcement() {
    let bitbucket = quick_small();
    let announcement = "https://developer.atlassian.com/cloud/bitbucket/changelog#CHANGE-1";
    bitbucket.mock.add_fault(rule(
        "*/refs/branches?*",
        answer(
            410,
            json!({"type": "error", "error": {
                "message": "CHANGE-1 - Functionality has been deprecated",
                "data": {"announcement_url": announcement},
            }}),
        ),
    ));
    let error = branches(&*bitbucket.client()).expect_err("the endpoint is gone");
    assert_eq!(error.kind, ErrorKind::ENDPOINT_REMOVED);
    assert_eq!(fact(&error.extra, "announcement_url"), Some(announcement));
    assert!(error.message.contains(announcement));
}

/// Situation `app-passwords`.
#[test]
fn an_app_password_gets_advice_and_nothing_is_sent() {
    let bitbucket = quick_small();
    let credential = Credential::basic("casey", Secret::from("ATBBsomething"));
    let Err(error) = bitbucket.server.authorized_client(credential) else {
        panic!("an app password is no credential");
    };
    assert_eq!(error.kind, ErrorKind::INVALID_INPUT);
    assert!(error.message.contains("API token"), "{error}");
    assert!(!error.message.contains("something"), "{error}");
    assert!(bitbucket.mock.requests().is_empty());
}

/// Situation `app-passwords`.
#[test]
fn each_kind_of_credential_has_its_own_git_user() {
    let bitbucket = quick_small();
    let user_of = |credential: Credential| {
        let client = bitbucket.client_with(credential);
        let request = CheckoutRequest {
            repo: REPO.to_owned(),
            ..Default::default()
        };
        let checkout = client.checkout_credentials(&context(), request);
        checkout.expect("credentials").username
    };
    assert_eq!(
        user_of(Credential::configured()).as_deref(),
        Some("x-bitbucket-api-token-auth")
    );
    let token = access_token(
        &bitbucket.mock,
        &TokenRequest::new(CredentialKind::WorkspaceAccessToken),
    );
    assert_eq!(user_of(token).as_deref(), Some("x-token-auth"));
}

/// Situation `app-passwords`.
#[test]
fn an_access_token_works_without_an_account() {
    let git = GitSandbox::small();
    let bitbucket = Bitbucket::with(git, MockBitbucket::builder(), "workspaces = ['acme']\n");
    let token = access_token(&bitbucket.mock, &TokenRequest::for_repository(REPO));
    let client = bitbucket.client_with(token);
    assert_eq!(repositories(&*client).expect("a list").len(), 1);
    assert_eq!(branches(&*client).expect("a list").len(), 2);
    let request = ConnectionRequest {
        repo: Some(REPO.to_owned()),
        ..Default::default()
    };
    let connection = client
        .check_connection(&context(), request)
        .expect("a connection");
    assert_eq!(connection.repositories, Some(1));
    assert_eq!(connection.account, None);
    assert!(
        bitbucket
            .mock
            .requests()
            .iter()
            .all(|exchange| exchange.path != "/2.0/user")
    );
}

/// Situation `empty-because-of-scopes`.
#[test]
fn a_credential_that_sees_nothing_is_reported_with_its_scopes() {
    let bitbucket = quick_small();
    let request = TokenRequest::new(CredentialKind::ApiToken)
        .scopes(["read:user:bitbucket", "read:workspace:bitbucket"])
        .visibility(Visibility::Nothing);
    let token = bitbucket.mock.create_token(&request).expect("a token");
    let email = bitbucket.mock.api_token().email;
    let credential = Credential::basic(email, Secret::from(token.expose()));
    let client = bitbucket.client_with(credential);
    let connection = client
        .check_connection(&context(), ConnectionRequest::default())
        .expect("the credential is accepted");
    let warnings = connection.warnings.join("\n");
    assert!(warnings.contains("scope"), "{connection:#?}");
    assert!(
        connection
            .scopes_missing
            .contains(&"read:repository:bitbucket".to_owned())
            || warnings.contains("read:repository:bitbucket"),
        "{connection:#?}"
    );
}

/// Situation `empty-because-of-scopes`.
#[test]
fn an_empty_list_with_success_is_reported() {
    let bitbucket = quick_small();
    for path in ["/2.0/repositories/acme", "/2.0/user/workspaces"] {
        bitbucket.mock.clear_faults();
        bitbucket.mock.add_fault(rule(
            path,
            answer(
                200,
                json!({"values": [], "size": 0, "page": 1, "pagelen": 100}),
            ),
        ));
        let connection = bitbucket
            .client()
            .check_connection(&context(), ConnectionRequest::default())
            .expect("the credential is accepted");
        let warnings = connection.warnings.join("\n");
        assert!(warnings.contains("sees no"), "{path}: {connection:#?}");
        assert!(warnings.contains("scopes granted"), "{path}: {warnings}");
        assert_eq!(connection.repositories, Some(0));
    }
}

/// Situation `other-hosts`.
#[test]
fn a_redirect_to_another_host_carries_no_credential() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut text = Vec::new();
        let mut byte = [0u8; 1];
        while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
            text.push(byte[0]);
        }
        let body = br#"{"full_name":"acme/widget","uuid":"{1}","slug":"widget"}"#;
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("an answer");
        stream.write_all(body).expect("an answer");
        String::from_utf8_lossy(&text).to_lowercase()
    });
    let bitbucket = quick_small();
    bitbucket.mock.add_fault(rule(
        "/2.0/repositories/acme/widget",
        Fault {
            status: Some(302),
            headers: [(
                "Location".to_owned(),
                format!("http://{address}/elsewhere?x=1"),
            )]
            .into(),
            ..Fault::default()
        },
    ));
    let found = repository(&*bitbucket.client(), REPO);
    // Followed without the credential or not at all: both are safe.
    if found.is_ok() {
        let request = answering.join().expect("the other host");
        assert!(request.starts_with("get /elsewhere"), "{request}");
        assert!(!request.contains("authorization"), "{request}");
        let token = bitbucket.mock.api_token();
        assert!(!request.contains(&token.token.expose().to_lowercase()));
    }
}

/// Situation `other-hosts`.
#[test]
fn links_in_answers_are_not_believed() {
    let elsewhere = Elsewhere::new();
    let bitbucket = quick_small();
    let origin = elsewhere.origin();
    bitbucket.mock.add_fault(rule(
        "*/refs/branches*",
        crate::support::replaced([
            (
                "/links",
                json!({"self": {"href": origin}, "commits": {"href": origin}}),
            ),
            ("/values/0/links", json!({"self": {"href": origin}})),
        ]),
    ));
    assert_eq!(branches(&*bitbucket.client()).expect("a list").len(), 2);
    crate::support::branch(&*bitbucket.client(), Some("main")).expect("a branch");
    assert!(!elsewhere.was_asked());
}

/// Situation `hidden-by-not-found`.
#[test]
fn what_is_not_found_may_be_forbidden_and_the_message_says_so() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    for name in ["acme/missing", "elsewhere/widget"] {
        let error = repository(&*client, name).expect_err("there is no such repository");
        assert_eq!(error.kind, ErrorKind::NOT_FOUND);
        assert!(error.message.contains("no access"), "{error}");
    }
    let error = crate::support::branch(&*client, Some("missing")).expect_err("no branch");
    assert_eq!(error.kind, ErrorKind::NOT_FOUND);
    assert!(error.message.contains("no access"), "{error}");
}

/// Situation `hidden-by-not-found`.
#[test]
fn a_lack_of_scopes_names_those_needed_and_those_granted() {
    let bitbucket = quick_small();
    let credential = api_token(&bitbucket.mock, &["read:user:bitbucket"]);
    let client = bitbucket.client_with(credential);
    let error = branches(&*client).expect_err("a scope is missing");
    assert_eq!(error.kind, ErrorKind::PERMISSION_DENIED);
    assert!(
        error.message.contains("read:repository:bitbucket"),
        "{error}"
    );
    assert!(error.message.contains("read:user:bitbucket"), "{error}");
}

/// Situation `needs-admin`.
#[test]
fn what_only_administrators_may_ask_is_not_needed() {
    let bitbucket = quick_small();
    bitbucket.mock.add_fault(rule(
        "*permissions*",
        answer(
            403,
            json!({"type": "error", "error": {"message": "Admins only."}}),
        ),
    ));
    let credential = api_token(
        &bitbucket.mock,
        &[
            "read:user:bitbucket",
            "read:workspace:bitbucket",
            "read:repository:bitbucket",
        ],
    );
    let client = bitbucket.client_with(credential);
    assert_eq!(repositories(&*client).expect("a list").len(), 1);
    assert_eq!(branches(&*client).expect("a list").len(), 2);
    let found = repository(&*client, REPO).expect("a repository");
    assert_eq!(found.fullname, REPO);
    client
        .check_connection(&context(), ConnectionRequest::default())
        .expect("a connection");
}

/// Situation `app-passwords`.
#[test]
fn a_configuration_with_an_app_password_is_refused_with_advice() {
    let bitbucket = quick_small();
    let config = "auth = { email = 'casey@example.com', token = 'ATBBsomething' }\n";
    let services = RecordingHost::new();
    let refused = std::panic::catch_unwind(|| server_of(config, &services));
    let message = match refused {
        Ok(_) => panic!("an app password is no credential"),
        Err(panic) => panic.downcast_ref::<String>().cloned().unwrap_or_default(),
    };
    assert!(message.contains("auth.token"), "{message}");
    assert!(message.contains("API token"), "{message}");
    assert!(!message.contains("something"), "{message}");
    drop(bitbucket);
}
