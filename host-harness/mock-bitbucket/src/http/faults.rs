//! Planned faults: responses that go wrong at a chosen request.
//!
//! A plan is a JSON document, from a file or from a test:
//!
//! ```json
//! {"rules": [
//!   {"method": "GET", "path": "*/refs/branches?*page=2*", "nth": 1,
//!    "then": {"status": 500, "html": true}},
//!   {"route": "/2.0/repositories/{workspace}/{repo_slug}/hooks", "from": 2, "times": 3,
//!    "then": {"status": 429, "headers": {"Retry-After": "1"}, "body": "slow down"}}
//! ]}
//! ```
//!
//! **Which requests.** `method`, `route` (a template, as recorded) and `path` (`*`
//! stands for anything; matched against the encoded path, and with the query
//! when the pattern holds a `?`) must all fit. Requests that fit are counted per
//! rule, from 1. `nth` takes just that one, `from` that one and all later ones,
//! `every` each of its multiples; without them every request is taken. `times`
//! ends the rule after so many faults. The first rule that takes a request wins.
//!
//! **What then.**
//! - `delay_ms`: waits before the response.
//! - `status`, `headers`, `body` (text, or JSON that is sent as such), `html`
//!   (a large page instead of a body): the response. The request is not carried
//!   out, unless `perform` is true.
//! - `replace_json`: JSON pointers and what to put there in the true response;
//!   `remove_json`: pointers to take out; `foreign_next`: an origin that `next`
//!   shall point to; `loop_next`: `next` leads back to this very page.
//! - `cut_after_bytes`: sends so much of the body and closes the connection.
//! - `reset`: resets the connection, after the bytes of `cut_after_bytes` or
//!   before any response. The request is carried out, unless `perform` is false.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::Deserialize;
use serde_json::Value;

use crate::model::response::{Body, Response};
use crate::sync::lock;

/// A list of rules.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// The rules in order.
    pub rules: Vec<FaultRule>,
}

impl FaultPlan {
    /// Reads a plan.
    ///
    /// # Errors
    ///
    /// When the text is not JSON, or holds a key that the module page does not
    /// name; the message names the key and the line.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// One rule: which requests, and what happens to them. See the module page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The HTTP method.
    pub method: Option<String>,
    /// The template of the route, such as `/2.0/user`; `git` for git requests.
    pub route: Option<String>,
    /// A pattern for the encoded path.
    pub path: Option<String>,
    /// Takes this one of the fitting requests only, from 1.
    pub nth: Option<u64>,
    /// Takes this one of the fitting requests and all later ones, from 1.
    pub from: Option<u64>,
    /// Takes each multiple of this.
    pub every: Option<u64>,
    /// The most faults of this rule.
    pub times: Option<u64>,
    /// What happens.
    pub then: Fault,
}

/// What happens to a request. See the module page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Milliseconds to wait before the response.
    pub delay_ms: Option<u64>,
    /// The status to respond with.
    pub status: Option<u16>,
    /// Headers to add.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body to respond with: text goes out as it is, anything else as JSON.
    pub body: Option<Value>,
    /// A large web page as the body.
    #[serde(default)]
    pub html: bool,
    /// JSON pointers and their new values.
    #[serde(default)]
    pub replace_json: BTreeMap<String, Value>,
    /// JSON pointers to take out.
    #[serde(default)]
    pub remove_json: Vec<String>,
    /// An origin such as `http://127.0.0.1:9` for `next`.
    pub foreign_next: Option<String>,
    /// Lets `next` lead back to the same page.
    #[serde(default)]
    pub loop_next: bool,
    /// Bytes of the body to send before the connection is closed.
    pub cut_after_bytes: Option<usize>,
    /// Resets the connection.
    #[serde(default)]
    pub reset: bool,
    /// Whether the request is carried out.
    pub perform: Option<bool>,
}

impl Fault {
    /// Whether the request is carried out at all.
    pub(crate) fn performs(&self) -> bool {
        let answers_itself = self.status.is_some() || self.body.is_some() || self.html;
        self.perform.unwrap_or(!answers_itself)
    }

    /// The response of a fault that does not carry the request out.
    pub(crate) fn own_response(&self) -> Response {
        self.change(Response::empty(self.status.unwrap_or(200)), "")
    }

    /// Changes the true response; `this_page` is the address that was asked for.
    pub(crate) fn change(&self, mut response: Response, this_page: &str) -> Response {
        if let Some(status) = self.status {
            response.status = status;
        }
        if self.html || self.body.is_some() {
            let replacement = match &self.body {
                _ if self.html => Response::html(response.status, large_page()),
                Some(Value::String(text)) => Response::text(response.status, text.clone()),
                Some(other) => Response::json(response.status, other.clone()),
                None => Response::empty(response.status),
            };
            response.headers.retain(|(name, _)| name != "content-type");
            response.headers.extend(replacement.headers);
            response.body = replacement.body;
        }
        if let Body::Json(document) = &mut response.body {
            self.change_json(document, this_page);
        }
        for (name, value) in &self.headers {
            response
                .headers
                .retain(|(existing, _)| !existing.eq_ignore_ascii_case(name));
            response.headers.push((name.clone(), value.clone()));
        }
        response
    }

    fn change_json(&self, document: &mut Value, this_page: &str) {
        for (pointer, value) in &self.replace_json {
            put(document, pointer, value.clone());
        }
        for pointer in &self.remove_json {
            take_out(document, pointer);
        }
        if let (true, Value::Object(page)) = (self.loop_next, &mut *document) {
            page.insert("next".to_owned(), Value::String(this_page.to_owned()));
        }
        let next = document.get("next").and_then(Value::as_str);
        let rest = next.and_then(|next| next.split_once("://"));
        if let (Some(origin), Some((_, rest))) = (&self.foreign_next, rest) {
            let path = rest.find('/').map_or("", |start| &rest[start..]);
            document["next"] = Value::String(format!("{}{path}", origin.trim_end_matches('/')));
        }
    }
}

/// Puts a value where a pointer leads, also a new field of an object.
fn put(document: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = document.pointer_mut(pointer) {
        *place = value;
        return;
    }
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        return;
    };
    if let Some(Value::Object(parent)) = document.pointer_mut(parent) {
        parent.insert(name.replace("~1", "/").replace("~0", "~"), value);
    }
}

fn take_out(document: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        return;
    };
    match document.pointer_mut(parent) {
        Some(Value::Object(parent)) => {
            parent.remove(&name.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(parent)) => {
            if let Some(index) = name.parse().ok().filter(|index| *index < parent.len()) {
                parent.remove(index);
            }
        }
        _ => {}
    }
}

/// A page such as a proxy in front of a broken service sends.
fn large_page() -> String {
    let mut page =
        "<!DOCTYPE html>\n<html><head><title>Something went wrong</title></head><body>\n"
            .to_owned();
    for number in 0..600 {
        page.push_str(&format!(
            "<div class=\"part-{number}\">The service is having trouble.</div>\n"
        ));
    }
    page.push_str("</body></html>\n");
    page
}

/// The rules in force and how often each was reached.
pub(crate) struct FaultInjector {
    rules: Mutex<Vec<Counted>>,
}

struct Counted {
    rule: FaultRule,
    seen: u64,
    used: u64,
}

impl FaultInjector {
    pub(crate) fn new(plan: FaultPlan) -> Self {
        let book = Self {
            rules: Mutex::default(),
        };
        for rule in plan.rules {
            book.add(rule);
        }
        book
    }

    /// Adds a rule after those there are.
    pub(crate) fn add(&self, rule: FaultRule) {
        lock(&self.rules).push(Counted {
            rule,
            seen: 0,
            used: 0,
        });
    }

    /// Forgets all rules.
    pub(crate) fn clear(&self) {
        lock(&self.rules).clear();
    }

    /// Counts a request against every rule; the fault it gets, if any.
    pub(crate) fn next(&self, method: &str, route: &str, path: &str, query: &str) -> Option<Fault> {
        let mut taken = None;
        for counted in lock(&self.rules).iter_mut() {
            if !counted.rule.fits(method, route, path, query) {
                continue;
            }
            counted.seen += 1;
            if taken.is_none() && counted.takes_this() {
                counted.used += 1;
                taken = Some(counted.rule.then.clone());
            }
        }
        taken
    }
}

impl Counted {
    fn takes_this(&self) -> bool {
        self.rule.nth.is_none_or(|nth| self.seen == nth)
            && self.rule.from.is_none_or(|from| self.seen >= from)
            && self
                .rule
                .every
                .is_none_or(|every| every != 0 && self.seen % every == 0)
            && self.rule.times.is_none_or(|times| self.used < times)
    }
}

impl FaultRule {
    fn fits(&self, method: &str, route: &str, path: &str, query: &str) -> bool {
        let path_fits = |pattern: &String| {
            if pattern.contains('?') {
                glob(pattern, &format!("{path}?{query}"))
            } else {
                glob(pattern, path)
            }
        };
        self.method
            .as_ref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.route.as_ref().is_none_or(|wanted| wanted == route)
            && self.path.as_ref().is_none_or(path_fits)
    }
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(found) => rest = &rest[found + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(glob(
            "*/refs/*?*page=2*",
            "/2.0/x/refs/branches?sort=a&page=2"
        ));
        assert!(glob("/2.0/user", "/2.0/user"));
        assert!(!glob("/2.0/user", "/2.0/users"));
        assert!(!glob("*/hooks", "/a/hooks/1"));
        assert!(!glob("ab*ba", "aba"));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = FaultPlan::from_json(r#"{"rules":[{"nht":1,"then":{}}]}"#);
        assert!(error.is_err_and(|error| error.to_string().contains("`nht`")));
    }

    #[test]
    fn rules_count_the_requests_that_fit() {
        let plan = FaultPlan::from_json(
            r#"{"rules":[
                {"path":"/a","nth":2,"then":{"status":500}},
                {"path":"/b","from":2,"times":2,"then":{"status":501}},
                {"path":"/c","every":2,"then":{"status":502}}
            ]}"#,
        );
        let book = FaultInjector::new(plan.unwrap_or_default());
        let statuses = |path: &str| -> Vec<Option<u16>> {
            (0..5)
                .map(|_| {
                    book.next("GET", "", path, "")
                        .and_then(|fault| fault.status)
                })
                .collect()
        };
        assert_eq!(statuses("/a"), [None, Some(500), None, None, None]);
        assert_eq!(statuses("/b"), [None, Some(501), Some(501), None, None]);
        assert_eq!(statuses("/c"), [None, Some(502), None, Some(502), None]);
    }

    #[test]
    fn true_answers_can_be_changed() {
        let fault = Fault {
            replace_json: BTreeMap::from([("/values/0/author".to_owned(), Value::Null)]),
            remove_json: vec!["/size".to_owned()],
            foreign_next: Some("http://elsewhere:9".to_owned()),
            ..Fault::default()
        };
        let response = Response::ok(json!({
            "size": 1, "next": "http://here:1/2.0/x?page=2", "values": [{ "author": 1 }]
        }));
        let Body::Json(changed) = fault.change(response, "").body else {
            unreachable!("a JSON response stays one");
        };
        assert_eq!(
            changed,
            json!({ "next": "http://elsewhere:9/2.0/x?page=2", "values": [{ "author": null }] })
        );
    }
}
