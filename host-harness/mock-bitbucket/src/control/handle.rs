//! A running mock in the hands of a test or of the command.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::api::rate_limit::RateLimit;
use crate::control::error::MockError;
use crate::events::repository;
use crate::git::repository::GitRepository;
use crate::http::faults::FaultRule;
use crate::http::record::RecordedExchange;
use crate::http::server::{BackgroundRuntime, Server};
use crate::model::deliveries::{Delivery, OutgoingDelivery};
use crate::model::mock::Mock;
use crate::model::permissions::all_scopes;
use crate::model::repository::Repository;
use crate::model::state::Found;
use crate::model::tokens::{Credential, Secret, TokenRequest, Visibility};
use crate::model::user::{User, stable_uuid};
use crate::sync::lock;

/// An API token and the account it belongs to.
#[derive(Clone, Debug)]
pub struct ApiToken {
    /// The account's e-mail address: the user name of Basic authentication.
    pub email: String,
    /// The token: the password.
    pub token: Secret,
}

/// The OAuth consumer that is registered.
#[derive(Clone, Debug)]
pub struct OAuthConsumer {
    /// The client id, also called key.
    pub id: String,
    /// The client secret.
    pub secret: Secret,
    /// The callback address; `redirect_uri` has to equal it.
    pub callback_url: String,
}

/// The credentials every mock has from the start.
pub(crate) struct DefaultCredentials {
    pub(crate) api_token: Secret,
    pub(crate) access_token: Secret,
}

/// A running mock. It stops when it is dropped.
///
/// All methods may be called from any thread; what they change is seen by the
/// next request.
pub struct MockBitbucket {
    mock: Arc<Mock>,
    server: Arc<Server>,
    address: SocketAddr,
    serving_on: Option<BackgroundRuntime>,
    pub(super) known: Option<DefaultCredentials>,
    pub(super) authority: Option<String>,
    pub(super) control: Option<SocketAddr>,
}

impl MockBitbucket {
    pub(crate) fn new(server: Arc<Server>, address: SocketAddr) -> Self {
        Self {
            mock: Arc::clone(&server.mock),
            server,
            address,
            serving_on: None,
            known: None,
            authority: None,
            control: None,
        }
    }

    pub(crate) fn serving(&mut self, runtime: BackgroundRuntime) {
        self.serving_on = Some(runtime);
    }

    /// Another handle of the same mock, for the control API. The mock does not live
    /// by it.
    pub(super) fn again(&self) -> Self {
        Self {
            mock: Arc::clone(&self.mock),
            server: Arc::clone(&self.server),
            address: self.address,
            serving_on: None,
            known: None,
            authority: self.authority.clone(),
            control: self.control,
        }
    }

    /// The certificate, as PEM, of the authority that a mock with TLS goes by.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// Where the control API is, if there is one.
    #[must_use]
    pub fn control_url(&self) -> Option<String> {
        self.control.map(|address| format!("http://{address}"))
    }

    /// The service behind this handle.
    pub(super) fn service(&self) -> &Arc<Mock> {
        &self.mock
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The API, ending in `/2.0`.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.mock.urls.api
    }

    /// The OAuth endpoints, ending in `/site/oauth2`.
    #[must_use]
    pub fn oauth_url(&self) -> &str {
        &self.mock.urls.oauth
    }

    /// The web site: clone addresses, archives, pages.
    #[must_use]
    pub fn web_url(&self) -> &str {
        &self.mock.urls.web
    }

    /// The host that large files come from: another origin, which must never see
    /// a credential.
    #[must_use]
    pub fn storage_url(&self) -> &str {
        &self.mock.storage.origin
    }

    /// The clone address of a repository, without a user name.
    #[must_use]
    pub fn clone_url(&self, full_name: &str) -> String {
        format!("{}/{full_name}.git", self.web_url())
    }

    /// An API token with every scope.
    #[must_use]
    pub fn api_token(&self) -> ApiToken {
        ApiToken {
            email: lock(&self.mock.state)
                .users
                .first()
                .map(|user| user.email.clone())
                .unwrap_or_default(),
            token: self.known(|known| &known.api_token),
        }
    }

    /// A workspace access token with every scope that sees every repository.
    #[must_use]
    pub fn access_token(&self) -> Secret {
        self.known(|known| &known.access_token)
    }

    fn known(&self, choose: impl FnOnce(&DefaultCredentials) -> &Secret) -> Secret {
        self.known
            .as_ref()
            .map_or_else(|| Secret::new(""), |known| choose(known).clone())
    }

    /// The OAuth consumer.
    #[must_use]
    pub fn oauth_consumer(&self) -> OAuthConsumer {
        let settings = &self.mock.settings;
        OAuthConsumer {
            id: settings.client_id.clone(),
            secret: Secret::new(settings.client_secret.clone()),
            callback_url: settings.callback_urls.first().cloned().unwrap_or_default(),
        }
    }

    /// Every request and response so far, in the order the responses were ready.
    #[must_use]
    pub fn requests(&self) -> Vec<Arc<RecordedExchange>> {
        self.server.recorder.exchanges()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.server.recorder.clear();
    }

    /// Adds a fault rule after those there are.
    pub fn add_fault(&self, rule: FaultRule) {
        self.server.faults.add(rule);
    }

    /// Takes all fault rules away.
    pub fn clear_faults(&self) {
        self.server.faults.clear();
    }

    /// Moves the mock's clock forward: tokens and rate-limit windows run out by it.
    pub fn advance(&self, step: Duration) {
        self.mock.clock.advance(step);
    }

    /// Sets or lifts the request budget; counting starts anew.
    pub fn set_rate_limit(&self, limit: Option<RateLimit>) {
        self.server.api.rate_limiter.set(limit);
    }

    /// Adds an account. Commits by its address are attributed to it.
    pub fn add_user(&self, display_name: &str, email: &str) {
        let mut state = lock(&self.mock.state);
        if state.user_by_email(email).is_none() {
            state
                .users
                .push(Arc::new(User::sample(display_name, email)));
        }
    }

    /// Adds a workspace, if it is not there yet.
    pub fn add_workspace(&self, slug: &str, administrator: bool) {
        lock(&self.mock.state).add_workspace(slug, administrator);
    }

    /// Serves the git repository at `path` as `workspace/slug`; the workspace is
    /// added if need be. Returns the repository's uuid with braces.
    ///
    /// # Errors
    ///
    /// When the name is not `workspace/slug`, or there is no repository.
    pub fn add_repository(&self, full_name: &str, path: &Path) -> Result<String, MockError> {
        let (workspace, slug) = split_name(full_name)?;
        let git = GitRepository::open(path).map_err(|source| MockError::Repository {
            path: path.to_path_buf(),
            source,
        })?;
        self.add_workspace(workspace, true);
        let uuid = stable_uuid(&format!("repository:{}", full_name.to_lowercase()));
        let repository = lock(&self.mock.state).put_repository(Repository {
            uuid: uuid.clone(),
            workspace: workspace.to_owned(),
            slug: slug.to_owned(),
            name: slug.to_owned(),
            description: String::new(),
            is_private: true,
            created_on: self.mock.clock.timestamp(),
            updated_on: self.mock.clock.timestamp(),
            parent: None,
            main_branch: None,
            git: Arc::new(git),
        });
        // The refs it has are no news.
        self.mock
            .updated_on(&repository)
            .map_err(|source| MockError::Repository {
                path: path.to_path_buf(),
                source,
            })?;
        Ok(uuid)
    }

    /// Removes a repository from the service; the files stay.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn remove_repository(&self, full_name: &str) -> Result<(), MockError> {
        let repository = self.repository(full_name)?;
        repository::deleted(&self.mock, &repository);
        lock(&self.mock.state).remove_repository(&repository.uuid);
        Ok(())
    }

    /// Gives a repository another address; the former one redirects.
    ///
    /// # Errors
    ///
    /// When it is not there, or the new name is not `workspace/slug`.
    pub fn rename_repository(&self, full_name: &str, new_name: &str) -> Result<(), MockError> {
        let repository = self.repository(full_name)?;
        let (workspace, slug) = split_name(new_name)?;
        self.add_workspace(workspace, true);
        lock(&self.mock.state).rename_repository(&repository.uuid, workspace, slug);
        repository::renamed(&self.mock, &repository, &*self.repository(new_name)?);
        Ok(())
    }

    /// Makes a repository readable for everybody, or private again.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn set_private(&self, full_name: &str, private: bool) -> Result<(), MockError> {
        self.change_repository(full_name, |repository| repository.is_private = private)
    }

    /// Chooses the main branch instead of HEAD.
    ///
    /// # Errors
    ///
    /// When the repository is not there.
    pub fn set_main_branch(&self, full_name: &str, branch: &str) -> Result<(), MockError> {
        self.change_repository(full_name, |repository| {
            repository.main_branch = Some(branch.to_owned());
        })
    }

    /// Gives a repository a display name that differs from its slug.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn set_display_name(&self, full_name: &str, name: &str) -> Result<(), MockError> {
        self.change_repository(full_name, |repository| {
            name.clone_into(&mut repository.name)
        })
    }

    /// Lets a repository be listed, but respond with 403 to everything else.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn forbid_repository(&self, full_name: &str) -> Result<(), MockError> {
        let repository = self.repository(full_name)?;
        lock(&self.mock.state)
            .forbidden
            .insert(repository.uuid.clone());
        Ok(())
    }

    /// Creates a credential.
    ///
    /// # Errors
    ///
    /// When the account that is asked for is not there.
    pub fn create_token(&self, request: &TokenRequest) -> Result<Secret, MockError> {
        self.create_token_as(request, None)
    }

    /// Creates a credential with a secret that is given, or a fresh one.
    pub(super) fn create_token_as(
        &self,
        request: &TokenRequest,
        secret: Option<Secret>,
    ) -> Result<Secret, MockError> {
        let user = {
            let state = lock(&self.mock.state);
            match &request.email {
                Some(email) => state.user_by_email(email),
                None => state.users.first().map(Arc::clone),
            }
        }
        .ok_or_else(|| MockError::Missing("account with this address".to_owned()))?;
        let visibility = match &request.visibility {
            // Kept by uuid, so that it survives a change of name.
            Visibility::Repository(name) => {
                Visibility::Repository(self.repository(name)?.uuid.clone())
            }
            other => other.clone(),
        };
        let mut tokens = lock(&self.mock.tokens);
        let secret = secret.unwrap_or_else(|| tokens.new_secret(request.kind));
        tokens.add(Credential {
            kind: request.kind,
            secret: secret.clone(),
            scopes: request
                .scopes
                .clone()
                .unwrap_or_else(|| all_scopes(request.kind)),
            expires_at: request
                .lifetime
                .map(|lifetime| self.mock.clock.now() + lifetime),
            visibility,
            user,
        });
        Ok(secret)
    }

    /// Revokes a credential. Whether it was there.
    pub fn revoke_token(&self, secret: &Secret) -> bool {
        lock(&self.mock.tokens).revoke(secret.expose())
    }

    /// The uuids (with braces) and addresses of a repository's hooks.
    ///
    /// # Errors
    ///
    /// When the repository is not there.
    pub fn hooks(&self, full_name: &str) -> Result<Vec<(String, String)>, MockError> {
        let repository = self.repository(full_name)?;
        Ok(lock(&self.mock.state)
            .hooks
            .get(&repository.uuid)
            .into_iter()
            .flatten()
            .map(|hook| (hook.uuid.clone(), hook.url.clone()))
            .collect())
    }

    /// Deletes a hook behind the client's back. Whether it was there.
    ///
    /// # Errors
    ///
    /// When the repository is not there.
    pub fn delete_hook(&self, full_name: &str, uuid: &str) -> Result<bool, MockError> {
        let repository = self.repository(full_name)?;
        let mut state = lock(&self.mock.state);
        let hooks = state.hooks.entry(repository.uuid.clone()).or_default();
        let before = hooks.len();
        hooks.retain(|hook| hook.uuid != uuid);
        Ok(hooks.len() != before)
    }

    /// Every try to deliver an event so far.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.mock.deliveries.log()
    }

    /// Waits until there were at least so many tries to deliver. False when that
    /// took longer than `longest`.
    #[must_use]
    pub fn wait_for_deliveries(&self, count: usize, longest: Duration) -> bool {
        self.mock.deliveries.wait_for(count, longest)
    }

    /// Waits until no delivery is under way. False when that took longer than
    /// `longest`.
    #[must_use]
    pub fn wait_until_delivered(&self, longest: Duration) -> bool {
        self.mock.deliveries.wait_until_idle(longest)
    }

    /// Sends a delivery once more with the same `X-Request-UUID`, as a service
    /// does that lost the response.
    pub fn deliver_again(&self, delivery: &Delivery) {
        self.mock
            .deliveries
            .start(OutgoingDelivery::again(delivery));
    }

    pub(crate) fn repository(&self, full_name: &str) -> Result<Arc<Repository>, MockError> {
        let (workspace, slug) = split_name(full_name)?;
        match lock(&self.mock.state).find_repository(workspace, slug) {
            Found::Here(repository) => Ok(repository),
            _ => Err(MockError::Missing(format!("repository {full_name}"))),
        }
    }

    fn change_repository(
        &self,
        full_name: &str,
        change: impl FnOnce(&mut Repository),
    ) -> Result<(), MockError> {
        let mut repository = (*self.repository(full_name)?).clone();
        change(&mut repository);
        lock(&self.mock.state).put_repository(repository);
        Ok(())
    }
}

impl Drop for MockBitbucket {
    fn drop(&mut self) {
        if self.serving_on.is_none() {
            return;
        }
        self.mock.deliveries.stop();
    }
}

/// Splits `workspace/slug`.
pub(crate) fn split_name(full_name: &str) -> Result<(&str, &str), MockError> {
    full_name
        .split_once('/')
        .filter(|(workspace, slug)| {
            !workspace.is_empty() && !slug.is_empty() && !slug.contains('/')
        })
        .ok_or_else(|| MockError::Name(full_name.to_owned()))
}
