//! What two documents look like, compared: the same keys, types and formats, or a line
//! in the table of exceptions with a reason.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Differences that are right: a part of what is said about them, and why. The recordings are
/// of 2017 to 2025, and the service goes on.
const EXCEPTIONS: &[(&str, &str)] = &include!("exceptions.in");

/// What a value looks like: its type and format.
fn kind(value: &Value) -> String {
    let text = match value {
        Value::Null => return "null".to_owned(),
        Value::Bool(_) => return "boolean".to_owned(),
        Value::Number(number) if number.is_f64() => return "number".to_owned(),
        Value::Number(_) => return "integer".to_owned(),
        Value::Array(_) => return "list".to_owned(),
        Value::Object(_) => return "object".to_owned(),
        Value::String(text) => text,
    };
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_uuid = |text: &str| text.len() == 36 && text.matches('-').count() == 4;
    if text.parse::<jiff::Timestamp>().is_ok() {
        let fraction = if text.contains('.') {
            "fraction"
        } else {
            "seconds"
        };
        let zone = if text.ends_with('Z') { "Z" } else { "offset" };
        format!("moment with {fraction} and {zone}")
    } else if text.starts_with('{') && text.ends_with('}') && is_uuid(&text[1..text.len() - 1]) {
        "uuid in braces".to_owned()
    } else if is_uuid(text) {
        "uuid".to_owned()
    } else if (text.len() == 40 || text.len() == 12) && is_hex(text) {
        format!("hash of {}", text.len())
    } else {
        "text".to_owned()
    }
}

/// Every place of a document with the kinds of value there. `[]` stands for any item.
fn places(value: &Value, at: &str, found: &mut BTreeMap<String, Vec<String>>) {
    let kinds = found.entry(at.to_owned()).or_default();
    let kind = kind(value);
    if !kinds.contains(&kind) {
        kinds.push(kind);
    }
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                places(inner, &format!("{at}.{name}"), found);
            }
        }
        Value::Array(items) => {
            for item in items {
                places(item, &format!("{at}[]"), found);
            }
        }
        _ => {}
    }
}

/// What is otherwise in the mock's document than in the recorded one. Null and an
/// empty list say nothing about what is there otherwise.
pub(super) fn differences(recorded: &Value, mocked: &Value) -> Vec<String> {
    let (mut recorded_places, mut mocked_places) = (BTreeMap::new(), BTreeMap::new());
    places(recorded, "", &mut recorded_places);
    places(mocked, "", &mut mocked_places);
    let parent_is_known = |place: &str, others: &BTreeMap<String, Vec<String>>| {
        let parent = match place.strip_suffix("[]") {
            Some(parent) => parent,
            None => place.rsplit_once('.').map_or("", |(parent, _)| parent),
        };
        others
            .get(parent)
            .is_some_and(|kinds| kinds.iter().any(|kind| kind == "object"))
    };
    let mut wrong = Vec::new();
    for (place, kinds) in &recorded_places {
        match mocked_places.get(place) {
            None if parent_is_known(place, &mocked_places) => {
                wrong.push(format!("{place}: the mock lacks it"));
            }
            None => {}
            Some(others) => {
                let fits = kinds.iter().chain(others).any(|kind| kind == "null")
                    || kinds.iter().any(|kind| others.contains(kind));
                if !fits {
                    wrong.push(format!(
                        "{place}: {kinds:?} recorded, {others:?} in the mock"
                    ));
                }
            }
        }
    }
    for place in mocked_places.keys() {
        if !recorded_places.contains_key(place) && parent_is_known(place, &recorded_places) {
            wrong.push(format!("{place}: only the mock has it"));
        }
    }
    // `=` stands in front of a whole line.
    let is_excepted = |one: &String| {
        EXCEPTIONS
            .iter()
            .any(|(part, _)| match part.strip_prefix('=') {
                Some(whole) => one == whole,
                None => one.contains(part),
            })
    };
    wrong.retain(|one| !is_excepted(one));
    wrong
}

#[test]
fn a_missing_key_another_type_and_another_format_are_found() {
    let recorded = json!({ "a": "2024-01-01T00:00:00+00:00", "b": { "c": 1 }, "n": null, "l": [] });
    let same = json!({ "a": "2025-02-02T00:00:00+00:00", "b": { "c": 2 }, "n": "x", "l": [1] });
    assert_eq!(differences(&recorded, &same), Vec::<String>::new());
    let other = json!({ "a": "2025-02-02T00:00:00Z", "b": { "d": 2 }, "n": null, "l": null });
    assert_eq!(differences(&recorded, &other).len(), 3);
}
