//! Sending an event to the hooks that subscribed to it.

use serde_json::{Value, json};

use crate::model::deliveries::OutgoingDelivery;
use crate::model::mock::Mock;
use crate::model::records::Hook;
use crate::model::repository::Repository;
use crate::model::user::User;
use crate::sync::lock;
use crate::view;

/// Sends an event to every active hook of a repository that subscribed to it.
/// `payload` holds what is special to the event; actor and repository are added.
pub(crate) fn deliver(
    mock: &Mock,
    repository: &Repository,
    actor: Option<&User>,
    event: &str,
    mut payload: Value,
) {
    let hooks: Vec<Hook> = lock(&mock.state)
        .hooks
        .get(&repository.uuid)
        .into_iter()
        .flatten()
        .filter(|hook| hook.active && hook.events.iter().any(|wanted| wanted == event))
        .cloned()
        .collect();
    if hooks.is_empty() {
        return;
    }
    payload["repository"] = view::repository::delivered_repository(mock, repository);
    let anonymous = lock(&mock.state).behaviour.anonymous_actors;
    payload["actor"] = actor.filter(|_| !anonymous).map_or_else(
        || json!({ "type": "user", "display_name": "Anonymous" }),
        |actor| view::repository::user(&mock.urls, actor),
    );
    let body = payload.to_string().into_bytes();
    for hook in hooks {
        mock.deliveries.start(OutgoingDelivery::new(
            &hook,
            event,
            mock.ids.uuid().to_string(),
            body.clone(),
        ));
    }
}
