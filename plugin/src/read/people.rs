//! Accounts, and the authors and contents of commits.

use super::{hash_at, json};
use serde_json::Value;
use vcs_provider_interface::prelude::*;

/// Reads an account. `None` where there is no object or nothing in it.
///
/// The id is the Atlassian account id, otherwise the uuid: names are not
/// unique on Bitbucket Cloud, and an anonymous account has no id.
pub(crate) fn account(value: &Value) -> Option<Author> {
    let first = |pointers: &[&str]| {
        pointers
            .iter()
            .find_map(|pointer| json::text(value, pointer))
            .unwrap_or_default()
            .to_owned()
    };
    let author = Author {
        id: first(&["/account_id", "/uuid"]),
        name: first(&["/nickname", "/username", "/slug", "/display_name"]),
        display_name: first(&["/display_name", "/name", "/nickname", "/username"]),
        email: String::new(),
        avatar: json::text_or_empty(value, "/links/avatar/href"),
    };
    (author != Author::default()).then_some(author)
}

/// Reads the author of a commit: `raw` always, an account where the service
/// knows one.
fn git_author(value: &Value) -> Author {
    // Old deliveries have the account's fields beside `raw` instead of in `user`.
    let mut author = json::object(value, "/user")
        .and_then(account)
        .or_else(|| account(value))
        .unwrap_or_default();
    if let Some(raw) = json::text(value, "/raw") {
        let (name, email) = split_name_and_email(raw);
        author.email = email.to_owned();
        if author.display_name.is_empty() {
            author.display_name = name.to_owned();
        }
        if author.name.is_empty() {
            author.name = name.to_owned();
        }
    }
    author
}

/// Splits git's `Name <email>`. Without brackets, a word with an `@` is both.
pub(crate) fn split_name_and_email(raw: &str) -> (&str, &str) {
    let raw = raw.trim();
    match raw.rsplit_once('<') {
        Some((name, rest)) => {
            let email = rest.split('>').next().unwrap_or_default().trim();
            let name = name.trim();
            (if name.is_empty() { email } else { name }, email)
        }
        None if raw.contains('@') && !raw.contains(char::is_whitespace) => (raw, raw),
        None => (raw, ""),
    }
}

/// Reads a commit. `None` without a hash.
pub(crate) fn commit(value: &Value) -> Option<Commit> {
    let id = hash_at(value, "/hash")?.to_owned();
    Some(Commit {
        id,
        author_timestamp: json::time(value, "/date").unwrap_or_default(),
        author: value.get("author").map(git_author).unwrap_or_default(),
        message: json::text(value, "/message")
            .or_else(|| json::text(value, "/summary/raw"))
            .unwrap_or_default()
            .to_owned(),
        url: json::text_or_empty(value, "/links/html/href"),
        parents: json::items(value, "/parents")
            .iter()
            .filter_map(|parent| hash_at(parent, "/hash"))
            .map(str::to_owned)
            .collect(),
        extra: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn e25_an_account_is_identified_by_account_id_or_uuid_and_may_have_neither() {
        let full = account(&json!({
            "account_id": "557:ab", "uuid": "{u}", "nickname": "ann", "display_name": "Ann A"
        }));
        let full = full.expect("an account");
        assert_eq!(
            (&*full.id, &*full.name, &*full.display_name),
            ("557:ab", "ann", "Ann A")
        );

        let older = account(&json!({ "uuid": "{u}", "username": "ann" })).expect("an account");
        assert_eq!((&*older.id, &*older.name), ("{u}", "ann"));

        let anonymous = account(&json!({ "display_name": "Anonymous", "type": "user" }));
        let anonymous = anonymous.expect("an account without id");
        assert_eq!(
            (&*anonymous.id, &*anonymous.display_name),
            ("", "Anonymous")
        );

        assert_eq!(account(&json!({})), None);
        assert_eq!(account(&json!(null)), None);
    }

    #[test]
    fn the_author_of_a_commit_is_read_from_the_raw_line_alone() {
        let author = git_author(&json!({ "raw": "Ann Author <ann@example.org>" }));
        assert_eq!(author.id, "");
        assert_eq!(author.display_name, "Ann Author");
        assert_eq!(author.email, "ann@example.org");

        let bare = git_author(&json!({ "raw": "<ann@example.org>" }));
        assert_eq!(bare.display_name, "ann@example.org");
        let odd = git_author(&json!({ "raw": "Ann > < <ann@example.org" }));
        assert_eq!(odd.email, "ann@example.org");
        assert_eq!(git_author(&json!(null)), Author::default());
    }

    #[test]
    fn the_account_of_a_commit_goes_before_the_raw_line() {
        let author = git_author(&json!({
            "raw": "Somebody <ann@example.org>",
            "user": { "account_id": "1:a", "nickname": "ann", "display_name": "Ann A" }
        }));
        assert_eq!(author.id, "1:a");
        assert_eq!(author.display_name, "Ann A");
        assert_eq!(author.email, "ann@example.org");
    }
}
