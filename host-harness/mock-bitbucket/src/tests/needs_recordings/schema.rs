//! Checking JSON against the schemas of the official description.
//!
//! The recorded responses of the real service themselves break the description in
//! a few ways, so these are no violations: any field can be null, objects hold
//! fields that are not described, and nested objects can lack their `type`.

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use url::Url;

/// Fields that the description gives a type they do not have: the value of a
/// report's data is declared an object, the attributes of a file a string.
const WRONGLY_DESCRIBED: [&str; 2] = ["value", "attributes"];

/// The schemas of a description.
pub(super) struct Schemas {
    definitions: Value,
    /// By the schema's text.
    validators: RefCell<HashMap<String, Rc<Validator>>>,
}

impl Schemas {
    pub(super) fn new(document: &Value) -> Self {
        Self {
            definitions: as_sent(&document["definitions"]),
            validators: RefCell::default(),
        }
    }

    /// What is wrong with a response; every violation begins with its place.
    pub(super) fn violations_in(&self, schema: &Value, given: &Value) -> Vec<String> {
        let validator = Rc::clone(
            self.validators
                .borrow_mut()
                .entry(schema.to_string())
                .or_insert_with(|| Rc::new(self.validator(schema))),
        );
        validator
            .iter_errors(&without_nulls(given))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect()
    }

    fn validator(&self, schema: &Value) -> Validator {
        let document = json!({
            "definitions": self.definitions,
            "allOf": [as_sent(schema)],
        });
        jsonschema::options()
            .with_draft(Draft::Draft4)
            .should_validate_formats(true)
            // git writes the addresses of ssh without a scheme.
            .with_format("uri", |text: &str| {
                text.starts_with("git@") || Url::parse(text).is_ok()
            })
            .build(&document)
            .expect("a schema of the description")
    }
}

/// A schema as the service's responses follow it.
fn as_sent(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter(|(name, field)| !(*name == "additionalProperties" && field.is_boolean()))
                .map(|(name, field)| {
                    let field = match (name.as_str(), field) {
                        ("required", Value::Array(names)) => names
                            .iter()
                            .filter(|name| *name != "type")
                            .cloned()
                            .collect(),
                        ("properties", Value::Object(properties)) => {
                            Value::Object(well_described(properties))
                        }
                        (_, field) => as_sent(field),
                    };
                    (name.clone(), field)
                })
                // Draft 4 wants at least one name.
                .filter(|(name, field)| !(name == "required" && *field == json!([])))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(as_sent).collect()),
        other => other.clone(),
    }
}

fn well_described(properties: &Map<String, Value>) -> Map<String, Value> {
    properties
        .iter()
        .filter(|(name, _)| !WRONGLY_DESCRIBED.contains(&name.as_str()))
        .map(|(name, schema)| (name.clone(), as_sent(schema)))
        .collect()
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, field)| !field.is_null())
            .map(|(name, field)| (name.clone(), without_nulls(field)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
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
    let found = schemas.violations_in(&schema, &given);
    assert_eq!(found.len(), 4, "{found:?}");
    for place in [
        "/parts/0/id",
        "/parts/0/state",
        "/parts/1: ",
        "/parts/1/made",
    ] {
        assert!(
            found.iter().any(|one| one.starts_with(place)),
            "{place}: {found:?}"
        );
    }
}
