//! Files, folders, changed files and archives.

use super::repo;
use integration_tests::bitbucket::{Bitbucket, context};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::{ArchiveBearer, Behaviour};
use std::io::Read;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::{collect, collect_bytes};

const ODD: &str = "odd #1/100% a&b?/ü \"q\".txt";

fn deep() -> Bitbucket {
    let git = GitSandbox::small();
    git.write("a/b/c/d/e/f/g/h/deep.txt", "deep\n");
    git.write(ODD, "odd\n");
    git.commit_all("Deep");
    Bitbucket::serving(git)
}

fn paths(bitbucket: &Bitbucket, path: &str, recursive: bool, limit: Option<u64>) -> Vec<String> {
    let request = ListContentRequest {
        repo: repo(),
        reference: None,
        path: path.to_owned(),
        recursive,
        limit,
        ..Default::default()
    };
    let client = bitbucket.client();
    let listed = collect(|sink| client.list_content(&context(), request, sink)).unwrap();
    let mut paths: Vec<String> = listed
        .into_iter()
        .map(|entry| {
            if entry.is_directory {
                format!("{}/", entry.path)
            } else {
                entry.path
            }
        })
        .collect();
    paths.sort();
    paths
}

#[test]
fn a_folder_is_listed_flat_and_recursively() {
    let bitbucket = deep();
    assert_eq!(
        paths(&bitbucket, "", false, None),
        ["README.md", "a/", "odd #1/", "src/"]
    );
    assert_eq!(paths(&bitbucket, "/src/", false, None), ["src/main.rs"]);
    let files: Vec<String> = paths(&bitbucket, "", true, None)
        .into_iter()
        .filter(|path| !path.ends_with('/'))
        .collect();
    assert_eq!(
        files,
        ["README.md", "a/b/c/d/e/f/g/h/deep.txt", ODD, "src/main.rs"]
    );
    assert_eq!(paths(&bitbucket, "", true, Some(3)).len(), 3);
}

fn content(
    bitbucket: &Bitbucket,
    reference: &str,
    path: &str,
) -> Result<(StreamedContent, Vec<u8>)> {
    let request = GetContentRequest {
        repo: repo(),
        reference: Some(reference.to_owned()),
        path: path.to_owned(),
        ..Default::default()
    };
    let client = bitbucket.client();
    collect_bytes(|sink| client.get_content(&context(), request, sink))
}

/// Situation `slash-in-branch`.
#[test]
fn a_file_is_read_at_a_branch_with_a_slash_and_under_an_odd_name() {
    let bitbucket = deep();
    let (answer, bytes) = content(&bitbucket, "feature/one", "src/one.rs").unwrap();
    assert_eq!(bytes, b"pub fn one() -> u8 {\n    1\n}\n");
    assert_eq!(answer.commit, bitbucket.git.hash("feature/one"));
    assert_eq!(answer.length, bytes.len() as u64);
    let (_, bytes) = content(&bitbucket, "main", ODD).unwrap();
    assert_eq!(bytes, b"odd\n");
}

#[test]
fn a_folder_is_no_file_and_a_file_no_folder() {
    let bitbucket = deep();
    assert_eq!(
        content(&bitbucket, "main", "src").unwrap_err().kind,
        ErrorKind::INVALID_INPUT
    );
    assert_eq!(
        content(&bitbucket, "main", "none").unwrap_err().kind,
        ErrorKind::NOT_FOUND
    );
    let request = ListContentRequest {
        repo: repo(),
        path: "README.md".to_owned(),
        ..Default::default()
    };
    let client = bitbucket.client();
    let error = collect(|sink| client.list_content(&context(), request, sink)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::INVALID_INPUT, "{error}");
}

/// Situation `diffstat`.
#[test]
fn changed_files_are_what_head_changed_since_it_left_base() {
    let git = GitSandbox::small();
    git.git(&["switch", "--quiet", "feature/one"]);
    git.git(&["mv", "README.md", "README.txt"]);
    git.git(&["rm", "--quiet", "src/main.rs"]);
    git.commit_all("Move");
    git.git(&["switch", "--quiet", "main"]);
    git.write("later.txt", "not of the branch\n");
    git.commit_all("Later");
    let bitbucket = Bitbucket::serving(git);
    let request = ChangedFilesRequest {
        repo: repo(),
        base: "main".to_owned(),
        head: "feature/one".to_owned(),
        limit: None,
        ..Default::default()
    };
    let client = bitbucket.client();
    let mut files = collect(|sink| client.changed_files(&context(), request, sink)).unwrap();
    files.sort_by(|left, right| left.path.cmp(&right.path));
    let seen: Vec<(&str, FileChange, Option<&str>)> = files
        .iter()
        .map(|file| (file.path.as_str(), file.change, file.old_path.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [
            ("README.txt", FileChange::RENAMED, Some("README.md")),
            ("src/main.rs", FileChange::REMOVED, None),
            ("src/one.rs", FileChange::ADDED, None),
        ]
    );
}

/// Situation `diffstat`.
#[test]
fn no_common_ancestor_is_told_by_its_reason() {
    let git = GitSandbox::small();
    git.git(&["switch", "--quiet", "--orphan", "alone"]);
    git.write("x", "x");
    git.commit_all("Alone");
    git.git(&["switch", "--quiet", "main"]);
    let bitbucket = Bitbucket::serving(git);
    let request = ChangedFilesRequest {
        repo: repo(),
        base: "main".to_owned(),
        head: "alone".to_owned(),
        limit: None,
        ..Default::default()
    };
    let client = bitbucket.client();
    let error = collect(|sink| client.changed_files(&context(), request, sink)).unwrap_err();
    assert!(
        error
            .extra
            .contains(&("reason".to_owned(), "no_common_ancestor".to_owned())),
        "{error:?}"
    );
}

fn archive(
    client: &dyn AuthorizedClient,
    format: ArchiveFormat,
    prefix: Option<&str>,
) -> Result<(StreamedContent, Vec<u8>)> {
    let request = GetArchiveRequest {
        repo: repo(),
        reference: Some("feature/one".to_owned()),
        format,
        prefix: prefix.map(str::to_owned),
        ..Default::default()
    };
    collect_bytes(|sink| client.get_archive(&context(), request, sink))
}

fn source(answer: &StreamedContent) -> &str {
    answer
        .extra
        .iter()
        .find(|(key, _)| key == "source")
        .map_or("", |(_, value)| value)
}

#[test]
fn an_archive_comes_from_the_website_and_with_a_prefix_from_git() {
    let bitbucket = deep();
    let client = bitbucket.client();
    let (answer, bytes) = archive(&*client, ArchiveFormat::ZIP, None).unwrap();
    assert_eq!(source(&answer), "website");
    assert!(bytes.starts_with(b"PK"));
    assert_eq!(answer.commit, bitbucket.git.hash("feature/one"));
    let (answer, bytes) = archive(&*client, ArchiveFormat::TAR_GZ, Some("widget-1")).unwrap();
    assert_eq!(source(&answer), "git");
    assert_eq!(answer.length, bytes.len() as u64);
    let names = tar_names(&bytes);
    assert!(
        names.contains(&"widget-1/src/one.rs".to_owned()),
        "{names:?}"
    );
}

/// Situation `archive`.
#[test]
fn an_archive_with_an_access_token_comes_by_way_of_git() {
    let bitbucket = deep();
    bitbucket.mock.set_behaviour(Behaviour {
        archive_bearer: ArchiveBearer::Forbidden,
        ..Behaviour::default()
    });
    let token = Secret::from(bitbucket.mock.access_token().expose());
    let client = bitbucket.client_with(Credential::access_token(token));
    let (answer, bytes) = archive(&*client, ArchiveFormat::TAR_GZ, None).unwrap();
    assert_eq!(source(&answer), "git");
    assert!(
        tar_names(&bytes)
            .iter()
            .any(|name| name.ends_with("/src/one.rs"))
    );
}

/// The names in a `.tar.gz`, as the machine's tar reads them.
fn tar_names(bytes: &[u8]) -> Vec<String> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("room");
    let mut child = std::process::Command::new("tar")
        .arg("tzf")
        .arg(file.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("tar");
    let mut text = String::new();
    child
        .stdout
        .take()
        .expect("its output")
        .read_to_string(&mut text)
        .expect("names");
    assert!(child.wait().expect("an end").success());
    text.lines().map(str::to_owned).collect()
}
