//! Full names of repositories: `workspace/slug`, with unchangeable ids in
//! braces allowed in either place.

use crate::encoding;
use vcs_provider_interface::prelude::*;

/// A checked full name. Slugs are in lower case, which is their only form at
/// Bitbucket; a name for people is not accepted in place of a slug.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RepositoryName {
    workspace: String,
    slug: String,
}

impl RepositoryName {
    /// Reads `workspace/slug`, `workspace/{uuid}`, `{uuid}/{uuid}` or `{uuid}`.
    ///
    /// # Errors
    /// `InvalidInput`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let text = text.trim().trim_matches('/');
        let checked = |part| checked_segment(part).map_err(|why| invalid(text, &why));
        match text.split_once('/') {
            Some((workspace, slug)) => Ok(Self {
                workspace: checked(workspace)?,
                slug: checked(slug)?,
            }),
            None if is_id(text) => Ok(Self {
                // Bitbucket takes empty braces for "whichever workspace".
                workspace: "{}".to_owned(),
                slug: checked(text)?,
            }),
            None => Err(invalid(text, "a full name is `workspace/slug`")),
        }
    }

    /// A path below this repository: `/repositories/{workspace}/{slug}/…`.
    pub(crate) fn path(&self, segments: &[&str]) -> String {
        let mut path = encoding::path(&["repositories", &self.workspace, &self.slug]);
        path.push_str(&encoding::path(segments));
        path
    }

    /// The workspace's slug or id.
    pub(crate) fn workspace(&self) -> &str {
        &self.workspace
    }

    /// The repository's slug or id.
    pub(crate) fn slug(&self) -> &str {
        &self.slug
    }
}

impl std::fmt::Display for RepositoryName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.workspace, self.slug)
    }
}

/// A checked slug or id of a workspace.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn workspace_segment(text: &str) -> std::result::Result<String, String> {
    checked_segment(text)
}

fn is_id(text: &str) -> bool {
    text.strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
        .is_some_and(|id| {
            !id.is_empty()
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        })
}

fn checked_segment(text: &str) -> std::result::Result<String, String> {
    let is_slug = !text.is_empty()
        && text.len() <= 200
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && text.bytes().any(|byte| byte != b'.');
    if is_slug || is_id(text) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!(
        "`{text}` is not a slug (letters, digits, `-`, `_`, `.`: the form in addresses, not the \
         name for people) and not an id in braces"
    ))
}

fn invalid(text: &str, why: &str) -> VcsError {
    VcsError::new(
        ErrorKind::INVALID_INPUT,
        format!("`{text}` names no repository: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Situation `slug-and-name`.
    #[test]
    fn names_are_read_without_case_and_ids_in_braces_are_encoded() {
        let name = RepositoryName::parse("Team/My.Repo_1").expect("a name");
        assert_eq!(name.to_string(), "team/my.repo_1");
        assert_eq!(
            name.path(&["refs", "branches", "a/b"]),
            "/repositories/team/my.repo_1/refs/branches/a%2Fb"
        );
        let by_id = RepositoryName::parse("{AB-12}").expect("an id");
        assert_eq!(by_id.path(&[]), "/repositories/%7B%7D/%7Bab-12%7D");
        assert_eq!(
            RepositoryName::parse("team/{ab}").map(|name| name.path(&[])),
            Ok("/repositories/team/%7Bab%7D".to_owned())
        );
    }

    #[test]
    fn what_is_no_full_name_is_rejected_before_anything_is_sent() {
        for text in [
            "",
            "repo",
            "a/",
            "/b",
            "a/b/c",
            "a/My Repo",
            "a/..",
            "../b",
            "a/b?x",
            "{}",
            "a/{}",
            "a/{zz}",
        ] {
            let error = RepositoryName::parse(text).expect_err(text);
            assert_eq!(error.kind, ErrorKind::INVALID_INPUT);
        }
    }
}
