//! Any bytes as a delivery; the first byte chooses the event.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use vcs_bitbucketcloud_fuzz::server;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;

const EVENTS: [&str; 8] = [
    "repo:push",
    "repo:transfer",
    "repo:updated",
    "repo:commit_comment_created",
    "repo:commit_status_updated",
    "pullrequest:updated",
    "pullrequest:fulfilled",
    "pullrequest:comment_created",
];

fuzz_target!(|bytes: &[u8]| {
    static SERVER: OnceLock<Box<dyn VcsServer>> = OnceLock::new();
    let server = SERVER.get_or_init(|| server("").expect("an empty configuration"));
    let Some((first, body)) = bytes.split_first() else {
        return;
    };
    let event = EVENTS[usize::from(*first) % EVENTS.len()];
    let request = WebhookRequest {
        headers: vec![("X-Event-Key".to_owned(), event.to_owned())],
        body: body.to_vec().into(),
        secret: None,
    };
    if let Err(error) = server.parse_webhook(&HostCallContext::new("fuzz"), request) {
        assert_eq!(error.kind, ErrorKind::INVALID_INPUT);
    }
});
