//! What each role may call: one list, looked at before anything else is done.

use crate::tokens::Role;
use axum::http::Method;
use url::form_urlencoded;

/// What a request asks for.
pub(super) struct Asked<'r> {
    /// The route as it is written, such as `/project/{key}/applications`; `None` where
    /// there is none.
    pub(super) path: Option<&'r str>,
    /// What stands in the route's places.
    pub(super) parameters: Vec<(String, String)>,
    /// The method.
    pub(super) method: &'r Method,
    /// The query.
    pub(super) query: &'r str,
}

/// Routes that show nothing of anybody.
const FOR_EVERYBODY: [&str; 4] = [
    "/vcs",
    "/vcs/{server}/webhooks",
    "/vcs/{server}/polling",
    "/mon/version",
];

/// The runs of an application.
const RUNS: &str = "/project/{key}/applications/{app}/runs";

/// The runs of all applications.
const ALL_RUNS: [&str; 2] = ["/runs", "/runs/claim"];

/// One run.
const RUN: &str = "/project/{key}/applications/{app}/runs/{run}";

/// What the token of a run may do below the run: its method and the rest of the route.
const OF_A_RUN: [(&Method, &str); 5] = [
    (&Method::GET, ""),
    (&Method::POST, "/state"),
    (&Method::GET, "/checkout"),
    (&Method::POST, "/checkout"),
    (&Method::POST, "/lease"),
];

/// Whether a role allows a request.
pub(super) fn permits(role: &Role, asked: &Asked<'_>) -> bool {
    if *role == Role::Admin {
        return true;
    }
    // There is nothing to be protected at an address that does not exist.
    let Some(path) = asked.path else { return true };
    if FOR_EVERYBODY.contains(&path) {
        return true;
    }
    match role {
        Role::Admin => true,
        Role::Project { project } => {
            if path.starts_with("/project/{key}") {
                return asked.is("key", project);
            }
            // A server is called with the project's grant, and never with the
            // credential of the configuration.
            path.starts_with("/vcs/{server}") && asked.names_project(project)
        }
        Role::Worker { project } => {
            if project.is_none() && ALL_RUNS.contains(&path) {
                return true;
            }
            let is_its_project = project
                .as_ref()
                .is_none_or(|project| asked.is("key", project));
            let is_below_runs = path == RUNS || path.starts_with(RUN);
            let is_reading_application =
                path == "/project/{key}/applications/{app}" && asked.method == Method::GET;
            is_its_project && (is_below_runs || is_reading_application)
        }
        Role::Run { run } => {
            let Some(below) = path.strip_prefix(RUN) else {
                return false;
            };
            let is_allowed = OF_A_RUN
                .iter()
                .any(|(method, rest)| *method == asked.method && *rest == below);
            is_allowed && asked.is("run", &run.to_string())
        }
    }
}

impl Asked<'_> {
    fn is(&self, name: &str, value: &str) -> bool {
        self.parameters
            .iter()
            .any(|(found, of_request)| found == name && of_request == value)
    }

    /// Whether the query names this project, once and for all.
    fn names_project(&self, project: &str) -> bool {
        let mut named = form_urlencoded::parse(self.query.as_bytes())
            .filter(|(name, _)| name == "project")
            .map(|(_, value)| value);
        named.next().is_some_and(|value| value == project) && named.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(role: &Role, method: Method, path: &str, query: &str) -> bool {
        let parameters = [
            ("key", "KEY"),
            ("app", "app"),
            ("run", "7"),
            ("server", "bb"),
        ];
        let asked = Asked {
            path: Some(path),
            parameters: parameters
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            method: &method,
            query,
        };
        permits(role, &asked)
    }

    #[test]
    fn a_run_s_token_reaches_its_run_and_nothing_else() {
        let own = Role::Run { run: 7 };
        let other = Role::Run { run: 8 };
        let state = format!("{RUN}/state");
        let checkout = format!("{RUN}/checkout");
        assert!(allowed(&own, Method::GET, RUN, ""));
        assert!(allowed(&own, Method::POST, &state, ""));
        assert!(allowed(&own, Method::GET, &checkout, ""));
        for (method, path) in [
            (Method::DELETE, RUN),
            (Method::GET, RUNS),
            (Method::POST, &format!("{RUN}/token")),
            (Method::POST, &format!("{RUN}/cancel")),
            (Method::GET, "/project/{key}/applications/{app}/events"),
            (Method::GET, "/applications"),
            (Method::GET, "/vcs/{server}/repos"),
            (Method::GET, "/mon/plugins"),
            (Method::POST, "/mon/plugins/reload"),
        ] {
            assert!(
                !allowed(&own, method.clone(), path, "project=KEY"),
                "{method} {path}"
            );
        }
        assert!(!allowed(&other, Method::GET, RUN, ""));
        assert!(!allowed(&other, Method::POST, &state, ""));
    }

    #[test]
    fn a_project_s_token_stays_in_its_project() {
        let project = |key: &str| Role::Project {
            project: key.to_owned(),
        };
        let link = "/project/{key}/applications/{app}/link";
        assert!(allowed(&project("KEY"), Method::POST, link, ""));
        assert!(!allowed(&project("OTHER"), Method::POST, link, ""));
        let repos = "/vcs/{server}/repos";
        assert!(allowed(&project("KEY"), Method::GET, repos, "project=KEY"));
        for query in ["", "project=OTHER", "project=KEY&project=OTHER"] {
            assert!(
                !allowed(&project("KEY"), Method::GET, repos, query),
                "{query}"
            );
        }
        for path in [
            "/applications",
            "/mon/plugins",
            "/mon/plugins/reload",
            "/mon/outbox",
        ] {
            assert!(
                !allowed(&project("KEY"), Method::GET, path, "project=KEY"),
                "{path}"
            );
        }
    }

    #[test]
    fn a_worker_s_token_reaches_runs_only() {
        let all = Role::Worker { project: None };
        let other = Role::Worker {
            project: Some("OTHER".to_owned()),
        };
        let token = format!("{RUN}/token");
        assert!(allowed(&all, Method::GET, RUNS, ""));
        assert!(allowed(&all, Method::POST, &token, ""));
        assert!(!allowed(&other, Method::GET, RUNS, ""));
        let link = "/project/{key}/applications/{app}/link";
        assert!(!allowed(&all, Method::POST, link, ""));
        assert!(!allowed(&all, Method::GET, "/applications", ""));
    }

    #[test]
    fn an_admin_s_token_reaches_everything() {
        assert!(allowed(
            &Role::Admin,
            Method::POST,
            "/mon/plugins/reload",
            ""
        ));
    }
}
