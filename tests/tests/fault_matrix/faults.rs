//! The faults, and which errors may follow from each.

use mock_bitbucket::Fault;
use serde_json::{Value, json};
use vcs_provider_interface::prelude::*;

/// One fault.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) fault: Fault,
    /// The kinds of error that may follow.
    pub(crate) kinds: &'static [ErrorKind],
}

/// The statuses that are answered with an error in JSON.
const STATUSES: &[(u16, &[ErrorKind])] = &[
    (400, &[ErrorKind::INVALID_INPUT]),
    (401, &[ErrorKind::UNAUTHENTICATED]),
    (402, &[ErrorKind::PERMISSION_DENIED]),
    (403, &[ErrorKind::PERMISSION_DENIED]),
    (404, &[ErrorKind::NOT_FOUND]),
    (405, &[ErrorKind::INVALID_INPUT]),
    (408, &[ErrorKind::UNAVAILABLE]),
    (409, &[ErrorKind::CONFLICT]),
    (410, &[ErrorKind::ENDPOINT_REMOVED]),
    (412, &[ErrorKind::CONFLICT]),
    (415, &[ErrorKind::INVALID_INPUT]),
    (418, &[ErrorKind::INVALID_RESPONSE]),
    (422, &[ErrorKind::INVALID_INPUT]),
    (429, &[ErrorKind::RATE_LIMITED]),
    (500, &[ErrorKind::UNAVAILABLE]),
    (501, &[ErrorKind::UNSUPPORTED]),
    (502, &[ErrorKind::UNAVAILABLE]),
    (503, &[ErrorKind::UNAVAILABLE]),
    (504, &[ErrorKind::UNAVAILABLE]),
    (505, &[ErrorKind::UNAVAILABLE]),
    (555, &[ErrorKind::UNAVAILABLE]),
    (599, &[ErrorKind::UNAVAILABLE]),
];

const UNREADABLE: &[ErrorKind] = &[ErrorKind::INVALID_RESPONSE];
/// A body that is cut may be cut in its compression, its length or its text.
const BROKEN: &[ErrorKind] = &[ErrorKind::UNAVAILABLE, ErrorKind::INVALID_RESPONSE];

/// All faults; links are led to `elsewhere`.
pub(crate) fn cases(elsewhere: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = STATUSES
        .iter()
        .map(|(status, kinds)| Case {
            name: status.to_string(),
            fault: Fault {
                status: Some(*status),
                body: Some(json!({"type": "error", "error": {"message": "Planned."}})),
                ..Fault::default()
            },
            kinds,
        })
        .collect();
    let mut add = |name: &str, fault: Fault, kinds| {
        cases.push(Case {
            name: name.to_owned(),
            fault,
            kinds,
        });
    };
    let body = |body: Value| Fault {
        status: Some(200),
        body: Some(body),
        ..Fault::default()
    };
    add("empty", body(json!("")), UNREADABLE);
    add("array", body(json!([])), UNREADABLE);
    add("object", body(json!({})), UNREADABLE);
    add("number", body(json!(42)), UNREADABLE);
    add("null", body(Value::Null), UNREADABLE);
    add("values-text", body(json!({"values": "x"})), UNREADABLE);
    add(
        "values-of-arrays",
        body(json!({"values": [[]]})),
        UNREADABLE,
    );
    add(
        "values-of-objects",
        body(json!({"values": [{}]})),
        UNREADABLE,
    );
    add(
        "truncated-json",
        body(json!("{\"values\": [{\"na")),
        UNREADABLE,
    );
    add(
        "html",
        Fault {
            status: Some(200),
            html: true,
            ..Fault::default()
        },
        UNREADABLE,
    );
    add(
        "done-and-500",
        Fault {
            status: Some(500),
            body: Some(json!("")),
            perform: Some(true),
            ..Fault::default()
        },
        &[ErrorKind::UNAVAILABLE],
    );
    add(
        "cut",
        Fault {
            cut_after_bytes: Some(7),
            ..Fault::default()
        },
        BROKEN,
    );
    for (name, perform) in [("done-and-reset", true), ("reset", false)] {
        let fault = Fault {
            reset: true,
            perform: Some(perform),
            ..Fault::default()
        };
        add(name, fault, &[ErrorKind::UNAVAILABLE]);
    }
    let next = |address: &str| Fault {
        replace_json: [("/next".to_owned(), json!(address))].into(),
        ..Fault::default()
    };
    let foreign = format!("{elsewhere}/2.0/repositories?page=2");
    add("foreign-next", next(&foreign), UNREADABLE);
    add(
        "loop-next",
        Fault {
            loop_next: true,
            ..Fault::default()
        },
        UNREADABLE,
    );
    cases
}
