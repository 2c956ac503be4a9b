//! Commits and ranges of commits.
//!
//! | method | sent | repeated | special errors |
//! |---|---|---|---|
//! | `commit` | the commit by its hash | all | `InvalidInput` if that is not a hash |
//! | `commits`, `commits_between_refs` | each end is resolved to a hash (none for a full hash), then `commits?include=…&exclude=…`, pages of 100 by links, which have no numbers | all | `NotFound` with the name of the end |
//!
//! Names are resolved first because a branch name with a slash is ambiguous
//! there. Where the service no longer has the commit to leave out (after a
//! forced push), the list is read without it.

use crate::api::refs;
use crate::http::Request;
use crate::json::{Commit as WireCommit, commit_fields, is_hash};
use crate::page_length::List;
use crate::pages::Pager;
use crate::repository_name::RepositoryName;
use crate::session::Session;
use vcs_provider_interface::prelude::*;

pub(crate) fn get(
    session: &Session,
    context: &dyn CallContext,
    request: CommitRequest,
) -> Result<Commit> {
    let repo = RepositoryName::parse(&request.repo)?;
    if !is_hash(&request.hash) {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!("`{}` is not the hash of a commit", request.hash),
        ));
    }
    let path = repo.path(&["commit", &request.hash]);
    let commit: WireCommit = session
        .http
        .json(context, &Request::get(path).fields(commit_fields!("")))?;
    Ok(commit.into_record())
}

pub(crate) fn list(
    session: &Session,
    context: &dyn CallContext,
    request: CommitsRequest,
    sink: &mut dyn PageSink<Commit>,
) -> Result<()> {
    let repo = RepositoryName::parse(&request.repo)?;
    let include = match request.until.as_deref() {
        Some(until) => refs::resolve(session, context, &repo, until)?,
        None => refs::branch_head(session, context, &repo, request.branch.as_deref())?,
    };
    let exclude = match request.since.as_deref() {
        Some(since) => Some(refs::resolve(session, context, &repo, since)?),
        None => None,
    };
    let range = Range {
        include,
        exclude,
        limit: request.limit,
    };
    range.push(session, context, &repo, sink)
}

pub(crate) fn list_between(
    session: &Session,
    context: &dyn CallContext,
    request: CommitsBetweenRefsRequest,
    sink: &mut dyn PageSink<Commit>,
) -> Result<()> {
    let repo = RepositoryName::parse(&request.repo)?;
    let range = Range {
        include: refs::resolve(session, context, &repo, &request.head)?,
        exclude: Some(refs::resolve(session, context, &repo, &request.base)?),
        limit: request.limit,
    };
    range.push(session, context, &repo, sink)
}

/// Commits that can be reached from one and not from another.
pub(crate) struct Range {
    /// A full hash.
    pub(crate) include: String,
    /// A full hash; one that the repository no longer has is ignored.
    pub(crate) exclude: Option<String>,
    pub(crate) limit: Option<u64>,
}

impl Range {
    /// Pushes the commits, newest first.
    ///
    /// # Errors
    /// Those of a list.
    pub(crate) fn push(
        &self,
        session: &Session,
        context: &dyn CallContext,
        repo: &RepositoryName,
        sink: &mut dyn PageSink<Commit>,
    ) -> Result<()> {
        let mut pushed = false;
        let first = self.push_without(
            session,
            context,
            repo,
            self.exclude.as_deref(),
            &mut |items, total| {
                pushed = true;
                sink.page(items, total)
            },
        );
        match first {
            Err(error) if !pushed && self.lost_exclude(&error) => {
                session.http.log().info(
                    "commits",
                    format!("{repo} no longer has the commit that was to be left out; listing without it"),
                );
                self.push_without(session, context, repo, None, &mut |items, total| {
                    sink.page(items, total)
                })
            }
            other => other,
        }
    }

    /// Whether the service says that it no longer has the commit that is left out.
    pub(crate) fn lost_exclude(&self, error: &VcsError) -> bool {
        let Some(exclude) = &self.exclude else {
            return false;
        };
        let unknown = error
            .extra
            .iter()
            .find(|(key, _)| key == "unknown_hashes")
            .map(|(_, hashes)| hashes.split(','));
        let mut names_exclude = false;
        for hash in unknown.into_iter().flatten() {
            if hash.eq_ignore_ascii_case(&self.include) {
                return false;
            }
            names_exclude |= hash.eq_ignore_ascii_case(exclude);
        }
        names_exclude && error.kind == ErrorKind::NOT_FOUND
    }

    /// Pushes the commits without those that can be reached from `exclude`.
    ///
    /// # Errors
    /// Those of a list; `NotFound` if one of the two is not there.
    pub(crate) fn push_without(
        &self,
        session: &Session,
        context: &dyn CallContext,
        repo: &RepositoryName,
        exclude: Option<&str>,
        page: &mut dyn FnMut(Vec<Commit>, Option<u64>) -> Result<Flow>,
    ) -> Result<()> {
        let mut request = Request::get(repo.path(&["commits"])).query("include", &self.include);
        if let Some(exclude) = exclude {
            request = request.query("exclude", exclude);
        }
        // The order is that of the history and cannot be chosen.
        let request = request.fields(concat!(
            commit_fields!("values."),
            ",next,size,page,pagelen"
        ));
        Pager::new(&session.http, context, List::Commits, request)
            .limit(self.limit)
            .each(&mut |commits: Vec<WireCommit>, total| {
                page(
                    commits.into_iter().map(WireCommit::into_record).collect(),
                    total,
                )
            })?;
        Ok(())
    }
}
