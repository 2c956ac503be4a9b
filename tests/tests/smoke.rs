//! The whole road: the library is loaded, and answers from the mocked service.

use integration_tests::bitbucket::{Bitbucket, REPO, context};
use mock_bitbucket::{Fault, FaultRule};
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
        .map(|branch| {
            (
                branch.display_id,
                branch.latest_commit,
                branch.default == Some(true),
            )
        })
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

#[test]
fn a_clone_address_at_another_place_gets_no_credential() {
    let bitbucket = Bitbucket::small();
    let foreign = serde_json::json!([{"name": "https", "href": "https://git.example.org/a/b.git"}]);
    bitbucket.mock.add_fault(FaultRule {
        route: Some("/2.0/repositories/{workspace}/{repo_slug}".to_owned()),
        then: Fault {
            replace_json: [("/links/clone".to_owned(), foreign)].into(),
            ..Default::default()
        },
        ..Default::default()
    });
    let request = CheckoutRequest {
        repo: REPO.to_owned(),
        ..Default::default()
    };
    let answer = bitbucket.client().checkout_credentials(&context(), request);
    let error = answer.unwrap_err();
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE);
    assert!(error.message.contains("webUrl"), "{error}");
}
