//! What this provider can do, as data, with the limits that a caller may want
//! to know.

use crate::page_length::{List, longest_page};
use crate::statuses::{LONGEST_KEY, LONGEST_TEXT};
use vcs_provider_interface::prelude::*;

/// The methods and features of this provider.
const CAPABILITIES: &[&str] = &[
    "workspaces",
    "repos",
    "branches",
    "tags",
    "commits",
    "commits_between_refs",
    "list_statuses",
    "repo_by_fullname",
    "branch",
    "create_branch",
    "delete_branch",
    "tag",
    "create_tag",
    "commit",
    "create_hook",
    "update_hook",
    "get_hook",
    "delete_hook",
    "set_status",
    "checkout_credentials",
    "check_connection",
    "webhooks_info",
    "polling_info",
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
}
