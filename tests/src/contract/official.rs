//! The official description of the API, where it stands beside the checkout.

use super::operation::{Operation, OperationTable};
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Where it stands, seen from the checkout.
const PLACE: &str = "../shared/api/bitbucket-cloud-swagger.json";

/// The official description.
pub struct OfficialDescription {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl OfficialDescription {
    /// The description beside the checkout; `None` where it is absent.
    ///
    /// # Panics
    /// If the file is there but is not JSON.
    #[must_use]
    pub fn beside_checkout() -> Option<Self> {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
        let text = std::fs::read_to_string(checkout.join(PLACE)).ok()?;
        match serde_json::from_str(&text) {
            Ok(document) => Some(Self {
                document,
                validators: Mutex::default(),
            }),
            Err(error) => panic!("{PLACE} is not JSON: {error}"),
        }
    }

    /// Where the project's own table and the description differ.
    #[must_use]
    pub fn differences(&self, table: &OperationTable) -> Vec<String> {
        table
            .operations
            .iter()
            .flat_map(|operation| {
                let name = format!("{} {}", operation.method, operation.path);
                let found = match self.operation(operation) {
                    None => vec!["is not in the official description".to_owned()],
                    Some(official) => self.operation_differences(operation, official),
                };
                found.into_iter().map(move |text| format!("{name}: {text}"))
            })
            .collect()
    }

    fn operation_differences(&self, own: &Operation, official: &Value) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, own: BTreeSet<String>, official: BTreeSet<String>| {
            if own != official {
                found.push(format!("{what}: own table {own:?}, official {official:?}"));
            }
        };
        let parameters = self.parameters(own);
        let named = |place: &str| -> BTreeSet<String> {
            parameters
                .iter()
                .filter(|parameter| parameter["in"] == place)
                .filter_map(|parameter| Some(parameter["name"].as_str()?.to_owned()))
                .collect()
        };
        compare("query", own.query.iter().cloned().collect(), named("query"));
        let oauth = official["security"]
            .as_array()
            .into_iter()
            .flatten()
            .find_map(|way| way.get("oauth2"));
        compare("scope", own.scope.iter().cloned().collect(), strings(oauth));
        let token = official["x-atlassian-oauth2-scopes"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|entry| entry["state"] == "Current")
            .map(|entry| &entry["scopes"]);
        compare(
            "api_token",
            own.api_token.iter().cloned().collect(),
            strings(token),
        );
        let sends = !own.sends.is_empty();
        let declared = parameters.iter().any(|parameter| parameter["in"] == "body");
        if sends && declared == own.body_undeclared {
            found.push(format!(
                "body_undeclared: official declares a body: {declared}"
            ));
        }
        found
    }

    fn operation(&self, operation: &Operation) -> Option<&Value> {
        self.document["paths"]
            .get(&operation.path)?
            .get(operation.method.to_lowercase())
    }

    fn parameters(&self, operation: &Operation) -> Vec<&Value> {
        let path = &self.document["paths"][&operation.path];
        [
            &path["parameters"],
            &path[operation.method.to_lowercase()]["parameters"],
        ]
        .into_iter()
        .filter_map(Value::as_array)
        .flatten()
        .collect()
    }

    /// What is wrong with a request's body by the official schema. Fields that a
    /// schema requires are the answer's, so their absence is none of it.
    #[must_use]
    pub fn request_violations(&self, operation: &Operation, body: &Value) -> Vec<String> {
        self.parameters(operation)
            .into_iter()
            .filter(|parameter| parameter["in"] == "body")
            .flat_map(|parameter| {
                let key = format!("request {} {}", operation.method, operation.path);
                self.schema_violations(&key, &parameter["schema"], body)
            })
            .map(|text| format!("the body violates the official schema: {text}"))
            .collect()
    }

    /// What is wrong with an answer by the official schema of its status.
    #[must_use]
    pub fn answer_violations(
        &self,
        operation: &Operation,
        status: u16,
        answer: &Value,
        partial: bool,
    ) -> Vec<String> {
        let Some(official) = self.operation(operation) else {
            return Vec::new();
        };
        let schema = &official["responses"][status.to_string()]["schema"];
        if schema.is_null() || partial && !answer.is_object() {
            return Vec::new();
        }
        let key = format!("answer {status} {} {}", operation.method, operation.path);
        self.schema_violations(&key, schema, answer)
            .into_iter()
            .map(|text| format!("the answer {status} violates the official schema: {text}"))
            .collect()
    }

    fn schema_violations(&self, key: &str, schema: &Value, instance: &Value) -> Vec<String> {
        let validator = Arc::clone(
            self.validators
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(key.to_owned())
                .or_insert_with(|| Arc::new(self.validator(schema))),
        );
        // The description has no way to say that a field may be null.
        let instance = without_nulls(instance);
        validator
            .iter_errors(&instance)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect()
    }

    fn validator(&self, schema: &Value) -> Validator {
        let mut definitions = without_required(&self.document["definitions"]);
        // The detail of an error is a text or an object.
        if let Some(Value::Object(fields)) =
            definitions.pointer_mut("/error/properties/error/properties")
        {
            fields.remove("detail");
        }
        let document = json!({
            "definitions": definitions,
            "allOf": [without_required(schema)],
        });
        match jsonschema::options()
            .with_draft(Draft::Draft4)
            .should_validate_formats(true)
            // The service itself gives SSH clone addresses such as
            // `git@bitbucket.org:ws/slug.git`, which are none by RFC 3986.
            .with_format("uri", |_| true)
            .build(&document)
        {
            Ok(validator) => validator,
            Err(error) => panic!("{PLACE} holds a schema that cannot be used: {error}"),
        }
    }
}

fn strings(list: Option<&Value>) -> BTreeSet<String> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|item| Some(item.as_str()?.to_owned()))
        .collect()
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter(|(_, field)| !field.is_null())
                .map(|(name, field)| (name.clone(), without_nulls(field)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

/// A schema without `required`: requests and trimmed answers leave fields out.
///
/// It does not forbid further fields either: what Bitbucket sends has more than
/// the description names, such as the link to a pull request's statuses. And it
/// takes any value of a report's data, which the description calls an object
/// while its own examples show numbers.
fn without_required(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let is_report_data = fields.get("title") == Some(&json!("Report Data"));
            let kept: Map<String, Value> = fields
                .iter()
                .filter(|(name, field)| !(*name == "required" && field.is_array()))
                .filter(|(name, field)| !(*name == "additionalProperties" && field.is_boolean()))
                .map(|(name, field)| match (is_report_data, field) {
                    (true, Value::Object(fields)) if name == "properties" => {
                        let mut fields = fields.clone();
                        fields.remove("value");
                        (name.clone(), Value::Object(fields))
                    }
                    _ => (name.clone(), without_required(field)),
                })
                .collect();
            Value::Object(kept)
        }
        Value::Array(items) => Value::Array(items.iter().map(without_required).collect()),
        other => other.clone(),
    }
}
