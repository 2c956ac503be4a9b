//! Accounts, and authors of commits, who may have none: of the API as typed
//! objects, of deliveries as JSON.

use super::tree::Json;
use super::{Links, pointer};
use serde::Deserialize;
use vcs_provider_interface::prelude::*;

/// A person, team or app. Anonymous and deleted ones lack most of this.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Account {
    pub(crate) account_id: Option<String>,
    pub(crate) uuid: Option<String>,
    pub(crate) nickname: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) links: Option<Links>,
}

/// The fields of [`Account`].
macro_rules! account_fields {
    ($($at:literal)+) => {
        concat!(
            $($at,)+ "account_id,",
            $($at,)+ "uuid,",
            $($at,)+ "nickname,",
            $($at,)+ "display_name,",
            $($at,)+ "links.avatar.href"
        )
    };
}
pub(crate) use account_fields;

impl Account {
    /// The account as the interface has it. The id is the Atlassian account
    /// id, or the Bitbucket uuid of accounts that have none.
    pub(crate) fn into_author(self) -> Author {
        let id = self.account_id.or(self.uuid).unwrap_or_default();
        let display_name = self.display_name.unwrap_or_default();
        Author {
            id,
            name: self.nickname.unwrap_or_else(|| display_name.clone()),
            display_name,
            email: String::new(),
            avatar: Links::avatar(self.links),
            ..Default::default()
        }
    }
}

/// Who wrote a commit or made a tag: the text that Git keeps, and the account
/// where Bitbucket knows one.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RawAuthor {
    pub(crate) raw: Option<String>,
    pub(crate) user: Option<Account>,
}

impl RawAuthor {
    /// The author as the interface has it: Git's name and address, completed
    /// by the account.
    pub(crate) fn into_author(self) -> Author {
        let (name, email) = split_name_and_email(self.raw.as_deref().unwrap_or_default());
        let (name, email) = (name.to_owned(), email.to_owned());
        match self.user {
            Some(account) => {
                let mut author = account.into_author();
                author.email = email;
                if author.display_name.is_empty() {
                    author.display_name.clone_from(&name);
                }
                if author.name.is_empty() {
                    author.name = name;
                }
                author
            }
            None => Author {
                id: String::new(),
                display_name: name.clone(),
                name,
                email,
                avatar: String::new(),
                ..Default::default()
            },
        }
    }
}

/// Reads an account. `None` where there is no object or nothing in it.
///
/// The id is the Atlassian account id, otherwise the uuid: names are not
/// unique on Bitbucket Cloud, and an anonymous account has no id.
pub(crate) fn account(value: &Json<'_>) -> Option<Author> {
    let first = |pointers: &[&str]| {
        pointers
            .iter()
            .find_map(|pointer| pointer::text(value, pointer))
            .unwrap_or_default()
            .to_owned()
    };
    let author = Author {
        id: first(&["/account_id", "/uuid"]),
        name: first(&["/nickname", "/username", "/slug", "/display_name"]),
        display_name: first(&["/display_name", "/name", "/nickname", "/username"]),
        email: String::new(),
        avatar: pointer::text_or_empty(value, "/links/avatar/href"),
        ..Default::default()
    };
    (author != Author::default()).then_some(author)
}

/// Reads the author of a commit: `raw` always, an account where the service
/// knows one.
pub(super) fn git_author(value: &Json<'_>) -> Author {
    // Old deliveries have the account's fields beside `raw` instead of in `user`.
    let mut author = pointer::object(value, "/user")
        .and_then(account)
        .or_else(|| account(value))
        .unwrap_or_default();
    if let Some(raw) = pointer::text(value, "/raw") {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tree as json;

    /// Situation `who`.
    #[test]
    fn authors_are_read_from_whatever_git_keeps() {
        let split = |raw| {
            let (name, email) = split_name_and_email(raw);
            format!("{name}|{email}")
        };
        assert_eq!(split("Jo Do <jo@x.org>"), "Jo Do|jo@x.org");
        assert_eq!(split("  Jo <Do> <jo@x.org> "), "Jo <Do>|jo@x.org");
        assert_eq!(split("<jo@x.org>"), "jo@x.org|jo@x.org");
        assert_eq!(split("jo@x.org"), "jo@x.org|jo@x.org");
        assert_eq!(split("Jo Do"), "Jo Do|");
        assert_eq!(split("Jo <jo@x.org"), "Jo|jo@x.org");
        assert_eq!(split("Jo <>"), "Jo|");
        assert_eq!(split(""), "|");
    }

    /// Situation `who`.
    #[test]
    fn an_account_may_lack_everything() {
        let author = |json: &str| {
            serde_json::from_str::<RawAuthor>(json)
                .expect("the author is read")
                .into_author()
        };
        assert_eq!(author("{}"), Author::default());
        assert_eq!(author(r#"{"raw":null,"user":null}"#), Author::default());
        let anonymous = author(r#"{"raw":"A <a@b>","user":{"display_name":"Anonymous"}}"#);
        assert_eq!(anonymous.id, "");
        assert_eq!(anonymous.display_name, "Anonymous");
        let known = author(
            r#"{"raw":"A <a@b>","user":{"uuid":"{1}","nickname":"al","links":{"avatar":{"href":"u"}}}}"#,
        );
        assert_eq!((known.id.as_str(), known.name.as_str()), ("{1}", "al"));
        assert_eq!(
            (known.display_name.as_str(), known.avatar.as_str()),
            ("A", "u")
        );
        assert_eq!(known.email, "a@b");
    }

    /// Situation `who`.
    #[test]
    fn an_account_is_identified_by_account_id_or_uuid_and_may_have_neither() {
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

    /// Situation `actors`.
    #[test]
    fn teams_apps_and_access_tokens_are_read_as_who_did_something() {
        let team = account(&json!({
            "type": "team", "uuid": "{t}", "username": "makers", "display_name": "The Makers"
        }));
        let app = account(&json!({
            "type": "app_user", "uuid": "{a}", "account_id": "557058:app", "kind": "repository_access_token",
            "account_status": "active", "display_name": "Deploy bot"
        }));
        let token = account(&json!({ "type": "user", "display_name": "Access token" }));
        let read = [team, app, token].map(|author| {
            let author = author.expect("an account");
            (author.id, author.name, author.display_name)
        });
        let expected = [
            ("{t}", "makers", "The Makers"),
            ("557058:app", "Deploy bot", "Deploy bot"),
            ("", "Access token", "Access token"),
        ];
        let expected = expected.map(|(id, name, shown)| (id.into(), name.into(), shown.into()));
        assert_eq!(read, expected);
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
