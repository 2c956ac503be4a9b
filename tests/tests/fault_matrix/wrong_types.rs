//! A field of another type than documented, at any place of any answer: the
//! operation ends with an error that names it or with the right result, never
//! with a wrong or shortened one. With `FAULT_MATRIX=all` also in the answers to
//! operations that change something.

use super::all_is_wanted;
use integration_tests::scenario::{Effect, Operation, World, operations};
use mock_bitbucket::{Fault, FaultRule, RecordedExchange};
use serde_json::{Value, json};
use std::sync::Arc;
use vcs_provider_interface::prelude::*;

/// One field of one answer, and what stands there instead.
struct Change {
    /// Which of the operation's requests; the first is 1.
    at: u64,
    pointer: String,
    wrong: Value,
}

/// Every field of an answer with values of other types; of a list the first
/// element stands for all. Nothing is said of null: it can stand anywhere.
fn changes(at: u64, exchange: &RecordedExchange) -> Vec<Change> {
    let mut found = Vec::new();
    if (200..300).contains(&exchange.status) {
        if let Ok(answer) = serde_json::from_slice(&exchange.response_body) {
            collect(at, "", &answer, &mut found);
        }
    }
    found
}

fn collect(at: u64, pointer: &str, value: &Value, found: &mut Vec<Change>) {
    let wrong = match value {
        Value::Null => Vec::new(),
        Value::String(_) => vec![json!(5), json!({"x": 1}), json!(["x"])],
        Value::Number(_) => vec![json!("x"), json!({"x": 1}), json!(true)],
        Value::Bool(_) => vec![json!("x"), json!(5)],
        Value::Object(_) => vec![json!("x"), json!(5), json!([])],
        Value::Array(_) => vec![json!("x"), json!(5), json!({"x": 1})],
    };
    if !pointer.is_empty() {
        found.extend(wrong.into_iter().map(|wrong| Change {
            at,
            pointer: pointer.to_owned(),
            wrong,
        }));
    }
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.replace('~', "~0").replace('/', "~1"), field))
            .collect(),
        Value::Array(items) => items.iter().take(1).map(|one| ("0".into(), one)).collect(),
        _ => Vec::new(),
    };
    for (name, inner) in inner {
        collect(at, &format!("{pointer}/{name}"), inner, found);
    }
}

fn judge(operation: &Operation, world: &World, clean: &str, change: &Change) -> Option<String> {
    let mock = &world.bitbucket.mock;
    mock.clear_faults();
    mock.add_fault(FaultRule {
        nth: Some(change.at),
        then: Fault {
            replace_json: [(change.pointer.clone(), change.wrong.clone())].into(),
            ..Fault::default()
        },
        ..FaultRule::default()
    });
    let result = world.run(operation);
    mock.clear_faults();
    match result {
        Ok(found) if found == clean => None,
        Ok(found) => Some(format!("the result\n{found}\nnot\n{clean}")),
        Err(error) if error.kind == ErrorKind::INVALID_RESPONSE => None,
        Err(error) => Some(format!("the error {error}")),
    }
}

#[test]
fn a_field_of_another_type_gives_an_error_or_the_whole_result() {
    let mut wrong = Vec::new();
    let mut runs = 0;
    for operation in operations() {
        let changes_something = operation.effect == Effect::Changes;
        if changes_something && !all_is_wanted() {
            continue;
        }
        let mut world = operation.world();
        world.bitbucket.mock.clear_requests();
        let clean = world
            .run(&operation)
            .expect("the operation without a fault");
        let requests: Vec<Arc<RecordedExchange>> = world.bitbucket.mock.requests();
        for (at, exchange) in (1..).zip(&requests) {
            for change in changes(at, exchange) {
                if changes_something {
                    world = operation.world();
                }
                runs += 1;
                wrong.extend(judge(&operation, &world, &clean, &change).map(|found| {
                    let (method, pointer) = (operation.method, &change.pointer);
                    format!(
                        "{method}, request {at}, {pointer} = {}: {found}",
                        change.wrong
                    )
                }));
            }
        }
    }
    println!("{runs} runs");
    assert!(
        wrong.is_empty(),
        "{} of {runs}:\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}
