//! Repositories as events name them.

use super::json;
use serde_json::Value;
use ureq::http::Uri;
use vcs_provider_interface::prelude::*;

/// Reads the repository of a delivery. `None` if it can be told neither by its
/// uuid nor by its full name.
///
/// A delivery leaves out the slug; where even `full_name` is missing, the
/// address of the web page ends with it.
pub(crate) fn event_repository(value: &Value) -> Option<EventRepository> {
    let id = json::text_or_empty(value, "/uuid");
    let url = json::text_or_empty(value, "/links/html/href");
    let fullname = json::text(value, "/full_name")
        .map(str::to_owned)
        .or_else(|| last_two_segments(&url))
        .or_else(|| last_two_segments(json::text(value, "/links/self/href")?))
        .unwrap_or_default();
    if id.is_empty() && fullname.is_empty() {
        return None;
    }
    let name = json::text(value, "/name")
        .or_else(|| fullname.rsplit('/').next())
        .unwrap_or_default()
        .to_owned();
    Some(EventRepository {
        id,
        name,
        fullname,
        url,
        old_fullname: None,
    })
}

fn last_two_segments(address: &str) -> Option<String> {
    let address: Uri = address.parse().ok()?;
    address.authority()?;
    let segments: Vec<&str> = address
        .path()
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    match segments.as_slice() {
        [.., workspace, slug] => Some(format!("{workspace}/{slug}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_repository_without_full_name_is_named_by_its_page() {
        let read = event_repository(&json!({
            "uuid": "{r}", "links": { "html": { "href": "https://bitbucket.org/team/tool" } }
        }))
        .expect("a repository");
        assert_eq!(
            (&*read.fullname, &*read.name, &*read.id),
            ("team/tool", "tool", "{r}")
        );
        assert_eq!(event_repository(&json!({ "name": "tool" })), None);
        assert_eq!(event_repository(&json!(null)), None);
    }
}
