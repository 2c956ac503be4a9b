//! Linking an application to a repository: the repository is looked up, the
//! application is stored, and its hook is put where it belongs.

use crate::engine::Engine;
use crate::evidence::Evidence;
use crate::grants::hook_place;
use crate::random;
use crate::store::{Application, ApplicationOptions, NewApplication, PullRequestRuns, StoredHook};
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::records::{
    DeleteHookRequest, HookRequest, PollingInfo, RepositoryRequest, ServerInfoRequest,
    WebhooksInfo, WebhooksInfoRequest, keys,
};
use vcs_provider_interface::secret::Secret;

/// A link to make.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkRequest {
    /// The server by its name in the configuration.
    pub server: String,
    /// The full name of the repository.
    pub repo: String,
    /// The service's event keys; empty means the provider's default.
    #[serde(default)]
    pub events: Vec<String>,
    /// What the application asks for; without it, a linked one keeps what it
    /// asked for and a new one asks for nothing.
    #[serde(default)]
    pub options: Option<ApplicationOptions>,
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

/// What became of an unlinked application's hook.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "hook", rename_all = "snake_case")]
pub enum Unlinked {
    /// It is gone at the service, or never was there.
    Removed,
    /// An administrator made it and has to delete it.
    ByHand {
        /// Its address.
        url: String,
        /// The sentence for a person.
        explanation: String,
    },
    /// It could not be removed, and the application was to be unlinked all the same.
    Left {
        /// Its address.
        url: String,
        /// Why it could not be removed.
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
        let wanted = RepositoryRequest {
            repo: request.repo.clone(),
            ..Default::default()
        };
        let repository = self
            .ask(project, &request.server, |client| {
                client.repo_by_fullname(context, wanted)
            })
            .map_err(|error| self.explain_missing_consent(project, &request.server, error))?;
        let webhooks = self.webhooks_of(context, &request.server, None)?;
        check_events(&request, &webhooks)?;
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
            options: request.options,
        };
        let application = self.store.link_application(new, self.now())?;
        let hook = if webhooks.disabled || !webhooks.supported {
            LinkedHook::Disabled {
                explanation: "webhooks are off for this server; the engine polls instead"
                    .to_owned(),
            }
        } else {
            self.reconcile_hook(context, &application, &webhooks, request.events)?
        };
        // A failing first poll is repeated by the schedule.
        if let Err(error) = self.begin_polling(&application) {
            tracing::warn!(application = application.name, %error, "the first poll failed");
        }
        tracing::info!(
            project,
            application = application.name,
            repo = application.repo,
            "an application is linked"
        );
        Ok(Linked { application, hook })
    }

    /// Unlinks an application: its hooks go at the service, its runs that have
    /// not ended are reported as stopped, and everything of it goes in the store.
    /// Blocks.
    ///
    /// With `force` it is unlinked also where the hook cannot be removed.
    ///
    /// # Errors
    /// `NotFound` if it is not linked. Without `force`, whatever keeps the engine
    /// from knowing that its hook is gone; then the application stays linked.
    pub fn unlink(
        &self,
        context: &dyn CallContext,
        project: &str,
        name: &str,
        force: bool,
    ) -> Result<Unlinked> {
        let application = self.store.application(project, name)?;
        let hook = self.store.hook_of_application(application.id)?;
        let unlinked = match hook {
            Some(hook) if hook.service_id.is_some() => {
                let url = hook.url.clone();
                match self.remove_hooks(context, &application, hook) {
                    Ok(()) => Unlinked::Removed,
                    Err(error) if force => Unlinked::Left {
                        url,
                        explanation: format!(
                            "the webhook could not be removed; delete it by hand: {error}"
                        ),
                    },
                    Err(error) => {
                        return Err(error.in_context(format!(
                            "{project} {name} stays linked, because its webhook could not be \
                             removed; repeat with ?force=true to leave it behind"
                        )));
                    }
                }
            }
            Some(hook) if !hook.url.is_empty() => Unlinked::ByHand {
                explanation: format!(
                    "the webhook with this address was made by hand: delete it in the settings \
                     of {}",
                    application.repo
                ),
                url: hook.url,
            },
            _ => Unlinked::Removed,
        };
        self.forget_application(&application)?;
        tracing::info!(project, application = name, hook = ?unlinked, "an application is unlinked");
        Ok(unlinked)
    }

    /// Removes the application's hook and strays of it. That the service knows no
    /// such hook counts only where the repository can be seen.
    fn remove_hooks(
        &self,
        context: &dyn CallContext,
        application: &Application,
        hook: StoredHook,
    ) -> Result<()> {
        let request = DeleteHookRequest {
            repo: application.repo.clone(),
            id: hook.service_id,
            url: Some(hook.url),
            ..DeleteHookRequest::default()
        };
        let removed = self.ask(&application.project, &application.server, |client| {
            client.delete_hook(context, request)
        });
        match removed {
            Err(error) if error.kind == ErrorKind::NOT_FOUND => {
                match self.sees_repository(context, application) {
                    Evidence::Yes => Ok(()),
                    Evidence::No | Evidence::Unknown(_) => Err(error),
                }
            }
            result => result.map(|_| ()),
        }
    }

    fn forget_application(&self, application: &Application) -> Result<()> {
        let (publisher, now) = (self.publisher(), self.now());
        let application = application.clone();
        self.store.transact_blocking(move |transaction| {
            for run in transaction.runs_of_application(application.id)? {
                let reason = "the application was unlinked";
                publisher.publish_removal(transaction, &application, &run, reason, now)?;
            }
            transaction.unlink_application(application.id)
        })?;
        self.runs_changed();
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
            name: format!(
                "{} {} {}",
                application.project,
                application.name,
                marker(&hook.id)
            ),
            url: direct,
            events,
            secret: Some(secret),
            ..HookRequest::default()
        };
        let made = self.ask(&application.project, &application.server, |client| {
            client.reconcile_hook(context, request)
        })?;
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

/// What marks the engine's own hooks in their descriptions: says which hook it
/// is, and nothing of its address.
fn marker(hook: &str) -> String {
    format!("[{}]", hex::encode(&random::digest(hook)[..6]))
}

/// Runs of pull requests need a hook that tells of them.
fn check_events(request: &LinkRequest, webhooks: &WebhooksInfo) -> Result<()> {
    let wants_pull_requests = request
        .options
        .is_some_and(|options| options.pull_requests != PullRequestRuns::Off);
    let has_hook = webhooks.supported && !webhooks.disabled;
    if wants_pull_requests && has_hook && request.events.is_empty() {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!(
                "runs of pull requests are asked for, and `events` names none that tell of them; \
                 there are: {}",
                webhooks.events.join(", ")
            ),
        ));
    }
    Ok(())
}

/// The empty record where the provider does not have the method.
fn or_none<T: Default>(response: Result<T>) -> Result<T> {
    match response {
        Err(error) if error.kind == ErrorKind::UNSUPPORTED => Ok(T::default()),
        other => other,
    }
}
