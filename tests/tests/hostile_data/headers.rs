//! Headers that say how long to wait and how much is left.

use crate::support::{answer_with, ends_well, repo, runner, service, soon};
use mock_bitbucket::Fault;
use proptest::prelude::*;
use std::time::{Duration, Instant};
use vcs_provider_interface::prelude::*;

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[!-~]([ -~]{0,40}[!-~])?",
        "-?[0-9]{1,25}",
        "[0-9]{1,12}(\\.[0-9]{1,5})?",
        "[0-9]{1,5}, [0-9]{1,5};w=[0-9]{1,5}",
        "(Mon|Sun), [0-9]{2} (Jan|Dec|Foo) [0-9]{2,6} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
        Just("18446744073709551616".to_owned()),
        Just("9223372036854775807".to_owned()),
        Just("Infinity".to_owned()),
        Just("1e400".to_owned()),
    ]
}

#[test]
fn any_wish_to_wait_ends_at_the_deadline() {
    runner(48)
        .run(&(texts(), texts()), |(wish, reset)| {
            let bitbucket = service();
            let fault = Fault {
                status: Some(429),
                body: Some("slow down".into()),
                headers: [
                    ("Retry-After".to_owned(), wish),
                    ("X-RateLimit-Reset".to_owned(), reset),
                ]
                .into(),
                ..Fault::default()
            };
            answer_with(&bitbucket, fault);
            let client = bitbucket.client();
            let request = RepositoryRequest {
                repo: repo(),
                ..Default::default()
            };
            let begun = Instant::now();
            let result = ends_well(|| client.repo_by_fullname(&soon(), request))?;
            let error = result.expect_err("refused each time");
            prop_assert_eq!(error.kind, ErrorKind::RATE_LIMITED, "{}", error);
            prop_assert!(begun.elapsed() < Duration::from_secs(10));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn any_rate_header_leaves_a_good_answer_good() {
    let bitbucket = service();
    let headers = (texts(), texts(), texts(), texts());
    runner(64)
        .run(&headers, |(limit, resource, near, reset)| {
            let fault = Fault {
                headers: [
                    ("X-RateLimit-Limit".to_owned(), limit),
                    ("X-RateLimit-Resource".to_owned(), resource),
                    ("X-RateLimit-NearLimit".to_owned(), near),
                    ("X-RateLimit-Reset".to_owned(), reset.clone()),
                    ("X-OAuth-Scopes".to_owned(), reset),
                ]
                .into(),
                ..Fault::default()
            };
            answer_with(&bitbucket, fault);
            let client = bitbucket.client();
            let request = RepositoryRequest {
                repo: repo(),
                ..Default::default()
            };
            let found = ends_well(|| client.repo_by_fullname(&soon(), request))?;
            prop_assert!(found.is_ok(), "{:?}", found);
            let request = ConnectionRequest::default();
            let connection = ends_well(|| client.check_connection(&soon(), request))?;
            prop_assert!(connection.is_ok(), "{:?}", connection);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
