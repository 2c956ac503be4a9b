//! Deliveries of strangers, and configurations of anybody.

use crate::support::{ends_well, json, runner, service, soon};
use integration_tests::bitbucket::loaded_provider;
use integration_tests::host::RecordingHost;
use proptest::prelude::*;
use serde_json::json;
use vcs_provider_interface::prelude::*;

fn event_keys() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "repo:push",
        "repo:fork",
        "repo:updated",
        "repo:transfer",
        "repo:commit_comment_created",
        "repo:commit_status_created",
        "pullrequest:created",
        "pullrequest:updated",
        "pullrequest:fulfilled",
        "pullrequest:comment_created",
        "pullrequest:approved",
        "something:else",
    ])
    .prop_map(str::to_owned)
}

#[test]
fn any_delivery_is_read_or_refused() {
    let bitbucket = service();
    let repository = json!({ "full_name": "acme/widget", "uuid": "{1}" });
    let bodies = prop_oneof![
        json().prop_map(|body| body.to_string().into_bytes()),
        (json(), json()).prop_map(move |(change, pull_request)| {
            json!({
                "repository": repository,
                "push": { "changes": [change] },
                "pullrequest": pull_request,
                "comment": change,
                "commit_status": change,
                "actor": change,
            })
            .to_string()
            .into_bytes()
        }),
        proptest::collection::vec(any::<u8>(), 0..300),
    ];
    runner(512)
        .run(&(event_keys(), bodies), |(key, body)| {
            let request = WebhookRequest {
                headers: vec![("X-Event-Key".to_owned(), key)],
                body: body.into(),
                secret: None,
                ..Default::default()
            };
            let result = ends_well(|| bitbucket.server.parse_webhook(&soon(), request))?;
            if let Err(error) = result {
                prop_assert_eq!(error.kind, ErrorKind::INVALID_INPUT, "{}", error);
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn any_signature_but_the_right_one_is_refused() {
    let bitbucket = service();
    let signatures = prop_oneof![
        "\\PC{0,80}",
        "sha256=[0-9a-f]{0,70}",
        "sha(1|512)=[0-9a-f]{64}"
    ];
    runner(256)
        .run(&signatures, |signature| {
            let request = WebhookRequest {
                headers: vec![
                    ("X-Event-Key".to_owned(), "repo:push".to_owned()),
                    ("X-Hub-Signature".to_owned(), signature),
                ],
                body: b"{}".to_vec().into(),
                secret: Some(Secret::from("key")),
                ..Default::default()
            };
            let result = ends_well(|| bitbucket.server.parse_webhook(&soon(), request))?;
            let kind = result.map_err(|error| error.kind);
            prop_assert_eq!(kind, Err(ErrorKind::UNAUTHENTICATED));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn any_configuration_is_read_or_refused_and_secrets_are_not_repeated() {
    let keys = proptest::sample::select(vec![
        "clientId",
        "clientSecret",
        "apiUrl",
        "webUrl",
        "proxyWebhook",
        "proxy",
        "caFile",
        "workspaces",
        "maxParallelRequests",
        "auth",
        "Status",
        "unknown",
    ]);
    let values = prop_oneof![
        "'(top-secret|https?://[a-z0-9:@/?#.]{0,20}|[ -&(-~]{0,20})'",
        "-?[0-9]{1,20}",
        Just("true".to_owned()),
        Just("['a', 'b/c']".to_owned()),
        Just("{ token = 'top-secret', email = 7 }".to_owned()),
        Just("{ accessToken = 'top-secret' }".to_owned()),
        "[ -~]{0,10}",
    ];
    let lines = proptest::collection::vec((keys, values), 0..5).prop_map(|lines| {
        let lines: Vec<String> = lines
            .into_iter()
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        lines.join("\n")
    });
    runner(512)
        .run(&prop_oneof![lines, "\\PC{0,60}".boxed()], |text| {
            let made = ends_well(|| loaded_provider().new_server(&text, RecordingHost::new()))?;
            if let Err(error) = made {
                prop_assert_eq!(error.kind, ErrorKind::CONFIG, "{}", error);
                prop_assert!(!error.message.contains("top-secret"), "{}", error);
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
