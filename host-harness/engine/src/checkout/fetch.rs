//! Brings a branch, a tag or a commit here, with as little history as was asked
//! for and as much as it takes.

use super::Work;
use crate::git::{Git, GitError};
use std::time::{Duration, Instant};
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, VcsError};

/// All branches and tags.
const ALL_REFS: [&str; 2] = [
    "+refs/heads/*:refs/remotes/origin/*",
    "+refs/tags/*:refs/tags/*",
];

/// Where a commit that was fetched by its hash is kept until `HEAD` names it.
const FETCHED_COMMIT: &str = "refs/checkout/commit";

/// How much deeper a history is fetched before all of it is.
const DEEPENING: u32 = 10;

/// The pauses between looking for a commit; the last one repeats.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(300),
    Duration::from_millis(700),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// How much history a fetch brings.
#[derive(Clone, Copy)]
enum History {
    /// As the options say.
    Asked,
    /// So many commits more than are here.
    Deeper(u32),
    /// All of it, where only a part is here.
    Rest,
}

/// What a look for a commit came to.
enum Look {
    Found,
    /// The service says that it does not know the commit.
    Unknown,
    /// The service does not give out commits by their hash.
    NotByHash,
}

impl Work<'_> {
    pub(super) fn fetch_branch(&mut self, branch: &str) -> Result<(), GitError> {
        self.fetch(&[refspec_of(branch)], History::Asked)
    }

    pub(super) fn fetch_tag(&mut self, tag: &str) -> Result<(), GitError> {
        self.fetch(
            &[format!("+refs/tags/{tag}:refs/tags/{tag}")],
            History::Asked,
        )
    }

    fn fetch(&mut self, refspecs: &[String], history: History) -> Result<(), GitError> {
        let mut arguments: Vec<String> = ["fetch", "--progress", "--no-recurse-submodules"]
            .map(str::to_owned)
            .to_vec();
        match (history, self.options.depth) {
            (History::Asked, Some(depth)) => arguments.push(format!("--depth={depth}")),
            (History::Deeper(count), Some(_)) => arguments.push(format!("--deepen={count}")),
            (History::Rest, Some(_)) if self.is_shallow() => {
                arguments.push("--unshallow".to_owned());
            }
            _ => {}
        }
        arguments.push("origin".to_owned());
        arguments.extend_from_slice(refspecs);
        self.with_remote(&arguments).map(drop)
    }

    fn is_shallow(&self) -> bool {
        self.directory().join(".git/shallow").is_file()
    }

    /// The branch that the remote's `HEAD` names.
    pub(super) fn main_branch(&mut self) -> Result<String, GitError> {
        let arguments = ["ls-remote", "--symref", "origin", "HEAD"].map(str::to_owned);
        let response = self.with_remote(&arguments)?;
        response
            .lines()
            .find_map(|line| line.strip_prefix("ref: refs/heads/"))
            .and_then(|rest| rest.split_once('\t'))
            .map(|(branch, _)| branch.to_owned())
            .ok_or_else(|| {
                let message = format!("{} has no main branch; is it empty?", self.remote.url());
                VcsError::new(ErrorKind::NOT_FOUND, message).into()
            })
    }

    /// Brings a commit here: from its branch, by its hash, deeper, or with all
    /// refs. A service that does not know it yet is asked again for a while,
    /// since a delivery may be quicker than its replicas.
    pub(super) fn fetch_commit(
        &mut self,
        hash: &str,
        branch: Option<&str>,
    ) -> Result<(), GitError> {
        let begin = Instant::now();
        let mut branch_is_there = false;
        let mut has_all = false;
        for round in 0.. {
            let look = if has_all {
                self.look_in_all(hash)?
            } else {
                self.look(hash, branch, &mut branch_is_there)?
            };
            let is_found = match look {
                Look::Found => true,
                Look::Unknown => false,
                // Nothing is known then but by what its refs lead to.
                Look::NotByHash => {
                    has_all = true;
                    self.look_deeper(hash, branch.filter(|_| branch_is_there))?
                }
            };
            if is_found {
                return self.settle_commit(hash, branch, branch_is_there);
            }
            if !self.pause(round, begin)? {
                break;
            }
        }
        if !has_all && self.look_deeper(hash, branch.filter(|_| branch_is_there))? {
            return self.settle_commit(hash, branch, branch_is_there);
        }
        let message = format!(
            "{} does not show the commit {hash}, after {} s; it may have been removed with its \
             branch, or not be visible yet",
            self.remote.url(),
            begin.elapsed().as_secs()
        );
        // Whether it will come cannot be known, so another try makes sense.
        Err(VcsError::new(ErrorKind::NOT_FOUND, message)
            .with_retryable(true)
            .into())
    }

    /// Looks where the commit most probably is.
    fn look(
        &mut self,
        hash: &str,
        branch: Option<&str>,
        branch_is_there: &mut bool,
    ) -> Result<Look, GitError> {
        if let Some(branch) = branch {
            match self.fetch_branch(branch) {
                Ok(()) => {
                    *branch_is_there = true;
                    if self.has_commit(hash)? {
                        return Ok(Look::Found);
                    }
                }
                Err(GitError::Vcs(error)) if error.kind == ErrorKind::NOT_FOUND => {
                    // Of a repository that is not there nothing else is, either.
                    if is_about_the_repository(&error) {
                        return Err(error.into());
                    }
                    *branch_is_there = false;
                }
                Err(error) => return Err(error),
            }
        }
        match self.fetch(&[format!("{hash}:{FETCHED_COMMIT}")], History::Asked) {
            Ok(()) if self.has_commit(hash)? => Ok(Look::Found),
            Ok(()) => Ok(Look::NotByHash),
            Err(GitError::Vcs(error))
                if error.kind == ErrorKind::NOT_FOUND && !is_about_the_repository(&error) =>
            {
                Ok(Look::Unknown)
            }
            // A server may reject a hash that no ref ends at.
            Err(GitError::Failed { output, .. }) if is_rejected_hash(&output) => {
                Ok(Look::NotByHash)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives the depth up step by step, then fetches all refs.
    fn look_deeper(&mut self, hash: &str, branch: Option<&str>) -> Result<bool, GitError> {
        if let (Some(branch), Some(depth)) = (branch, self.options.depth) {
            let more = depth.saturating_mul(DEEPENING).max(500);
            for history in [History::Deeper(more), History::Rest] {
                if !self.is_shallow() {
                    break;
                }
                self.fetch(&[refspec_of(branch)], history)?;
                if self.has_commit(hash)? {
                    return Ok(true);
                }
            }
        }
        self.look_in_all(hash)
            .map(|look| matches!(look, Look::Found))
    }

    fn look_in_all(&mut self, hash: &str) -> Result<Look, GitError> {
        self.fetch(&ALL_REFS.map(str::to_owned), History::Rest)?;
        Ok(if self.has_commit(hash)? {
            Look::Found
        } else {
            Look::Unknown
        })
    }

    /// Says what is known of the branch, and nothing that is not.
    fn settle_commit(
        &mut self,
        hash: &str,
        branch: Option<&str>,
        branch_is_there: bool,
    ) -> Result<(), GitError> {
        let Some(branch) = branch else { return Ok(()) };
        if !branch_is_there {
            self.warnings.push(format!(
                "there is no branch {branch:?}; the commit {hash} was found without it"
            ));
        } else if !self.is_shallow() && !self.may_be_on(branch, hash)? {
            // The branch may have moved since it was looked at.
            self.fetch(&[refspec_of(branch)], History::Rest)?;
            if !self.may_be_on(branch, hash)? {
                self.warnings.push(format!(
                    "the commit {hash} is not on the branch {branch:?} now"
                ));
            }
        }
        Ok(())
    }

    /// `false` if the commit is not on the branch as it was fetched.
    fn may_be_on(&self, branch: &str, hash: &str) -> Result<bool, GitError> {
        let remote_ref = format!("refs/remotes/origin/{branch}");
        let arguments = ["merge-base", "--is-ancestor", hash, &remote_ref];
        match Git::new(self.directory()).run(self.context, arguments) {
            Err(GitError::Failed { code: Some(1), .. }) => Ok(false),
            Ok(_) | Err(GitError::Failed { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Waits before another look; `false` if it was looked for long enough.
    fn pause(&self, round: usize, begin: Instant) -> Result<bool, GitError> {
        let pause = PAUSES[round.min(PAUSES.len() - 1)];
        // Half of the time is for what comes after it was found.
        let limit = match self.context.time_left() {
            Some(left) => self.options.patience.min(begin.elapsed() + left / 2),
            None => self.options.patience,
        };
        if begin.elapsed() + pause > limit {
            return Ok(false);
        }
        sleep(self.context, pause)?;
        Ok(true)
    }

    fn has_commit(&mut self, hash: &str) -> Result<bool, GitError> {
        let object = format!("{hash}^{{commit}}");
        match Git::new(self.directory()).run(self.context, ["cat-file", "-e", &object]) {
            Ok(_) => Ok(true),
            Err(GitError::Failed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn refspec_of(branch: &str) -> String {
    format!("+refs/heads/{branch}:refs/remotes/origin/{branch}")
}

/// Whether the repository itself was not found, and not one of its refs.
fn is_about_the_repository(error: &VcsError) -> bool {
    error.message.contains("no such repository")
}

/// Whether a server's words are that it gives out tips of refs only.
pub(super) fn is_rejected_hash(output: &str) -> bool {
    [
        "unadvertised object",
        "not our ref",
        "not valid",
        "not allowed",
    ]
    .iter()
    .any(|words| output.contains(words))
}

/// Sleeps, but not past the end of the call.
fn sleep(context: &dyn CallContext, pause: Duration) -> Result<(), VcsError> {
    let end = Instant::now() + pause;
    while Instant::now() < end {
        if context.is_cancelled() {
            let message = "looking for the commit was cancelled";
            return Err(VcsError::new(ErrorKind::CANCELLED, message));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
