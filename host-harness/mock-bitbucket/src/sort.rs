//! The order that `sort` asks for.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use super::query::{is_field_character, lookup, moment};

/// The order that `sort` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sort {
    pub(crate) field: String,
    pub(crate) descending: bool,
}

impl Sort {
    /// Reads `field` or `-field`. More than one field is an error.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (descending, field) = match text.strip_prefix('-') {
            Some(field) => (true, field),
            None => (false, text),
        };
        if field.is_empty() || !field.chars().all(is_field_character) {
            return Err(format!("cannot sort by \"{text}\""));
        }
        Ok(Self {
            field: field.to_owned(),
            descending,
        })
    }

    /// Puts items in order; those without the field come first. Items that are
    /// equal keep their places, in either direction.
    pub(crate) fn sort<T>(&self, items: &mut Vec<T>, key_of: impl Fn(&T, &str) -> SortKey) {
        let mut keyed: Vec<(SortKey, T)> = items
            .drain(..)
            .map(|item| (key_of(&item, &self.field), item))
            .collect();
        keyed.sort_by(|(left, _), (right, _)| {
            let order = left.order(right);
            if self.descending {
                order.reverse()
            } else {
                order
            }
        });
        items.extend(keyed.into_iter().map(|(_, item)| item));
    }
}

/// What items are sorted by, made once for each.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SortKey {
    Missing,
    Number(f64),
    Moment(Timestamp),
    Text(String),
}

impl SortKey {
    /// The key of a JSON object.
    pub(crate) fn of(object: &Value, field: &str) -> Self {
        match lookup(object, field).into_iter().next() {
            Some(Value::String(text)) => {
                moment(text).map_or_else(|| Self::Text(text.clone()), Self::Moment)
            }
            Some(Value::Number(number)) => Self::Number(number.as_f64().unwrap_or_default()),
            Some(Value::Bool(value)) => Self::Number(f64::from(u8::from(*value))),
            _ => Self::Missing,
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => left.total_cmp(right),
            (Self::Moment(left), Self::Moment(right)) => left.cmp(right),
            (Self::Text(left), Self::Text(right)) => natural_order(left, right),
            (left, right) => left.rank().cmp(&right.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Missing => 0,
            Self::Number(_) => 1,
            Self::Moment(_) => 2,
            Self::Text(_) => 3,
        }
    }
}

/// Orders text so that numbers inside it count as numbers: `v9` before `v10`.
pub(crate) fn natural_order(left: &str, right: &str) -> Ordering {
    let (mut left_rest, mut right_rest) = (left, right);
    loop {
        let (Some(left_char), Some(right_char)) =
            (left_rest.chars().next(), right_rest.chars().next())
        else {
            return left_rest
                .len()
                .cmp(&right_rest.len())
                .then_with(|| left.cmp(right));
        };
        if left_char.is_ascii_digit() && right_char.is_ascii_digit() {
            let (left_number, left_after) = split_number(left_rest);
            let (right_number, right_after) = split_number(right_rest);
            let order = left_number
                .len()
                .cmp(&right_number.len())
                .then_with(|| left_number.cmp(right_number));
            if order != Ordering::Equal {
                return order;
            }
            (left_rest, right_rest) = (left_after, right_after);
        } else {
            if left_char != right_char {
                return left_char.cmp(&right_char);
            }
            left_rest = &left_rest[left_char.len_utf8()..];
            right_rest = &right_rest[right_char.len_utf8()..];
        }
    }
}

/// The digits in front, without leading zeros, and what follows them.
fn split_number(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_knows_numbers_inside_names() {
        let mut names = ["v10", "v9", "v1", "a"];
        names.sort_by(|left, right| natural_order(left, right));
        assert_eq!(names, ["a", "v1", "v9", "v10"]);
    }
}
