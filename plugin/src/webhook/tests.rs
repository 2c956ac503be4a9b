use super::*;
use serde_json::{Value, json};

pub(super) fn request(key: &str, body: impl ToString) -> WebhookRequest {
    WebhookRequest {
        headers: vec![("X-Event-Key".to_owned(), key.to_owned())],
        body: Bytes(body.to_string().into_bytes()),
        secret: None,
        ..Default::default()
    }
}

fn parsed(key: &str, body: Value) -> Vec<Event> {
    parse(&request(key, &body))
        .unwrap_or_else(|error| panic!("{key}: {error}"))
        .events
}

fn one(key: &str, body: Value) -> Event {
    let mut events = parsed(key, body);
    assert_eq!(events.len(), 1, "{key} gives one event");
    events.remove(0)
}

fn field_of_rejection(key: &str, body: Value) -> String {
    let error = parse(&request(key, &body)).expect_err("a rejection");
    assert_eq!(error.kind, ErrorKind::INVALID_INPUT, "{error}");
    let (_, field) = error.extra.first().expect("the field").clone();
    assert!(error.message.contains(&field), "{error}");
    field
}

fn repository() -> Value {
    json!({ "uuid": "{7c0e}", "full_name": "orchard/pear", "name": "Pear",
            "links": { "html": { "href": "https://bitbucket.org/orchard/pear" } } })
}

pub(super) fn branch(name: &str, hash: &str) -> Value {
    json!({ "type": "branch", "name": name, "target": { "type": "commit", "hash": hash } })
}

fn push(changes: Value) -> Value {
    json!({ "push": { "changes": changes }, "repository": repository(),
            "actor": { "account_id": "70:ff", "nickname": "gardener", "display_name": "G. Ardener" } })
}

pub(super) fn pull_request_body() -> Value {
    json!({
        "actor": { "uuid": "{ac}", "nickname": "gardener" },
        "repository": repository(),
        "pullrequest": {
            "id": 31, "title": "Prune", "state": "OPEN", "draft": false,
            "author": { "uuid": "{au}", "display_name": "Al" },
            "updated_on": "2025-02-03T04:05:06.789012+00:00",
            "source": { "branch": { "name": "prune/top" }, "commit": { "hash": "0123456789ab" },
                        "repository": { "full_name": "someone/pear", "uuid": "{f0}" } },
            "destination": { "branch": { "name": "main" }, "commit": { "hash": "ba9876543210" },
                             "repository": { "full_name": "orchard/pear", "uuid": "{7c0e}" } },
            "links": { "html": { "href": "https://bitbucket.org/orchard/pear/pull-requests/31" } }
        }
    })
}

pub(super) const OLD: &str = "1111111111111111111111111111111111111111";
pub(super) const NEW: &str = "2222222222222222222222222222222222222222";

/// Situation `several-refs-in-one-push`.
#[test]
fn one_push_of_several_refs_gives_one_event_for_each() {
    let events = parsed(
        "repo:push",
        push(json!([
            { "old": branch("main", OLD), "new": branch("main", NEW), "forced": true },
            { "old": null, "new": branch("x/y#1", NEW), "created": true },
            { "old": branch("gone", OLD), "new": null, "closed": true }
        ])),
    );
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            let change = event.change.as_ref().expect("a change");
            (
                event.kind,
                change.name.as_str(),
                change.old_hash.as_deref(),
                change.new_hash.as_deref(),
                change.forced,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (
                EventKind::REF_UPDATED,
                "main",
                Some(OLD),
                Some(NEW),
                Some(true)
            ),
            (
                EventKind::REF_CREATED,
                "x/y#1",
                None,
                Some(NEW),
                Some(false)
            ),
            (EventKind::REF_DELETED, "gone", Some(OLD), None, Some(false)),
        ]
    );
    for event in &events {
        assert_eq!(event.key, "repo:push");
        assert_eq!(
            event.repo.as_ref().map(|repo| &*repo.fullname),
            Some("orchard/pear")
        );
        assert_eq!(event.actor.as_ref().map(|actor| &*actor.id), Some("70:ff"));
        assert_eq!(
            event.actor.as_ref().map(|actor| &*actor.name),
            Some("gardener")
        );
    }
}

/// Situation `null-decides`.
#[test]
fn null_decides_and_not_the_flags() {
    let event = one(
        "repo:push",
        push(
            json!([{ "old": branch("a", OLD), "new": branch("a", NEW), "closed": true, "created": true }]),
        ),
    );
    assert_eq!(event.kind, EventKind::REF_UPDATED);
    let event = one(
        "repo:push",
        push(json!([{ "old": branch("a", OLD), "closed": false }])),
    );
    assert_eq!(event.kind, EventKind::REF_DELETED);
}

/// Situation `truncated-push`.
#[test]
fn a_truncated_push_keeps_its_commits_newest_first_and_says_so() {
    let commits = json!([
        { "hash": NEW, "message": "second\n", "date": "2025-01-02T03:04:05Z",
          "author": { "raw": "Al <al@example.org>" }, "parents": [{ "hash": OLD }] },
        { "hash": OLD, "message": "first\n" }
    ]);
    let event = one(
        "repo:push",
        push(
            json!([{ "old": null, "new": branch("b", NEW), "truncated": true, "commits": commits }]),
        ),
    );
    let change = event.change.expect("a change");
    assert_eq!(change.truncated, Some(true));
    assert_eq!(
        change
            .commits
            .iter()
            .map(|commit| &*commit.id)
            .collect::<Vec<_>>(),
        [NEW, OLD]
    );
    assert_eq!(change.commits[0].author.email, "al@example.org");
    assert_eq!(change.commits[0].author_timestamp, Some(1_735_787_045_000));
    assert_eq!(change.commits[0].parents, [OLD]);
}

#[test]
fn a_commit_that_cannot_be_read_is_one_that_was_left_out() {
    let event = one(
        "repo:push",
        push(
            json!([{ "old": null, "new": branch("b", NEW), "commits": [{ "hash": NEW }, { "hash": 7 }, "x"] }]),
        ),
    );
    let change = event.change.expect("a change");
    assert_eq!((change.commits.len(), change.truncated), (1, Some(true)));
}

/// Situation `tags`.
#[test]
fn tags_light_and_annotated_are_told_from_branches() {
    let annotated = json!({ "type": "tag", "name": "v1", "message": "One\n",
        "date": "2025-01-02T03:04:05+00:00", "tagger": {}, "target": { "hash": NEW } });
    let event = one(
        "repo:push",
        push(json!([{ "old": null, "new": annotated }])),
    );
    let change = event.change.expect("a change");
    assert_eq!((change.kind, &*change.name), (RefKind::TAG, "v1"));
    assert_eq!(change.tag_message.as_deref(), Some("One\n"));
    assert_eq!(change.new_hash.as_deref(), Some(NEW));
    assert_eq!(event.date, Some(1_735_787_045_000));

    let light = json!({ "type": "tag", "name": "v2", "message": null, "date": null, "tagger": null,
        "target": { "hash": NEW } });
    let event = one("repo:push", push(json!([{ "old": light, "new": null }])));
    let change = event.change.expect("a change");
    assert_eq!(
        (event.kind, change.kind),
        (EventKind::REF_DELETED, RefKind::TAG)
    );
    assert_eq!((change.tag_message, change.new_hash), (None, None));
}

#[test]
fn old_and_bare_pushes_are_read() {
    for word in ["named_branch", "bookmark", "branch"] {
        let new = json!({ "type": word, "name": "default", "target": { "hash": NEW } });
        let event = one("repo:push", push(json!([{ "new": new }])));
        assert_eq!(event.change.expect("a change").kind, RefKind::BRANCH);
    }
    let event = one(
        "repo:push",
        json!({ "push": { "changes": [{ "new": { "name": "b", "target": null } }] },
                "repository": { "full_name": "orchard/pear" } }),
    );
    let change = event.change.expect("a change");
    assert_eq!((change.kind, change.new_hash), (RefKind::BRANCH, None));
    assert_eq!(event.actor, None);
}

/// Situation `no-changes`.
#[test]
fn a_push_without_changes_gives_no_event() {
    assert!(parsed("repo:push", push(json!([]))).is_empty());
    assert!(parsed("repo:push", push(json!(null))).is_empty());
}

#[test]
fn a_field_that_is_needed_and_unusable_is_named() {
    let odd = |change: Value| field_of_rejection("repo:push", push(json!([change])));
    assert_eq!(odd(json!({})), "push.changes[0].new");
    assert_eq!(
        odd(json!({ "new": { "name": 5 } })),
        "push.changes[0].new.name"
    );
    assert_eq!(
        odd(json!({ "old": { "target": {} } })),
        "push.changes[0].old.name"
    );
    assert_eq!(
        odd(json!({ "new": { "name": "b", "target": { "hash": 12 } } })),
        "push.changes[0].new.target.hash"
    );
    assert_eq!(
        odd(json!({ "new": { "name": "b", "target": { "hash": "--upload-pack=x" } } })),
        "push.changes[0].new.target.hash"
    );
    assert_eq!(
        field_of_rejection("repo:push", json!({ "repository": repository() })),
        "push.changes"
    );
    assert_eq!(
        field_of_rejection("repo:push", json!({ "push": { "changes": [] } })),
        "repository.full_name"
    );
    assert_eq!(
        field_of_rejection("pullrequest:created", json!({ "repository": repository() })),
        "pullrequest"
    );
    assert_eq!(
        field_of_rejection(
            "pullrequest:created",
            json!({ "repository": repository(), "pullrequest": { "title": "x" } })
        ),
        "pullrequest.id"
    );
    assert_eq!(
        field_of_rejection("pullrequest:comment_created", pull_request_body()),
        "comment.id"
    );
}

#[test]
fn a_detail_of_another_type_does_not_cost_the_event() {
    let change = json!({ "old": null, "new": { "name": "b", "type": 3, "target": { "hash": NEW, "date": {} } },
        "forced": "no", "truncated": null, "commits": { "a": 1 } });
    let body = json!({ "push": { "changes": [change] }, "actor": "me",
        "repository": { "full_name": "orchard/pear", "uuid": [], "name": 9, "links": [] } });
    let event = one("repo:push", body);
    assert_eq!(event.change.expect("a change").name, "b");
    assert_eq!(event.actor, None);
}

/// Situation `short-hashes`.
#[test]
fn pull_request_hashes_stay_as_short_as_they_came() {
    let event = one("pullrequest:created", pull_request_body());
    let pull_request = event.pull_request.expect("a pull request");
    assert_eq!(pull_request.head.branch.latest_commit, "0123456789ab");
    assert_eq!(pull_request.base.branch.latest_commit, "ba9876543210");
    assert_eq!(pull_request.head.branch.id, "refs/heads/prune/top");
    assert_eq!(pull_request.head.repo.as_deref(), Some("someone/pear"));
    assert!(pull_request.extra.contains(&("fork".into(), "true".into())));
    assert_eq!(event.date, Some(1_738_555_506_789));
    assert_eq!(event.commit_changed, None);
}

/// Situation `updated-without-commit`.
#[test]
fn only_a_push_to_a_pull_request_is_known_to_change_its_commit() {
    let updated = one("pullrequest:updated", pull_request_body());
    assert_eq!(updated.kind, EventKind::PULL_REQUEST_UPDATED);
    assert_eq!(updated.commit_changed, None);
    let pushed = one("pullrequest:push", pull_request_body());
    assert_eq!(pushed.kind, EventKind::PULL_REQUEST_UPDATED);
    assert_eq!(pushed.commit_changed, Some(true));
}

/// Situation `closed-pull-requests`.
#[test]
fn the_end_of_a_pull_request_is_told_by_the_event() {
    let merged = one("pullrequest:fulfilled", pull_request_body());
    assert_eq!(merged.kind, EventKind::PULL_REQUEST_MERGED);
    let pull_request = merged.pull_request.expect("a pull request");
    assert!(pull_request.merged && pull_request.closed);
    let declined = one("pullrequest:rejected", pull_request_body());
    let pull_request = declined.pull_request.expect("a pull request");
    assert_eq!(pull_request.state, PullRequestState::DECLINED);
    assert!(!pull_request.merged && pull_request.closed);
}

#[test]
fn every_pull_request_key_has_its_event() {
    let mut body = pull_request_body();
    body["comment"] = json!({ "id": 4, "content": { "raw": "ok" }, "inline": null,
                              "created_on": "2025-03-04T05:06:07Z" });
    body["approval"] = json!({ "date": "2025-04-05T06:07:08Z" });
    let kind = |key: &str| one(key, body.clone()).kind.name().expect("a name");
    let seen: Vec<_> = EVENT_KEYS
        .iter()
        .filter(|key| key.starts_with("pullrequest:"))
        .map(|key| kind(key))
        .collect();
    assert_eq!(
        seen,
        [
            "pull_request_created",
            "pull_request_updated",
            "pull_request_updated",
            "pull_request_approved",
            "pull_request_unapproved",
            "pull_request_changes_requested",
            "pull_request_changes_request_removed",
            "pull_request_merged",
            "pull_request_declined",
            "pull_request_comment_created",
            "pull_request_comment_updated",
            "pull_request_comment_deleted",
            "pull_request_comment_resolved",
            "pull_request_comment_reopened",
        ]
    );
    let resolved = one("pullrequest:comment_resolved", body.clone());
    assert_eq!(resolved.date, Some(1_741_064_767_000));
    assert_eq!(resolved.comment.expect("a comment").resolved, Some(true));
    let approved = one("pullrequest:approved", body);
    assert_eq!(approved.date, Some(1_743_833_228_000));
}

/// Situation `commit-status-event`.
#[test]
fn a_status_event_carries_the_hash_and_nothing_more_of_the_commit() {
    let event = one(
        "repo:commit_status_updated",
        json!({ "repository": repository(), "commit_status": {
            "key": "unit", "name": "Unit tests", "state": "SUCCESSFUL",
            "url": "https://ci.example.org/7", "updated_on": "2025-03-04T05:06:07.000001+00:00",
            "links": { "commit": { "href": format!("https://api.bitbucket.org/2.0/repositories/orchard/pear/commit/{NEW}") } }
        } }),
    );
    assert_eq!(event.kind, EventKind::COMMIT_STATUS_UPDATED);
    let status = event.status.expect("a status");
    assert_eq!(status.commit, NEW);
    assert_eq!(status.state, BuildState::SUCCESS);
}

#[test]
fn a_comment_on_a_commit_names_the_commit() {
    let event = one(
        "repo:commit_comment_created",
        json!({ "repository": repository(), "commit": { "hash": NEW },
                "comment": { "id": 1, "content": { "raw": "hm" }, "user": { "uuid": "{c}" } } }),
    );
    assert_eq!(event.extra, Extra::from([("commit", NEW)]));
    assert_eq!(event.actor.expect("its author").id, "{c}");
}

/// Situation `renamed-repository`.
#[test]
fn a_renamed_or_moved_repository_tells_its_former_name() {
    let old_name = |key: &str, more: Value| {
        let mut body = json!({ "repository": repository() });
        body.as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        one(key, body).repo.expect("a repository").old_fullname
    };
    let renamed =
        json!({ "changes": { "full_name": { "old": "orchard/plum", "new": "orchard/pear" } } });
    assert_eq!(
        old_name("repo:updated", renamed).as_deref(),
        Some("orchard/plum")
    );
    let links = json!({ "changes": { "links": { "old": { "html": { "href": "https://bitbucket.org/orchard/plum" } } } } });
    assert_eq!(
        old_name("repo:updated", links).as_deref(),
        Some("orchard/plum")
    );
    let described = json!({ "changes": { "description": { "old": "a", "new": "b" } } });
    assert_eq!(old_name("repo:updated", described), None);
    let moved = json!({ "previous_workspace": { "slug": "garden" } });
    assert_eq!(
        old_name("repo:transfer", moved).as_deref(),
        Some("garden/pear")
    );
}

#[test]
fn what_happens_to_a_repository_is_told() {
    let kind = |key: &str| one(key, json!({ "repository": repository() })).kind;
    assert_eq!(kind("repo:created"), EventKind::REPOSITORY_CREATED);
    assert_eq!(kind("repo:deleted"), EventKind::REPOSITORY_DELETED);
    assert_eq!(kind("repo:imported"), EventKind::REPOSITORY_IMPORTED);
    assert_eq!(kind("repo:transfer"), EventKind::REPOSITORY_MOVED);
    let fork = one(
        "repo:fork",
        json!({ "repository": repository(), "fork": { "full_name": "me/pear", "uuid": "{f}" } }),
    );
    assert_eq!(fork.kind, EventKind::REPOSITORY_FORKED);
    assert!(fork.extra.contains(&("fork".into(), "me/pear".into())));
}

/// Situation `unknown-event`.
#[test]
fn an_unknown_event_key_is_no_error_whatever_the_body() {
    for key in [
        "issue:created",
        "project:updated",
        "pipeline:span_created",
        "repo:something_new",
    ] {
        let delivery = parse(&request(key, "no json at all")).expect("success");
        assert_eq!(
            (delivery.event_key.as_str(), delivery.events.len()),
            (key, 0)
        );
    }
}

/// Situation `repeated-deliveries`.
#[test]
fn the_headers_are_found_in_any_case() {
    let mut request = request("repo:push", push(json!([])));
    request.headers = [
        ("x-event-key", "repo:push"),
        ("X-REQUEST-UUID", "r-1"),
        ("x-hook-uuid", "h-1"),
        ("X-Attempt-Number", "2"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let delivery = parse(&request).expect("a delivery");
    assert_eq!(delivery.id.as_deref(), Some("r-1"));
    assert_eq!(delivery.hook_id.as_deref(), Some("h-1"));
    assert_eq!((delivery.attempt, delivery.verified), (Some(2), false));

    request.headers.remove(0);
    assert_eq!(
        parse(&request).expect_err("no key").kind,
        ErrorKind::INVALID_INPUT
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_document() {
    let body = format!("\u{feff}{}", push(json!([])));
    assert!(parse(&request("repo:push", body)).is_ok());
}

/// Situation `one-unreadable-change`.
#[test]
fn one_unreadable_change_does_not_cost_the_good_ones() {
    let delivery = parse(&request(
        "repo:push",
        push(json!([
            { "old": branch("a", OLD), "new": { "type": "branch", "name": 5 } },
            { "old": branch("b", OLD), "new": branch("b", NEW) },
            { "old": branch("c", OLD), "new": { "name": "c", "target": { "hash": "../x" } } },
            { "old": null, "new": branch("d", NEW) }
        ])),
    ))
    .expect("the good ones are read");
    let names: Vec<&str> = delivery
        .events
        .iter()
        .filter_map(|event| Some(event.change.as_ref()?.name.as_str()))
        .collect();
    assert_eq!(names, ["b", "d"]);
    assert_eq!(
        unreadable(&delivery),
        [
            "push.changes[0].new.name",
            "push.changes[2].new.target.hash"
        ]
    );
}
