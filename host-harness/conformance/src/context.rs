//! What a check works with: the provider, the target, and facts about the
//! repository that several rules need and that are asked for once.

use super::target::{ServerFaults, Target};
use super::verdict::{Expect, Failure};
use std::sync::OnceLock;
use std::time::Duration;
use vcs_provider_interface::context::{Cancellation, HostCallContext};
use vcs_provider_interface::error::Result;
use vcs_provider_interface::info::ProviderInfo;
use vcs_provider_interface::provider::{AuthorizedClient, VcsServer};
use vcs_provider_interface::records::*;
use vcs_provider_interface::sink::collect;

/// How many commits are looked at where not all are needed.
const SOME_COMMITS: u64 = 12;

/// What every check gets.
#[derive(Clone, Copy)]
pub struct TestContext<'a> {
    /// The server under test.
    pub server: &'a dyn VcsServer,
    /// A client of it with the target's credential.
    pub client: &'a dyn AuthorizedClient,
    /// What the provider says of itself.
    pub info: &'a ProviderInfo,
    /// What it is tried on.
    pub target: &'a Target,
    /// What was found out about the repository so far.
    pub facts: &'a Facts,
}

/// Facts about the repository; each is asked for when it is first needed.
#[derive(Default)]
pub struct Facts {
    main_branch: OnceLock<Result<Branch>>,
    commits: OnceLock<Result<Vec<Commit>>>,
    branches: OnceLock<Result<Vec<Branch>>>,
    tags: OnceLock<Result<Vec<Tag>>>,
    run: OnceLock<String>,
}

impl TestContext<'_> {
    /// Whether the provider says that it can do this.
    #[must_use]
    pub fn can(&self, capability: &str) -> bool {
        self.info.can(capability)
    }

    /// The context of an ordinary call.
    #[must_use]
    pub fn context(&self) -> HostCallContext {
        HostCallContext::new("conformance").with_time_limit(self.target.call_limit)
    }

    /// The context of a call that ends after this time.
    pub(super) fn context_of(&self, limit: Duration) -> HostCallContext {
        HostCallContext::new("conformance").with_time_limit(limit)
    }

    /// The context of an ordinary call that this switch cancels.
    pub(super) fn cancelled_by(&self, cancellation: &Cancellation) -> HostCallContext {
        self.context().with_cancellation(cancellation.clone())
    }

    /// The main branch.
    pub(super) fn main_branch(&self) -> std::result::Result<&Branch, Failure> {
        self.need("branch")?;
        fact(&self.facts.main_branch, "the main branch", || {
            self.client.branch(
                &self.context(),
                BranchRequest {
                    repo: self.target.repo.clone(),
                    name: None,
                    ..Default::default()
                },
            )
        })
    }

    /// The last few commits of the main branch, newest first; at least one.
    pub(super) fn some_commits(&self) -> std::result::Result<&[Commit], Failure> {
        self.need("commits")?;
        let commits = fact(&self.facts.commits, "the last commits", || {
            collect(|sink| {
                let request = CommitsRequest {
                    repo: self.target.repo.clone(),
                    limit: Some(SOME_COMMITS),
                    ..Default::default()
                };
                self.client.commits(&self.context(), request, sink)
            })
        })?;
        if commits.is_empty() {
            return Err(Failure::skipped("the repository has no commit"));
        }
        Ok(commits)
    }

    /// The hash of the newest commit.
    pub(super) fn head(&self) -> std::result::Result<&str, Failure> {
        if self.can("commits") {
            return Ok(&self.some_commits()?[0].id);
        }
        Ok(&self.main_branch()?.latest_commit)
    }

    /// The hash of an older commit of the main branch, its first parents' line
    /// followed as far as [`TestContext::some_commits`] reaches.
    pub(super) fn older(&self) -> std::result::Result<&str, Failure> {
        let commits = self.some_commits()?;
        let mut current = &commits[0];
        for _ in 0..4 {
            let parent = current
                .parents
                .first()
                .and_then(|parent| commits.iter().find(|commit| commit.id == *parent));
            match parent {
                Some(parent) => current = parent,
                None => break,
            }
        }
        if current.id == commits[0].id {
            return Err(Failure::skipped(
                "the repository has fewer than two commits in a line",
            ));
        }
        Ok(&current.id)
    }

    /// All branches, by name.
    pub(super) fn all_branches(&self) -> std::result::Result<&[Branch], Failure> {
        self.need("branches")?;
        fact(&self.facts.branches, "the branches", || {
            collect(|sink| {
                let request = BranchesRequest {
                    repo: self.target.repo.clone(),
                    ..Default::default()
                };
                self.client.branches(&self.context(), request, sink)
            })
        })
        .map(Vec::as_slice)
    }

    /// All tags.
    pub(super) fn all_tags(&self) -> std::result::Result<&[Tag], Failure> {
        self.need("tags")?;
        fact(&self.facts.tags, "the tags", || {
            collect(|sink| {
                let request = TagsRequest {
                    repo: self.target.repo.clone(),
                    ..Default::default()
                };
                self.client.tags(&self.context(), request, sink)
            })
        })
        .map(Vec::as_slice)
    }

    /// The repository in which the rules may write.
    pub(super) fn writable(&self) -> std::result::Result<String, Failure> {
        self.target
            .writable_repo
            .clone()
            .ok_or_else(|| Failure::skipped("no writable repository was given"))
    }

    /// Skips unless the provider can do this.
    pub(super) fn need(&self, capability: &str) -> std::result::Result<(), Failure> {
        if self.can(capability) {
            Ok(())
        } else {
            Err(Failure::skipped(format!(
                "the provider does not have `{capability}`"
            )))
        }
    }

    /// The way to make the server fail.
    pub(super) fn faults(&self) -> std::result::Result<&dyn ServerFaults, Failure> {
        self.target.faults.as_deref().ok_or_else(|| {
            Failure::skipped("the server cannot be made slow or failing: it is not under control")
        })
    }

    /// A name that no other run and no person uses.
    pub(super) fn unique(&self, what: &str) -> String {
        let run = self.facts.run.get_or_init(|| {
            let mut bytes = [0; 4];
            // Without randomness the process still tells runs apart.
            if getrandom::fill(&mut bytes).is_err() {
                bytes = std::process::id().to_ne_bytes();
            }
            hex::encode(bytes)
        });
        format!("conformance-{run}-{what}")
    }
}

fn fact<'a, T>(
    place: &'a OnceLock<Result<T>>,
    what: &str,
    ask: impl FnOnce() -> Result<T>,
) -> std::result::Result<&'a T, Failure> {
    match place.get_or_init(ask) {
        Ok(value) => Ok(value),
        Err(error) => Err(error.clone()).or_skip(what),
    }
}

/// Undoes what a check has made when the check ends, in reverse order.
#[derive(Default)]
pub(super) struct CleanUp<'a>(Vec<Box<dyn FnOnce() + 'a>>);

impl<'a> CleanUp<'a> {
    /// Does this at the end.
    pub(super) fn later(&mut self, undo: impl FnOnce() + 'a) {
        self.0.push(Box::new(undo));
    }

    /// Deletes a branch at the end; failures are left to the rules about deletion.
    pub(super) fn delete_branch(&mut self, test: &'a TestContext<'_>, repo: &str, name: &str) {
        let request = DeleteBranchRequest {
            repo: repo.to_owned(),
            name: name.to_owned(),
            ..Default::default()
        };
        self.later(move || {
            let _ = test.client.delete_branch(&test.context(), request);
        });
    }
}

impl Drop for CleanUp<'_> {
    fn drop(&mut self) {
        while let Some(undo) = self.0.pop() {
            undo();
        }
    }
}
