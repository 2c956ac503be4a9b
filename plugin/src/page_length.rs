//! How many items a page of each list may have: the one table of page lengths.

/// The lists of Bitbucket Cloud that this provider reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Workspaces,
    Repositories,
    Forks,
    Branches,
    Tags,
    Commits,
    ChangedFiles,
    PullRequests,
    CommitPullRequests,
    Comments,
    Hooks,
    Statuses,
    Source,
    Activity,
}

/// The most items of a page. Bitbucket Cloud allows 100, and rejects more than
/// 50 with HTTP 400 wherever the items are pull requests.
pub(crate) const fn longest_page(list: List) -> u64 {
    match list {
        List::PullRequests | List::CommitPullRequests | List::Activity => 50,
        List::Workspaces
        | List::Repositories
        | List::Forks
        | List::Branches
        | List::Tags
        | List::Commits
        | List::ChangedFiles
        | List::Comments
        | List::Hooks
        | List::Statuses
        | List::Source => 100,
    }
}
