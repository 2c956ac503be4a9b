//! A service that shows what it was sent: no secret leaves by it.

use super::support::{HASH, Received, Reply, Service, SilentHost, TOKEN, context, repo};
use std::sync::Arc;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

const HOOK_SECRET: &str = "s3cret of/the \"hook\"";
const CODE: &str = "code-of-the-consent-flow";

/// Everything that a call shows: its error, and what stands in the log.
fn shown(error: &VcsError, host: &SilentHost) -> String {
    let lines = host.lines.lock().expect("no test panicked");
    format!("{error} {error:?} {lines:?}")
}

/// The forms in which a secret could be shown.
fn assert_hidden(secret: &str, shown: &str) {
    let quoted = serde_json::to_string(secret).expect("a text");
    for form in [
        secret.to_owned(),
        crate::encoding::segment(secret),
        crate::encoding::segment(secret).replace("%20", "+"),
        quoted.trim_matches('"').to_owned(),
    ] {
        assert!(!shown.contains(&form), "{form} is in {shown}");
    }
}

/// The request in an error: its body as text, its credential in headers.
fn echo(request: &Received, status: u16) -> Reply {
    let credential = request.header("authorization").unwrap_or_default();
    let body = serde_json::json!({"type": "error", "error": {
        "message": format!("{credential} {}", request.body),
        "detail": request.body,
        "fields": {"secret": [request.body.clone()]},
        "id": credential,
        "data": {"key": request.body, "announcement_url": format!("https://x/{credential}")},
    }});
    Reply::with(
        status,
        &[
            ("Content-Type", "application/json"),
            ("X-Request-Id", credential),
            ("X-OAuth-Scopes", credential),
            ("X-Accepted-OAuth-Scopes", credential),
            ("X-RateLimit-Resource", credential),
        ],
        &body.to_string(),
    )
}

/// Situation `echo`.
#[test]
fn errors_to_a_hook_with_a_secret_hide_secret_and_token() {
    for status in [400, 403, 404, 409, 410, 418] {
        let host = Arc::new(SilentHost::default());
        let service = Service::start(move |request| echo(request, status));
        let client = service.client_with("", host.clone());
        let request = HookRequest {
            repo: repo(),
            url: "https://engine.example.com/hook/1".to_owned(),
            secret: Some(Secret::from(HOOK_SECRET)),
            ..HookRequest::default()
        };
        let error = client
            .create_hook(&context(), request)
            .expect_err("rejected");
        let shown = shown(&error, &host);
        assert_hidden(TOKEN, &shown);
        assert_hidden(HOOK_SECRET, &shown);
    }
}

/// Situation `echo`.
#[test]
fn addresses_that_hold_the_token_are_shown_without_it() {
    let redirected = |location: fn(&str) -> String| {
        let host = Arc::new(SilentHost::default());
        let service = Service::start(move |request| {
            let host = request.header("host").unwrap_or_default();
            Reply::with(302, &[("Location", &location(host))], "")
        });
        let client = service.client_with("", host.clone());
        let request = DeleteBranchRequest {
            repo: repo(),
            name: "gone".to_owned(),
            ..Default::default()
        };
        let error = client
            .delete_branch(&context(), request)
            .expect_err("redirected");
        assert_hidden(TOKEN, &shown(&error, &host));
        let request = CommitRequest {
            repo: repo(),
            hash: HASH.to_owned(),
            ..Default::default()
        };
        let error = client.commit(&context(), request).expect_err("redirected");
        assert_hidden(TOKEN, &shown(&error, &host));
    };
    redirected(|_| format!("/2.0/repositories/team/{TOKEN}/refs/branches/gone"));
    redirected(|host| format!("http://{host}/{TOKEN}"));
    redirected(|_| format!("http://127.0.0.1:1/{TOKEN}?x={TOKEN}"));

    let host = Arc::new(SilentHost::default());
    let service = Service::start(|_| {
        let next = format!("http://{TOKEN}.example/{TOKEN}?page=2");
        Reply::json(200, serde_json::json!({"values": [], "next": next}))
    });
    let request = TagsRequest {
        repo: repo(),
        ..TagsRequest::default()
    };
    let client = service.client_with("", host.clone());
    let error = collect(|sink| client.tags(&context(), request, sink)).expect_err("elsewhere");
    let shown = shown(&error, &host).to_ascii_lowercase();
    assert!(!shown.contains(&TOKEN.to_ascii_lowercase()), "{shown}");
}

/// Situation `echo`.
#[test]
fn the_token_endpoint_is_never_quoted_beyond_its_code() {
    for body in [
        r#"{"error":"invalid_request","error_description":"CODE and SECRET"}"#,
        r#"{"error":{"message":"CODE and SECRET","detail":{"sent":"CODE"}}}"#,
        "CODE SECRET",
        r#"{"error":"CODE"}"#,
        r#"{"message":"CODE","code":400}"#,
    ] {
        let host = Arc::new(SilentHost::default());
        let text = body
            .replace("CODE", "reversed edoc")
            .replace("SECRET", "terces");
        let service = Service::start(move |_| Reply::json(400, &text));
        let settings = format!(
            "oauthUrl = '{}/oauth'\nclientId = 'the-consumer'\nclientSecret = 'secret-of-it'",
            service.url()
        );
        let server = service.server(&settings, host.clone());
        let request = AuthorizeTokenRequest {
            code: Some(Secret::from(CODE)),
            ..AuthorizeTokenRequest::default()
        };
        let error = server
            .authorize_token(&context(), request)
            .expect_err("rejected");
        let shown = shown(&error, &host);
        for hidden in ["edoc", "terces", CODE, "secret-of-it"] {
            assert!(!shown.contains(hidden), "{hidden} is in {shown}");
        }
        if body.contains("invalid_request") {
            assert!(shown.contains("invalid_request"), "{shown}");
        }
    }
}

/// Situation `echo`.
#[test]
fn what_is_reported_of_a_connection_holds_no_token() {
    let service = Service::start(|request| {
        let credential = request.header("authorization").unwrap_or_default();
        Reply::with(
            200,
            &[
                ("X-OAuth-Scopes", credential),
                ("X-RateLimit-Resource", credential),
            ],
            r#"{"uuid":"{1}"}"#,
        )
    });
    let request = ConnectionRequest {
        repo: Some(repo()),
        ..Default::default()
    };
    let found = service
        .client("")
        .check_connection(&context(), request)
        .expect("it works");
    assert_hidden(TOKEN, &format!("{found:?}"));
}
