//! The actions that bring a repository's files to a worker: `GitClone` for any
//! address, `CheckoutApplication` for a repository of a provider.
//!
//! Uses the real `git` (see [`git`](crate::git)). Bitbucket Cloud has no
//! refs for pull requests, so a branch, a tag or a hash is what is checked out.
//! It must not know HTTP or a provider's API.

mod folder;

use super::git::{Git, GitError, Progress, Remote};
use folder::FolderGuard;
use serde::Serialize;
use std::path::{Path, PathBuf};
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::provider::AuthorizedClient;
use vcs_provider_interface::records::CheckoutRequest;

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
    /// The folder, absent or empty.
    pub directory: PathBuf,
    /// What to check out.
    pub target: Target,
    /// Only so many commits of history; `None` fetches all.
    pub depth: Option<u32>,
    /// Only these folders; empty means all.
    pub sparse: Vec<String>,
    /// Whether submodules are fetched as well.
    pub submodules: bool,
}

/// What was checked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checkout {
    /// The folder.
    pub directory: PathBuf,
    /// The full hash of the commit.
    pub commit: String,
    /// The branch that the folder is on; `None` for a tag or a commit.
    pub branch: Option<String>,
    /// What the caller should know, such as that the branch is gone.
    pub warnings: Vec<String>,
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

/// The action `GitClone`: checks out a repository. On failure the folder is as
/// it was.
///
/// # Errors
/// `InvalidInput` for a folder that is not empty, a hash that is none or a name
/// that cannot be a ref's; `NotFound`, `Unauthenticated`, `PermissionDenied`,
/// `Unavailable`, `Timeout`, `Cancelled`; [`GitError::Failed`] for the rest.
pub fn git_clone(
    context: &dyn CallContext,
    remote: &Remote,
    options: &CheckoutOptions,
    progress: Progress<'_>,
) -> Result<Checkout, GitError> {
    validate(&options.target)?;
    let folder = FolderGuard::claim(&options.directory)?;
    let mut work = Work {
        context,
        remote,
        options,
        progress,
        warnings: Vec::new(),
    };
    let checkout = work.run()?;
    folder.keep();
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

/// One checkout at work.
struct Work<'a> {
    context: &'a dyn CallContext,
    remote: &'a Remote,
    options: &'a CheckoutOptions,
    progress: Progress<'a>,
    warnings: Vec<String>,
}

impl Work<'_> {
    fn run(&mut self) -> Result<Checkout, GitError> {
        // Without a template, so that no hook of the machine runs in it.
        self.local(&["init", "--quiet", "--template="])?;
        self.local(&["remote", "add", "origin", self.remote.url()])?;
        if !self.options.sparse.is_empty() {
            let mut arguments = vec!["sparse-checkout", "set", "--cone", "--end-of-options"];
            arguments.extend(self.options.sparse.iter().map(String::as_str));
            self.local(&arguments)?;
        }
        let branch = match &self.options.target {
            Target::MainBranch => {
                let branch = self.main_branch()?;
                self.check_out_branch(&branch)?;
                Some(branch)
            }
            Target::Branch(branch) => {
                self.check_out_branch(branch)?;
                Some(branch.clone())
            }
            Target::Tag(tag) => {
                self.fetch(&[format!("+refs/tags/{tag}:refs/tags/{tag}")])?;
                self.detach(&format!("refs/tags/{tag}^{{commit}}"))?;
                None
            }
            Target::Commit { hash, branch } => {
                self.fetch_commit(hash, branch.as_deref())?;
                self.detach(hash)?;
                None
            }
        };
        if self.options.submodules {
            self.update_submodules()?;
        }
        let commit = self.local(&["rev-parse", "--verify", "HEAD"])?;
        Ok(Checkout {
            directory: self.options.directory.clone(),
            commit: commit.trim().to_owned(),
            branch,
            warnings: std::mem::take(&mut self.warnings),
        })
    }

    fn folder(&self) -> &Path {
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

    fn fetch(&mut self, refspecs: &[String]) -> Result<(), GitError> {
        let words = [
            "fetch",
            "--progress",
            "--no-tags",
            "--no-recurse-submodules",
        ];
        let mut arguments: Vec<String> = words.map(str::to_owned).to_vec();
        if let Some(depth) = self.options.depth {
            arguments.push(format!("--depth={depth}"));
        }
        arguments.push("origin".to_owned());
        arguments.extend_from_slice(refspecs);
        self.with_remote(&arguments).map(drop)
    }

    /// The branch that the remote's `HEAD` names.
    fn main_branch(&mut self) -> Result<String, GitError> {
        let arguments = ["ls-remote", "--symref", "origin", "HEAD"].map(str::to_owned);
        let answer = self.with_remote(&arguments)?;
        answer
            .lines()
            .find_map(|line| line.strip_prefix("ref: refs/heads/"))
            .and_then(|rest| rest.split_once('\t'))
            .map(|(branch, _)| branch.to_owned())
            .ok_or_else(|| {
                let message = format!("{} has no main branch; is it empty?", self.remote.url());
                VcsError::new(ErrorKind::NOT_FOUND, message).into()
            })
    }

    fn check_out_branch(&mut self, branch: &str) -> Result<(), GitError> {
        let remote_ref = format!("refs/remotes/origin/{branch}");
        self.fetch(&[format!("+refs/heads/{branch}:{remote_ref}")])?;
        // Not `checkout -B`, which takes a name with a dash in front for an option.
        self.local(&["symbolic-ref", "HEAD", &format!("refs/heads/{branch}")])?;
        self.local(&["reset", "--quiet", "--hard", &remote_ref])?;
        Ok(())
    }

    fn detach(&mut self, commit: &str) -> Result<(), GitError> {
        self.local(&["checkout", "--quiet", "--force", "--detach", commit])?;
        Ok(())
    }

    /// Brings a commit here: from its branch, by its hash, or with all refs. The
    /// later ways are for a branch that is gone or was forced elsewhere.
    fn fetch_commit(&mut self, hash: &str, branch: Option<&str>) -> Result<(), GitError> {
        if let Some(branch) = branch {
            let refspec = format!("+refs/heads/{branch}:refs/remotes/origin/{branch}");
            match self.fetch(&[refspec]) {
                Ok(()) if self.has_commit(hash)? => return Ok(()),
                Ok(()) => self.warnings.push(format!(
                    "the commit {hash} is no longer on the branch {branch:?}"
                )),
                Err(GitError::Vcs(error)) if error.kind == ErrorKind::NOT_FOUND => {
                    self.warnings.push(format!("the branch {branch:?} is gone"))
                }
                Err(error) => return Err(error),
            }
        }
        match self.fetch(&[hash.to_owned()]) {
            Ok(()) if self.has_commit(hash)? => return Ok(()),
            // A server may refuse a hash that no ref ends at.
            Ok(()) | Err(GitError::Failed { .. }) => {}
            Err(GitError::Vcs(error)) if error.kind == ErrorKind::NOT_FOUND => {}
            Err(error) => return Err(error),
        }
        let arguments = [
            "fetch",
            "--progress",
            "--no-recurse-submodules",
            "origin",
            "+refs/heads/*:refs/remotes/origin/*",
            "+refs/tags/*:refs/tags/*",
        ];
        self.with_remote(&arguments.map(str::to_owned))?;
        if self.has_commit(hash)? {
            return Ok(());
        }
        let message = format!(
            "{} no longer has the commit {hash}: its branch was deleted or forced elsewhere",
            self.remote.url()
        );
        Err(VcsError::new(ErrorKind::NOT_FOUND, message).into())
    }

    fn has_commit(&mut self, hash: &str) -> Result<bool, GitError> {
        let object = format!("{hash}^{{commit}}");
        match Git::new(self.folder()).run(self.context, ["cat-file", "-e", &object]) {
            Ok(_) => Ok(true),
            Err(GitError::Failed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn update_submodules(&mut self) -> Result<(), GitError> {
        let words = ["submodule", "update", "--init", "--recursive", "--progress"];
        let mut arguments: Vec<String> = words.map(str::to_owned).to_vec();
        if let Some(depth) = self.options.depth {
            arguments.push(format!("--depth={depth}"));
        }
        self.with_remote(&arguments).map(drop)
    }
}

#[cfg(test)]
mod tests;
