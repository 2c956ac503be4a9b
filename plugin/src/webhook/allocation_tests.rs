//! How much memory is asked for to read a delivery: counts, which do not depend on
//! the machine.

use super::tests::{NEW, OLD, branch, pull_request_body};
use super::*;
use serde_json::{Value, json};

/// The delivery with all the fields beside those that are read that real ones have.
fn with_unread_fields(mut body: Value) -> Value {
    fn add(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.values_mut().for_each(add);
                for number in 0..6 {
                    fields.insert(
                        format!("unread_{number}"),
                        json!({ "href": "https://bitbucket.org/x", "list": [1, "two", { "three": 3 }] }),
                    );
                }
            }
            Value::Array(items) => items.iter_mut().for_each(add),
            _ => {}
        }
    }
    add(&mut body);
    body
}

fn allocations(key: &str, body: &Value) -> u64 {
    let text = body.to_string().into_bytes();
    let read = || events(key, &text).expect("the delivery is read");
    // What is made once does not count.
    read();
    allocation_counter::measure(|| drop(read())).count_total
}

#[test]
fn fields_that_nobody_reads_cost_no_memory() {
    for (key, body) in [
        ("pullrequest:updated", pull_request_body()),
        (
            "repo:push",
            json!({
                "repository": { "uuid": "{1}", "full_name": "orchard/pear" },
                "actor": { "uuid": "{a}" },
                "push": { "changes": [{ "old": branch("b", OLD), "new": branch("b", NEW) }] }
            }),
        ),
    ] {
        let bare = allocations(key, &body);
        let real = allocations(key, &with_unread_fields(body));
        assert!(
            real <= bare + 2,
            "{key}: {bare} without them, {real} with them"
        );
    }
}

#[test]
fn a_delivery_takes_little_more_memory_than_what_is_read_of_it() {
    let count = allocations(
        "pullrequest:updated",
        &with_unread_fields(pull_request_body()),
    );
    // 17 objects of the document, and some 45 texts of the event.
    assert!(count <= 80, "{count} allocations");
}
