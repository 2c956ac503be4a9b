//! What hooks are told when a repository itself changes.

use serde_json::json;

use super::delivery::deliver;
use super::links::link;
use super::locked;
use super::represent;
use super::service::Mock;
use super::state::Repository;

/// After a repository got another name or workspace.
pub(crate) fn renamed(mock: &Mock, former: &Repository, now: &Repository) {
    let actor = locked(&mock.state).users.first().cloned();
    if former.workspace != now.workspace {
        let previous = locked(&mock.state)
            .workspace(&former.workspace)
            .map(|workspace| represent::workspace(&mock.urls, workspace));
        deliver(
            mock,
            now,
            actor.as_deref(),
            "repo:transfer",
            json!({ "previous_workspace": previous }),
        );
        return;
    }
    let links = |repository: &Repository| {
        json!({
            "self": link(represent::repository_url(&mock.urls, repository)),
            "html": link(represent::repository_page(&mock.urls, repository)),
        })
    };
    deliver(
        mock,
        now,
        actor.as_deref(),
        "repo:updated",
        json!({
            "changes": {
                "name": { "old": former.name, "new": now.name },
                "full_name": { "old": former.full_name(), "new": now.full_name() },
                "links": { "old": links(former), "new": links(now) },
            },
        }),
    );
}

/// Before a repository goes away, and its hooks with it.
pub(crate) fn deleted(mock: &Mock, repository: &Repository) {
    let actor = locked(&mock.state).users.first().cloned();
    deliver(
        mock,
        repository,
        actor.as_deref(),
        "repo:deleted",
        json!({}),
    );
}
