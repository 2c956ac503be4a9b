//! What this provider can do, as data, with the limits that a caller may want
//! to know.

use crate::api::statuses::{LONGEST_KEY, LONGEST_TEXT};
use crate::page_length::{List, longest_page};
use vcs_provider_interface::prelude::*;

/// The methods and features of this provider.
const CAPABILITIES: &[&str] = &[
    "workspaces",
    "repos",
    "forks",
    "branches",
    "tags",
    "commits",
    "commits_between_refs",
    "changed_files",
    "pull_requests",
    "search_pull_request",
    "pull_request_comments",
    "list_statuses",
    "list_content",
    "hooks",
    "get_content",
    "get_archive",
    "upload_release_file",
    "repo_by_fullname",
    "branch",
    "create_branch",
    "delete_branch",
    "tag",
    "create_tag",
    "commit",
    "pull_request",
    "pull_request_create",
    "pull_request_update",
    "pull_request_merge",
    "pull_request_decline",
    "pull_request_approve",
    "pull_request_unapprove",
    "pull_request_comment_create",
    "pull_request_comment_update",
    "pull_request_comment_delete",
    "create_hook",
    "update_hook",
    "get_hook",
    "delete_hook",
    "reconcile_hook",
    "poll_repositories",
    "poll_events",
    "complete_event",
    "set_status",
    "create_insight_report",
    "release",
    "checkout_credentials",
    "check_connection",
    "authorize_redirect",
    "authorize_token",
    "server_info",
    "webhooks_info",
    "polling_info",
    "parse_webhook",
    "webhook_signatures",
];

/// What the provider says of itself.
pub(crate) fn info() -> ProviderInfo {
    ProviderInfo::new(
        "bitbucketcloud",
        "Bitbucket Cloud",
        env!("CARGO_PKG_VERSION"),
    )
    .with_capabilities(CAPABILITIES.iter().copied())
    .with_limit("set_status", "max_key_length", LONGEST_KEY)
    .with_limit("set_status", "max_name_length", LONGEST_TEXT)
    .with_limit("set_status", "max_description_length", LONGEST_TEXT)
    .with_limit("branches", "page_length", longest_page(List::Branches))
    .with_limit("commits", "page_length", longest_page(List::Commits))
    .with_limit("repos", "page_length", longest_page(List::Repositories))
    .with_limit("create_hook", "max_secret_length", 128)
    .with_limit(
        "pull_requests",
        "page_length",
        longest_page(List::PullRequests),
    )
    .with_limit(
        "pull_request_comment_create",
        "max_text_length",
        crate::api::comments::MAX_TEXT,
    )
    .with_limit(
        "create_insight_report",
        "max_annotations",
        crate::api::insights::MAX_ANNOTATIONS,
    )
    .with_limit(
        "parse_webhook",
        "max_body_bytes",
        crate::webhook::MAX_DELIVERY_BYTES,
    )
}
