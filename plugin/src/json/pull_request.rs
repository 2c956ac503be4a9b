//! Pull requests.

use super::tree::Json;
use super::{account, hash_at, pointer};
use crate::json::account_fields;
use crate::pages::ENVELOPE;
use ureq::http::Uri;
use vcs_provider_interface::prelude::*;

/// The fields of `fields=` that [`pull_request`] reads of an item of a list.
/// Lists have reviewers only where they are asked for by name.
pub(crate) fn listed_pull_request_fields() -> String {
    let mut fields: Vec<String> = [
        "id",
        "title",
        "description",
        "summary.raw",
        "state",
        "draft",
        "reason",
        "merge_commit.hash",
        "created_on",
        "updated_on",
        "links.html.href",
    ]
    .map(|field| format!("values.{field}"))
    .to_vec();
    fields.push(account_fields!("values.author.").to_owned());
    fields.push(account_fields!("values.reviewers.").to_owned());
    for side in ["source", "destination"] {
        for field in [
            "branch.name",
            "commit.hash",
            "repository.uuid",
            "repository.full_name",
            "repository.links.html.href",
        ] {
            fields.push(format!("values.{side}.{field}"));
        }
    }
    fields.push(ENVELOPE.to_owned());
    fields.join(",")
}

/// Reads a pull request. `None` without a number.
///
/// Hashes stay as short as they are given (Bitbucket Cloud: 12 characters).
/// The source repository, either commit and the author may be null; the pull
/// request is kept. The extra facts are `head_repo_id`, `base_repo_id`, `fork`
/// (whether the source is another repository) and `reason`.
pub(crate) fn pull_request(value: &Json<'_>) -> Option<PullRequest> {
    let id = pointer::number(value, "/id")?;
    let state = state(pointer::text(value, "/state").unwrap_or_default());
    Some(PullRequest {
        id,
        url: pointer::text_or_empty(value, "/links/html/href"),
        title: pointer::text_or_empty(value, "/title"),
        description: pointer::text(value, "/description")
            .or_else(|| pointer::text(value, "/summary/raw"))
            .unwrap_or_default()
            .to_owned(),
        user: value.get("author").and_then(account),
        head: end(value.get("source")),
        base: end(value.get("destination")),
        state,
        merged: state == PullRequestState::MERGED,
        closed: state != PullRequestState::OPEN,
        merge_commit: hash_at(value, "/merge_commit/hash").map(str::to_owned),
        draft: pointer::flag(value, "/draft"),
        reviewers: pointer::items(value, "/reviewers")
            .iter()
            .filter_map(account)
            .collect(),
        created: pointer::time(value, "/created_on"),
        updated: pointer::time(value, "/updated_on"),
        extra: facts(value),
        ..Default::default()
    })
}

/// A state that this provider does not know: neither open nor merged, so that
/// nothing is built or merged because of it. The word is the fact `state`.
const UNKNOWN_STATE: PullRequestState = PullRequestState::from_number(u16::MAX);

fn state(word: &str) -> PullRequestState {
    match word.to_ascii_uppercase().as_str() {
        "MERGED" | "FULFILLED" => PullRequestState::MERGED,
        "DECLINED" | "REJECTED" => PullRequestState::DECLINED,
        "SUPERSEDED" => PullRequestState::SUPERSEDED,
        // Old deliveries leave it out.
        "OPEN" | "" => PullRequestState::OPEN,
        _ => UNKNOWN_STATE,
    }
}

fn end(value: Option<&Json<'_>>) -> PullRequestEnd {
    let Some(value) = value else {
        return PullRequestEnd::default();
    };
    let name = pointer::text_or_empty(value, "/branch/name");
    PullRequestEnd {
        repo: pointer::text(value, "/repository/full_name").map(str::to_owned),
        branch: Branch {
            id: if name.is_empty() {
                String::new()
            } else {
                format!("refs/heads/{name}")
            },
            display_id: name,
            latest_commit: hash_at(value, "/commit/hash")
                .unwrap_or_default()
                .to_owned(),
            parents: Vec::new(),
            ..Default::default()
        },
        clone_url: clone_url(value).unwrap_or_default(),
        ..Default::default()
    }
}

/// The repository of a pull request has no clone links; on Bitbucket Cloud the
/// clone address is that of the web page with `.git`.
fn clone_url(end: &Json<'_>) -> Option<String> {
    let page: Uri = pointer::text(end, "/repository/links/html/href")?
        .parse()
        .ok()?;
    let (scheme, authority) = (page.scheme_str()?, page.authority()?.as_str());
    let host = authority.rsplit('@').next()?;
    let path = page.path().trim_end_matches('/');
    Some(format!("{scheme}://{host}{path}.git"))
}

fn facts(value: &Json<'_>) -> Extra {
    let head = pointer::text(value, "/source/repository/uuid");
    let base = pointer::text(value, "/destination/repository/uuid");
    let mut extra = Extra::new();
    if let Some(head) = head {
        extra.insert("head_repo_id", head.to_owned());
    }
    if let Some(base) = base {
        extra.insert("base_repo_id", base.to_owned());
    }
    if let Some(fork) = is_from_fork(value) {
        extra.insert("fork", fork.to_string());
    }
    if let Some(word) = pointer::text(value, "/state").filter(|word| state(word) == UNKNOWN_STATE) {
        extra.insert("state", word);
    }
    if let Some(reason) = pointer::text(value, "/reason") {
        extra.insert("reason", reason.to_owned());
    }
    extra
}

/// Whether the source is another repository than the destination. A source
/// without repository is a fork that was deleted: without its destination
/// there would be no pull request.
fn is_from_fork(value: &Json<'_>) -> Option<bool> {
    if value
        .pointer("/source/repository")
        .is_some_and(Json::is_null)
    {
        return Some(true);
    }
    let side = |pointer: &str| pointer::text(value, pointer).map(str::to_ascii_lowercase);
    let differ = |head: Option<String>, base: Option<String>| Some(head? != base?);
    differ(
        side("/source/repository/uuid"),
        side("/destination/repository/uuid"),
    )
    .or_else(|| {
        differ(
            side("/source/repository/full_name"),
            side("/destination/repository/full_name"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tree as json;

    /// Situation `deleted-forks-and-accounts`.
    #[test]
    fn a_pull_request_of_a_deleted_fork_and_account_is_kept() {
        let read = pull_request(&json!({
            "id": 5, "title": "Old", "state": "OPEN", "author": null,
            "source": { "branch": { "name": "fix" }, "commit": null, "repository": null },
            "destination": { "branch": { "name": "main" }, "commit": null,
                             "repository": { "full_name": "t/r", "uuid": "{b}" } }
        }))
        .expect("a pull request");
        assert_eq!(read.user, None);
        assert_eq!(read.head.repo, None);
        assert_eq!(read.head.branch.display_id, "fix");
        assert_eq!(read.head.branch.latest_commit, "");
        assert!(read.extra.contains(&("fork".to_owned(), "true".to_owned())));
    }

    /// Situation `closed-pull-requests`.
    #[test]
    fn every_state_but_open_is_closed_and_only_merged_is_merged() {
        let read = |state: &str| {
            let read = pull_request(&json!({ "id": 1, "state": state })).expect("a pull request");
            (read.merged, read.closed)
        };
        assert_eq!(read("OPEN"), (false, false));
        assert_eq!(read("MERGED"), (true, true));
        assert_eq!(read("DECLINED"), (false, true));
        assert_eq!(read("ON_HOLD"), (false, true), "not open");
        assert_eq!(read("SUPERSEDED"), (false, true));
    }

    #[test]
    fn the_clone_address_holds_no_user() {
        let read = pull_request(&json!({
            "id": 1,
            "source": { "repository": { "links": { "html": { "href": "https://ann@bitbucket.org/t/r/" } } } }
        }))
        .expect("a pull request");
        assert_eq!(read.head.clone_url, "https://bitbucket.org/t/r.git");
    }
}
