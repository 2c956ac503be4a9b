//! Who looks at a page, and what of it that token may show.

use super::super::permissions::{Asked, permits};
use crate::tokens::Role;
use axum::http::Method;
use vcs_provider_interface::secret::Secret;

/// Somebody who signed in.
#[derive(Clone)]
pub(super) struct Viewer {
    pub(super) role: Role,
    /// Stands in every form and proves that a page of the engine showed it.
    pub(super) form_key: Secret,
}

impl Viewer {
    /// Whether the viewer's token may read what this route of the API shows. A page
    /// shows nothing that the API would not.
    pub(super) fn may_read(&self, route: &str, parameters: &[(&str, &str)]) -> bool {
        self.may(&Method::GET, route, parameters)
    }

    /// Whether the viewer's token may make this request.
    pub(super) fn may(&self, method: &Method, route: &str, parameters: &[(&str, &str)]) -> bool {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let asked = Asked {
            path: Some(route),
            parameters: parameters.iter().map(owned).collect(),
            method,
            query: "",
        };
        permits(&self.role, &asked)
    }

    /// What the viewer's token is for, in words.
    pub(super) fn in_words(&self) -> String {
        match &self.role {
            Role::Admin => "administrator".to_owned(),
            Role::Project { project } => format!("project {project}"),
            Role::Worker { project: None } => "worker".to_owned(),
            Role::Worker {
                project: Some(project),
            } => format!("worker of {project}"),
            Role::Monitor => "monitor".to_owned(),
            Role::Run { run } => format!("run {run}"),
        }
    }
}

/// The way from the page at this path up to the engine's root. Pages link by it, so
/// that they work below any path of a reverse proxy.
pub(super) fn way_up(path: &str) -> String {
    let depth = path.trim_start_matches('/').matches('/').count();
    match depth {
        0 => "./".to_owned(),
        depth => "../".repeat(depth),
    }
}

#[cfg(test)]
mod tests {
    use super::way_up;

    #[test]
    fn the_way_up_is_as_long_as_the_path_is_deep() {
        for (path, up) in [
            ("/", "./"),
            ("/deliveries", "./"),
            ("/project/KEY", "../"),
            ("/project/KEY/application/app/run/7", "../../../../../"),
        ] {
            assert_eq!(way_up(path), up, "{path}");
        }
    }
}
