//! Partial responses: the `fields` parameter.
//!
//! Plain names keep nothing but themselves, `-name` removes, `+name` adds to what
//! is there. `*` stands for every field of a level. Lists are passed through:
//! `values.name` is the name of every value. What an object has and does not show
//! is put into the document before (see `view::whole`).

use serde_json::{Map, Value};

/// The paths that `fields` asks for, without those that it takes away.
pub(crate) fn wanted(fields: &str) -> Vec<&str> {
    fields
        .split(',')
        .filter(|field| !field.starts_with('-'))
        .map(|field| field.trim_start_matches('+'))
        .filter(|field| !field.is_empty())
        .collect()
}

/// Cuts a JSON document down to what `fields` asks for.
pub(crate) fn trim(document: Value, fields: &str) -> Value {
    let mut kept: Vec<Vec<&str>> = Vec::new();
    let mut added: Vec<Vec<&str>> = Vec::new();
    let mut removed: Vec<Vec<&str>> = Vec::new();
    for field in fields.split(',') {
        let (list, path) = match field.split_at_checked(1) {
            Some(("-", path)) => (&mut removed, path),
            Some(("+", path)) => (&mut added, path),
            _ => (&mut kept, field),
        };
        if !path.is_empty() {
            list.push(path.split('.').collect());
        }
    }
    let mut result = if kept.is_empty() {
        document.clone()
    } else {
        let paths: Vec<&[&str]> = kept.iter().map(Vec::as_slice).collect();
        keep(&document, &paths)
    };
    for path in &removed {
        remove(&mut result, path);
    }
    if !added.is_empty() {
        let paths: Vec<&[&str]> = added.iter().map(Vec::as_slice).collect();
        merge(&mut result, keep(&document, &paths));
    }
    result
}

fn keep(value: &Value, paths: &[&[&str]]) -> Value {
    if paths.iter().any(|path| path.is_empty() || **path == ["*"]) {
        return value.clone();
    }
    match value {
        Value::Array(items) => Value::Array(items.iter().map(|item| keep(item, paths)).collect()),
        Value::Object(object) => {
            let mut kept = Map::new();
            for (key, inner) in object {
                let below: Vec<&[&str]> = paths
                    .iter()
                    .filter(|path| path[0] == key || path[0] == "*")
                    .map(|path| &path[1..])
                    .collect();
                if !below.is_empty() {
                    kept.insert(key.clone(), keep(inner, &below));
                }
            }
            Value::Object(kept)
        }
        other => other.clone(),
    }
}

fn remove(value: &mut Value, path: &[&str]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| remove(item, path)),
        Value::Object(object) => match path {
            ["*"] => object.clear(),
            [name] => {
                object.remove(*name);
            }
            ["*", rest @ ..] => object.values_mut().for_each(|inner| remove(inner, rest)),
            [name, rest @ ..] => {
                if let Some(inner) = object.get_mut(*name) {
                    remove(inner, rest);
                }
            }
            [] => {}
        },
        _ => {}
    }
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                match into.get_mut(&key) {
                    Some(existing) => merge(existing, value),
                    None => {
                        into.insert(key, value);
                    }
                }
            }
        }
        (Value::Array(into), Value::Array(from)) => {
            for (existing, value) in into.iter_mut().zip(from) {
                merge(existing, value);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn list() -> Value {
        json!({
            "next": "n", "size": 2,
            "values": [
                { "name": "a", "links": { "self": 1 }, "target": { "hash": "h", "date": "d" } },
                { "name": "b", "links": { "self": 2 }, "target": { "hash": "i", "date": "e" } }
            ]
        })
    }

    #[test]
    fn plain_names_keep_nothing_else() {
        assert_eq!(
            trim(list(), "values.name,values.target.hash,next"),
            json!({ "next": "n", "values": [
                { "name": "a", "target": { "hash": "h" } },
                { "name": "b", "target": { "hash": "i" } }
            ]})
        );
    }

    #[test]
    fn a_minus_removes_at_any_depth() {
        assert_eq!(
            trim(list(), "-values.links,-values.target.date,-size"),
            json!({ "next": "n", "values": [
                { "name": "a", "target": { "hash": "h" } },
                { "name": "b", "target": { "hash": "i" } }
            ]})
        );
    }

    #[test]
    fn a_star_and_a_plus_work_together() {
        assert_eq!(trim(list(), "-*,+size"), json!({ "size": 2 }));
        assert_eq!(trim(list(), "+size"), list());
    }

    #[test]
    fn what_is_not_there_is_not_missed() {
        assert_eq!(trim(list(), "nothing.here"), json!({}));
    }
}
