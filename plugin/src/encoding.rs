//! Names in addresses: percent-encoded once, here and nowhere else.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986, so that `/`, `#`, `?`,
/// `%`, `{` and all others of a ref name stay within their segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One segment of a path.
pub(crate) fn segment(name: &str) -> String {
    match name {
        // Gateways drop bare dot segments before the service sees them.
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => utf8_percent_encode(name, SEGMENT).to_string(),
    }
}

/// A path of segments, beginning with a slash.
pub(crate) fn path(segments: &[&str]) -> String {
    let mut path = String::new();
    for name in segments {
        path.push('/');
        path.push_str(&segment(name));
    }
    path
}

/// A query string without its question mark; a space becomes `%20` and a plus
/// sign `%2B`, which Bitbucket requires in `fields`.
pub(crate) fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = String::new();
    for (name, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&segment(name));
        query.push('=');
        query.push_str(&segment(value));
    }
    query
}

/// A string literal of Bitbucket's query language, with its quotes.
pub(crate) fn query_literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            literal.push('\\');
        }
        literal.push(character);
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ref_name_stays_one_segment_whatever_is_in_it() {
        assert_eq!(
            path(&["refs", "branches", "feature/a #1?%&$@, ü\""]),
            "/refs/branches/feature%2Fa%20%231%3F%25%26%24%40%2C%20%C3%BC%22"
        );
        assert_eq!(segment("{1f}"), "%7B1f%7D");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("v1.0"), "v1.0");
    }

    #[test]
    fn a_plus_sign_and_a_space_survive_a_query() {
        assert_eq!(
            query([("fields", "+values.a"), ("q", "name ~ \"x\"")]),
            "fields=%2Bvalues.a&q=name%20~%20%22x%22"
        );
    }

    #[test]
    fn quotes_and_backslashes_cannot_leave_a_query_literal() {
        assert_eq!(query_literal(r#"a"b\c"#), r#""a\"b\\c""#);
    }
}
