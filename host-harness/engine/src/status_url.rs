//! The addresses of runs: what build statuses and comments link to.
//!
//! By default the engine's own page of the run. An engine with pages of its own
//! writes their address once, with placeholders for what differs:
//! `https://ci.example.com/builds/{run}`.

use crate::store::{Application, Run};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Display;
use url::Url;

/// What is encoded in a segment of an address.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The names of the placeholders.
const PLACEHOLDERS: [&str; 5] = ["project", "application", "run", "branch", "commit"];

const STRAY: &str = "has a `}` without its `{`";

/// A text as one segment of an address.
#[must_use]
pub fn segment(text: &str) -> impl Display + '_ {
    utf8_percent_encode(text, SEGMENT)
}

/// How the address of a run is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusUrl(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(&'static str),
}

impl StatusUrl {
    /// The engine's own pages below a public address.
    #[must_use]
    pub fn below(base: &str) -> Self {
        let text = |text: &str| Part::Text(text.to_owned());
        Self(vec![
            text(base),
            text("/project/"),
            Part::Placeholder("project"),
            text("/application/"),
            Part::Placeholder("application"),
            text("/run/"),
            Part::Placeholder("run"),
        ])
    }

    /// A template as an administrator writes it.
    ///
    /// # Errors
    /// What is wrong with it, in words that follow the name of its key.
    pub fn parse(template: &str) -> Result<Self, String> {
        let names = PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(", ");
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((text, after)) = rest.split_once('{') {
            let (name, left) = after
                .split_once('}')
                .ok_or_else(|| "has a `{` without its `}`".to_owned())?;
            if text.contains('}') {
                return Err(STRAY.to_owned());
            }
            let known = PLACEHOLDERS.into_iter().find(|known| *known == name);
            let known = known.ok_or_else(|| {
                format!("has the unknown placeholder {{{name}}}; there are: {names}")
            })?;
            parts.push(Part::Text(text.to_owned()));
            parts.push(Part::Placeholder(known));
            rest = left;
        }
        if rest.contains('}') {
            return Err(STRAY.to_owned());
        }
        parts.push(Part::Text(rest.to_owned()));
        let url = Self(parts);
        if !url.0.contains(&Part::Placeholder("run")) {
            return Err("needs the placeholder {run}, so that each run has its own address".into());
        }
        let example =
            Url::parse(&url.fill(|_| "1")).map_err(|error| format!("makes no address: {error}"))?;
        if !matches!(example.scheme(), "http" | "https") || example.host_str().is_none() {
            return Err("must begin with http:// or https://".to_owned());
        }
        if example.host_str()
            != Url::parse(&url.fill(|_| "2"))
                .ok()
                .as_ref()
                .and_then(Url::host_str)
        {
            return Err("must not have a placeholder in its host".to_owned());
        }
        if !example.username().is_empty() || example.password().is_some() {
            return Err("must not hold a user name or password".to_owned());
        }
        Ok(url)
    }

    /// The address of a run.
    #[must_use]
    pub fn of(&self, application: &Application, run: &Run) -> String {
        let id = run.id.to_string();
        self.fill(|name| match name {
            "project" => &application.project,
            "application" => &application.name,
            "branch" => &run.branch,
            "commit" => &run.hash,
            _ => &id,
        })
    }

    fn fill<'v>(&self, value: impl Fn(&'static str) -> &'v str) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(name) => segment(value(name)).to_string(),
        });
        parts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> (Application, Run) {
        let application = Application {
            id: 1,
            project: "KEY".to_owned(),
            name: "my app".to_owned(),
            server: "bb".to_owned(),
            repo: "ws/app".to_owned(),
            repo_id: String::new(),
            options: Default::default(),
        };
        let run = Run {
            id: 7,
            application: 1,
            branch: "feature/x".to_owned(),
            hash: "abc".to_owned(),
            state: "Building".to_owned(),
            description: String::new(),
            pull_request: None,
            source_repo: None,
            worker: None,
            lease_until: None,
            superseded_by: None,
            event: 1,
            created_at: 0,
            updated_at: 0,
            lease: None,
        };
        (application, run)
    }

    #[test]
    fn without_a_template_a_run_has_its_page_of_the_engine() {
        let (application, run) = run();
        assert_eq!(
            StatusUrl::below("https://ci.example").of(&application, &run),
            "https://ci.example/project/KEY/application/my%20app/run/7"
        );
    }

    #[test]
    fn placeholders_are_filled_in_as_segments() {
        let (application, run) = run();
        let url = StatusUrl::parse("https://b.example/{application}/{branch}?run={run}&c={commit}");
        assert_eq!(
            url.unwrap().of(&application, &run),
            "https://b.example/my%20app/feature%2Fx?run=7&c=abc"
        );
    }

    #[test]
    fn a_template_that_cannot_be_used_says_why() {
        for (template, reason) in [
            (
                "https://b.example/{number}",
                "unknown placeholder {number}; there are: {project}",
            ),
            ("https://b.example/{run", "without its `}`"),
            ("https://b.example/run}/{run}", "without its `{`"),
            ("https://b.example/builds", "needs the placeholder {run}"),
            ("/builds/{run}", "makes no address"),
            ("ftp://b.example/{run}", "must begin with http"),
            ("https://{run}.example/", "placeholder in its host"),
            ("https://me:secret@b.example/{run}", "user name or password"),
        ] {
            let error = StatusUrl::parse(template).unwrap_err();
            assert!(error.contains(reason), "{template}: {error}");
            assert!(!error.contains("secret"));
        }
    }
}
