//! What hooks are told when a repository itself changes.

use serde_json::json;

use crate::events::deliver::deliver;
use crate::model::links::link;
use crate::model::mock::Mock;
use crate::model::repository::Repository;
use crate::sync::lock;
use crate::view;

/// After a repository got another name or workspace.
pub(crate) fn renamed(mock: &Mock, former: &Repository, now: &Repository) {
    let actor = lock(&mock.state).users.first().cloned();
    if former.workspace != now.workspace {
        let previous = lock(&mock.state)
            .workspace(&former.workspace)
            .map(|workspace| view::repository::workspace(&mock.urls, workspace));
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
            "self": link(view::repository::repository_url(&mock.urls, repository)),
            "html": link(view::repository::repository_page(&mock.urls, repository)),
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
    let actor = lock(&mock.state).users.first().cloned();
    deliver(
        mock,
        repository,
        actor.as_deref(),
        "repo:deleted",
        json!({}),
    );
}
