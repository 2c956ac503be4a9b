//! The requests of a poll, counted.

use super::compare::OVERLAP_MS;
use super::cursor::RefsAt;
use crate::api::pull_requests::states_filter;
use crate::http::Request;
use crate::json::{
    self, Item, Json, StrictJson, event_repository, listed_pull_request_fields, pointer,
};
use crate::page_length::{List, longest_page};
use crate::pages::{ENVELOPE, Pager};
use crate::repository_name::RepositoryName;
use crate::session::Session;
use vcs_provider_interface::prelude::*;

/// Looks at a repository and counts the requests.
pub(super) struct Look<'a> {
    session: &'a Session,
    context: &'a dyn CallContext,
    repo: &'a RepositoryName,
    pub(super) requests: u64,
}

impl<'a> Look<'a> {
    pub(super) fn new(
        session: &'a Session,
        context: &'a dyn CallContext,
        repo: &'a RepositoryName,
    ) -> Self {
        Self {
            session,
            context,
            repo,
            requests: 0,
        }
    }

    fn json(&mut self, request: &Request) -> Result<Json<'static>> {
        self.requests += 1;
        Ok(self
            .session
            .http
            .json::<StrictJson>(self.context, request)?
            .0)
    }

    /// Reads a list and counts its pages. Returns how many they were.
    fn each(
        &mut self,
        list: List,
        limit: Option<u64>,
        request: Request,
        visit: &mut dyn FnMut(Vec<Item>) -> Result<()>,
    ) -> Result<u64> {
        let mut pages = 0;
        Pager::new(&self.session.http, self.context, list, request)
            .limit(limit)
            .each(&mut |items: Vec<Item>, _| {
                pages += 1;
                visit(items)?;
                Ok(Flow::CONTINUE)
            })?;
        // An empty page is not shown, but was asked for.
        self.requests += pages.max(1);
        Ok(pages)
    }

    /// The repository as it is called now.
    pub(super) fn repository(&mut self) -> Result<EventRepository> {
        let request =
            Request::get(self.repo.path(&[])).fields("uuid,full_name,name,links.html.href");
        let value = self.json(&request)?;
        event_repository(&value)
            .filter(|repo| !repo.id.is_empty())
            .ok_or_else(|| {
                VcsError::new(
                    ErrorKind::INVALID_RESPONSE,
                    "the service responded with a repository without uuid",
                )
            })
    }

    /// All branches and tags, and how many pages they took.
    pub(super) fn refs(&mut self) -> Result<(RefsAt, u64)> {
        let fields = format!("values.type,values.name,values.target.hash,{ENVELOPE}");
        let request = Request::get(self.repo.path(&["refs"]))
            .fields(&fields)
            .query("sort", "name");
        let mut refs = RefsAt::default();
        let pages = self.each(List::Branches, None, request, &mut |items| {
            for item in &items {
                let name = pointer::text(&item.value, "/name").ok_or_else(|| unreadable("name"))?;
                let Some(hash) = target_hash(&item.value)? else {
                    continue;
                };
                let kind = match pointer::text(&item.value, "/type") {
                    Some("tag") => RefKind::TAG,
                    _ => RefKind::BRANCH,
                };
                refs.of_kind_mut(kind).insert(name.to_owned(), hash);
            }
            Ok(())
        })?;
        Ok((refs, pages))
    }

    /// The hash of one ref; `None` if it is gone.
    pub(super) fn one_ref(&mut self, kind: RefKind, name: &str) -> Result<Option<String>> {
        let directory = if kind == RefKind::TAG {
            "tags"
        } else {
            "branches"
        };
        let request =
            Request::get(self.repo.path(&["refs", directory, name])).fields("target.hash");
        match self.json(&request) {
            Ok(value) => target_hash(&value),
            Err(error) if error.kind == ErrorKind::NOT_FOUND => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the old commit of a moved branch is no ancestor of the new one:
    /// then there is a commit that the old one has and the new one has not.
    pub(super) fn is_forced(&mut self, change: &RefChange) -> Result<bool> {
        let (Some(old), Some(new)) = (&change.old_hash, &change.new_hash) else {
            return Ok(false);
        };
        let request = Request::get(self.repo.path(&["commits"]))
            .query("include", old)
            .query("exclude", new)
            .query("pagelen", "1")
            .fields("values.hash");
        match self.json(&request) {
            Ok(page) => match page.get("values") {
                Some(Json::List(commits)) => Ok(!commits.is_empty()),
                _ => Err(unreadable("values")),
            },
            // A commit that is gone is no ancestor of one that is there.
            Err(error) if error.kind == ErrorKind::NOT_FOUND => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// All open pull requests.
    pub(super) fn open(&mut self) -> Result<Vec<PullRequest>> {
        let request = self
            .pull_requests()
            .query("state", "OPEN")
            .query("sort", "created_on")
            .fields(&format!(
                "values.id,values.state,values.created_on,values.updated_on,\
                 values.source.commit.hash,{ENVELOPE}"
            ));
        self.read_pull_requests(None, request)
    }

    /// The pull requests of any state that changed last.
    pub(super) fn latest(&mut self) -> Result<Vec<PullRequest>> {
        let request = self
            .pull_requests()
            .query("q", &states_filter(&[])?)
            .query("sort", "-updated_on")
            .fields(&format!(
                "values.id,values.state,values.created_on,values.updated_on,\
                 values.source.commit.hash,{ENVELOPE}"
            ));
        self.read_pull_requests(Some(longest_page(List::PullRequests)), request)
    }

    /// The pull requests of any state that changed since, oldest change first.
    pub(super) fn changed_since(&mut self, since: Option<i64>) -> Result<Vec<PullRequest>> {
        let mut filter = states_filter(&[])?;
        if let Some(since) = since {
            filter.push_str(&format!(
                " AND updated_on >= {}",
                moment(since.saturating_sub(OVERLAP_MS))?
            ));
        }
        let request = self
            .pull_requests()
            .query("q", &filter)
            .query("sort", "updated_on")
            .fields(&listed_pull_request_fields());
        self.read_pull_requests(None, request)
    }

    fn pull_requests(&self) -> Request {
        Request::get(self.repo.path(&["pullrequests"]))
    }

    fn read_pull_requests(
        &mut self,
        limit: Option<u64>,
        request: Request,
    ) -> Result<Vec<PullRequest>> {
        let mut found = Vec::new();
        self.each(List::PullRequests, limit, request, &mut |items| {
            for item in items {
                let read = json::pull_request(&item.value).ok_or_else(|| unreadable("id"))?;
                found.push(read);
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// The hash that a ref points at; `None` for one that points at no commit.
/// What cannot be read is an error: it would be taken for a ref that is gone.
fn target_hash(value: &Json<'_>) -> Result<Option<String>> {
    match value.get("target") {
        Some(Json::Null) => Ok(None),
        _ => pointer::text(value, "/target/hash")
            .map(|hash| Some(hash.to_owned()))
            .ok_or_else(|| unreadable("target.hash")),
    }
}

/// The error of an item of a list without a field that it needs.
pub(super) fn unreadable(field: &str) -> VcsError {
    VcsError::new(
        ErrorKind::INVALID_RESPONSE,
        format!("the service responded with an item of a list without {field}"),
    )
}

/// A time as Bitbucket's query language writes it.
pub(super) fn moment(milliseconds: i64) -> Result<String> {
    let time = jiff::Timestamp::from_millisecond(milliseconds).map_err(|_| {
        VcsError::new(
            ErrorKind::INVALID_INPUT,
            "the cursor cannot be used: its time cannot be read; begin again without a cursor",
        )
    })?;
    Ok(format!("{time:.3}").replace('Z', "+00:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_the_query_language_wants_it() {
        assert_eq!(
            moment(1_738_555_506_789).as_deref(),
            Ok("2025-02-03T04:05:06.789+00:00")
        );
        assert_eq!(
            moment(1_738_555_506_000).as_deref(),
            Ok("2025-02-03T04:05:06.000+00:00")
        );
        assert!(moment(i64::MAX).is_err());
    }
}
