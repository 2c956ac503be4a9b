//! Which scopes this provider needs, in both languages that Bitbucket speaks:
//! those of OAuth, which imply one another, and those of API tokens, which do not.

/// What is needed, as OAuth names it.
const NEEDED_OAUTH: &[&str] = &[
    "account",
    "repository:write",
    "pullrequest:write",
    "webhook",
];

/// What is needed, as API tokens name it.
const NEEDED_API_TOKEN: &[&str] = &[
    "read:user:bitbucket",
    "read:workspace:bitbucket",
    "read:repository:bitbucket",
    "write:repository:bitbucket",
    "read:pullrequest:bitbucket",
    "write:pullrequest:bitbucket",
    "read:webhook:bitbucket",
    "write:webhook:bitbucket",
    "delete:webhook:bitbucket",
];

/// What an OAuth scope holds besides itself (Bitbucket Cloud: OAuth scopes).
const IMPLIED: &[(&str, &[&str])] = &[
    ("account:write", &["account", "email"]),
    ("repository:write", &["repository"]),
    ("pullrequest", &["repository"]),
    (
        "pullrequest:write",
        &["pullrequest", "repository:write", "repository"],
    ),
    ("project", &["repository"]),
];

/// The needed scopes that are not among the granted ones; nothing where the
/// service did not say what is granted. `has_account` is false for credentials
/// that belong to no account.
pub(crate) fn missing(granted: &[String], has_account: bool) -> Vec<String> {
    if granted.is_empty() {
        return Vec::new();
    }
    let is_api_token = granted.iter().any(|scope| scope.ends_with(":bitbucket"));
    let needed = if is_api_token {
        NEEDED_API_TOKEN
    } else {
        NEEDED_OAUTH
    };
    needed
        .iter()
        .filter(|scope| has_account || !matches!(**scope, "account" | "read:user:bitbucket"))
        .filter(|scope| !holds(granted, scope))
        .map(|scope| (*scope).to_owned())
        .collect()
}

/// Whether a scope is among the granted ones, or implied by one of them.
pub(crate) fn holds(granted: &[String], scope: &str) -> bool {
    granted.iter().any(|present| {
        present == scope
            || IMPLIED
                .iter()
                .any(|(whole, parts)| present == whole && parts.contains(&scope))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(|scope| (*scope).to_owned()).collect()
    }

    #[test]
    fn oauth_scopes_imply_one_another() {
        let granted = owned(&["account", "pullrequest:write", "webhook"]);
        assert_eq!(missing(&granted, true), Vec::<String>::new());
        assert_eq!(
            missing(&owned(&["account", "pullrequest", "webhook"]), true),
            ["repository:write", "pullrequest:write"]
        );
        assert!(missing(&owned(&["pullrequest:write", "webhook"]), false).is_empty());
    }

    #[test]
    fn scopes_of_api_tokens_do_not_imply_one_another() {
        let missing = missing(&owned(&["write:repository:bitbucket"]), true);
        assert!(missing.contains(&"read:repository:bitbucket".to_owned()));
        assert!(!missing.contains(&"write:repository:bitbucket".to_owned()));
    }

    #[test]
    fn nothing_is_missing_where_the_service_says_nothing() {
        assert!(missing(&[], true).is_empty());
    }
}
