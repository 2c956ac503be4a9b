//! A client with one token.

use crate::config::Config;
use crate::http::{Http, check, invalid, project, segment};
use crate::{hooks, json, poll};
use serde_json::{Value, json};
use std::sync::Arc;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

pub(crate) struct Client {
    pub(crate) config: Arc<Config>,
    pub(crate) http: Http,
}

/// An empty name would ask for the list.
fn named(what: &str, name: &str) -> Result<String> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!("{name:?} is no name of a {what}"),
        ));
    }
    Ok(segment(name))
}

fn hash(text: &str) -> Result<&str> {
    let is_hash = (4..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then_some(text).ok_or_else(|| {
        VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!("{text:?} is no hash of a commit"),
        )
    })
}

/// Pushes what was collected, for orders that the service does not have.
fn push_all<T>(
    context: &dyn CallContext,
    mut items: Vec<T>,
    limit: Option<u64>,
    sink: &mut dyn PageSink<T>,
) -> Result<()> {
    check(context)?;
    let total = items.len() as u64;
    let most = limit.and_then(|limit| usize::try_from(limit).ok());
    items.truncate(most.unwrap_or(usize::MAX));
    while !items.is_empty() {
        check(context)?;
        let rest = items.split_off(items.len().min(100));
        if sink.page(std::mem::replace(&mut items, rest), Some(total))? == Flow::STOP {
            break;
        }
    }
    Ok(())
}

impl Client {
    fn main_branch(&self, context: &dyn CallContext, repo: &str) -> Result<String> {
        let found = json::repository(&self.http.get(context, &project(repo)?)?)?;
        found.default_branch.ok_or_else(|| {
            VcsError::new(
                ErrorKind::NOT_FOUND,
                format!("{repo} is empty and has no main branch"),
            )
        })
    }

    /// The project must be there, since an empty list says nothing of it.
    fn is_empty(&self, context: &dyn CallContext, repo: &str) -> Result<bool> {
        let found = self.http.get(context, &project(repo)?)?;
        Ok(found["empty_repo"] == true)
    }
}

impl AuthorizedClient for Client {
    fn repos(
        &self,
        context: &dyn CallContext,
        request: RepositoriesRequest,
        sink: &mut dyn PageSink<Repository>,
    ) -> Result<()> {
        let mut path = match &request.workspace {
            Some(group) => format!(
                "/api/v4/groups/{}/projects?include_subgroups=true",
                named("group", group)?
            ),
            None => "/api/v4/projects?membership=true".to_owned(),
        };
        // By keyset: the pages of a long list do not shift under the reader.
        path.push_str("&pagination=keyset&order_by=id&sort=asc");
        if let Some(text) = request.filter.filter(|text| !text.is_empty()) {
            path.push_str(&format!("&search={}", segment(&text)));
        }
        self.http
            .list(context, &path, request.limit, sink, json::repository)
    }

    fn branches(
        &self,
        context: &dyn CallContext,
        request: BranchesRequest,
        sink: &mut dyn PageSink<Branch>,
    ) -> Result<()> {
        let mut path = format!("{}/repository/branches?", project(&request.repo)?);
        path.push_str(match request.sort {
            BranchSort::LATEST_FIRST => "sort=updated_desc",
            _ => "sort=name_asc",
        });
        if let Some(text) = request.filter.filter(|text| !text.is_empty()) {
            path.push_str(&format!("&search={}", segment(&text)));
        }
        if request.sort == BranchSort::NAME_DESCENDING {
            // GitLab has no such order.
            let mut all = collect(|sink| self.http.list(context, &path, None, sink, json::branch))?;
            all.reverse();
            return push_all(context, all, request.limit, sink);
        }
        self.http
            .list(context, &path, request.limit, sink, json::branch)
    }

    fn tags(
        &self,
        context: &dyn CallContext,
        request: TagsRequest,
        sink: &mut dyn PageSink<Tag>,
    ) -> Result<()> {
        let mut path = format!(
            "{}/repository/tags?order_by=name&sort=asc",
            project(&request.repo)?
        );
        if let Some(text) = request.filter.filter(|text| !text.is_empty()) {
            path.push_str(&format!("&search={}", segment(&text)));
        }
        self.http
            .list(context, &path, request.limit, sink, json::tag)
    }

    fn commits(
        &self,
        context: &dyn CallContext,
        request: CommitsRequest,
        sink: &mut dyn PageSink<Commit>,
    ) -> Result<()> {
        let path = project(&request.repo)?;
        let start = match (&request.until, &request.branch) {
            (Some(until), _) => until.clone(),
            (None, Some(branch)) => {
                let found = self.branch(
                    context,
                    BranchRequest {
                        repo: request.repo.clone(),
                        name: Some(branch.clone()),
                        ..BranchRequest::default()
                    },
                )?;
                found.latest_commit
            }
            (None, None) if self.is_empty(context, &request.repo)? => return Ok(()),
            (None, None) => self.main_branch(context, &request.repo)?,
        };
        let range = match &request.since {
            Some(since) => format!("{since}..{start}"),
            None => start,
        };
        let path = format!(
            "{path}/repository/commits?ref_name={}",
            named("ref", &range)?
        );
        self.http
            .list(context, &path, request.limit, sink, json::commit)
    }

    fn pull_requests(
        &self,
        context: &dyn CallContext,
        request: PullRequestsRequest,
        sink: &mut dyn PageSink<PullRequest>,
    ) -> Result<()> {
        let repo = request.repo;
        let mut path = format!("{}/merge_requests?", project(&repo)?);
        path.push_str(match request.states.as_slice() {
            [PullRequestState::OPEN] => "state=opened",
            [PullRequestState::MERGED] => "state=merged",
            [PullRequestState::DECLINED] => "state=closed",
            _ => "state=all",
        });
        for (key, value) in [
            ("source_branch", request.source_branch),
            ("target_branch", request.destination_branch),
        ] {
            if let Some(value) = value {
                path.push_str(&format!("&{key}={}", segment(&value)));
            }
        }
        let read = |value: &Value| json::merge_request(value, &repo);
        if request.states.len() < 2 {
            return self.http.list(context, &path, request.limit, sink, read);
        }
        let mut found = collect(|sink| self.http.list(context, &path, None, sink, read))?;
        found.retain(|one| request.states.contains(&one.state));
        push_all(context, found, request.limit, sink)
    }

    fn list_statuses(
        &self,
        context: &dyn CallContext,
        request: StatusesRequest,
        sink: &mut dyn PageSink<Status>,
    ) -> Result<()> {
        let path = format!(
            "{}/repository/commits/{}/statuses?all=false",
            project(&request.repo)?,
            hash(&request.commit)?
        );
        self.http
            .list(context, &path, request.limit, sink, json::status)
    }

    fn hooks(
        &self,
        context: &dyn CallContext,
        request: HooksRequest,
        sink: &mut dyn PageSink<Hook>,
    ) -> Result<()> {
        let path = format!("{}/hooks?", project(&request.repo)?);
        self.http
            .list(context, &path, request.limit, sink, hooks::read)
    }

    fn repo_by_fullname(
        &self,
        context: &dyn CallContext,
        request: RepositoryRequest,
    ) -> Result<Repository> {
        json::repository(&self.http.get(context, &project(&request.repo)?)?)
    }

    fn branch(&self, context: &dyn CallContext, request: BranchRequest) -> Result<Branch> {
        let name = match request.name {
            Some(name) => name,
            None => self.main_branch(context, &request.repo)?,
        };
        let path = format!(
            "{}/repository/branches/{}",
            project(&request.repo)?,
            named("branch", &name)?
        );
        json::branch(&self.http.get(context, &path)?)
    }

    fn commit(&self, context: &dyn CallContext, request: CommitRequest) -> Result<Commit> {
        let path = format!(
            "{}/repository/commits/{}",
            project(&request.repo)?,
            hash(&request.hash)?
        );
        json::commit(&self.http.get(context, &path)?)
    }

    fn pull_request(
        &self,
        context: &dyn CallContext,
        request: PullRequestRequest,
    ) -> Result<PullRequest> {
        let path = format!("{}/merge_requests/{}", project(&request.repo)?, request.id);
        json::merge_request(&self.http.get(context, &path)?, &request.repo)
    }

    fn create_hook(&self, context: &dyn CallContext, request: HookRequest) -> Result<Hook> {
        hooks::create(&self.http, context, &request)
    }

    fn get_hook(&self, context: &dyn CallContext, request: GetHookRequest) -> Result<Hook> {
        hooks::get(&self.http, context, &request)
    }

    fn delete_hook(&self, context: &dyn CallContext, request: DeleteHookRequest) -> Result<Done> {
        hooks::delete(&self.http, context, &request)
    }

    fn reconcile_hook(&self, context: &dyn CallContext, request: HookRequest) -> Result<Hook> {
        hooks::reconcile(&self.http, context, &request)
    }

    fn poll_events(
        &self,
        context: &dyn CallContext,
        request: PollEventsRequest,
    ) -> Result<PolledEvents> {
        let wanted = BranchesRequest {
            repo: request.repo.clone(),
            ..BranchesRequest::default()
        };
        let branches = collect(|sink| self.branches(context, wanted, sink))?;
        poll::compare(branches, &request)
    }

    fn set_status(&self, context: &dyn CallContext, request: StatusRequest) -> Result<Status> {
        let path = format!(
            "{}/statuses/{}",
            project(&request.repo)?,
            hash(&request.commit)?
        );
        let mut body = json!({
            "state": json::service_state(request.state)?,
            "name": request.key,
            "description": request.description.chars().take(255).collect::<String>(),
        });
        if !request.hide_url && !request.url.is_empty() {
            body["target_url"] = json!(request.url);
        }
        if let Some(name) = request.ref_name {
            body["ref"] = json!(name);
        }
        json::status(&self.http.send(context, "POST", &path, Some(&body))?.0)
    }

    fn checkout_credentials(
        &self,
        context: &dyn CallContext,
        request: CheckoutRequest,
    ) -> Result<CheckoutCredentials> {
        let found = json::repository(&self.http.get(context, &project(&request.repo)?)?)?;
        if !found.http_url.starts_with(&format!("{}/", self.config.url)) {
            return Err(invalid("it names a clone address at another place"));
        }
        Ok(CheckoutCredentials {
            http_url: found.http_url,
            ssh_url: found.ssh_url,
            // Takes every kind of token.
            username: self.http.token().map(|_| "oauth2".to_owned()),
            secret: self.http.token().cloned(),
            fetch_refs: request
                .pull_request
                .map(|id| format!("refs/merge-requests/{id}/head"))
                .into_iter()
                .collect(),
            ..CheckoutCredentials::default()
        })
    }

    fn check_connection(
        &self,
        context: &dyn CallContext,
        request: ConnectionRequest,
    ) -> Result<Connection> {
        let user = self.http.get(context, "/api/v4/user")?;
        if let Some(repo) = &request.repo {
            self.http.get(context, &project(repo)?)?;
        }
        Ok(Connection {
            account: Some(json::account(&user)),
            credential: "token".to_owned(),
            ..Connection::default()
        })
    }
}
