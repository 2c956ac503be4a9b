//! Rules for branches: which ones match a branch, and whom they stop.

use serde_json::Value;

use crate::git::repository::GitError;
use crate::model::documents::Documents;
use crate::model::mock::Mock;
use crate::model::repository::Repository;
use crate::model::user::User;

/// One rule. Its branches are given by a pattern in which `*` stands for anything.
struct Restriction {
    kind: String,
    pattern: String,
    value: Option<u64>,
    /// What the exempted accounts go by.
    users: Vec<String>,
}

/// The rules for the branches of a repository.
pub(crate) struct Restrictions(Vec<Restriction>);

impl Restrictions {
    pub(crate) fn of(mock: &Mock, repository: &Repository) -> Result<Self, GitError> {
        let documents = Documents::branch_restrictions(mock, &repository.uuid).all();
        if documents.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let main_branch = mock.main_branch(repository)?;
        Ok(Self(
            documents
                .iter()
                .filter_map(|document| {
                    Some(Restriction {
                        kind: document["kind"].as_str()?.to_owned(),
                        pattern: pattern_of(document, main_branch.as_deref())?,
                        value: document["value"].as_u64(),
                        users: names_of(&document["users"]),
                    })
                })
                .collect(),
        ))
    }

    /// Whether a rule of this kind holds for a branch.
    pub(crate) fn has(&self, kind: &str, branch: &str) -> bool {
        self.matching(kind, branch).next().is_some()
    }

    /// Whether a rule of this kind stops an account at a branch: one that does not
    /// exempt it.
    pub(crate) fn stops(&self, kind: &str, branch: &str, user: Option<&User>) -> bool {
        self.matching(kind, branch).any(|rule| !rule.exempts(user))
    }

    /// The largest value of the rules of this kind for a branch; a rule without a
    /// value counts as 1.
    pub(crate) fn needed(&self, kind: &str, branch: &str) -> Option<u64> {
        self.matching(kind, branch)
            .map(|rule| rule.value.unwrap_or(1))
            .max()
    }

    /// The patterns of the branches at which rules of this kind stop an account.
    pub(crate) fn patterns(&self, kind: &str, user: Option<&User>) -> Vec<&str> {
        self.0
            .iter()
            .filter(|rule| rule.kind == kind && !rule.exempts(user))
            .map(|rule| rule.pattern.as_str())
            .collect()
    }

    fn matching(&self, kind: &str, branch: &str) -> impl Iterator<Item = &Restriction> {
        self.0
            .iter()
            .filter(move |rule| rule.kind == kind && matches(&rule.pattern, branch))
    }
}

impl Restriction {
    /// Only rules of two kinds know exceptions; the lists of others are empty.
    fn exempts(&self, user: Option<&User>) -> bool {
        user.is_some_and(|user| {
            [&user.uuid, &user.account_id, &user.nickname]
                .iter()
                .any(|name| self.users.contains(name))
        })
    }
}

/// The pattern of a rule's branches. Rules by the branching model go by the one that
/// a repository has when nobody configured another.
fn pattern_of(document: &Value, main_branch: Option<&str>) -> Option<String> {
    if document["branch_match_kind"] != "branching_model" {
        return document["pattern"].as_str().map(str::to_owned);
    }
    match document["branch_type"].as_str()? {
        "development" => main_branch.map(str::to_owned),
        prefix @ ("feature" | "bugfix" | "release" | "hotfix") => Some(format!("{prefix}/*")),
        // There is no production branch by default.
        _ => None,
    }
}

fn names_of(users: &Value) -> Vec<String> {
    let names = ["uuid", "account_id", "nickname", "username"];
    users
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|user| names.iter().filter_map(|name| user[*name].as_str()))
        .map(str::to_owned)
        .collect()
}

/// `*` stands for zero or more characters, everything else for itself.
fn matches(pattern: &str, branch: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == branch;
    };
    let Some(mut left) = branch.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_the_rest_for_itself() {
        for (pattern, fits, others) in [
            ("foo*", &["foo", "foobar"][..], &["barfoo", "fo"][..]),
            ("*", &["", "anything/at all"], &[]),
            ("*/fix", &["a/fix", "a/b/fix"], &["fix", "a/fixes"]),
            ("a*b*a", &["aba", "axbxa"], &["aa", "ab", "abab"]),
            ("re?", &["re?"], &["rex"]),
        ] {
            for branch in fits {
                assert!(matches(pattern, branch), "{pattern} {branch}");
            }
            for branch in others {
                assert!(!matches(pattern, branch), "{pattern} {branch}");
            }
        }
    }
}
