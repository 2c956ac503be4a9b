//! The order that `sort` asks for.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use crate::api::query::{is_field_character, lookup, moment};
use crate::git::order::natural_order;

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
