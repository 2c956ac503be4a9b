//! Listing 2,500 branches of a service that takes 50 ms for each answer: pages
//! side by side, and one after the other.

use criterion::Criterion;
use integration_tests::bitbucket::{Bitbucket, REPO, context};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
use std::time::Duration;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

fn serving(config: &str) -> Bitbucket {
    let git = GitSandbox::empty();
    git.commit_all("First");
    git.many_branches("topic/", 2499, "main");
    let mock = MockBitbucket::builder().latency(Duration::from_millis(50));
    Bitbucket::with(git, mock, config)
}

fn list(bitbucket: &Bitbucket) -> usize {
    let client = bitbucket.client();
    let request = BranchesRequest {
        repo: REPO.to_owned(),
        ..BranchesRequest::default()
    };
    match collect(|sink| client.branches(&context(), request, sink)) {
        Ok(branches) => branches.len(),
        Err(error) => panic!("{error}"),
    }
}

fn branches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("2500 branches at 50 ms");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(10));
    for (name, config) in [
        ("eight pages side by side", ""),
        ("page by page", "maxParallelRequests = 1\n"),
    ] {
        let bitbucket = serving(config);
        assert_eq!(list(&bitbucket), 2500);
        group.bench_function(name, |bencher| bencher.iter(|| list(&bitbucket)));
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    branches(&mut criterion);
    criterion.final_summary();
}
