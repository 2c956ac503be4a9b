//! Checks a credential: whose it is, what it may, what it sees.
//!
//! Bitbucket gives a credential without the right scope with an empty list
//! and HTTP 200 as readily as with an error, so seeing nothing is reported.
//!
//! Sent: the account (not for access tokens, which have none), the workspaces
//! or the configured ones, the number of repositories in the first few of
//! them, and the repository that is asked about. Repeated: all. A part that is
//! rejected becomes a warning as long as another succeeded; a credential
//! that is accepted nowhere is `Unauthenticated`.

use crate::api::repositories::list_request;
use crate::api::workspaces;
use crate::http::CredentialType;
use crate::http::{Request, Response};
use crate::json::{Account, WorkspaceMembership, account_fields, present};
use crate::page_length::{List, longest_page};
use crate::repository_name::RepositoryName;
use crate::scopes;
use crate::session::Session;
use serde::Deserialize;
use std::time::Instant;
use vcs_provider_interface::prelude::*;

/// Workspaces whose repositories are counted; with more the count stays open.
const MOST_WORKSPACES: usize = 20;

#[derive(Deserialize)]
struct Counted<T> {
    size: Option<u64>,
    next: Option<String>,
    values: Vec<T>,
}

/// A repository that is only counted.
#[derive(Deserialize)]
struct Identified {
    #[serde(rename = "uuid", deserialize_with = "present")]
    _uuid: Option<String>,
}

pub(crate) fn check(
    session: &Session,
    context: &dyn CallContext,
    request: ConnectionRequest,
) -> Result<Connection> {
    let repo = request
        .repo
        .as_deref()
        .map(RepositoryName::parse)
        .transpose()?;
    let credential_type = session.http.authorizer().credential_type();
    let mut check = Check {
        session,
        context,
        found: Connection {
            credential: credential_type.name().to_owned(),
            ..Connection::default()
        },
        scopes_accepted: Vec::new(),
        responded: false,
    };
    let has_account = matches!(
        credential_type,
        CredentialType::ApiToken | CredentialType::OAuth
    );
    if has_account {
        check.account()?;
    }
    if !session.config.workspaces.is_empty() {
        check.configured_workspaces()?;
    } else if has_account {
        check.workspaces()?;
    } else if repo.is_none() {
        check.without_account(credential_type)?;
    }
    if let Some(repo) = &repo {
        check.repository(repo)?;
    }
    Ok(check.conclude(has_account))
}

struct Check<'a> {
    session: &'a Session,
    context: &'a dyn CallContext,
    found: Connection,
    scopes_accepted: Vec<String>,
    /// Whether the service accepted the credential for anything.
    responded: bool,
}

impl Check<'_> {
    /// Sends a request and keeps the scopes that its response names.
    fn ask(&mut self, request: &Request) -> Result<Response> {
        let result = self.session.http.send(self.context, request);
        match &result {
            Ok(response) => {
                self.responded = true;
                let granted = response.head.scopes("x-oauth-scopes");
                if !granted.is_empty() {
                    self.found.scopes_granted = granted;
                }
            }
            Err(error) => {
                for (key, value) in &error.extra {
                    let scopes = || value.split(", ").map(str::to_owned).collect();
                    match key.as_str() {
                        "scopes_granted" => self.found.scopes_granted = scopes(),
                        "scopes_accepted" => self.scopes_accepted = scopes(),
                        _ => {}
                    }
                }
            }
        }
        result
    }

    /// An error that ends the check, or a warning.
    fn tolerate(&mut self, what: &str, error: VcsError) -> Result<()> {
        if matches!(
            error.kind,
            ErrorKind::PERMISSION_DENIED | ErrorKind::NOT_FOUND
        ) {
            self.found.warnings.push(format!("{what}: {error}"));
            return Ok(());
        }
        Err(error)
    }

    fn account(&mut self) -> Result<()> {
        let request = Request::get("/user").fields(account_fields!(""));
        match self.ask(&request) {
            Ok(response) => {
                let account = response.json::<Account>()?.into_author();
                if account.id.is_empty() {
                    return Err(response.head.invalid("it names no account"));
                }
                self.found.account = Some(account);
                Ok(())
            }
            Err(error) => self.tolerate("the credential may not read its own account", error),
        }
    }

    fn workspaces(&mut self) -> Result<()> {
        let length = longest_page(List::Workspaces);
        let request = workspaces::request().query("pagelen", &length.to_string());
        let page: Counted<WorkspaceMembership> = match self.ask(&request) {
            Ok(response) => response.json()?,
            Err(error) => return self.tolerate("the credential may not list workspaces", error),
        };
        let is_whole = page.next.is_none();
        let seen = page.values.len() as u64;
        self.found.workspaces = page.size.or_else(|| is_whole.then_some(seen));
        let slugs: Vec<String> = page
            .values
            .into_iter()
            .filter_map(|membership| membership.workspace)
            .filter_map(|workspace| workspace.slug.or(workspace.uuid))
            .collect();
        if slugs.is_empty() {
            self.found.repositories = Some(0);
            return Ok(());
        }
        self.count_repositories(&slugs, is_whole)
    }

    fn configured_workspaces(&mut self) -> Result<()> {
        let slugs = self.session.config.workspaces.clone();
        self.count_repositories(&slugs, true)?;
        Ok(())
    }

    /// Counts the repositories of these workspaces, and of configured ones also
    /// the workspaces that can be seen.
    fn count_repositories(&mut self, slugs: &[String], is_whole: bool) -> Result<()> {
        let mut total = (is_whole && slugs.len() <= MOST_WORKSPACES).then_some(0u64);
        let mut visible = 0;
        for slug in slugs.iter().take(MOST_WORKSPACES) {
            let request = list_request(self.session, slug)
                .query("pagelen", "1")
                .fields("values.uuid,size,next");
            match self.ask(&request) {
                Ok(response) => {
                    visible += 1;
                    let page: Counted<Identified> = response.json()?;
                    let count = page
                        .size
                        .or_else(|| page.next.is_none().then_some(page.values.len() as u64));
                    total = total.zip(count).map(|(total, count)| total + count);
                }
                Err(error) => {
                    self.tolerate(&format!("the workspace {slug} cannot be read"), error)?;
                }
            }
        }
        self.found.repositories = total;
        if !self.session.config.workspaces.is_empty() && slugs.len() <= MOST_WORKSPACES {
            self.found.workspaces = Some(visible);
        }
        Ok(())
    }

    fn without_account(&mut self, credential_type: CredentialType) -> Result<()> {
        if credential_type == CredentialType::AccessToken {
            let request = workspaces::request().query("pagelen", "1");
            if let Err(error) = self.ask(&request) {
                let is_rejection = matches!(
                    error.kind,
                    ErrorKind::UNAUTHENTICATED
                        | ErrorKind::PERMISSION_DENIED
                        | ErrorKind::NOT_FOUND
                );
                let advice = "an access token can only be tried on something that it sees: name \
                     a repository, or its workspaces under `workspaces` in the configuration";
                return Err(if is_rejection {
                    error.in_context(advice)
                } else {
                    error
                });
            }
            return Ok(());
        }
        self.found
            .warnings
            .push("there is no credential, so only public repositories are visible".to_owned());
        Ok(())
    }

    fn repository(&mut self, repo: &RepositoryName) -> Result<()> {
        let request = Request::get(repo.path(&[])).fields("uuid,full_name");
        match self.ask(&request) {
            Ok(response) => response.json::<Identified>().map(drop),
            Err(error) if self.responded => {
                self.tolerate(&format!("the credential does not see {repo}"), error)
            }
            Err(error) => Err(error),
        }
    }

    fn conclude(mut self, has_account: bool) -> Connection {
        let found = &mut self.found;
        found.scopes_missing = scopes::missing(&found.scopes_granted, has_account);
        let known = |scopes: &[String]| {
            if scopes.is_empty() {
                "unknown".to_owned()
            } else {
                scopes.join(", ")
            }
        };
        let scopes = format!(
            "scopes granted: {}; lacking: {}",
            known(&found.scopes_granted),
            if found.scopes_granted.is_empty() {
                "unknown".to_owned()
            } else if found.scopes_missing.is_empty() {
                "none".to_owned()
            } else {
                found.scopes_missing.join(", ")
            }
        );
        if found.workspaces == Some(0) {
            found.warnings.push(format!(
                "the credential is accepted but sees no workspace; it may lack a scope or belong \
                 to an account without any ({scopes})"
            ));
        } else if found.repositories == Some(0) {
            found.warnings.push(format!(
                "the credential is accepted but sees no repository; it may lack a scope or belong \
                 to an account without any ({scopes})"
            ));
        } else if !found.scopes_missing.is_empty() {
            found.warnings.push(format!(
                "the credential lacks scopes that some operations need: {}",
                found.scopes_missing.join(", ")
            ));
        }
        found.rate_limit = self.session.http.gate().report(Instant::now());
        if found.rate_limit.near_limit {
            found
                .warnings
                .push("the service warns that its rate limit is near".to_owned());
        }
        if !self.scopes_accepted.is_empty() {
            found
                .extra
                .insert(keys::SCOPES_ACCEPTED, self.scopes_accepted.join(", "));
        }
        self.found
    }
}
