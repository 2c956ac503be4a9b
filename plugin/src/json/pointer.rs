//! Tolerant access to a JSON value by JSON pointer.
//!
//! Every reader returns "absent" for what is missing, null, empty or of
//! another type. The caller decides whether it can do without.

use super::tree::{Json, Number};

/// The text at this pointer; empty counts as absent.
pub(crate) fn text<'a>(value: &'a Json<'_>, pointer: &str) -> Option<&'a str> {
    value
        .pointer(pointer)
        .and_then(Json::text)
        .filter(|text| !text.is_empty())
}

/// The text at this pointer as a new string; empty where it is absent.
pub(crate) fn text_or_empty(value: &Json<'_>, pointer: &str) -> String {
    text(value, pointer).unwrap_or_default().to_owned()
}

/// The whole number at this pointer, also where it is written as text.
pub(crate) fn number(value: &Json<'_>, pointer: &str) -> Option<u64> {
    match value.pointer(pointer)? {
        Json::Number(Number::Positive(number)) => Some(*number),
        Json::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The truth value at this pointer.
pub(crate) fn flag(value: &Json<'_>, pointer: &str) -> Option<bool> {
    value.pointer(pointer).and_then(Json::flag)
}

/// The object at this pointer.
pub(crate) fn object<'v, 'a>(value: &'v Json<'a>, pointer: &str) -> Option<&'v Json<'a>> {
    value.pointer(pointer).filter(|found| found.is_object())
}

/// The elements of the array at this pointer; none where there is no array.
pub(crate) fn items<'v, 'a>(value: &'v Json<'a>, pointer: &str) -> &'v [Json<'a>] {
    value
        .pointer(pointer)
        .and_then(Json::items)
        .unwrap_or_default()
}

/// The time at this pointer in milliseconds since 1970.
///
/// Bitbucket Cloud writes RFC 3339 with or without fractions, with an offset or `Z`.
pub(crate) fn time(value: &Json<'_>, pointer: &str) -> Option<i64> {
    super::time::milliseconds(text(value, pointer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tree as json;

    /// Situation `timestamps`.
    #[test]
    fn every_shape_of_a_timestamp_is_read() {
        let at = |text: &str| time(&json!({ "date": text }), "/date");
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
        let value = json!({ "name": 5, "id": "17", "values": {}, "draft": "yes", "parent": null });
        assert_eq!(text(&value, "/name"), None);
        assert_eq!(number(&value, "/id"), Some(17));
        assert_eq!(number(&json!({ "id": -1 }), "/id"), None);
        assert!(items(&value, "/values").is_empty());
        assert_eq!(flag(&value, "/draft"), None);
        assert!(object(&value, "/parent").is_none());
    }
}
