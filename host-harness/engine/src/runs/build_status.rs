//! Build statuses: what the service is told of a run.
//!
//! Queued in the same transaction as the state itself, so that what the engine
//! says of a run and what the service is told of it are one thing. Whether
//! statuses are sent at all, and what address they show, is the provider's
//! configuration; the engine always gives its own address of the run.

use super::state::has_ended;
use crate::engine::Engine;
use crate::status_url::StatusUrl;
use crate::store::{
    Application, MessageKind, NewMessage, OutboxState, Result, Run, StoreError, Transaction,
};
use serde::{Deserialize, Serialize};
use vcs_provider_interface::records::{BuildState, StatusRequest};

/// A comment on a pull request as the outbox keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunComment {
    /// The full name of the destination repository.
    pub repo: String,
    /// The number of the pull request.
    pub pull_request: u64,
    /// The text.
    pub text: String,
    /// The address of the run: tells the comment from others.
    pub run_url: String,
}

/// Queues what services are to be told of runs.
#[derive(Debug, Clone)]
pub struct Publisher {
    /// The addresses of runs.
    pub run_urls: StatusUrl,
}

impl Engine {
    /// What queues the statuses of runs.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        let settings = &self.settings;
        let run_urls = settings.status_url.clone();
        Publisher {
            run_urls: run_urls.unwrap_or_else(|| StatusUrl::below(&settings.ui_url)),
        }
    }
}

impl Publisher {
    /// Queues the status of a run as it is now, and the comment on its pull
    /// request where it failed and the application wants one.
    ///
    /// A run that shares its key with a newer one says nothing any more.
    ///
    /// # Errors
    /// As every write.
    pub fn publish(
        &self,
        transaction: &Transaction<'_>,
        application: &Application,
        run: &Run,
        now: i64,
    ) -> Result<()> {
        let Some(state) = BuildState::ALL
            .iter()
            .find(|state| state.to_string() == run.state)
        else {
            return Ok(());
        };
        let request = StatusRequest {
            repo: application.repo.clone(),
            commit: run.hash.clone(),
            key: status_key(application, run),
            name: format!("{} {}", application.project, application.name),
            state: *state,
            url: self.run_urls.of(application, run),
            description: description(run),
            ref_name: Some(run.branch.clone()),
            pull_request: run.pull_request,
            ..StatusRequest::default()
        };
        let status = NewMessage {
            application: application.id,
            project: application.project.clone(),
            server: application.server.clone(),
            kind: MessageKind::Status,
            target: run.hash.clone(),
            key: request.key.clone(),
            run: run.id,
            payload: to_json(&request)?,
        };
        queue(transaction, &status, now)?;
        let failed = *state == BuildState::FAIL && application.options.comment_on_failure;
        if let (true, Some(pull_request)) = (failed, run.pull_request) {
            let comment = self.comment(application, run, pull_request);
            let message = NewMessage {
                kind: MessageKind::Comment,
                target: pull_request.to_string(),
                key: format!("run:{}", run.id),
                payload: to_json(&comment)?,
                ..status
            };
            queue(transaction, &message, now)?;
        }
        Ok(())
    }

    /// Tells the service that a run that goes away will not end any more.
    ///
    /// # Errors
    /// As every write.
    pub fn publish_removal(
        &self,
        transaction: &Transaction<'_>,
        application: &Application,
        run: &Run,
        reason: &str,
        now: i64,
    ) -> Result<()> {
        if has_ended(&run.state) {
            return Ok(());
        }
        let stopped = Run {
            state: BuildState::STOPPED.to_string(),
            description: reason.to_owned(),
            ..run.clone()
        };
        self.publish(transaction, application, &stopped, now)
    }

    fn comment(&self, application: &Application, run: &Run, pull_request: u64) -> RunComment {
        let run_url = self.run_urls.of(application, run);
        let hash: String = run.hash.chars().take(12).collect();
        let reason = if run.description.is_empty() {
            String::new()
        } else {
            format!(": {}", run.description)
        };
        RunComment {
            repo: application.repo.clone(),
            pull_request,
            text: format!(
                "Run {} of {} {} failed at {hash}{reason}\n\n{run_url}",
                run.id, application.project, application.name
            ),
            run_url,
        }
    }
}

/// What tells a build from others of the same commit: the application, and the
/// branch or the pull request. The same for every run of them, so that a new
/// run replaces the status of the former one. Project keys and names hold no
/// slash, so no two of them make the same key.
fn status_key(application: &Application, run: &Run) -> String {
    let (project, name) = (&application.project, &application.name);
    match (&run.source_repo, run.pull_request) {
        (Some(_), Some(number)) => format!("{project}/{name}#{number}"),
        _ => format!("{project}/{name}/{}", run.branch),
    }
}

fn description(run: &Run) -> String {
    if run.description.is_empty() && run.state == BuildState::WAITING.to_string() {
        return "waiting for a worker".to_owned();
    }
    run.description.clone()
}

/// Queues a message unless a newer run has the key, or the same was queued or
/// sent already.
fn queue(transaction: &Transaction<'_>, new: &NewMessage, now: i64) -> Result<()> {
    let present = transaction.message(new.application, new.kind, &new.target, &new.key)?;
    if let Some(present) = present {
        let is_same = present.payload == new.payload && present.state != OutboxState::Rejected;
        if present.run > new.run || is_same {
            return Ok(());
        }
    }
    transaction.queue_message(new, now)
}

fn to_json(record: &impl Serialize) -> Result<String> {
    serde_json::to_string(record).map_err(|error| StoreError::Failed(error.to_string()))
}
