//! The provider of plain git repositories, through its loaded library.

use host_harness::loader::Loader;
use integration_tests::bitbucket::pinned_copy;
use integration_tests::built_library;
use integration_tests::host::RecordingHost;
use integration_tests::sandbox::{GitSandbox, git_command, run_git};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;
use vcs_provider_interface::abi::{HostProvider, HostServer};
use vcs_provider_interface::context::{Cancellation, HostCallContext};
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::{PageFn, collect, collect_bytes};

const REPO: &str = "acme/widget";

fn provider() -> HostProvider {
    static LOADED: OnceLock<HostProvider> = OnceLock::new();
    *LOADED.get_or_init(|| {
        let plugin = pinned_copy(&built_library("vcs-local-git"));
        Loader::default().load(&plugin).unwrap().provider
    })
}

fn server(config: &str) -> Result<HostServer> {
    provider().new_server(config, RecordingHost::new() as Arc<dyn HostServices>)
}

/// A folder of repositories with a bare copy of the sandbox in it.
struct Folder {
    root: TempDir,
    git: GitSandbox,
    client: Box<dyn AuthorizedClient>,
}

impl Folder {
    fn small() -> Self {
        Self::of(GitSandbox::small())
    }

    fn of(git: GitSandbox) -> Self {
        let root = TempDir::new().unwrap();
        let mut clone = git_command();
        clone
            .args(["clone", "--quiet", "--mirror"])
            .arg(git.path())
            .arg(root.path().join("acme/widget.git"));
        run_git(clone, "");
        let server = server(&format!("root = {:?}", root.path())).unwrap();
        let client = server.authorized_client(Credential::anonymous()).unwrap();
        Self { root, git, client }
    }

    /// Brings what was done in the sandbox into the bare copy.
    fn push(&self) {
        let mut fetch = self.bare();
        fetch.args(["fetch", "--quiet", "--prune", "origin"]);
        run_git(fetch, "");
    }

    fn bare(&self) -> Command {
        let mut command = git_command();
        command
            .arg("--git-dir")
            .arg(self.root.path().join("acme/widget.git"));
        command
    }

    fn branch(&self, name: Option<&str>) -> Result<Branch> {
        let request = BranchRequest {
            repo: REPO.to_owned(),
            name: name.map(str::to_owned),
        };
        self.client.branch(&context(), request)
    }

    fn branch_names(&self, request: BranchesRequest) -> Vec<String> {
        let request = BranchesRequest {
            repo: REPO.to_owned(),
            ..request
        };
        collect(|sink| self.client.branches(&context(), request, sink))
            .unwrap()
            .into_iter()
            .map(|branch| branch.display_id)
            .collect()
    }

    fn poll(&self, cursor: Option<String>) -> PolledEvents {
        let request = PollEventsRequest {
            repo: REPO.to_owned(),
            cursor,
            kinds: Vec::new(),
        };
        self.client.poll_events(&context(), request).unwrap()
    }
}

fn context() -> HostCallContext {
    HostCallContext::new("local").with_time_limit(Duration::from_secs(60))
}

#[test]
fn a_wrong_configuration_names_the_key() {
    for (config, key) in [
        ("root = \"/tmp\"\ncolour = 1", "colour"),
        ("root = \"relative\"", "root"),
        ("", "root"),
    ] {
        let error = server(config).err().unwrap();
        assert_eq!(error.kind, ErrorKind::CONFIG);
        assert!(error.message.contains(key), "{error}");
    }
}

#[test]
fn repositories_and_branches_are_those_on_disk() {
    let folder = Folder::small();
    let repos = collect(|sink| {
        folder
            .client
            .repos(&context(), RepositoriesRequest::default(), sink)
    })
    .unwrap();
    assert_eq!(repos.len(), 1);
    assert_eq!(repos[0].fullname, REPO);
    assert_eq!(repos[0].default_branch.as_deref(), Some("main"));

    assert_eq!(
        folder.branch_names(BranchesRequest::default()),
        ["feature/one", "main"]
    );
    let filtered = BranchesRequest {
        filter: Some("one".to_owned()),
        ..Default::default()
    };
    assert_eq!(folder.branch_names(filtered), ["feature/one"]);
    let main = folder.branch(None).unwrap();
    assert!(main.default);
    assert_eq!(main.latest_commit, folder.git.hash("main"));
    assert_eq!(main.parents, [folder.git.hash("main~1")]);
}

#[test]
fn what_is_not_there_is_not_found() {
    let folder = Folder::small();
    for name in ["nothing", "feature", "main~1", "-x", "a..b", "HEAD"] {
        let error = folder.branch(Some(name)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::NOT_FOUND, "{name}: {error}");
    }
    for repo in [
        "acme/nothing",
        "../acme/widget",
        "acme/../acme/widget",
        "acme",
    ] {
        let request = RepositoryRequest {
            repo: repo.to_owned(),
        };
        let error = folder
            .client
            .repo_by_fullname(&context(), request)
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::NOT_FOUND, "{repo}: {error}");
    }
}

#[test]
fn odd_names_are_taken_as_they_stand() {
    let folder = Folder::small();
    let target = folder.git.hash("main");
    for name in ["fix/#12%20&x", "ünï/çødé", "quote\"'s", "a@b,c;d", "-dash"] {
        let request = CreateBranchRequest {
            repo: REPO.to_owned(),
            name: name.to_owned(),
            target: target.clone(),
        };
        let created = folder
            .client
            .create_branch(&context(), request.clone())
            .unwrap();
        assert_eq!(created.display_id, name);
        let again = folder
            .client
            .create_branch(&context(), request)
            .unwrap_err();
        assert_eq!(again.kind, ErrorKind::ALREADY_EXISTS);
        assert_eq!(folder.branch(Some(name)).unwrap().latest_commit, target);
        for _ in 0..2 {
            // The second time there is nothing to delete, which is a success.
            let request = DeleteBranchRequest {
                repo: REPO.to_owned(),
                name: name.to_owned(),
            };
            folder.client.delete_branch(&context(), request).unwrap();
        }
        assert_eq!(
            folder.branch(Some(name)).unwrap_err().kind,
            ErrorKind::NOT_FOUND
        );
    }
}

#[test]
fn tags_light_and_annotated_name_the_commit() {
    let folder = Folder::small();
    let request = CreateTagRequest {
        repo: REPO.to_owned(),
        name: "v2".to_owned(),
        target: folder.git.hash("main"),
        message: Some("Two\n\nwith a body".to_owned()),
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
    };
    let commits =
        collect(|sink| folder.client.commits_between_refs(&context(), range, sink)).unwrap();
    assert_eq!(ids(commits), folder.git.log("main..feature/one"));
    let short = CommitRequest {
        repo: REPO.to_owned(),
        hash: folder.git.hash("main")[..10].to_owned(),
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

#[test]
fn polling_finds_what_was_created_moved_forced_and_deleted() {
    let git = GitSandbox::small();
    git.git(&["branch", "gone"]);
    let folder = Folder::of(git);
    let start = folder.poll(None);
    assert_eq!(start.events, []);
    assert_eq!(folder.poll(Some(start.cursor.clone())).events, []);

    folder.git.write("new", "new\n");
    let new = folder.git.commit_all("New");
    folder.git.git(&["branch", "--delete", "--force", "gone"]);
    folder.git.git(&["branch", "fresh"]);
    folder
        .git
        .git(&["branch", "--force", "feature/one", "main~2"]);
    folder.push();
    let polled = folder.poll(Some(start.cursor));
    let facts: Vec<_> = polled
        .events
        .iter()
        .map(|event| {
            let change = event.change.as_ref().unwrap();
            (event.kind, change.name.as_str(), change.forced)
        })
        .collect();
    assert_eq!(
        facts,
        [
            (EventKind::REF_UPDATED, "feature/one", true),
            (EventKind::REF_CREATED, "fresh", false),
            (EventKind::REF_DELETED, "gone", false),
            (EventKind::REF_UPDATED, "main", false),
        ]
    );
    let main = polled.events[3].change.as_ref().unwrap();
    assert_eq!(main.new_hash.as_deref(), Some(new.as_str()));
    let messages: Vec<_> = main
        .commits
        .iter()
        .map(|commit| commit.message.as_str())
        .collect();
    assert_eq!(messages, ["New"]);
    assert_eq!(folder.poll(Some(polled.cursor)).events, []);
}

#[test]
fn lists_obey_limit_and_sink_and_are_whole_otherwise() {
    let git = GitSandbox::small();
    git.many_branches("many", 250, "main");
    let folder = Folder::of(git);
    assert_eq!(folder.branch_names(BranchesRequest::default()).len(), 252);
    for limit in [0, 1, 99, 100, 101, 300] {
        let request = BranchesRequest {
            limit: Some(limit),
            ..Default::default()
        };
        let expected = usize::try_from(limit.min(252)).unwrap();
        assert_eq!(folder.branch_names(request).len(), expected);
    }
    let mut pages = 0;
    let mut stop_at_once = PageFn(|_items: Vec<Branch>, _total| {
        pages += 1;
        Ok(Flow::STOP)
    });
    let request = BranchesRequest {
        repo: REPO.to_owned(),
        ..Default::default()
    };
    folder
        .client
        .branches(&context(), request, &mut stop_at_once)
        .unwrap();
    assert_eq!(pages, 1);
}

#[test]
fn a_cancelled_or_late_call_sends_nothing() {
    let folder = Folder::small();
    let cancellation = Cancellation::new();
    cancellation.cancel();
    let request = BranchRequest {
        repo: REPO.to_owned(),
        name: None,
    };
    let cancelled = context().with_cancellation(cancellation);
    let error = folder
        .client
        .branch(&cancelled, request.clone())
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::CANCELLED);
    let late = context().with_time_limit(Duration::ZERO);
    let error = folder.client.branch(&late, request).unwrap_err();
    assert_eq!(error.kind, ErrorKind::TIMEOUT);
}

#[test]
fn what_a_folder_does_not_have_is_unsupported_and_no_capability() {
    let folder = Folder::small();
    let error = folder
        .client
        .pull_request(&context(), PullRequestRequest::default())
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
    let info = provider().info().unwrap();
    assert!(info.can("branches") && !info.can("pull_request"));
}

#[test]
fn checkout_credentials_can_be_cloned_with() {
    let folder = Folder::small();
    let request = RepositoryRequest {
        repo: REPO.to_owned(),
    };
    let checkout = folder
        .client
        .checkout_credentials(&context(), request)
        .unwrap();
    let target = folder.root.path().join("checkout");
    let mut clone = git_command();
    clone
        .args(["clone", "--quiet", &checkout.http_url])
        .arg(&target);
    run_git(clone, "");
    assert!(target.join("README.md").is_file());
}

#[test]
fn an_empty_repository_has_no_main_branch_and_no_error() {
    let folder = Folder::of(GitSandbox::empty());
    assert_eq!(
        folder.branch_names(BranchesRequest::default()),
        Vec::<String>::new()
    );
    let request = RepositoryRequest {
        repo: REPO.to_owned(),
    };
    let repository = folder.client.repo_by_fullname(&context(), request).unwrap();
    assert_eq!(repository.default_branch, None);
    assert_eq!(folder.branch(None).unwrap_err().kind, ErrorKind::NOT_FOUND);
}
