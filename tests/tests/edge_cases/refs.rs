//! Names of refs and paths.

use crate::support::{branch, branches, commits, names, quick_small, repo};
use integration_tests::bitbucket::{REPO, context};
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::{collect, collect_bytes};

/// Legal names of refs that have broken integrations.
const ODD_NAMES: [&str; 12] = [
    "feature/a/b/c",
    "fix#12",
    "100%",
    "50%25done",
    "a&b=c",
    "quote\"d'",
    "me@home",
    "$money,more",
    "grüße/日本",
    "plus+plus",
    "refs/heads/really",
    "semi;colon!(x)",
];

/// Situation `slash-in-branch`.
#[test]
fn a_branch_with_a_slash_is_resolved_before_its_commits_are_asked_for() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let found: Vec<String> = commits(&*client, "feature/one")
        .expect("a list")
        .into_iter()
        .map(|commit| commit.id)
        .collect();
    assert_eq!(found, bitbucket.git.log("feature/one"));
}

/// Situation `slash-in-branch`.
#[test]
fn a_branch_with_a_slash_is_resolved_before_its_files_are_asked_for() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let request = GetContentRequest {
        repo: repo(),
        reference: Some("feature/one".to_owned()),
        path: "src/one.rs".to_owned(),
        ..Default::default()
    };
    let (streamed, bytes) =
        collect_bytes(|sink| client.get_content(&context(), request, sink)).expect("a file");
    let hash = bitbucket.git.hash("feature/one");
    assert_eq!(streamed.commit, hash);
    assert_eq!(streamed.length, bytes.len() as u64);
    assert!(bytes.starts_with(b"pub fn one()"));

    let request = ListContentRequest {
        repo: repo(),
        reference: Some("feature/one".to_owned()),
        path: "src".to_owned(),
        ..ListContentRequest::default()
    };
    let listed = collect(|sink| client.list_content(&context(), request, sink)).expect("a folder");
    let paths: Vec<&str> = listed.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths, ["src/main.rs", "src/one.rs"]);
    for request in bitbucket.api_requests() {
        if let Some((_, after)) = request.split_once("/src/") {
            assert!(after.starts_with(&hash), "{request}");
        }
    }
}

/// Situation `odd-names`.
#[test]
fn the_branch_that_is_asked_for_is_the_branch_that_is_got() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let target = bitbucket.git.hash("main");
    for name in ODD_NAMES {
        let full = format!("refs/heads/{name}");
        bitbucket.git.git(&["update-ref", &full, &target]);
        let wanted = if name.starts_with("refs/") {
            full.as_str()
        } else {
            name
        };
        let found =
            branch(&*client, Some(wanted)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.display_id, name);
        assert_eq!(found.id, full);
        let listed = commits(&*client, wanted).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(listed.len(), 2, "{name}");
    }
    let all = branches(&*client).expect("a list");
    for name in ODD_NAMES {
        assert!(names(&all).contains(&name), "{name}");
    }
}

/// Situation `odd-names`.
#[test]
fn odd_names_are_created_filtered_and_deleted() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    for name in ODD_NAMES.iter().filter(|name| !name.starts_with("refs/")) {
        let request = CreateBranchRequest {
            repo: repo(),
            name: (*name).to_owned(),
            target: bitbucket.git.hash("main"),
            ..Default::default()
        };
        let made = client.create_branch(&context(), request).expect(name);
        assert_eq!(made.display_id, *name);
        let request = BranchesRequest {
            repo: repo(),
            filter: Some((*name).to_owned()),
            ..BranchesRequest::default()
        };
        let found = collect(|sink| client.branches(&context(), request, sink)).expect(name);
        assert_eq!(names(&found), [*name]);
        let request = DeleteBranchRequest {
            repo: repo(),
            name: (*name).to_owned(),
            ..Default::default()
        };
        client.delete_branch(&context(), request).expect(name);
        let gone = branch(&*client, Some(name)).expect_err(name);
        assert_eq!(gone.kind, ErrorKind::NOT_FOUND);
    }
}

/// Situation `odd-names`.
#[test]
fn odd_names_of_tags_and_files_are_found() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    for name in ["v1#2", "100%", "ü/?", "a b&c"] {
        let path = format!("odd/{name}/{name}.txt");
        bitbucket.git.write(&path, name);
        let commit = bitbucket.git.commit_all("Odd");
        let request = GetContentRequest {
            repo: repo(),
            reference: Some(commit),
            path,
            ..Default::default()
        };
        let (_, bytes) =
            collect_bytes(|sink| client.get_content(&context(), request, sink)).expect(name);
        assert_eq!(bytes, name.as_bytes());
    }
    for name in ["v1#2", "100%", "ü/&"] {
        bitbucket.git.git(&["tag", name]);
        let request = TagRequest {
            repo: repo(),
            name: name.to_owned(),
            ..Default::default()
        };
        assert_eq!(client.tag(&context(), request).expect(name).tag, name);
    }
}

/// Situation `tags`.
#[test]
fn a_tag_and_a_branch_of_one_name_are_told_apart() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let (old, new) = (bitbucket.git.hash("light"), bitbucket.git.hash("main"));
    bitbucket.git.git(&["update-ref", "refs/heads/same", &new]);
    bitbucket.git.git(&["update-ref", "refs/tags/same", &old]);
    let tag = |name: &str| {
        let request = TagRequest {
            repo: repo(),
            name: name.to_owned(),
            ..Default::default()
        };
        client.tag(&context(), request).expect("a tag")
    };
    assert_eq!(
        branch(&*client, Some("same"))
            .expect("a branch")
            .latest_commit,
        new
    );
    assert_eq!(tag("same").hash, old);
}

/// Situation `tags`.
#[test]
fn a_light_tag_has_the_date_of_its_commit() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let request = TagsRequest {
        repo: repo(),
        ..TagsRequest::default()
    };
    let tags = collect(|sink| client.tags(&context(), request, sink)).expect("tags");
    let light = tags.iter().find(|tag| tag.tag == "light").expect("a tag");
    let date = bitbucket.git.git(&["log", "-1", "--format=%ct", "light"]);
    let date: i64 = date.parse().expect("a number");
    assert_eq!(light.timestamp, Some(date * 1000));
    assert_eq!(light.annotated, Some(false));
    assert_eq!(light.message, "");
    assert_eq!(light.tagger.email, "ada@example.com");
    let annotated = tags.iter().find(|tag| tag.tag == "v1.0.0").expect("a tag");
    assert_eq!(annotated.annotated, Some(true));
    assert_eq!(annotated.message.trim(), "One");
}

/// Situation `empty-repository`.
#[test]
fn an_empty_repository_has_no_main_branch_and_no_errors_in_lists() {
    let empty = integration_tests::sandbox::GitSandbox::empty();
    let bitbucket = crate::support::quick(empty);
    let client = bitbucket.client();
    let found = crate::support::repository(&*client, REPO).expect("a repository");
    assert_eq!(found.default_branch, None);
    assert!(branches(&*client).expect("a list").is_empty());
    let request = TagsRequest {
        repo: repo(),
        ..TagsRequest::default()
    };
    let tags = collect(|sink| client.tags(&context(), request, sink)).expect("a list");
    assert!(tags.is_empty());
    assert_eq!(
        crate::support::repositories(&*client)
            .expect("a list")
            .len(),
        1
    );
    let error = branch(&*client, None).expect_err("there is no branch");
    assert_eq!(error.kind, ErrorKind::NOT_FOUND);
    assert!(error.message.contains("empty"), "{error}");
}
