//! Build notifications: telling the service how a run goes.
//!
//! Whether statuses are sent at all, and what address they show, is the
//! provider's configuration; the engine always gives its own address of the run.

use crate::engine::Engine;
use crate::store::{Application, Run};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::Result;
use vcs_provider_interface::records::{BuildState, Status, StatusRequest};

/// What is encoded in a segment of an address.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

impl Engine {
    /// Gives a run of an application a new state and tells the service. With
    /// the number of a pull request, its source repository takes the status
    /// where the commit is not in the application's repository. Blocks.
    ///
    /// # Errors
    /// `NotFound` if the run is gone; the provider's, and then the run has its
    /// new state but the service does not know.
    pub fn report_run(
        &self,
        context: &dyn CallContext,
        (application, run): (&Application, &Run),
        state: BuildState,
        description: &str,
        pull_request: Option<u64>,
    ) -> Result<Status> {
        self.store.set_run_state(run.id, &state.to_string())?;
        let request = StatusRequest {
            state,
            description: description.to_owned(),
            pull_request,
            ..self.status_of(application, run)
        };
        self.client_of(application)?.set_status(context, request)
    }

    fn status_of(&self, application: &Application, run: &Run) -> StatusRequest {
        let (project, name) = (&application.project, &application.name);
        StatusRequest {
            repo: application.repo.clone(),
            commit: run.hash.clone(),
            // The same for every run of the application, so that a new run of a
            // commit replaces the status of the former one.
            key: format!("{project}-{name}"),
            name: format!("{project} {name}"),
            url: format!(
                "{}/project/{}/application/{}/run/{}",
                self.settings.ui_url,
                utf8_percent_encode(project, SEGMENT),
                utf8_percent_encode(name, SEGMENT),
                run.id
            ),
            ref_name: Some(run.branch.clone()),
            ..StatusRequest::default()
        }
    }
}
