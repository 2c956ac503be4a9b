//! Submodules, and theirs: by HTTPS, with the remote's credential where they
//! are of its origin.

use super::fetch::is_rejected_hash;
use super::{Work, lfs};
use crate::git::{Git, GitError};
use vcs_provider_interface::error::{ErrorKind, VcsError};

impl Work<'_> {
    /// Fetches and writes the submodules.
    pub(super) fn update_submodules(&mut self) -> Result<(), GitError> {
        let updated = match (
            self.submodule_update(self.options.depth),
            self.options.depth,
        ) {
            // Not every server gives out a commit that no ref ends at: the depth
            // is given up, since a submodule is seldom at a tip.
            (Err(error), Some(_)) if is_missing_commit(&error) => {
                tracing::debug!("submodules are fetched with all of their history");
                self.forget_submodules()?;
                self.submodule_update(None)
            }
            (result, _) => result,
        };
        updated.map_err(|error| match self.wrong_protocol(&error) {
            Some(sentence) => VcsError::new(ErrorKind::UNSUPPORTED, sentence).into(),
            None => error,
        })
    }

    fn submodule_update(&mut self, depth: Option<u32>) -> Result<(), GitError> {
        let words = ["submodule", "update", "--init", "--recursive", "--progress"];
        let mut arguments: Vec<String> = words.map(str::to_owned).to_vec();
        if let Some(depth) = depth {
            arguments.push(format!("--depth={depth}"));
        }
        let mut git = Git::new(&self.options.directory).with_remote(self.remote);
        if self.lfs {
            git = lfs::with_filter(git);
        }
        git.run_with_progress(self.context, &arguments, self.progress)
            .map(drop)
            .map_err(lfs::explain)
    }

    /// Removes what a try with a depth has left.
    fn forget_submodules(&mut self) -> Result<(), GitError> {
        self.local(&["submodule", "--quiet", "deinit", "--all", "--force"])?;
        let modules = self.directory().join(".git/modules");
        match std::fs::remove_dir_all(&modules) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(
                GitError::Preparation(format!("{}: {error}", modules.display())),
            ),
            _ => Ok(()),
        }
    }

    /// The sentence for a submodule whose address is of a protocol that is not
    /// used here.
    fn wrong_protocol(&self, error: &GitError) -> Option<String> {
        let GitError::Failed { output, .. } = error else {
            return None;
        };
        let protocol = output
            .split_once("transport '")
            .and_then(|(_, rest)| rest.split_once("' not allowed"))
            .map(|(protocol, _)| protocol)?;
        let address = output
            .lines()
            .find_map(|line| {
                line.split_once("clone of '")?
                    .1
                    .split_once("' into submodule")
            })
            .map_or("", |(address, _)| address);
        let advice = match protocol {
            "ssh" => format!(
                "write it in .gitmodules with https://, or relative (../name.git) if it is of {}",
                self.remote.url()
            ),
            _ => "only https:// is fetched".to_owned(),
        };
        Some(format!(
            "a submodule has the address {address} of the protocol {protocol}, which is not used \
             in a checkout: {advice}"
        ))
    }
}

fn is_missing_commit(error: &GitError) -> bool {
    match error {
        GitError::Failed { output, .. } => {
            is_rejected_hash(output)
                || output.contains("did not contain")
                || output.contains("Unable to find current revision")
        }
        // "not our ref" has a meaning of its own.
        GitError::Vcs(error) => {
            error.kind == ErrorKind::NOT_FOUND && !error.message.contains("no such repository")
        }
        _ => false,
    }
}
