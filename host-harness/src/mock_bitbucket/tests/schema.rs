//! Checking JSON against the schemas of the official description.
//!
//! The recorded answers of the real service themselves break the description in
//! a few ways, so these are no violations: any field can be null, objects hold
//! fields that are not described, and nested objects can lack their `type`.

use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

/// Fields that the description gives a type they do not have: the value of a
/// report's data is declared an object, the attributes of a file a string.
const WRONGLY_DESCRIBED: [&str; 2] = ["value", "attributes"];

/// How deep schemas are followed; those of commits contain themselves.
const DEEPEST: usize = 24;

/// The schemas of a description.
pub(super) struct Schemas<'a> {
    document: &'a Value,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(document: &'a Value) -> Self {
        Self { document }
    }

    /// What is wrong with an answer; every violation begins with its place.
    pub(super) fn violations_of_answer(&self, schema: &Value, given: &Value) -> Vec<String> {
        let mut violations = Vec::new();
        self.check(schema, given, "", DEEPEST, &mut violations);
        violations
    }

    fn check(
        &self,
        schema: &Value,
        given: &Value,
        place: &str,
        depth: usize,
        violations: &mut Vec<String>,
    ) {
        if given.is_null() || depth == 0 {
            return;
        }
        let flat = self.flatten(schema, depth);
        if let Some(expected) = flat.kind
            && !is_of_kind(given, expected)
        {
            violations.push(format!("{place}: expected {expected}, found {given}"));
            return;
        }
        if let Some(choices) = flat.choices
            && !choices.contains(given)
        {
            violations.push(format!(
                "{place}: {given} is not one of the described values"
            ));
        }
        if let (Some(format), Value::String(text)) = (flat.format, given)
            && !fits_format(text, format)
        {
            violations.push(format!("{place}: \"{text}\" is no {format}"));
        }
        match given {
            Value::Object(fields) => {
                for name in &flat.required {
                    if *name != "type" && !fields.contains_key(*name) {
                        violations.push(format!("{place}/{name}: is missing"));
                    }
                }
                for (name, value) in fields {
                    if WRONGLY_DESCRIBED.contains(&name.as_str()) {
                        continue;
                    }
                    let place = format!("{place}/{name}");
                    let known = flat
                        .properties
                        .iter()
                        .rev()
                        .find(|(known, _)| *known == name);
                    if let Some((_, schema)) = known {
                        self.check(schema, value, &place, depth - 1, violations);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = flat.items {
                    for (number, item) in items.iter().enumerate() {
                        let place = format!("{place}/{number}");
                        self.check(schema, item, &place, depth - 1, violations);
                    }
                }
            }
            _ => {}
        }
    }

    /// Follows references and joins what `allOf` lists.
    fn flatten<'b>(&'b self, schema: &'b Value, depth: usize) -> Flat<'b>
    where
        'a: 'b,
    {
        let mut flat = Flat::default();
        if depth == 0 {
            return flat;
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            if let Some(found) = self.document.pointer(reference.trim_start_matches('#')) {
                return self.flatten(found, depth - 1);
            }
            return flat;
        }
        for part in list(schema, "allOf") {
            flat.join(self.flatten(part, depth - 1));
        }
        flat.join(Flat {
            kind: schema.get("type").and_then(Value::as_str),
            choices: schema.get("enum").and_then(Value::as_array),
            format: schema.get("format").and_then(Value::as_str),
            items: schema.get("items"),
            properties: schema
                .get("properties")
                .and_then(Value::as_object)
                .map(|properties| properties.iter().collect())
                .unwrap_or_default(),
            required: list(schema, "required").filter_map(Value::as_str).collect(),
        });
        flat
    }
}

/// A schema without references.
#[derive(Default)]
struct Flat<'a> {
    kind: Option<&'a str>,
    choices: Option<&'a Vec<Value>>,
    format: Option<&'a str>,
    items: Option<&'a Value>,
    properties: Vec<(&'a String, &'a Value)>,
    required: Vec<&'a str>,
}

impl<'a> Flat<'a> {
    fn join(&mut self, other: Flat<'a>) {
        self.kind = other.kind.or(self.kind);
        self.choices = other.choices.or(self.choices);
        self.format = other.format.or(self.format);
        self.items = other.items.or(self.items);
        self.properties.extend(other.properties);
        self.required.extend(other.required);
    }
}

fn list<'a>(schema: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    schema
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn is_of_kind(given: &Value, kind: &str) -> bool {
    match kind {
        "string" => given.is_string(),
        "integer" => given.is_i64() || given.is_u64(),
        "number" => given.is_number(),
        "boolean" => given.is_boolean(),
        "array" => given.is_array(),
        "object" => given.is_object(),
        _ => true,
    }
}

fn fits_format(text: &str, format: &str) -> bool {
    match format {
        "date-time" => text.parse::<Timestamp>().is_ok(),
        // git writes the addresses of ssh without a scheme.
        "uri" => text.starts_with("git@") || Url::parse(text).is_ok(),
        _ => true,
    }
}

fn document() -> Value {
    json!({
        "definitions": {
            "base": { "type": "object", "properties": { "type": { "type": "string" } }, "required": ["type"] },
            "thing": {
                "allOf": [
                    { "$ref": "#/definitions/base" },
                    {
                        "type": "object",
                        "properties": {
                            "id": { "type": "integer" },
                            "state": { "type": "string", "enum": ["ON", "OFF"] },
                            "made": { "type": "string", "format": "date-time" },
                            "parts": { "type": "array", "items": { "$ref": "#/definitions/thing" } },
                        },
                        "required": ["id"],
                    },
                ],
            },
        },
    })
}

#[test]
fn every_violation_names_its_place() {
    let document = document();
    let schemas = Schemas::new(&document);
    let schema = json!({ "$ref": "#/definitions/thing" });
    let given = json!({
        "type": "thing",
        "id": 1,
        "made": "2026-11-05T08:15:30Z",
        "state": null,
        "extra": 1,
        "parts": [{ "id": "x", "state": "on" }, { "made": "today" }],
    });
    let found = schemas.violations_of_answer(&schema, &given);
    assert_eq!(found.len(), 4, "{found:?}");
    for place in [
        "/parts/0/id",
        "/parts/0/state",
        "/parts/1/id",
        "/parts/1/made",
    ] {
        assert!(
            found.iter().any(|one| one.starts_with(place)),
            "{place}: {found:?}"
        );
    }
}
