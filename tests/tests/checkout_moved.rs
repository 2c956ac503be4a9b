//! Against the mock's git over HTTP, with the real `git`.

use super::*;
use mock_bitbucket::MockBitbucket;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use vcs_provider_interface::context::{Cancellation, HostCallContext};
use vcs_provider_interface::secret::Secret;

const REPO: &str = "ws/one";

struct World {
    folder: TempDir,
    mock: MockBitbucket,
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=T", "-c", "user.email=t@example.com"])
        .args(["-c", "commit.gpgSign=false", "-c", "tag.gpgSign=false"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn commit(folder: &Path, file: &str) -> String {
    let path = folder.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, file).unwrap();
    git(folder, &["add", "."]);
    git(folder, &["commit", "--quiet", "-m", file]);
    git(folder, &["rev-parse", "HEAD"])
}

/// A repository with three commits on `main`, a branch with a slash and a tag.
fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    std::fs::create_dir(&source).unwrap();
    git(&source, &["init", "--quiet", "-b", "main"]);
    commit(&source, "a/one");
    commit(&source, "b/two");
    git(&source, &["tag", "-a", "v1", "-m", "first"]);
    commit(&source, "c/three");
    git(&source, &["branch", "feature/x#1", "v1^{commit}"]);
    let mock = MockBitbucket::builder()
        .repo(REPO, &source)
        .start()
        .unwrap();
    World { folder, mock }
}

impl World {
    fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    fn hash(&self, name: &str) -> String {
        git(
            &self.source(),
            &["rev-parse", &format!("{name}^{{commit}}")],
        )
    }

    fn remote(&self) -> Remote {
        let token = Secret::from(self.mock.access_token().expose());
        Remote::new(
            &self.mock.clone_url(REPO),
            Some("x-token-auth".to_owned()),
            Some(token),
        )
        .unwrap()
    }

    fn options(&self, target: Target) -> CheckoutOptions {
        CheckoutOptions {
            directory: self.folder.path().join("work"),
            target,
            depth: None,
            sparse: Vec::new(),
            submodules: false,
        }
    }

    fn clone(&self, options: &CheckoutOptions) -> Result<Checkout, GitError> {
        let context = HostCallContext::new("t").with_time_limit(Duration::from_secs(60));
        git_clone(&context, &self.remote(), options, &mut |_| {})
    }
}

fn kind_of(result: Result<Checkout, GitError>) -> ErrorKind {
    match result {
        Err(GitError::Vcs(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_main_branch_is_found_and_checked_out() {
    let world = world();
    let checkout = world.clone(&world.options(Target::MainBranch)).unwrap();
    assert_eq!(checkout.branch.as_deref(), Some("main"));
    assert_eq!(checkout.commit, world.hash("main"));
    assert!(checkout.directory.join("c/three").exists());
}

#[test]
fn a_branch_with_a_slash_and_a_tag_are_checked_out() {
    let world = world();
    let mut options = world.options(Target::Branch("feature/x#1".to_owned()));
    let checkout = world.clone(&options).unwrap();
    assert_eq!(checkout.commit, world.hash("v1"));
    let branch = git(&checkout.directory, &["symbolic-ref", "HEAD"]);
    assert_eq!(branch, "refs/heads/feature/x#1");

    options = world.options(Target::Tag("v1".to_owned()));
    options.directory = world.folder.path().join("of-tag");
    let checkout = world.clone(&options).unwrap();
    assert_eq!((checkout.commit, checkout.branch), (world.hash("v1"), None));
}

#[test]
fn a_commit_is_found_though_its_branch_moved_or_is_gone() {
    let world = world();
    let hash = world.hash("v1");
    for (folder, branch, warning) in [("on", "main", None), ("gone", "deleted", Some("is gone"))] {
        let mut options = world.options(Target::Commit {
            hash: hash.clone(),
            branch: Some(branch.to_owned()),
        });
        options.directory = world.folder.path().join(folder);
        let checkout = world.clone(&options).unwrap();
        assert_eq!(checkout.commit, hash);
        assert_eq!(checkout.warnings.len(), usize::from(warning.is_some()));
        if let Some(words) = warning {
            assert!(checkout.warnings[0].contains(words), "{checkout:?}");
        }
    }
}

#[test]
fn a_commit_that_the_service_lost_is_not_found_and_leaves_no_folder() {
    let world = world();
    let options = world.options(Target::Commit {
        hash: "0123456789".repeat(4),
        branch: Some("main".to_owned()),
    });
    assert_eq!(kind_of(world.clone(&options)), ErrorKind::NOT_FOUND);
    assert!(!options.directory.exists());
}

#[test]
fn a_sparse_and_shallow_checkout_holds_no_more_than_asked() {
    let world = world();
    let mut options = world.options(Target::Branch("main".to_owned()));
    options.depth = Some(1);
    options.sparse = vec!["b".to_owned()];
    let checkout = world.clone(&options).unwrap();
    assert!(checkout.directory.join("b/two").exists());
    assert!(!checkout.directory.join("c/three").exists());
    let count = git(&checkout.directory, &["rev-list", "--count", "HEAD"]);
    assert_eq!(count, "1");
}

#[test]
fn a_missing_branch_is_not_found_and_a_wrong_token_is_unauthenticated() {
    let world = world();
    let options = world.options(Target::Branch("none".to_owned()));
    assert_eq!(kind_of(world.clone(&options)), ErrorKind::NOT_FOUND);

    let secret = "wrong-s3cret";
    let remote = Remote::new(
        world.remote().url(),
        Some("x-token-auth".to_owned()),
        Some(Secret::from(secret)),
    )
    .unwrap();
    let error = git_clone(&HostCallContext::new("t"), &remote, &options, &mut |_| {}).unwrap_err();
    assert!(!error.to_string().contains(secret), "{error}");
    assert_eq!(kind_of(Err(error)), ErrorKind::UNAUTHENTICATED);
}

#[test]
fn the_secret_is_in_no_file_of_the_checkout() {
    let world = world();
    let checkout = world.clone(&world.options(Target::MainBranch)).unwrap();
    let config = std::fs::read_to_string(checkout.directory.join(".git/config")).unwrap();
    assert!(config.contains(&world.mock.clone_url(REPO)), "{config}");
    let secret = world.mock.access_token();
    let found = Command::new("grep")
        .args(["-rlF", secret.expose()])
        .arg(&checkout.directory)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

#[test]
fn another_host_never_gets_the_credential() {
    let world = world();
    let stranger = MockBitbucket::builder()
        .repo(REPO, world.source())
        .start()
        .unwrap();
    // The credential belongs to the first mock; the address is of the second.
    let remote = world.remote();
    let folder = world.folder.path();
    let error = Git::new(folder)
        .with_remote(&remote)
        .run(
            &HostCallContext::new("t"),
            ["ls-remote", &stranger.clone_url(REPO)],
        )
        .unwrap_err();
    assert!(error.to_string().contains("credential"), "{error}");
    let credentials_sent = stranger
        .requests()
        .iter()
        .filter(|exchange| exchange.header("authorization").is_some())
        .count();
    assert_eq!(credentials_sent, 0);
}

#[test]
fn a_folder_that_is_not_empty_is_left_alone() {
    let world = world();
    let options = world.options(Target::MainBranch);
    std::fs::create_dir(&options.directory).unwrap();
    std::fs::write(options.directory.join("mine"), "x").unwrap();
    assert_eq!(kind_of(world.clone(&options)), ErrorKind::INVALID_INPUT);
    assert!(options.directory.join("mine").exists());
}

#[test]
fn a_cancelled_checkout_ends() {
    let world = world();
    let cancellation = Cancellation::new();
    let context = HostCallContext::new("t").with_cancellation(cancellation.clone());
    let options = world.options(Target::MainBranch);
    // Cancelled at git's first sign of life.
    let result = git_clone(&context, &world.remote(), &options, &mut |_| {
        cancellation.cancel();
    });
    assert_eq!(kind_of(result), ErrorKind::CANCELLED);
    assert!(!options.directory.exists());
}

#[test]
fn an_address_with_a_credential_or_of_another_scheme_is_refused() {
    for url in [
        "https://user:secret@example.com/a/b.git",
        "https://user@example.com/a/b.git",
        "ssh://git@example.com/a/b.git",
        "file:///etc",
        "-oProxyCommand=x",
    ] {
        let error = Remote::new(url, None, None).unwrap_err();
        assert_eq!(error.kind, ErrorKind::INVALID_INPUT, "{url}");
        assert!(!error.message.contains("secret"), "{}", error.message);
    }
}
