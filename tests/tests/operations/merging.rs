//! What each merge strategy leaves on the destination.

use super::repo;
use integration_tests::bitbucket::{Bitbucket, REPO, context};
use vcs_provider_interface::prelude::*;

/// `feature/one` with one commit, and `main` with one of its own since.
fn diverged() -> Bitbucket {
    let bitbucket = Bitbucket::small();
    bitbucket.git.write("main.txt", "main\n");
    bitbucket.git.commit_all("Meanwhile");
    bitbucket
}

fn merge(bitbucket: &Bitbucket, strategy: MergeStrategy) -> Result<PullRequest> {
    let opened = bitbucket
        .mock
        .open_pull_request(REPO, "Add one", "feature/one", "main");
    let request = MergePullRequestRequest {
        repo: repo(),
        id: opened.expect("a pull request"),
        message: Some("Brought in".to_owned()),
        strategy,
        ..Default::default()
    };
    bitbucket.client().pull_request_merge(&context(), request)
}

/// Subjects of `main` since `Second`, newest first.
fn history(bitbucket: &Bitbucket) -> Vec<String> {
    let text = bitbucket
        .git
        .git(&["log", "--topo-order", "--format=%s", "v1.0.0..main"]);
    text.lines().map(str::to_owned).collect()
}

#[test]
fn each_strategy_brings_the_commits_in_as_it_says() {
    for (strategy, expected) in [
        (
            MergeStrategy::DEFAULT,
            &["Brought in", "One", "Meanwhile"][..],
        ),
        (
            MergeStrategy::MERGE_COMMIT,
            &["Brought in", "One", "Meanwhile"],
        ),
        (MergeStrategy::SQUASH, &["Brought in", "Meanwhile"]),
        (MergeStrategy::REBASE_FAST_FORWARD, &["One", "Meanwhile"]),
        (
            MergeStrategy::REBASE_MERGE,
            &["Brought in", "One", "Meanwhile"],
        ),
    ] {
        let bitbucket = diverged();
        let source = bitbucket.git.hash("feature/one");
        let merged = merge(&bitbucket, strategy).expect("a merge");
        assert!(merged.merged, "{strategy}");
        let head = bitbucket.git.hash("main");
        assert_eq!(merged.merge_commit.as_deref(), Some(head.as_str()));
        assert_eq!(history(&bitbucket), expected, "{strategy}");
        let rebased = matches!(
            strategy,
            MergeStrategy::REBASE_FAST_FORWARD | MergeStrategy::REBASE_MERGE
        );
        let brought = bitbucket.git.log("v1.0.0..main");
        let has_source = brought.contains(&source);
        let is_squash = strategy == MergeStrategy::SQUASH;
        assert_eq!(has_source, !rebased && !is_squash, "{strategy}");
        assert_eq!(bitbucket.git.hash("feature/one"), source, "{strategy}");
        let file = bitbucket.git.git(&["show", "main:src/one.rs"]);
        assert!(file.contains("fn one"), "{strategy}");
    }
}

#[test]
fn a_fast_forward_without_rebase_needs_a_destination_without_commits_of_its_own() {
    for strategy in [
        MergeStrategy::FAST_FORWARD,
        MergeStrategy::SQUASH_FAST_FORWARD,
    ] {
        let bitbucket = diverged();
        let main = bitbucket.git.hash("main");
        let error = merge(&bitbucket, strategy).expect_err("main has moved on");
        assert_eq!(error.kind, ErrorKind::CONFLICT, "{strategy}: {error}");
        assert_eq!(bitbucket.git.hash("main"), main, "{strategy}");

        let behind = Bitbucket::small();
        merge(&behind, strategy).expect("a merge");
        let expected = match strategy {
            MergeStrategy::FAST_FORWARD => "One",
            _ => "Brought in",
        };
        assert_eq!(history(&behind), [expected], "{strategy}");
    }
}
