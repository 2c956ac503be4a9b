//! The actions that bring a repository's files to a worker: `GitClone` for any
//! address, `CheckoutApplication` for a repository of a provider.
//!
//! Uses the real `git` (see [`git`](crate::git)). What is checked out is a
//! branch, a tag or a commit; a service without refs for pull requests serves
//! these by their source branch. It must not know HTTP or a provider's API.
//!
//! It does what a person's `git clone` does, in steps of its own: the object
//! format of the remote, the remote-tracking branch, submodules and LFS files.
//! Where the history that was asked for does not contain the commit, it is
//! deepened; where the service does not show the commit yet, it is asked again.

mod directory;
mod fetch;
mod lfs;
mod submodules;
mod variables;

use super::git::{Git, GitError, Progress, Remote};
use directory::DirectoryGuard;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
pub use variables::{Variable, Variables};
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::provider::AuthorizedClient;
use vcs_provider_interface::records::CheckoutRequest;

/// How many commits of history are fetched by default.
pub const DEFAULT_DEPTH: u32 = 50;

/// How long a commit that the service does not show is asked for again by default.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(10);

/// What to check out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The main branch.
    MainBranch,
    /// The last commit of a branch.
    Branch(String),
    /// A tag.
    Tag(String),
    /// A commit by its full hash. The branch says where to look for it first; it
    /// may be gone or have been forced elsewhere since.
    Commit {
        /// The full hash.
        hash: String,
        /// The branch that the commit was on.
        branch: Option<String>,
    },
}

/// How to check out.
#[derive(Clone, Debug)]
pub struct CheckoutOptions {
    /// The directory, absent or empty.
    pub directory: PathBuf,
    /// What to check out.
    pub target: Target,
    /// Only so many commits of history; `None` fetches all.
    pub depth: Option<u32>,
    /// Only these directories; empty means all.
    pub sparse: Vec<String>,
    /// Whether submodules are fetched as well, and theirs.
    pub submodules: bool,
    /// Whether LFS files get their content, where git-lfs is installed.
    pub lfs: bool,
    /// How long a commit that the service does not show is asked for again.
    pub patience: Duration,
    /// The number of the build, for the semantic version.
    pub build_number: Option<String>,
}

impl CheckoutOptions {
    /// All history, with submodules and LFS files.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, target: Target) -> Self {
        Self {
            directory: directory.into(),
            target,
            depth: None,
            sparse: Vec::new(),
            submodules: true,
            lfs: true,
            patience: DEFAULT_PATIENCE,
            build_number: None,
        }
    }
}

/// What was checked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checkout {
    /// The directory.
    pub directory: PathBuf,
    /// The full hash of the commit.
    pub commit: String,
    /// The branch that the directory is on; `None` for a tag or a commit.
    pub branch: Option<String>,
    /// What the caller should know, such as that the branch is gone.
    pub warnings: Vec<String>,
    /// What a build wants to know of the commit, such as `git.hash`.
    pub variables: Variables,
}

/// The action `CheckoutApplication`: asks the provider for the address and the
/// credential of a repository and checks it out.
///
/// # Errors
/// Of the provider, and as [`git_clone`].
pub fn checkout_application(
    context: &dyn CallContext,
    client: &dyn AuthorizedClient,
    repo: &str,
    options: &CheckoutOptions,
    progress: Progress<'_>,
) -> Result<Checkout, GitError> {
    let request = CheckoutRequest {
        repo: repo.to_owned(),
        ..Default::default()
    };
    let remote = Remote::of(client.checkout_credentials(context, request)?)?;
    git_clone(context, &remote, options, progress)
}

/// The action `GitClone`: checks out a repository. On failure the directory is
/// as it was.
///
/// # Errors
/// `InvalidInput` for a directory that is not empty, what is not a hash or a
/// name that cannot be a ref's; `NotFound`, `Unauthenticated`,
/// `PermissionDenied`, `Unavailable`, `Timeout`, `Cancelled`;
/// [`GitError::Failed`] for the rest.
pub fn git_clone(
    context: &dyn CallContext,
    remote: &Remote,
    options: &CheckoutOptions,
    progress: Progress<'_>,
) -> Result<Checkout, GitError> {
    validate(&options.target)?;
    let directory = DirectoryGuard::claim(&options.directory)?;
    let mut work = Work {
        context,
        remote,
        options,
        progress,
        warnings: Vec::new(),
        lfs: false,
    };
    let checkout = work.run(&directory)?;
    directory.keep();
    Ok(checkout)
}

fn validate(target: &Target) -> Result<(), VcsError> {
    let invalid = |message: String| Err(VcsError::new(ErrorKind::INVALID_INPUT, message));
    let name = match target {
        Target::MainBranch => return Ok(()),
        Target::Branch(name) | Target::Tag(name) => Some(name),
        Target::Commit { hash, branch } => {
            let is_full = matches!(hash.len(), 40 | 64);
            if !is_full || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return invalid(format!("{hash:?} is not a full hash"));
            }
            branch.as_ref()
        }
    };
    match name {
        // With these a name would mean several refs, or something else to git.
        Some(name)
            if name.is_empty()
                || name.contains(['*', '?', '[', '\\', '^', '~', ':', ' '])
                || name.contains(char::is_control)
                || name.contains("..") =>
        {
            invalid(format!("{name:?} cannot be the name of a branch or tag"))
        }
        _ => Ok(()),
    }
}

/// How the hashes of a repository are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ObjectFormat {
    Sha1,
    Sha256,
}

impl ObjectFormat {
    fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// The remote's format, where a failure is that it differs from ours.
    fn of_mismatch(error: &GitError) -> Option<Self> {
        let GitError::Failed { output, .. } = error else {
            return None;
        };
        let server = output
            .split_once("mismatched algorithms")?
            .1
            .split_once("server ")?
            .1;
        [Self::Sha256, Self::Sha1]
            .into_iter()
            .find(|format| server.starts_with(format.name()))
    }
}

/// One checkout at work.
struct Work<'a> {
    context: &'a dyn CallContext,
    remote: &'a Remote,
    options: &'a CheckoutOptions,
    progress: Progress<'a>,
    warnings: Vec<String>,
    /// Whether git runs git-lfs.
    lfs: bool,
}

impl Work<'_> {
    fn run(&mut self, directory: &DirectoryGuard) -> Result<Checkout, GitError> {
        let expected = match &self.options.target {
            Target::Commit { hash, .. } if hash.len() == 64 => ObjectFormat::Sha256,
            _ => ObjectFormat::Sha1,
        };
        self.init(expected)?;
        let branch = match self.fetch_target() {
            Err(error) => {
                // The first response of the remote tells its format.
                let format = ObjectFormat::of_mismatch(&error).filter(|found| *found != expected);
                let Some(format) = format else {
                    return Err(error);
                };
                directory
                    .empty()
                    .map_err(|error| GitError::Preparation(error.to_string()))?;
                self.init(format)?;
                self.fetch_target()?
            }
            Ok(branch) => branch,
        };
        self.lfs = self.options.lfs && lfs::is_installed(self.context)?;
        self.write_files(branch.as_deref())?;
        if self.options.submodules && self.options.directory.join(".gitmodules").is_file() {
            self.update_submodules()?;
        }
        self.settle_lfs()?;
        let variables = self.variables(branch.as_deref())?;
        Ok(Checkout {
            directory: self.options.directory.clone(),
            commit: variables.hash().to_owned(),
            branch,
            warnings: std::mem::take(&mut self.warnings),
            variables,
        })
    }

    fn init(&mut self, format: ObjectFormat) -> Result<(), GitError> {
        let format = format!("--object-format={}", format.name());
        // Without a template, so that no hook of the machine is copied into it.
        self.local(&["init", "--quiet", "--template=", &format])?;
        self.local(&["remote", "add", "origin", self.remote.url()])?;
        if !self.options.sparse.is_empty() {
            let mut arguments = vec!["sparse-checkout", "set", "--cone", "--end-of-options"];
            arguments.extend(self.options.sparse.iter().map(String::as_str));
            self.local(&arguments)?;
        }
        Ok(())
    }

    /// Fetches what is to be checked out and lets `HEAD` name it. Gives the
    /// branch, where it is one.
    fn fetch_target(&mut self) -> Result<Option<String>, GitError> {
        match &self.options.target {
            Target::MainBranch => {
                let branch = self.main_branch()?;
                self.fetch_branch(&branch)?;
                Ok(Some(branch))
            }
            Target::Branch(branch) => {
                self.fetch_branch(branch)?;
                Ok(Some(branch.clone()))
            }
            Target::Tag(tag) => {
                self.fetch_tag(tag)?;
                self.detach(&format!("refs/tags/{tag}^{{commit}}"))?;
                Ok(None)
            }
            Target::Commit { hash, branch } => {
                self.fetch_commit(hash, branch.as_deref())?;
                self.detach(hash)?;
                Ok(None)
            }
        }
    }

    fn detach(&mut self, commit: &str) -> Result<(), GitError> {
        let hash = self.local(&["rev-parse", "--verify", "--end-of-options", commit])?;
        self.local(&["update-ref", "--no-deref", "HEAD", hash.trim()])?;
        Ok(())
    }

    /// Writes the files of `HEAD`. Not `checkout -B`, which takes a name with a
    /// dash in front for an option.
    fn write_files(&mut self, branch: Option<&str>) -> Result<(), GitError> {
        if let Some(branch) = branch {
            let local_ref = format!("refs/heads/{branch}");
            let remote_ref = format!("refs/remotes/origin/{branch}");
            self.local(&["symbolic-ref", "HEAD", &local_ref])?;
            self.local(&["update-ref", &local_ref, &remote_ref])?;
            // So that `git pull` works in it.
            self.local(&["config", &format!("branch.{branch}.remote"), "origin"])?;
            self.local(&["config", &format!("branch.{branch}.merge"), &local_ref])?;
        }
        self.with_files(&["checkout", "--progress", "--force", "--"])
    }

    fn directory(&self) -> &Path {
        &self.options.directory
    }

    /// Runs git without the credential.
    fn local(&mut self, arguments: &[&str]) -> Result<String, GitError> {
        Git::new(&self.options.directory).run_with_progress(self.context, arguments, self.progress)
    }

    /// Runs git with the credential.
    fn with_remote(&mut self, arguments: &[String]) -> Result<String, GitError> {
        Git::new(&self.options.directory)
            .with_remote(self.remote)
            .run_with_progress(self.context, arguments, self.progress)
    }

    /// Runs git so that it can write the files of a commit, those of LFS included.
    fn with_files(&mut self, arguments: &[&str]) -> Result<(), GitError> {
        let mut git = Git::new(&self.options.directory);
        if self.lfs {
            git = lfs::with_filter(git.with_remote(self.remote));
        }
        git.run_with_progress(self.context, arguments, self.progress)
            .map(drop)
            .map_err(lfs::explain)
    }
}
