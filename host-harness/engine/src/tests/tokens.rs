//! Tokens with roles, over HTTP: who gets how far.

use super::services::Host;
use crate::tokens::{Role, issue};
use serde_json::json;
use std::time::Duration;

/// A host that shows the token of a role from now on.
fn host_with(role: &Role) -> (Host, String) {
    let mut host = Host::start();
    host.link();
    assert_eq!(host.deliver("1"), 200);
    host.wait_for("/project/KEY/applications/app/runs", |runs| {
        runs.as_array().is_some_and(|runs| !runs.is_empty())
    });
    let engine = host.running().engine();
    let issued = issue(&engine.store, role, "test", None, engine.now()).unwrap();
    host.token = issued.token.expose().to_owned();
    (host, issued.id)
}

fn run_of(host: &Host) -> i64 {
    let engine = host.running().engine();
    let app = engine.store.application("KEY", "app").unwrap();
    engine.store.runs(app.id, None).unwrap()[0].id
}

#[test]
fn the_token_of_a_run_reports_that_run_and_reads_nothing_else() {
    let (mut host, _) = host_with(&Role::Worker { project: None });
    let run = run_of(&host);
    let runs = "/project/KEY/applications/app/runs";
    let (status, made) = host.post(&host.api(&format!("{runs}/{run}/token")), &json!({}));
    assert_eq!(status, 200, "{made}");
    assert!(made["expires_at"].is_i64());
    host.token = made["token"].as_str().unwrap().to_owned();
    let state = |run: i64| host.api(&format!("{runs}/{run}/state"));
    let (status, body) = host.post(&state(run), &json!({ "state": "Building" }));
    assert!((200..300).contains(&status), "{status} {body}");
    let (status, body) = host.post(&state(run + 1), &json!({ "state": "Building" }));
    assert_eq!(status, 403, "{body}");
    for path in [
        runs,
        "/applications",
        "/project/KEY/applications/app",
        "/project/KEY/applications/app/events",
        "/mon/plugins",
    ] {
        assert_eq!(host.get(&host.api(path)).0, 403, "{path}");
    }
    let (status, _) = host.post(&host.api(&format!("{runs}/{run}/token")), &json!({}));
    assert_eq!(status, 403);
    assert_eq!(host.get(&host.vcs("/vcs/cloud/repos?project=KEY")).0, 403);
}

#[test]
fn the_token_of_a_run_ends_with_the_run() {
    let (mut host, _) = host_with(&Role::Admin);
    let run = run_of(&host);
    let issued = host.running().engine().issue_run_token(run).unwrap();
    let app = host.api("/project/KEY/applications/app/link");
    let deleted = host
        .agent
        .delete(app)
        .header("Authorization", format!("Bearer {}", host.token))
        .call();
    assert!(deleted.unwrap().status().is_success());
    host.token = issued.token.expose().to_owned();
    let state = format!("/project/KEY/applications/app/runs/{run}/state");
    let (status, _) = host.post(&host.api(&state), &json!({ "state": "Success" }));
    assert_eq!(status, 401);
}

#[test]
fn after_the_end_of_its_run_a_token_gets_no_credential_for_a_checkout() {
    let (mut host, _) = host_with(&Role::Admin);
    let run = run_of(&host);
    let issued = host.running().engine().issue_run_token(run).unwrap();
    host.token = issued.token.expose().to_owned();
    let order = host.api(&format!("/run/{run}/checkout"));
    let (status, body) = host.get(&order);
    assert_eq!((status, &body["secret"]), (200, &json!("checkout-secret")));
    let state = format!("/project/KEY/applications/app/runs/{run}/state");
    let (status, _) = host.post(&host.api(&state), &json!({ "state": "Success" }));
    assert_eq!(status, 202);
    let (status, body) = host.get(&order);
    assert_eq!(status, 409, "{body}");
    assert!(!body.to_string().contains("checkout-secret"));
}

#[test]
fn the_token_of_a_project_stays_in_its_project() {
    let (host, _) = host_with(&Role::Project {
        project: "KEY".to_owned(),
    });
    assert_eq!(
        host.get(&host.api("/project/KEY/applications/app/runs")).0,
        200
    );
    assert_eq!(
        host.get(&host.api("/project/OTHER/applications/app/runs"))
            .0,
        403
    );
    assert_eq!(host.get(&host.vcs("/vcs/cloud/repos?project=KEY")).0, 200);
    for path in ["/vcs/cloud/repos", "/vcs/cloud/repos?project=OTHER"] {
        assert_eq!(host.get(&host.vcs(path)).0, 403, "{path}");
    }
    for path in ["/applications", "/mon/plugins", "/mon/deliveries"] {
        assert_eq!(host.get(&host.api(path)).0, 403, "{path}");
    }
}

#[test]
fn a_revoked_and_an_expired_token_open_nothing_at_once() {
    let (host, id) = host_with(&Role::Admin);
    assert_eq!(host.get(&host.api("/applications")).0, 200);
    let engine = host.running().engine();
    engine.store.revoke_token(&id, engine.now()).unwrap();
    assert_eq!(host.get(&host.api("/applications")).0, 401);
    let life = Some(Duration::from_millis(1));
    let issued = issue(&engine.store, &Role::Admin, "", life, engine.now() - 10).unwrap();
    let mut host = host;
    host.token = issued.token.expose().to_owned();
    assert_eq!(host.get(&host.api("/applications")).0, 401);
}
