//! Releases and their files.

use super::repo;
use integration_tests::bitbucket::{Bitbucket, context};
use vcs_provider_interface::prelude::*;

fn release(tag: &str, commit: Option<String>) -> ReleaseRequest {
    ReleaseRequest {
        repo: repo(),
        tag: tag.to_owned(),
        commit,
        title: "Two".to_owned(),
        notes: "Better.".to_owned(),
        ..Default::default()
    }
}

#[test]
fn a_release_makes_its_tag_once_and_uses_a_present_one() {
    let bitbucket = Bitbucket::small();
    let client = bitbucket.client();
    let main = bitbucket.git.hash("main");
    for _ in 0..2 {
        let made = client
            .release(&context(), release("v2.0#1", Some(main.clone())))
            .unwrap();
        assert_eq!(
            (made.tag.as_str(), made.commit.as_str()),
            ("v2.0#1", main.as_str())
        );
    }
    assert_eq!(bitbucket.git.hash("v2.0#1"), main);
    let message = bitbucket
        .git
        .git(&["tag", "--list", "--format=%(contents)", "v2.0#1"]);
    assert_eq!(message.trim(), "Two\n\nBetter.");

    let present = client.release(&context(), release("v1.0.0", None)).unwrap();
    assert_eq!(present.commit, bitbucket.git.hash("v1.0.0"));
    let other = client
        .release(&context(), release("light", Some(main)))
        .unwrap_err();
    assert_eq!(other.kind, ErrorKind::ALREADY_EXISTS);
    let missing = client
        .release(&context(), release("none", None))
        .unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NOT_FOUND);
}

#[test]
fn a_file_is_uploaded_with_and_without_a_known_length() {
    let bitbucket = Bitbucket::small();
    let client = bitbucket.client();
    let bytes: Vec<u8> = (0..300_000u32).map(|number| number as u8).collect();
    for length in [Some(bytes.len() as u64), None] {
        let request = UploadReleaseFileRequest {
            repo: repo(),
            tag: "v1.0.0".to_owned(),
            name: "widget \"1\" ü.bin".to_owned(),
            length,
            ..Default::default()
        };
        let mut source = bytes.as_slice();
        let uploaded = client
            .upload_release_file(&context(), request, &mut source)
            .unwrap();
        assert_eq!(
            (uploaded.length, &*uploaded.name),
            (300_000, "widget \"1\" ü.bin")
        );
    }
    let request = UploadReleaseFileRequest {
        repo: repo(),
        tag: "v1.0.0".to_owned(),
        name: "short".to_owned(),
        length: Some(10),
        ..Default::default()
    };
    let error = client
        .upload_release_file(&context(), request, &mut b"123".as_slice())
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::INVALID_INPUT);
}

#[test]
fn forks_are_listed() {
    let bitbucket = Bitbucket::small();
    bitbucket.mock.add_workspace("someone", true);
    let fork = bitbucket.mock.fork("acme/widget", "someone").unwrap();
    let request = ForksRequest {
        repo: repo(),
        limit: None,
        ..Default::default()
    };
    let client = bitbucket.client();
    let forks =
        vcs_provider_interface::sink::collect(|sink| client.forks(&context(), request, sink))
            .unwrap();
    let names: Vec<(&str, Option<&str>)> = forks
        .iter()
        .map(|fork| (fork.fullname.as_str(), fork.parent.as_deref()))
        .collect();
    assert_eq!(names, [(fork.as_str(), Some("acme/widget"))]);
}
