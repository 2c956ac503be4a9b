//! Addresses: the mock's own, and how names go into them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// Everything but the characters that never need encoding in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Where the mock can be reached.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    /// Scheme and authority, no slash at the end.
    pub(crate) origin: String,
    /// The API, ending in `/2.0`.
    pub(crate) api: String,
    /// The OAuth endpoints, ending in `/site/oauth2`.
    pub(crate) oauth: String,
    /// The web site.
    pub(crate) web: String,
}

impl Urls {
    /// All addresses of a mock that is reached at `origin`, without a slash at
    /// its end.
    pub(crate) fn new(origin: String) -> Self {
        Self {
            api: format!("{origin}/2.0"),
            oauth: format!("{origin}/site/oauth2"),
            web: origin.clone(),
            origin,
        }
    }
}

/// One name as one path segment; a slash becomes `%2F`.
pub(crate) fn segment(name: &str) -> String {
    utf8_percent_encode(name, SEGMENT).to_string()
}

/// A path, each of its names encoded; its slashes stay.
pub(crate) fn path_of_segments(path: &str) -> String {
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// Query parameters, encoded.
pub(crate) fn query(parameters: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish()
}

/// `{"href": …}`.
pub(crate) fn link(href: impl Into<String>) -> Value {
    json!({ "href": href.into() })
}
