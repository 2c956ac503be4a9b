//! Linking an application to a repository: the repository is looked up, the
//! application is stored, and its hook is put where it belongs.

use crate::engine::Engine;
use crate::grants::hook_place;
use crate::random;
use crate::store::{Application, NewApplication, StoredHook};
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::provider::AuthorizedClient;
use vcs_provider_interface::records::{
    DeleteHookRequest, HookRequest, PollingInfo, RepositoryRequest, ServerInfoRequest,
    WebhooksInfo, WebhooksInfoRequest, keys,
};
use vcs_provider_interface::secret::Secret;

/// A link to make.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkRequest {
    /// The server by its name in the configuration.
    pub server: String,
    /// The full name of the repository.
    pub repo: String,
    /// The service's event keys; empty means the provider's default.
    #[serde(default)]
    pub events: Vec<String>,
}

/// A link that was made.
#[derive(Debug, serde::Serialize)]
pub struct Linked {
    /// The application.
    pub application: Application,
    /// Its hook.
    pub hook: LinkedHook,
}

/// What became of an application's hook.
#[derive(Debug, serde::Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LinkedHook {
    /// Webhooks are switched off, or the provider has none: the engine polls.
    Disabled {
        /// The sentence for a person.
        explanation: String,
    },
    /// It is at the service.
    Active {
        /// The service's id of the hook.
        id: String,
        /// Where deliveries go.
        url: String,
        /// What was done: `created`, `updated` or `unchanged`.
        action: String,
    },
    /// The administrator has to make it.
    Manual {
        /// The address to enter.
        url: String,
        /// The secret to enter.
        #[serde(serialize_with = "expose")]
        secret: Secret,
        /// The events to choose.
        events: Vec<String>,
        /// The sentence for a person.
        explanation: String,
    },
}

/// Shows a secret to the administrator who has to enter it; the only place
/// where one is shown.
fn expose<S: serde::Serializer>(
    secret: &Secret,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

impl Engine {
    /// Links an application, or repairs what is missing of its link: doing so
    /// twice changes nothing the second time. Blocks.
    ///
    /// # Errors
    /// The provider's and the store's; `Conflict` if the application is linked
    /// to another repository. After an error at the hook the link is there, and
    /// linking again makes the hook.
    pub fn link(
        &self,
        context: &dyn CallContext,
        project: &str,
        name: &str,
        request: LinkRequest,
    ) -> Result<Linked> {
        let client = self.client(Some(project), &request.server)?;
        let wanted = RepositoryRequest {
            repo: request.repo.clone(),
            ..Default::default()
        };
        let repository = client.repo_by_fullname(context, wanted)?;
        let webhooks = self.webhooks_of(context, &request.server, None)?;
        let new = NewApplication {
            project: project.to_owned(),
            name: name.to_owned(),
            server: request.server,
            repo: if repository.fullname.is_empty() {
                request.repo
            } else {
                repository.fullname
            },
            repo_id: repository.id,
        };
        let application = self.store.link_application(new, self.now())?;
        let hook = if webhooks.disabled || !webhooks.supported {
            LinkedHook::Disabled {
                explanation: "webhooks are off for this server; the engine polls instead"
                    .to_owned(),
            }
        } else {
            self.reconcile_hook(context, &*client, &application, &webhooks, request.events)?
        };
        if self.poll_interval(&application)?.is_some() {
            // The first poll notes where to begin; a failing one is repeated by
            // the schedule.
            if let Err(error) = self.poll(&application) {
                tracing::warn!(application = application.name, %error, "the first poll failed");
            }
        }
        tracing::info!(
            project,
            application = application.name,
            repo = application.repo,
            "an application is linked"
        );
        Ok(Linked { application, hook })
    }

    /// Unlinks an application: its hook goes at the service, and everything of
    /// it in the store. Blocks.
    ///
    /// # Errors
    /// `NotFound` if it is not linked; the provider's, and then it stays linked.
    pub fn unlink(&self, context: &dyn CallContext, project: &str, name: &str) -> Result<()> {
        let application = self.store.application(project, name)?;
        let hook = self.store.hook_of_application(application.id)?;
        if let Some(hook) = hook.filter(|hook| hook.service_id.is_some()) {
            let request = DeleteHookRequest {
                repo: application.repo.clone(),
                id: hook.service_id,
                url: Some(hook.url),
                ..Default::default()
            };
            match self.client_of(&application)?.delete_hook(context, request) {
                Err(error) if error.kind != ErrorKind::NOT_FOUND => return Err(error),
                _ => {}
            }
        }
        self.store.unlink_application(application.id)?;
        Ok(())
    }

    /// What a server says of its webhooks; a provider that does not have the
    /// method has no webhooks.
    ///
    /// # Errors
    /// The provider's.
    pub fn webhooks_of(
        &self,
        context: &dyn CallContext,
        server: &str,
        hook_url: Option<String>,
    ) -> Result<WebhooksInfo> {
        let request = WebhooksInfoRequest {
            hook_url,
            ..WebhooksInfoRequest::default()
        };
        or_none(self.servers.server(server)?.webhooks_info(context, request))
    }

    /// What a server says of polling; a provider that does not have the method
    /// cannot be polled.
    ///
    /// # Errors
    /// The provider's.
    pub fn polling_of(&self, context: &dyn CallContext, server: &str) -> Result<PollingInfo> {
        let request = ServerInfoRequest::default();
        or_none(self.servers.server(server)?.polling_info(context, request))
    }

    fn reconcile_hook(
        &self,
        context: &dyn CallContext,
        client: &dyn AuthorizedClient,
        application: &Application,
        webhooks: &WebhooksInfo,
        events: Vec<String>,
    ) -> Result<LinkedHook> {
        // Stored before the service knows it: a delivery may come at once.
        let hook = self.stored_hook(application)?;
        let secret = self
            .grants
            .sealer()
            .open(&hook_place(&hook.id), &hook.sealed_secret)?;
        let direct = format!("{}/webhook/{}", self.settings.api_url, hook.id);
        let events = if events.is_empty() {
            webhooks.default_events.clone()
        } else {
            events
        };
        if webhooks.creation_disabled {
            let url = self
                .webhooks_of(context, &application.server, Some(direct.clone()))?
                .hook_url
                .unwrap_or(direct);
            self.store
                .set_hook_at_service(&hook.id, None, url.clone())?;
            return Ok(LinkedHook::Manual {
                explanation: format!(
                    "the engine is not to create webhooks on this server: in the settings of {}, \
                     add a webhook with this address, this secret and these events",
                    application.repo
                ),
                url,
                secret,
                events,
            });
        }
        let request = HookRequest {
            repo: application.repo.clone(),
            id: hook.service_id,
            name: format!("{} {}", application.project, application.name),
            url: direct,
            events,
            secret: Some(secret),
            ..HookRequest::default()
        };
        let made = client.reconcile_hook(context, request)?;
        self.store
            .set_hook_at_service(&hook.id, Some(made.id.clone()), made.url.clone())?;
        let action = made
            .extra
            .get(keys::ACTION)
            .unwrap_or("reconciled")
            .to_owned();
        Ok(LinkedHook::Active {
            id: made.id,
            url: made.url,
            action,
        })
    }

    /// The application's hook: the one that it has, or a new one with an
    /// unguessable id and a random secret.
    fn stored_hook(&self, application: &Application) -> Result<StoredHook> {
        if let Some(hook) = self.store.hook_of_application(application.id)? {
            return Ok(hook);
        }
        let no_randomness =
            |error: random::NoRandomness| VcsError::new(ErrorKind::INTERNAL, error.to_string());
        let id = random::name().map_err(no_randomness)?;
        let secret = random::secret().map_err(no_randomness)?;
        let sealed = self.grants.sealer().seal(&hook_place(&id), &secret)?;
        let hook = self
            .store
            .add_hook(id, application.id, String::new(), sealed, self.now())?;
        Ok(hook)
    }
}

/// The empty record where the provider does not have the method.
fn or_none<T: Default>(response: Result<T>) -> Result<T> {
    match response {
        Err(error) if error.kind == ErrorKind::UNSUPPORTED => Ok(T::default()),
        other => other,
    }
}
