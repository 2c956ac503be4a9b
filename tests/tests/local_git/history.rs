//! Tags, commits, changes and files of a commit.

use super::{Folder, REPO, context};
use integration_tests::sandbox::GitSandbox;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::{collect, collect_bytes};

#[test]
fn tags_light_and_annotated_name_the_commit() {
    let folder = Folder::small();
    let request = CreateTagRequest {
        repo: REPO.to_owned(),
        name: "v2".to_owned(),
        target: folder.git.hash("main"),
        message: Some("Two\n\nwith a body".to_owned()),
        ..Default::default()
    };
    let created = folder
        .client
        .create_tag(&context(), request.clone())
        .unwrap();
    assert_eq!(created.hash, folder.git.hash("main"));
    assert_ne!(created.sha, created.hash);
    assert_eq!(created.message, "Two\n\nwith a body");
    let again = folder.client.create_tag(&context(), request).unwrap_err();
    assert_eq!(again.kind, ErrorKind::ALREADY_EXISTS);

    let tags = collect(|sink| {
        let request = TagsRequest {
            repo: REPO.to_owned(),
            ..Default::default()
        };
        folder.client.tags(&context(), request, sink)
    })
    .unwrap();
    let found: Vec<_> = tags
        .iter()
        .map(|tag| (tag.tag.as_str(), tag.annotated))
        .collect();
    assert_eq!(
        found,
        [
            ("light", Some(false)),
            ("v1.0.0", Some(true)),
            ("v2", Some(true))
        ]
    );
    assert_eq!(tags[0].message, "");
    assert_eq!(tags[1].tagger.email, "ada@example.com");
}

#[test]
fn commits_come_newest_first_and_ranges_as_git_has_them() {
    let folder = Folder::small();
    let ids = |commits: Vec<Commit>| -> Vec<String> {
        commits.into_iter().map(|commit| commit.id).collect()
    };
    let all = CommitsRequest {
        repo: REPO.to_owned(),
        ..Default::default()
    };
    let commits = collect(|sink| folder.client.commits(&context(), all.clone(), sink)).unwrap();
    assert_eq!(ids(commits), folder.git.log("main"));
    let since = CommitsRequest {
        since: Some(folder.git.hash("main~1")),
        ..all
    };
    let commits = collect(|sink| folder.client.commits(&context(), since, sink)).unwrap();
    assert_eq!(commits.len(), 1);
    assert_eq!(commits[0].message, "Second");
    let range = CommitsBetweenRefsRequest {
        repo: REPO.to_owned(),
        base: "main".to_owned(),
        head: "feature/one".to_owned(),
        limit: None,
        ..Default::default()
    };
    let commits =
        collect(|sink| folder.client.commits_between_refs(&context(), range, sink)).unwrap();
    assert_eq!(ids(commits), folder.git.log("main..feature/one"));
    let short = CommitRequest {
        repo: REPO.to_owned(),
        hash: folder.git.hash("main")[..10].to_owned(),
        ..Default::default()
    };
    let commit = folder.client.commit(&context(), short).unwrap();
    assert_eq!(commit.id, folder.git.hash("main"));
}

#[test]
fn changed_files_are_added_modified_removed_and_renamed() {
    let git = GitSandbox::small();
    git.git(&["switch", "--quiet", "feature/one"]);
    git.write("README.md", "# Small\nand more\n");
    git.git(&["mv", "src/main.rs", "src/começo.rs"]);
    git.git(&["rm", "--quiet", "src/one.rs"]);
    git.write("binary", "\0\u{1}\0");
    git.commit_all("Changes");
    git.git(&["switch", "--quiet", "main"]);
    let folder = Folder::of(git);
    let request = ChangedFilesRequest {
        repo: REPO.to_owned(),
        base: "main".to_owned(),
        head: "feature/one".to_owned(),
        limit: None,
        ..Default::default()
    };
    let files = collect(|sink| folder.client.changed_files(&context(), request, sink)).unwrap();
    let facts: Vec<_> = files
        .iter()
        .map(|file| (file.path.as_str(), file.change, file.lines_added))
        .collect();
    assert_eq!(
        facts,
        [
            ("README.md", FileChange::MODIFIED, Some(1)),
            ("binary", FileChange::ADDED, None),
            ("src/começo.rs", FileChange::RENAMED, Some(0)),
        ]
    );
    assert_eq!(files[2].old_path.as_deref(), Some("src/main.rs"));
}

#[test]
fn refs_without_a_common_ancestor_are_a_clear_error() {
    let git = GitSandbox::small();
    git.git(&["switch", "--quiet", "--orphan", "other"]);
    git.commit_all("Alone");
    let folder = Folder::of(git);
    let request = ChangedFilesRequest {
        repo: REPO.to_owned(),
        base: "main".to_owned(),
        head: "other".to_owned(),
        limit: None,
        ..Default::default()
    };
    let error = collect(|sink| folder.client.changed_files(&context(), request, sink)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::INVALID_INPUT);
    assert!(error.message.contains("common ancestor"), "{error}");
}

#[test]
fn folders_files_and_archives_are_those_of_the_commit() {
    let folder = Folder::small();
    let list = |path: &str, recursive| {
        let request = ListContentRequest {
            repo: REPO.to_owned(),
            path: path.to_owned(),
            recursive,
            ..Default::default()
        };
        collect(|sink| folder.client.list_content(&context(), request, sink))
    };
    let paths = |contents: Vec<Content>| -> Vec<String> {
        contents.into_iter().map(|content| content.path).collect()
    };
    assert_eq!(paths(list("", false).unwrap()), ["README.md", "src"]);
    assert_eq!(paths(list("src/", false).unwrap()), ["src/main.rs"]);
    assert_eq!(
        paths(list("", true).unwrap()),
        ["README.md", "src", "src/main.rs"]
    );
    assert_eq!(
        list("nothing", false).unwrap_err().kind,
        ErrorKind::NOT_FOUND
    );
    assert_eq!(
        list("../x", false).unwrap_err().kind,
        ErrorKind::INVALID_INPUT
    );

    let get = |path: &str| {
        let request = GetContentRequest {
            repo: REPO.to_owned(),
            reference: Some("feature/one".to_owned()),
            path: path.to_owned(),
            ..Default::default()
        };
        collect_bytes(|sink| folder.client.get_content(&context(), request, sink))
    };
    let (answer, bytes) = get("README.md").unwrap();
    assert_eq!(bytes, b"# Small\n");
    assert_eq!(
        (answer.length, answer.commit),
        (8, folder.git.hash("feature/one"))
    );
    assert_eq!(get("src").unwrap_err().kind, ErrorKind::NOT_FOUND);

    let archive = |format| {
        let request = GetArchiveRequest {
            repo: REPO.to_owned(),
            reference: None,
            format,
            prefix: Some("widget".to_owned()),
            ..Default::default()
        };
        collect_bytes(|sink| folder.client.get_archive(&context(), request, sink))
    };
    let (_, zip) = archive(ArchiveFormat::ZIP).unwrap();
    assert!(zip.starts_with(b"PK"));
    let (_, tar) = archive(ArchiveFormat::TAR_GZ).unwrap();
    assert!(tar.starts_with(&[0x1f, 0x8b]));
    assert_eq!(
        archive(ArchiveFormat::TAR_BZ2).unwrap_err().kind,
        ErrorKind::UNSUPPORTED
    );
}
