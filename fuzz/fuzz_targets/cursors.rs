//! Any text as the cursor of a poll: used, or rejected as the caller's mistake. The
//! service is not reached: an address that answers nobody.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use std::time::Duration;
use vcs_bitbucketcloud_fuzz::server;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;

fuzz_target!(|cursor: String| {
    static CLIENT: OnceLock<Box<dyn AuthorizedClient>> = OnceLock::new();
    let client = CLIENT.get_or_init(|| {
        let config = "apiUrl = 'http://127.0.0.1:9/2.0'\nauth = { email = 'a@b.example', token = 'ATATfuzz' }\n";
        server(config)
            .and_then(|server| server.authorized_client(Credential::configured()))
            .expect("a client")
    });
    let request = PollEventsRequest {
        repo: "acme/widget".to_owned(),
        cursor: Some(cursor),
        ..PollEventsRequest::default()
    };
    let context = HostCallContext::new("fuzz").with_time_limit(Duration::from_millis(50));
    if let Err(error) = client.poll_events(&context, request) {
        assert_ne!(error.kind, ErrorKind::INTERNAL, "{error}");
    }
});
