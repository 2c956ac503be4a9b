//! Generators, and what holds for every outcome.

use integration_tests::bitbucket::{Bitbucket, REPO};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::{Fault, FaultRule, MockBitbucket};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Map, Value};
use std::time::{Duration, Instant};
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;

/// The time that a call gets.
const LIMIT: Duration = Duration::from_millis(1500);

/// The time after which it counts as hanging, on a busy machine.
const HANGING: Duration = Duration::from_secs(20);

/// Names of fields that mean something to the provider.
const FIELDS: [&str; 30] = [
    "values",
    "next",
    "size",
    "page",
    "pagelen",
    "name",
    "target",
    "hash",
    "date",
    "author",
    "raw",
    "user",
    "links",
    "html",
    "href",
    "clone",
    "uuid",
    "full_name",
    "slug",
    "mainbranch",
    "type",
    "id",
    "state",
    "source",
    "destination",
    "commit",
    "branch",
    "repository",
    "push",
    "changes",
];

/// A runner of so many cases that begins the same way each time.
pub(crate) fn runner(cases: u32) -> TestRunner {
    TestRunner::new_with_rng(
        Config {
            cases,
            failure_persistence: None,
            ..Config::default()
        },
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    )
}

/// The small repository, with short pauses between tries.
pub(crate) fn service() -> Bitbucket {
    let config = "backoffMilliseconds = 1\nmaxWaitSeconds = 1\n";
    Bitbucket::with(GitSandbox::small(), MockBitbucket::builder(), config)
}

pub(crate) fn repo() -> String {
    REPO.to_owned()
}

pub(crate) fn soon() -> HostCallContext {
    HostCallContext::new("hostile").with_time_limit(LIMIT)
}

/// Lets every request be answered so from now on.
pub(crate) fn answer_with(bitbucket: &Bitbucket, fault: Fault) {
    bitbucket.mock.clear_faults();
    bitbucket.mock.clear_requests();
    bitbucket.mock.add_fault(FaultRule {
        then: fault,
        ..FaultRule::default()
    });
}

/// Any JSON, of names and texts that the provider looks for.
pub(crate) fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[0-9a-f]{12}|[0-9a-f]{40}".prop_map(Value::from),
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:00:00(Z|\\+00:00)?".prop_map(Value::from),
        "(branch|tag|commit|OPEN|commit_file|commit_directory|https://x.example/y)"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((proptest::sample::select(&FIELDS[..]), inner), 0..8)
                .prop_map(|fields| {
                    let fields: Map<String, Value> = fields
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect();
                    Value::Object(fields)
                }),
        ]
    })
}

/// Calls; checks that it ends in time and, if with an error, with a good one.
pub(crate) fn ends_well<T>(
    call: impl FnOnce() -> Result<T>,
) -> std::result::Result<Result<T>, TestCaseError> {
    let begun = Instant::now();
    let result = call();
    prop_assert!(begun.elapsed() < HANGING, "it took {:?}", begun.elapsed());
    if let Err(error) = &result {
        prop_assert!(error.kind != ErrorKind::INTERNAL, "{}", error);
        prop_assert!(error.message.len() < 8192, "{} bytes", error.message.len());
        prop_assert!(
            !error
                .message
                .chars()
                .any(|one| one.is_control() && one != '\n'),
            "control characters in {:?}",
            error.message
        );
    }
    Ok(result)
}
