//! Takes secrets out of what is logged or shown.

use std::borrow::Cow;
use std::sync::Arc;
use ureq::http::Uri;
use vcs_provider_interface::prelude::Secret;

/// The most of a service's sentence that is shown.
const LONGEST_TEXT: usize = 1000;

/// Shorter ones would hide ordinary words and are no secrets of Bitbucket.
const SHORTEST_SECRET: usize = 6;

/// What stands in place of a secret.
const HIDDEN: &str = "[redacted]";

/// Names of query parameters that never hold a secret; all others are hidden.
const HARMLESS: &[&str] = &[
    "fields",
    "page",
    "pagelen",
    "q",
    "sort",
    "role",
    "include",
    "exclude",
    "state",
    "format",
    "max_depth",
    "topic",
    "renames",
    "merge",
    "async",
    "refname",
];

/// The secrets of one request, in every form in which a service that echoes what
/// it was sent could show them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets(Arc<[Secret]>);

impl Secrets {
    pub(crate) fn new<'a>(secrets: impl Iterator<Item = &'a Secret>) -> Self {
        Self(secrets.cloned().collect())
    }

    /// The text on one line, of bounded length, and without the secrets.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut text = Cow::Borrowed(text);
        for secret in self.0.iter() {
            let whole = secret.expose();
            // Of `Basic …` the second word is the secret.
            let last = whole.rsplit(' ').next().unwrap_or(whole);
            for raw in [whole, last] {
                hide(&mut text, raw);
                // As in a query, in a form, and in JSON.
                hide(&mut text, &crate::encoding::segment(raw));
                hide(
                    &mut text,
                    &crate::encoding::segment(raw).replace("%20", "+"),
                );
                if let Ok(quoted) = serde_json::to_string(raw) {
                    hide(&mut text, quoted.trim_matches('"'));
                }
            }
        }
        sentence(&text, [])
    }
}

fn hide(text: &mut Cow<'_, str>, secret: &str) {
    if secret.len() >= SHORTEST_SECRET && text.contains(secret) {
        *text = Cow::Owned(text.replace(secret, HIDDEN));
    }
}

/// An address for logs and errors: no user, no fragment, and of the query only
/// the values of parameters that are known to hold no secret.
pub(crate) fn address(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("");
    let host = uri
        .authority()
        .map_or("", |authority| authority.as_str())
        .rsplit('@')
        .next()
        .unwrap_or("");
    let mut shown = format!("{scheme}://{host}{}", uri.path());
    for (index, pair) in uri.query().unwrap_or("").split('&').enumerate() {
        if pair.is_empty() {
            continue;
        }
        shown.push(if index == 0 { '?' } else { '&' });
        let name = pair.split('=').next().unwrap_or("");
        if HARMLESS.contains(&name) {
            shown.push_str(pair);
        } else {
            shown.push_str(name);
            shown.push_str("=[redacted]");
        }
    }
    shown
}

/// A sentence of the service for logs and errors: on one line, of bounded
/// length, without the secrets of the request it belongs to and without the users
/// and passwords of addresses in it.
pub(crate) fn sentence<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let words = text.split_whitespace().map(without_users);
    let mut clean = words.collect::<Vec<_>>().join(" ");
    for secret in secrets {
        if secret.len() >= SHORTEST_SECRET {
            clean = clean.replace(secret, HIDDEN);
        }
    }
    clean.retain(|character| !character.is_control());
    match clean.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", clean.get(..end).unwrap_or_default()),
        None => clean,
    }
}

/// A word, its addresses without the users and passwords in front of `@`.
fn without_users(word: &str) -> String {
    let mut parts = word.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str("://");
        let end = part.find(['/', '?', '#']).unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        shown.push_str(authority.rsplit('@').next().unwrap_or_default());
        shown.push_str(rest);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_no_secret() {
        let uri: Uri = "https://me:pw@host.example/a/b?page=2&access_token=abc&code=xyz"
            .parse()
            .expect("an address");
        assert_eq!(
            address(&uri),
            "https://host.example/a/b?page=2&access_token=[redacted]&code=[redacted]"
        );
    }

    #[test]
    fn a_secret_is_found_in_every_form_in_which_it_is_echoed() {
        let secret = Secret::from("a \"b/c\"&d");
        let header = Secret::from("Basic bWU6cHc=abc");
        let secrets = Secrets::new([&secret, &header].into_iter());
        for shown in [
            "a \"b/c\"&d",
            "x=a%20%22b%2Fc%22%26d;",
            "a+%22b%2Fc%22%26d",
            r#"{"secret":"a \"b/c\"&d"}"#,
            "Basic bWU6cHc=abc",
            "you sent bWU6cHc=abc",
            "you sent bWU6cHc%3Dabc",
        ] {
            let clean = secrets.clean(shown);
            assert!(clean.contains(HIDDEN), "{clean}");
            for part in ["b/c", "b%2Fc", "bWU6"] {
                assert!(!clean.contains(part), "{clean}");
            }
        }
        assert_eq!(
            secrets.clean("nothing  of\nthe kind"),
            "nothing of the kind"
        );
    }

    #[test]
    fn a_sentence_shows_no_secret_and_stays_on_one_line() {
        let shown = sentence("bad token\nhunter22\u{7}!", ["hunter22", "bad"]);
        assert_eq!(shown, "bad token [redacted]!");
        assert_eq!(
            sentence("for 'http://me:p@w@proxy:1' and https://x@y/a@b?c@d.", []),
            "for 'http://proxy:1' and https://y/a@b?c@d."
        );
        assert!(sentence(&"ä".repeat(5000), []).chars().count() <= LONGEST_TEXT + 1);
    }
}
