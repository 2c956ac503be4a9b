//! Facts about what Bitbucket Cloud sends: which keys there are, of which types
//! and formats, which may be null or absent.
//!
//! They stand in `contract/payloads.toml`, in the project's own form, derived from
//! recordings that are not part of the repository. So every clone can hold the mock
//! and the provider to them; where the recordings stand beside the checkout, a test
//! holds the facts to those.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What a value may be, by its path: `target.hash`, `values[].name`. Several kinds
/// are separated by ` | `.
pub type Facts = BTreeMap<String, String>;

/// Stands among the kinds of a key that is not always there.
const ABSENT: &str = "absent";

/// A key whose values are words that mean something.
const NAMES_A_TYPE: [&str; 3] = ["type", "state", "status"];

/// One kind of document that the service sends.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// A name for it: an object's, or the key of a webhook's event.
    pub name: String,
    /// Where the facts come from.
    pub source: String,
    /// What is known.
    pub facts: Facts,
    /// What is right as well, and was in no recording: kinds by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub also: Facts,
}

/// All payloads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayloadTable {
    /// What is right in every payload and was in no recording: kinds by the end of
    /// the path.
    pub also_everywhere: Facts,
    /// The payloads.
    #[serde(rename = "payload")]
    pub payloads: Vec<Payload>,
}

impl PayloadTable {
    /// Reads the table that the project carries.
    ///
    /// # Panics
    /// If it is not well-formed, which is a defect of the checkout.
    #[must_use]
    pub fn load() -> Self {
        let mut table: Self = match toml::from_str(include_str!("../../contract/payloads.toml")) {
            Ok(table) => table,
            Err(error) => panic!("contract/payloads.toml: {error}"),
        };
        for payload in &mut table.payloads {
            for path in payload.facts.keys() {
                let also = table.also_everywhere.iter().filter(|(end, _)| {
                    let before = path.strip_suffix(end.as_str());
                    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
                });
                let kinds: Vec<&str> = also.map(|(_, kinds)| kinds.as_str()).collect();
                if !kinds.is_empty() {
                    let own = payload.also.entry(path.clone()).or_default();
                    *own = format!("{own} | {}", kinds.join(" | "));
                }
            }
        }
        table
    }

    /// The payload of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Payload> {
        self.payloads.iter().find(|payload| payload.name == name)
    }

    /// What a response to this operation violates. Operations without facts violate
    /// nothing.
    ///
    /// `partial`: the request asked for some fields only, so absence says nothing.
    #[must_use]
    pub fn response_violations(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        partial: bool,
    ) -> Vec<String> {
        let Some((name, is_list)) = payload_of(method, path) else {
            return Vec::new();
        };
        let check = |name: &str, value: &Value| {
            self.get(name)
                .map(|payload| payload.violations(value, partial))
                .unwrap_or_default()
        };
        if !is_list {
            return check(name, body);
        }
        let items = body["values"].as_array().into_iter().flatten();
        let mut found: Vec<String> = items.flat_map(|item| check(name, item)).collect();
        found.extend(check("page", body));
        found.sort();
        found.dedup();
        found
    }
}

/// The payload in a successful response to an operation, and whether it is a list.
fn payload_of(method: &str, path: &str) -> Option<(&'static str, bool)> {
    const REPOSITORY: &str = "/repositories/{workspace}/{repo_slug}";
    let rest = path.strip_prefix(REPOSITORY)?;
    Some(match (method, rest) {
        ("GET", "") => ("repository", false),
        ("GET", "/refs/branches") => ("branch", true),
        ("GET", "/refs/branches/{name}") => ("branch", false),
        ("GET", "/refs/tags") => ("tag", true),
        ("GET", "/refs/tags/{name}") => ("tag", false),
        ("GET", "/commit/{commit}") => ("commit", false),
        ("GET", "/commits" | "/commits/{revision}") => ("commit", true),
        ("GET", "/diffstat/{spec}") => ("diffstat", true),
        ("GET", "/hooks") => ("hook", true),
        ("GET", "/hooks/{uid}") => ("hook", false),
        ("GET", "/pullrequests") => ("pull_request", true),
        ("GET", "/pullrequests/{pull_request_id}") => ("pull_request", false),
        ("GET", "/commit/{commit}/statuses") => ("build_status", true),
        _ => return None,
    })
}

impl Payload {
    /// In which ways a document differs from the facts. Keys that no recording had
    /// are not judged.
    #[must_use]
    pub fn violations(&self, document: &Value, partial: bool) -> Vec<String> {
        let seen = derive([document]);
        let mut found = Vec::new();
        for (path, kinds) in &seen {
            let Some(known) = self.facts.get(path) else {
                continue;
            };
            for kind in kinds.split(" | ") {
                let is_absent = kind == ABSENT;
                if (is_absent && partial) || self.allows(path, known, kind) {
                    continue;
                }
                found.push(format!("{}: {path} is {kind}, not {known}", self.name));
            }
        }
        if !partial {
            let missing = self.facts.iter().filter(|(path, known)| {
                !seen.contains_key(*path)
                    && !self.allows(path, known, ABSENT)
                    && parent_of(path).is_none_or(|parent| {
                        seen.get(parent).is_some_and(|kinds| is_container(kinds))
                    })
            });
            for (path, known) in missing {
                // An empty array has no element that could be missed.
                if !path.ends_with("[]") {
                    found.push(format!("{}: {path} is absent, not {known}", self.name));
                }
            }
        }
        found
    }

    fn allows(&self, path: &str, known: &str, kind: &str) -> bool {
        let also = self.also.get(path).map_or("", String::as_str);
        known.split(" | ").chain(also.split(" | ")).any(|one| {
            one == kind || (one == "text" && is_string(kind)) || same_words(path, one, kind)
        })
    }

    /// A document by the facts: with everything that there may be, or with no more
    /// than there must be and null wherever it may be.
    #[must_use]
    pub fn sample(&self, sparse: bool) -> Value {
        self.sample_object("", sparse)
    }

    fn sample_object(&self, path: &str, sparse: bool) -> Value {
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}.")
        };
        let mut object = Map::new();
        for (child, kinds) in &self.facts {
            let Some(key) = child.strip_prefix(&prefix) else {
                continue;
            };
            if key.is_empty() || key.contains(['.', '[']) {
                continue;
            }
            let kinds: Vec<&str> = kinds.split(" | ").collect();
            if sparse && kinds.contains(&ABSENT) {
                continue;
            }
            object.insert(key.to_owned(), self.sample_value(child, &kinds, sparse));
        }
        Value::Object(object)
    }

    fn sample_value(&self, path: &str, kinds: &[&str], sparse: bool) -> Value {
        if kinds.contains(&"null")
            && (sparse || kinds.iter().all(|kind| matches!(*kind, "null" | ABSENT)))
        {
            return Value::Null;
        }
        if kinds.contains(&"object") {
            return self.sample_object(path, sparse);
        }
        if kinds.contains(&"array") {
            let element = format!("{path}[]");
            let items = self.facts.get(&element).map(|kinds| {
                let kinds: Vec<&str> = kinds.split(" | ").collect();
                self.sample_value(&element, &kinds, sparse)
            });
            return Value::Array(items.into_iter().collect());
        }
        let digest = digest_of(path);
        let kind = kinds.iter().find(|kind| !matches!(**kind, "null" | ABSENT));
        match kind.copied().unwrap_or("null") {
            "boolean" => Value::Bool(false),
            "integer" => 7.into(),
            "number" => 0.5.into(),
            "hash" => digest.repeat(3)[..40].into(),
            "short_hash" => digest[..12].into(),
            "uuid" => format!(
                "{{{}-{}-4{}-8{}-{}}}",
                &digest[..8],
                &digest[8..12],
                &digest[12..15],
                &digest[..3],
                &digest[4..16]
            )
            .into(),
            "time" => "2026-01-02T03:04:05.678901+00:00".into(),
            "url" => format!("https://bitbucket.org/{digest}").into(),
            "text" => format!("text-{}", &digest[..6]).into(),
            word => word.trim_matches('\'').into(),
        }
    }
}

/// What documents have in common and where they differ.
///
/// Of a text only its format is kept; words are kept where they name a type.
pub fn derive<'a>(documents: impl IntoIterator<Item = &'a Value>) -> Facts {
    let documents: Vec<&Value> = documents.into_iter().collect();
    let mut kinds = BTreeMap::new();
    gather("", &documents, &mut kinds);
    kinds
        .into_iter()
        .map(|(path, kinds): (String, BTreeSet<String>)| {
            let is_text = kinds.contains("text");
            let kept = kinds
                .into_iter()
                .filter(|kind| !(is_text && kind != "text" && is_string(kind)));
            (path, kept.collect::<Vec<_>>().join(" | "))
        })
        .collect()
}

fn gather(path: &str, values: &[&Value], kinds: &mut BTreeMap<String, BTreeSet<String>>) {
    if !path.is_empty() {
        let here = kinds.entry(path.to_owned()).or_default();
        here.extend(values.iter().map(|value| kind_of(path, value)));
    }
    let objects: Vec<_> = values
        .iter()
        .filter_map(|value| value.as_object())
        .collect();
    let keys: BTreeSet<&String> = objects.iter().flat_map(|object| object.keys()).collect();
    for key in keys {
        let child = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        let present: Vec<&Value> = objects
            .iter()
            .filter_map(|object| object.get(key))
            .collect();
        if present.len() < objects.len() {
            let here = kinds.entry(child.clone()).or_default();
            here.insert(ABSENT.to_owned());
        }
        gather(&child, &present, kinds);
    }
    let items: Vec<&Value> = values
        .iter()
        .filter_map(|value| value.as_array())
        .flatten()
        .collect();
    if !items.is_empty() {
        gather(&format!("{path}[]"), &items, kinds);
    }
}

fn kind_of(path: &str, value: &Value) -> String {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::String(text) if is_words(path) => return format!("'{text}'"),
        Value::String(text) => format_of(text),
    };
    kind.to_owned()
}

fn format_of(text: &str) -> &'static str {
    let is_hex = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_uuid = || {
        let inner = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        inner.is_some_and(|inner| inner.len() == 36 && inner.matches('-').count() == 4)
    };
    let is_time = || {
        let shape: String = text
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        shape.starts_with("0000-00-00T00:00:00")
    };
    match text.len() {
        40 if is_hex => "hash",
        12 if is_hex => "short_hash",
        _ if is_uuid() => "uuid",
        _ if is_time() => "time",
        _ if text.starts_with("https://") || text.starts_with("http://") => "url",
        _ => "text",
    }
}

fn is_words(path: &str) -> bool {
    let key = path.rsplit('.').next().unwrap_or(path);
    NAMES_A_TYPE.contains(&key)
}

/// Words of states are not all in the recordings; those of types are.
fn same_words(path: &str, known: &str, seen: &str) -> bool {
    let are_words = known.starts_with('\'') && seen.starts_with('\'');
    are_words && !path.ends_with("type")
}

fn is_string(kind: &str) -> bool {
    matches!(
        kind,
        "hash" | "short_hash" | "uuid" | "time" | "url" | "text"
    ) || kind.starts_with('\'')
}

fn is_container(kinds: &str) -> bool {
    kinds.split(" | ").any(|kind| kind == "object")
}

/// What has to be there for a path to be there; `None` for a key of the document.
fn parent_of(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(parent, _)| parent)
}

/// Sixteen hexadecimal digits that differ from path to path (FNV-1a).
fn digest_of(path: &str) -> String {
    let hash = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
