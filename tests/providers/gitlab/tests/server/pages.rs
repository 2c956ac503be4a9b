//! Lists, in the two ways in which GitLab gives pages.

use super::{Project, Reply, Request, State, project_json, reply};
use serde_json::{Value, json};

/// Pages by keyset: the next one begins after the last id.
pub(super) fn projects(state: &State, request: &Request, base: &str, group: &str) -> Reply {
    if request.query.get("pagination").map(String::as_str) != Some("keyset") {
        return reply(
            400,
            json!({ "error": "offset pagination is limited; use keyset" }),
        );
    }
    let after: u64 = request
        .query
        .get("id_after")
        .map_or(0, |id| id.parse().unwrap());
    let length: usize = request.query["per_page"].parse().unwrap();
    let wanted = request.query.get("search").cloned().unwrap_or_default();
    let mut found: Vec<&Project> = state
        .projects
        .iter()
        .filter(|one| group.is_empty() || one.path.starts_with(&format!("{group}/")))
        .filter(|one| one.id > after && one.path.contains(&wanted))
        .collect();
    let more = found.len() > length;
    found.truncate(length);
    let items: Vec<Value> = found.iter().map(|one| project_json(one, base)).collect();
    let mut page = reply(200, json!(items));
    if let (true, Some(last)) = (more, found.last()) {
        let mut query = format!(
            "id_after={}&pagination=keyset&order_by=id&sort=asc&per_page={length}",
            last.id
        );
        if !wanted.is_empty() {
            query.push_str(&format!("&search={wanted}"));
        }
        let place = if group.is_empty() {
            "/api/v4/projects".to_owned()
        } else {
            request.path.clone()
        };
        page.headers.push((
            "Link".to_owned(),
            format!("<{base}{place}?{query}>; rel=\"next\""),
        ));
    }
    page
}

/// Pages by offset, with `Link` and `X-Total`.
pub(super) fn page(request: &Request, base: &str, items: Vec<Value>) -> Reply {
    let length: usize = request
        .query
        .get("per_page")
        .map_or(20, |text| text.parse().unwrap());
    let number: usize = request
        .query
        .get("page")
        .map_or(1, |text| text.parse().unwrap());
    let total = items.len();
    let shown: Vec<Value> = items
        .into_iter()
        .skip((number - 1) * length)
        .take(length)
        .collect();
    let mut response = reply(200, json!(shown));
    response
        .headers
        .push(("X-Total".to_owned(), total.to_string()));
    if number * length < total {
        let mut query = format!("page={}", number + 1);
        for (key, value) in request.query.iter().filter(|(key, _)| *key != "page") {
            let value: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            query.push_str(&format!("&{key}={value}"));
        }
        let link = format!(
            "<{base}{}?{query}>; rel=\"next\", <{base}{}?page=1>; rel=\"first\"",
            request.path, request.path
        );
        response.headers.push(("Link".to_owned(), link));
    }
    response
}
