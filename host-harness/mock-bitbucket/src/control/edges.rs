//! Situations of the field that no request can bring about: what a test needs to
//! put a client into them.

use std::sync::Arc;

use crate::control::error::MockError;
use crate::control::handle::MockBitbucket;
use crate::git::repository::GitError;
use crate::sync::lock;

impl MockBitbucket {
    /// Deletes an account the way the service does it: repositories, pull requests
    /// and commits stay, and the person becomes `Former user`.
    ///
    /// # Errors
    ///
    /// When there is no account with this address.
    pub fn anonymise_user(&self, email: &str) -> Result<(), MockError> {
        let mut state = lock(&self.service().state);
        let user = state
            .users
            .iter_mut()
            .find(|user| user.email.eq_ignore_ascii_case(email))
            .ok_or_else(|| MockError::Missing(format!("account {email}")))?;
        let mut former = (**user).clone();
        former.display_name = "Former user".to_owned();
        former.nickname = "Former user".to_owned();
        // Commits by the address belong to nobody from now on.
        former.email = format!("{}@deleted.invalid", former.uuid.trim_matches(['{', '}']));
        *user = Arc::new(former);
        Ok(())
    }

    /// Takes an account away altogether: whatever names it shows null.
    ///
    /// # Errors
    ///
    /// When there is no account with this address.
    pub fn remove_user(&self, email: &str) -> Result<(), MockError> {
        let mut state = lock(&self.service().state);
        let before = state.users.len();
        state
            .users
            .retain(|user| !user.email.eq_ignore_ascii_case(email));
        if state.users.len() == before {
            return Err(MockError::Missing(format!("account {email}")));
        }
        Ok(())
    }

    /// Throws away every commit that no ref reaches, as happens some time after a
    /// forced push: the `old` of that push is then not to be found any more.
    ///
    /// # Errors
    ///
    /// When the repository is not there or git fails.
    pub fn forget_unreachable_commits(&self, full_name: &str) -> Result<(), MockError> {
        let repository = self.repository(full_name)?;
        let git = &repository.git;
        let forget = || -> Result<(), GitError> {
            git.git(&["reflog", "expire", "--expire=now", "--all"], &[])?;
            git.git(&["gc", "--quiet", "--prune=now"], &[])?;
            Ok(())
        };
        forget().map_err(|source| MockError::Repository {
            path: git.git_dir().to_path_buf(),
            source,
        })?;
        git.forget_cached_commits();
        Ok(())
    }
}
