//! In which repositories of a workspace something happened, in one request for
//! each 100 that changed.
//!
//! The service keeps the time of the last push with each repository, so one
//! filtered list names those that were pushed to since the cursor. Every hour,
//! and with the first call, the whole workspace is listed instead: only that
//! shows which of the wanted repositories cannot be seen any more. Pull requests
//! do not show here.

use super::compare::OVERLAP_MS;
use super::cursor::{broken, pack, unpack};
use super::look::{moment, unreadable};
use crate::encoding;
use crate::http::Request;
use crate::json::{Item, pointer};
use crate::page_length::List;
use crate::pages::{ENVELOPE, Pager};
use crate::repository_name::workspace_segment;
use crate::session::Session;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vcs_provider_interface::prelude::*;

/// Stands before every cursor of this version.
const PREFIX: &str = "bbw1.";

/// How often the whole workspace is listed, in milliseconds.
const WHOLE_EVERY_MS: i64 = 60 * 60 * 1000;

/// What shows in the time of a repository's last change.
const KINDS: &[EventKind] = &[
    EventKind::REF_CREATED,
    EventKind::REF_UPDATED,
    EventKind::REF_DELETED,
    EventKind::REPOSITORY_UPDATED,
];

/// How far a workspace was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    #[serde(rename = "w")]
    workspace: String,
    /// The latest change seen, by the service's clock.
    #[serde(rename = "s")]
    since: i64,
    /// When the whole workspace was listed, by this machine's clock.
    #[serde(rename = "a")]
    whole_at: i64,
    /// Changes seen shortly before `since`: uuid and time. They come up again in
    /// the next call, which reads on from a little earlier.
    #[serde(rename = "r")]
    recent: BTreeMap<String, i64>,
}

/// A repository as it was listed.
struct Listed {
    id: String,
    fullname: String,
    changed_at: Option<i64>,
}

/// Finds the repositories of a workspace in which something happened.
///
/// # Errors
/// `InvalidInput` for a cursor that is broken or another workspace's; those of a
/// list.
pub(crate) fn poll(
    session: &Session,
    context: &dyn CallContext,
    request: PollRepositoriesRequest,
) -> Result<PolledRepositories> {
    let workspace = workspace_segment(&request.workspace)
        .map_err(|why| VcsError::new(ErrorKind::INVALID_INPUT, why))?;
    let before: Option<Cursor> = match request.cursor.as_deref() {
        Some(text) => Some(unpack(PREFIX, text)?),
        None => None,
    };
    if before
        .as_ref()
        .is_some_and(|cursor| cursor.workspace != workspace)
    {
        return Err(broken("it is another workspace's"));
    }
    let now = jiff::Timestamp::now().as_millisecond();
    let is_whole = before
        .as_ref()
        .is_none_or(|cursor| !(0..WHOLE_EVERY_MS).contains(&now.saturating_sub(cursor.whole_at)));
    let since = before
        .as_ref()
        .filter(|_| !is_whole)
        .map(|cursor| cursor.since);
    let (listed, requests) = list(session, context, &workspace, since)?;

    let not_seen = if is_whole {
        let is_listed = |name: &&String| !listed.iter().any(|repo| repo.is_called(name));
        request.repos.iter().filter(is_listed).cloned().collect()
    } else {
        Vec::new()
    };
    let changed = listed
        .iter()
        .filter(|repo| before.as_ref().is_some_and(|before| before.is_news(repo)))
        .filter(|repo| {
            request.repos.is_empty() || request.repos.iter().any(|name| repo.is_called(name))
        })
        .map(|repo| ChangedRepository {
            id: repo.id.clone(),
            fullname: repo.fullname.clone(),
            changed_at: repo.changed_at,
            ..Default::default()
        })
        .collect();
    let mut cursor = before.unwrap_or_else(|| Cursor {
        workspace,
        ..Cursor::default()
    });
    cursor.advance(&listed, now);
    if is_whole {
        cursor.whole_at = now;
    }
    Ok(PolledRepositories {
        changed,
        kinds: KINDS.to_vec(),
        not_seen,
        cursor: pack(PREFIX, &cursor)?,
        requests,
        ..Default::default()
    })
}

impl Listed {
    fn is_called(&self, name: &str) -> bool {
        self.fullname.eq_ignore_ascii_case(name) || self.id.eq_ignore_ascii_case(name)
    }
}

impl Cursor {
    /// Whether a repository changed since. One without a time cannot be told.
    fn is_news(&self, repo: &Listed) -> bool {
        repo.changed_at.is_none_or(|at| {
            at > self.since.saturating_sub(OVERLAP_MS) && self.recent.get(&repo.id) != Some(&at)
        })
    }

    /// Moves on to the latest change of the list; where there is none, to now.
    fn advance(&mut self, listed: &[Listed], now: i64) {
        let latest = listed.iter().filter_map(|repo| repo.changed_at).max();
        let fallback = if self.since == 0 { now } else { self.since };
        self.since = latest.map_or(fallback, |latest| latest.max(self.since));
        let changes = listed
            .iter()
            .filter_map(|repo| Some((repo.id.clone(), repo.changed_at?)));
        self.recent.extend(changes);
        let from = self.since.saturating_sub(OVERLAP_MS);
        self.recent.retain(|_, at| *at > from);
    }
}

/// The repositories that changed since, or all of them, and how many requests
/// they took.
fn list(
    session: &Session,
    context: &dyn CallContext,
    workspace: &str,
    since: Option<i64>,
) -> Result<(Vec<Listed>, u64)> {
    let request = Request::get(encoding::path(&["repositories", workspace])).fields(&format!(
        "values.uuid,values.full_name,values.updated_on,{ENVELOPE}"
    ));
    let request = match since {
        Some(since) => {
            let from = moment(since.saturating_sub(OVERLAP_MS))?;
            request
                .query("q", &format!("updated_on > {from}"))
                .query("sort", "updated_on")
        }
        None => request.query("sort", "full_name"),
    };
    let mut listed = Vec::new();
    let mut pages = 0;
    Pager::new(&session.http, context, List::Repositories, request).each(
        &mut |items: Vec<Item>, _| {
            pages += 1;
            for item in &items {
                let text = |name: &str| pointer::text(&item.value, name).map(str::to_owned);
                listed.push(Listed {
                    id: text("/uuid").ok_or_else(|| unreadable("uuid"))?,
                    fullname: text("/full_name").ok_or_else(|| unreadable("full_name"))?,
                    changed_at: pointer::time(&item.value, "/updated_on"),
                });
            }
            Ok(Flow::CONTINUE)
        },
    )?;
    // An empty page is not shown, but was asked for.
    Ok((listed, pages.max(1)))
}
