//! Commits and ranges of commits.
//!
//! | method | sent | repeated | special errors |
//! |---|---|---|---|
//! | `commit` | the commit by its hash; a full one that is not there yet for some seconds | all | `InvalidInput` if that is not a hash |
//! | `commits`, `commits_between_refs` | each end is resolved to a hash (none for a full hash), then `commits?include=…&exclude=…`, pages of 100 by links, which have no numbers | all | `NotFound` with the name of the end |
//!
//! Names are resolved because a branch name with a slash is ambiguous there. For
//! a branch without one the list begins while its name is resolved, and counts if
//! it begins with the commit that the name stands for: so the list takes one
//! request more than it has pages, and no time more. Where the service no longer has the commit to leave out (after a
//! forced push), the list is read without it.

use crate::api::{branches, refs};
use crate::http::{Request, Response};
use crate::json::{Commit as WireCommit, CommitRef, commit_fields, is_full_hash, is_hash};
use crate::page_length::List;
use crate::pages::Pager;
use crate::repository_name::RepositoryName;
use crate::session::Session;
use serde::Deserialize;
use std::thread;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::PageFn;

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
    let lookup = Request::get(path).fields(commit_fields!(""));
    // A short hash comes from a person and not from an event.
    let response = if is_full_hash(&request.hash) {
        session.http.send_for_commit(context, &lookup)?
    } else {
        session.http.send(context, &lookup)?
    };
    Ok(response.json::<WireCommit>()?.into_record())
}

pub(crate) fn list(
    session: &Session,
    context: &dyn CallContext,
    request: CommitsRequest,
    sink: &mut dyn PageSink<Commit>,
) -> Result<()> {
    let repo = RepositoryName::parse(&request.repo)?;
    let exclude = match request.since.as_deref() {
        Some(since) => Some(refs::resolve(session, context, &repo, since)?),
        None => None,
    };
    if let Some(until) = request.until.as_deref() {
        let range = Range {
            include: refs::resolve(session, context, &repo, until)?,
            exclude,
            limit: request.limit,
        };
        return range.push(session, context, &repo, None, sink);
    }
    let branch = request.branch.as_deref();
    let (include, first) =
        begin_at_branch(session, context, &repo, branch, &exclude, request.limit)?;
    let range = Range {
        include,
        exclude,
        limit: request.limit,
    };
    range.push(session, context, &repo, first, sink)
}

/// The name of the main branch of most repositories.
const USUAL_MAIN_BRANCH: &str = "main";

/// The last commit of a branch, or of the main branch, and with it the first
/// page of its commits. Both are asked for at once: the list by the branch's
/// name, which counts only if it begins with the commit that the name stands
/// for. Otherwise, and where the name could be taken for something else, there
/// is no page.
fn begin_at_branch(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    branch: Option<&str>,
    exclude: &Option<String>,
    limit: Option<u64>,
) -> Result<(String, Option<Response>)> {
    let cached = session.cached_main_branch(context, repo).flatten();
    let name = match branch {
        Some(branch) => Some(branches::checked_name(branch)?),
        None => cached.as_deref(),
    };
    let head = || match (branch, name) {
        // As it is given: its name may be one that looks like a full one.
        (Some(_), _) => refs::branch_head(session, context, repo, branch),
        (None, Some(_)) => refs::branch_head(session, context, repo, None),
        (None, None) => refs::main_head(session, context, repo),
    };
    let guess = name.unwrap_or(USUAL_MAIN_BRANCH);
    // A name with a slash is read as revision and path, a hexadecimal one as a hash.
    let is_plain = !guess.contains('/') && !is_hash(guess);
    if !is_plain || limit == Some(0) || session.http.limits().parallel < 2 {
        return Ok((head()?, None));
    }
    let by_name = Range {
        include: guess.to_owned(),
        exclude: exclude.clone(),
        limit,
    };
    let (head, first) = thread::scope(|scope| {
        let head = scope.spawn(head);
        let first = by_name
            .pager(session, context, repo, exclude.as_deref())
            .first_page();
        let head = head.join().map_err(|_| {
            VcsError::new(ErrorKind::INTERNAL, "asking for the last commit panicked")
        })?;
        // Whatever is wrong with the page is told when it is asked for by hash.
        Ok::<_, VcsError>((head?, first.ok().flatten()))
    })?;
    let first = first.filter(|page| begins_with(page, &head));
    Ok((head, first))
}

fn begins_with(page: &Response, hash: &str) -> bool {
    #[derive(Deserialize)]
    struct Begin {
        values: Vec<CommitRef>,
    }
    page.json::<Begin>().is_ok_and(|page| {
        page.values
            .first()
            .and_then(|commit| commit.hash.as_deref())
            .is_some_and(|first| first.eq_ignore_ascii_case(hash))
    })
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
    range.push(session, context, &repo, None, sink)
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
    /// Pushes the commits, newest first; the first page may be here already.
    ///
    /// # Errors
    /// Those of a list.
    pub(crate) fn push(
        &self,
        session: &Session,
        context: &dyn CallContext,
        repo: &RepositoryName,
        first_page: Option<Response>,
        sink: &mut dyn PageSink<Commit>,
    ) -> Result<()> {
        let mut pushed = false;
        let first = self
            .pager(session, context, repo, self.exclude.as_deref())
            .begin_with(first_page)
            .push(
                &mut PageFn(|items, total| {
                    pushed = true;
                    sink.page(items, total)
                }),
                |commit: WireCommit| Ok(commit.into_record()),
            )
            .map(drop);
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
        self.pager(session, context, repo, exclude).each(
            &mut |commits: Vec<WireCommit>, total| {
                page(
                    commits.into_iter().map(WireCommit::into_record).collect(),
                    total,
                )
            },
        )?;
        Ok(())
    }

    fn pager<'a>(
        &self,
        session: &'a Session,
        context: &'a dyn CallContext,
        repo: &RepositoryName,
        exclude: Option<&str>,
    ) -> Pager<'a> {
        let mut request = Request::get(repo.path(&["commits"])).query("include", &self.include);
        if let Some(exclude) = exclude {
            request = request.query("exclude", exclude);
        }
        // The order is that of the history and cannot be chosen.
        let request = request.fields(concat!(
            commit_fields!("values."),
            ",next,size,page,pagelen"
        ));
        Pager::new(&session.http, context, List::Commits, request).limit(self.limit)
    }
}
