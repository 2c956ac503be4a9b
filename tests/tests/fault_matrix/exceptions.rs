//! Where another result than the clean one is right, and why.

use vcs_provider_interface::prelude::*;

/// What may come of a fault instead of what the fault's own row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// A success with this text somewhere in it.
    Success(&'static str),
    /// The clean success, but without the effect at the service.
    SuccessWithoutEffect,
    /// An error of another kind.
    Error(ErrorKind),
}

/// One exception.
pub(crate) struct Exception {
    /// The method; empty means any.
    pub(crate) method: &'static str,
    /// The names of the faults.
    pub(crate) faults: &'static [&'static str],
    pub(crate) allowed: Allowed,
    /// Why that is right.
    pub(crate) reason: &'static str,
}

/// The exceptions.
pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        method: "check_connection",
        faults: &["402", "403", "404"],
        allowed: Allowed::Success("(HTTP 40"),
        reason: "it reports what the credential may not do, as a warning",
    },
    Exception {
        method: "delete_branch",
        faults: &["404"],
        allowed: Allowed::SuccessWithoutEffect,
        reason: "deleting what is gone succeeds, and 404 says that it is gone",
    },
    Exception {
        method: "delete_hook",
        faults: &["404"],
        allowed: Allowed::SuccessWithoutEffect,
        reason: "deleting what is gone succeeds, and 404 says that it is gone",
    },
    Exception {
        method: "pull_request_comment_delete",
        faults: &["404"],
        allowed: Allowed::SuccessWithoutEffect,
        reason: "deleting what is gone succeeds, and 404 says that it is gone",
    },
    Exception {
        method: "check_connection",
        faults: &["foreign-next", "loop-next"],
        allowed: Allowed::Success("API token"),
        reason: "it looks at the first page only and leaves a count open where there are more",
    },
    Exception {
        method: "pull_request_merge",
        faults: &["400", "405", "415", "422"],
        allowed: Allowed::Error(ErrorKind::CONFLICT),
        reason: "a merge that the service refuses is a conflict of branches, whatever the status",
    },
    Exception {
        method: "pull_request",
        faults: &["402", "403", "404"],
        allowed: Allowed::Success("476fc5283be5"),
        reason: "a hash that cannot be looked up stays as short as the service gave it",
    },
    Exception {
        method: "list_content",
        faults: EVERY_BODY,
        allowed: Allowed::Error(ErrorKind::INVALID_INPUT),
        reason: "the service gives the bytes of a file where it was asked for a folder",
    },
];

/// The faults that answer with success and another body.
const EVERY_BODY: &[&str] = &[
    "empty",
    "array",
    "object",
    "number",
    "null",
    "values-text",
    "values-of-arrays",
    "values-of-objects",
    "truncated-json",
    "html",
];
