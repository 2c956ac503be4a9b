//! Tolerant access to a JSON value by JSON pointer.
//!
//! Every reader returns "absent" for what is missing, null, empty or of
//! another type. The caller decides whether it can do without.

use serde_json::Value;

/// The text at this pointer; empty counts as absent.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// The text at this pointer as a new string; empty where it is absent.
pub(crate) fn text_or_empty(value: &Value, pointer: &str) -> String {
    text(value, pointer).unwrap_or_default().to_owned()
}

/// The whole number at this pointer, also where it is written as text.
pub(crate) fn number(value: &Value, pointer: &str) -> Option<u64> {
    match value.pointer(pointer)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The truth value at this pointer.
pub(crate) fn flag(value: &Value, pointer: &str) -> Option<bool> {
    value.pointer(pointer).and_then(Value::as_bool)
}

/// The object at this pointer.
pub(crate) fn object<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    value.pointer(pointer).filter(|found| found.is_object())
}

/// The elements of the array at this pointer; none where there is no array.
pub(crate) fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The time at this pointer in milliseconds since 1970.
///
/// Bitbucket Cloud writes RFC 3339 with or without fractions, with an offset or `Z`.
pub(crate) fn time(value: &Value, pointer: &str) -> Option<i64> {
    crate::json::time::milliseconds(text(value, pointer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn e51_every_shape_of_a_timestamp_is_read() {
        let at = |text: &str| time(&json!({ "on": text }), "/on");
        assert_eq!(at("2024-05-06T07:08:09+00:00"), Some(1_714_979_289_000));
        assert_eq!(at("2024-05-06T07:08:09Z"), Some(1_714_979_289_000));
        assert_eq!(
            at("2024-05-06T07:08:09.123456+00:00"),
            Some(1_714_979_289_123)
        );
        assert_eq!(at("2024-05-06T09:08:09.5+02:00"), Some(1_714_979_289_500));
        assert_eq!(at("yesterday"), None);
        assert_eq!(at(""), None);
    }

    #[test]
    fn what_has_another_type_counts_as_absent() {
        let value = json!({ "name": 5, "id": "17", "list": {}, "flag": "yes", "none": null });
        assert_eq!(text(&value, "/name"), None);
        assert_eq!(number(&value, "/id"), Some(17));
        assert_eq!(number(&json!({ "id": -1 }), "/id"), None);
        assert!(items(&value, "/list").is_empty());
        assert_eq!(flag(&value, "/flag"), None);
        assert!(object(&value, "/none").is_none());
    }
}
