//! The addresses of pages, below the engine's root.

use crate::status_url::segment;
use crate::store::Application;

/// The page of a project.
pub(super) fn project_path(project: &str) -> String {
    format!("project/{}", segment(project))
}

/// The page of an application.
pub(super) fn application_path(application: &Application) -> String {
    format!(
        "{}/application/{}",
        project_path(&application.project),
        segment(&application.name)
    )
}

/// The page of a run, which build statuses link to.
pub(super) fn run_path(application: &Application, run: i64) -> String {
    format!("{}/run/{run}", application_path(application))
}
