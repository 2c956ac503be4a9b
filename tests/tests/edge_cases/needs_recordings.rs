//! Deliveries that the service really sent.

use crate::support::quick_small;
use integration_tests::bitbucket::context;
use std::path::Path;
use vcs_provider_interface::prelude::*;

/// Situation `signature`.
#[test]
#[ignore = "needs the recordings beside the checkout (../shared)"]
fn a_recorded_signature_is_right() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/fixtures/webhooks/signed_payload.json");
    let body = std::fs::read(recorded).unwrap();
    let bitbucket = quick_small();
    let request = WebhookRequest {
        headers: vec![
            ("x-event-key".to_owned(), "repo:unknown".to_owned()),
            (
                "x-hub-signature".to_owned(),
                "sha256=f205c729821c6954aff2afe72b965c34015b4baf96ea8ddc2cc44999c014a035"
                    .to_owned(),
            ),
        ],
        body: body.into(),
        secret: Some(Secret::from("Gkvl$k$wyNpQAF42")),
        ..Default::default()
    };
    let delivery = bitbucket.server.parse_webhook(&context(), request);
    assert!(delivery.expect("the signature is right").verified);
}
