//! Whether something is so: yes, no, or nobody could say.
//!
//! What cannot be undone is done for an answer only, never for
//! [`Evidence::Unknown`].

use crate::engine::Engine;
use crate::store::Application;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::{BranchRequest, RepositoryRequest};

/// An answer, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// It is so.
    Yes,
    /// It is not so.
    No,
    /// Nobody could say, for this reason.
    Unknown(String),
}

impl Evidence {
    fn unknown(error: &VcsError) -> Self {
        Self::Unknown(error.to_string())
    }
}

impl Engine {
    /// Whether a branch is there at the service. Blocks.
    ///
    /// "There is no such branch" counts only where the repository can be seen:
    /// services say the same of what they hide from a credential.
    pub fn branch_exists(
        &self,
        context: &dyn CallContext,
        application: &Application,
        branch: &str,
    ) -> Evidence {
        let request = BranchRequest {
            repo: application.repo.clone(),
            name: Some(branch.to_owned()),
            ..BranchRequest::default()
        };
        let found = self.ask(&application.project, &application.server, |client| {
            client.branch(context, request)
        });
        match found {
            Ok(found) if found.display_id == branch => Evidence::Yes,
            Ok(_) => Evidence::No,
            Err(error) if error.kind == ErrorKind::NOT_FOUND => {
                match self.sees_repository(context, application) {
                    Evidence::Yes => Evidence::No,
                    Evidence::No => Evidence::Unknown(format!(
                        "the repository {} cannot be seen with the project's credential",
                        application.repo
                    )),
                    unknown => unknown,
                }
            }
            Err(error) => Evidence::unknown(&error),
        }
    }

    /// Whether the project's credential sees the application's repository.
    /// Blocks.
    pub fn sees_repository(
        &self,
        context: &dyn CallContext,
        application: &Application,
    ) -> Evidence {
        let request = RepositoryRequest {
            repo: application.repo.clone(),
            ..RepositoryRequest::default()
        };
        let found = self.ask(&application.project, &application.server, |client| {
            client.repo_by_fullname(context, request)
        });
        match found {
            Ok(_) => Evidence::Yes,
            Err(error) if error.kind == ErrorKind::NOT_FOUND => Evidence::No,
            Err(error) => Evidence::unknown(&error),
        }
    }
}
