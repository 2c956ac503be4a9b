//! Accounts, and authors of commits, who may have none.

use super::Links;
use crate::read::split_name_and_email;
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
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e25_authors_are_read_from_whatever_git_keeps() {
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

    #[test]
    fn e25_an_account_may_lack_everything() {
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
}
