//! What tests can do with forks and pull requests of a running mock, behind the
//! API's back.

use crate::api::forking;
use crate::api::routes::pull_request_body::side;
use crate::control::error::MockError;
use crate::control::handle::{MockBitbucket, split_name};
use crate::events::pull_request::note_update;
use crate::model::behaviour::Behaviour;
use crate::model::errors::ApiError;
use crate::model::pull_request::{MissingRef, PullRequest, PullRequestState, Side};
use crate::model::pull_request_store;
use crate::model::records::DefaultReviewer;
use crate::sync::lock;

impl MockBitbucket {
    /// Chooses among the ways the real service is known to take.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        lock(&self.service().state).behaviour = behaviour;
    }

    /// How the mock behaves where the real service does not always behave alike.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        lock(&self.service().state).behaviour
    }

    /// Paths at the storage host that were asked for with a credential. Anything
    /// in it is a leak.
    #[must_use]
    pub fn storage_violations(&self) -> Vec<String> {
        self.service().storage.violations()
    }

    /// How many requests came to the storage host.
    #[must_use]
    pub fn storage_requests(&self) -> u64 {
        self.service().storage.requests()
    }

    /// Clones a repository into `workspace` under the same slug, as a fork. The
    /// files go away with the mock. Returns the fork's `workspace/slug`.
    ///
    /// # Errors
    ///
    /// When the repository is not there or the name is taken.
    pub fn fork(&self, full_name: &str, workspace: &str) -> Result<String, MockError> {
        let repository = self.repository(full_name)?;
        forking::fork(
            self.service(),
            &repository,
            workspace,
            &repository.slug,
            repository.is_private,
        )
        .map(|fork| fork.full_name())
        .map_err(|_| MockError::Missing(format!("room for a fork of {full_name} in {workspace}")))
    }

    /// Opens a pull request between two branches of a repository, without an
    /// event. Returns its number.
    ///
    /// # Errors
    ///
    /// When the repository or a branch is not there.
    pub fn open_pull_request(
        &self,
        full_name: &str,
        title: &str,
        source: &str,
        destination: &str,
    ) -> Result<u64, MockError> {
        self.open_pull_request_from_fork(full_name, title, (full_name, source), destination)
    }

    /// Opens a pull request from a branch of a fork, without an event. Returns its
    /// number.
    ///
    /// # Errors
    ///
    /// When a repository or a branch is not there.
    pub fn open_pull_request_from_fork(
        &self,
        full_name: &str,
        title: &str,
        (fork, source): (&str, &str),
        destination: &str,
    ) -> Result<u64, MockError> {
        let repository = self.repository(full_name)?;
        let find = |home: &str, branch: &str| -> Result<Side, MockError> {
            let home = self.repository(home)?;
            let missing = |_: ApiError| MockError::Missing(format!("branch {branch}"));
            side(&home, branch, "").map_err(missing)
        };
        let now = self.service().clock.timestamp();
        let (source, destination) = (find(fork, source)?, find(full_name, destination)?);
        let mut state = lock(&self.service().state);
        let author = state.users.first().map(|user| user.uuid.clone());
        let all = state
            .pull_requests
            .entry(repository.uuid.clone())
            .or_default();
        let id = all.last().map_or(1, |last| last.id + 1);
        all.push(PullRequest {
            id,
            title: title.to_owned(),
            description: String::new(),
            state: PullRequestState::Open,
            draft: false,
            author,
            source,
            destination,
            close_source_branch: false,
            reviewers: Vec::new(),
            participants: Vec::new(),
            comments: Vec::new(),
            merge_commit: None,
            closed_by: None,
            reason: String::new(),
            created_on: now.clone(),
            updated_on: now,
        });
        drop(state);
        if let Ok(Some(opened)) = pull_request_store::one(self.service(), &repository, id) {
            note_update(self.service(), &repository, None, &opened);
        }
        Ok(id)
    }

    /// Puts a pull request into a state, without an event and without touching git.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn set_pull_request_state(
        &self,
        full_name: &str,
        id: u64,
        state: PullRequestState,
    ) -> Result<(), MockError> {
        let now = self.service().clock.timestamp();
        self.change_pull_request(full_name, id, |pull_request| {
            if state == PullRequestState::Open {
                pull_request.state = state;
                pull_request.source.frozen = false;
                pull_request.destination.frozen = false;
            } else {
                pull_request.close(state, None, now);
            }
        })
    }

    /// Lets a pull request lose something, as when a fork or an account is deleted.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn make_missing(
        &self,
        full_name: &str,
        id: u64,
        loss: MissingRef,
    ) -> Result<(), MockError> {
        let make_missing = |side: &mut Side| {
            side.commit = None;
            side.frozen = true;
        };
        self.change_pull_request(full_name, id, |pull_request| match loss {
            MissingRef::Author => pull_request.author = None,
            MissingRef::SourceCommit => make_missing(&mut pull_request.source),
            MissingRef::DestinationCommit => make_missing(&mut pull_request.destination),
            MissingRef::SourceRepository => {
                pull_request.source.repository = None;
                pull_request.source.frozen = true;
            }
        })
    }

    /// The uuid of an account, with braces.
    #[must_use]
    pub fn user_uuid(&self, email: &str) -> Option<String> {
        lock(&self.service().state)
            .user_by_email(email)
            .map(|user| user.uuid.clone())
    }

    fn change_pull_request(
        &self,
        full_name: &str,
        id: u64,
        change: impl FnOnce(&mut PullRequest),
    ) -> Result<(), MockError> {
        let repository = self.repository(full_name)?;
        let missing = || MockError::Missing(format!("pull request {id} of {full_name}"));
        // What git says now is what a closed one is closed with.
        let mut pull_request = pull_request_store::one(self.service(), &repository, id)
            .map_err(|_| missing())?
            .ok_or_else(missing)?;
        change(&mut pull_request);
        pull_request_store::keep(self.service(), &repository, &pull_request);
        Ok(())
    }

    /// Makes an account a default reviewer of a repository, by itself or through
    /// its project.
    ///
    /// # Errors
    ///
    /// When the repository or the account is not there.
    pub fn add_default_reviewer(
        &self,
        full_name: &str,
        email: &str,
        from_project: bool,
    ) -> Result<(), MockError> {
        split_name(full_name)?;
        let repository = self.repository(full_name)?;
        let mut state = lock(&self.service().state);
        let user = state
            .user_by_email(email)
            .ok_or_else(|| MockError::Missing(format!("account {email}")))?;
        state
            .default_reviewers
            .entry(repository.uuid.clone())
            .or_default()
            .push(DefaultReviewer {
                user: user.uuid.clone(),
                from_project,
            });
        Ok(())
    }
}
