//! The whole road: the library is loaded, and answers from the mocked service.

use integration_tests::bitbucket::{Bitbucket, REPO, context};
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

#[test]
fn branches_tags_and_commits_are_what_git_says() {
    let bitbucket = Bitbucket::small();
    let client = bitbucket.client();
    let request = BranchesRequest {
        repo: REPO.to_owned(),
        ..Default::default()
    };
    let branches = collect(|sink| client.branches(&context(), request, sink)).unwrap();
    let found: Vec<(String, String, bool)> = branches
        .into_iter()
        .map(|branch| (branch.display_id, branch.latest_commit, branch.default))
        .collect();
    let expected = [
        (
            "feature/one".to_owned(),
            bitbucket.git.hash("feature/one"),
            false,
        ),
        ("main".to_owned(), bitbucket.git.hash("main"), true),
    ];
    assert_eq!(found, expected);

    let request = TagsRequest {
        repo: REPO.to_owned(),
        ..Default::default()
    };
    let tags = collect(|sink| client.tags(&context(), request, sink)).unwrap();
    let found: Vec<(&str, &str)> = tags
        .iter()
        .map(|tag| (tag.tag.as_str(), tag.hash.as_str()))
        .collect();
    let (light, annotated) = (bitbucket.git.hash("light"), bitbucket.git.hash("v1.0.0"));
    assert_eq!(
        found,
        [("light", light.as_str()), ("v1.0.0", annotated.as_str())]
    );

    let request = CommitsRequest {
        repo: REPO.to_owned(),
        branch: Some("feature/one".to_owned()),
        ..Default::default()
    };
    let commits = collect(|sink| client.commits(&context(), request, sink)).unwrap();
    let found: Vec<String> = commits.into_iter().map(|commit| commit.id).collect();
    assert_eq!(found, bitbucket.git.log("feature/one"));
}
