//! Lists in pages: numbered ones and ones with an opaque cursor.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::Call;
use super::errors::{ApiError, Reply};
use super::{links, locked};

/// How a route cuts its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paging {
    /// Not a list.
    None,
    /// Pages by number, with `size`, `page` and `previous`.
    Numbered { default: usize, most: usize },
    /// Pages by an opaque cursor in `page`, with nothing but `next`.
    Cursor { default: usize, most: usize },
}

/// How many walks are remembered for their cursors.
const REMEMBERED_WALKS: usize = 512;

/// Reads `pagelen`.
pub(crate) fn page_length(call: &Call) -> Result<usize, ApiError> {
    let (default, most) = match call.route.paging {
        Paging::None => return Ok(usize::MAX),
        Paging::Numbered { default, most } | Paging::Cursor { default, most } => (default, most),
    };
    match call.query_value("pagelen") {
        None => Ok(default),
        Some(text) => text
            .parse()
            .ok()
            .filter(|length| (1..=most).contains(length))
            .ok_or_else(|| ApiError::bad_request("Invalid pagelen")),
    }
}

/// Reads a page number; the first is 1.
pub(crate) fn page_number(call: &Call) -> Result<usize, ApiError> {
    match call.query_value("page") {
        None => Ok(1),
        Some(text) => text
            .parse()
            .ok()
            .filter(|number| *number >= 1)
            .ok_or_else(|| ApiError::bad_request("Invalid page")),
    }
}

/// Answers one numbered page of `items`; only the items of that page are
/// turned into JSON.
pub(crate) fn numbered<T>(
    call: &Call,
    items: &[T],
    to_json: impl FnOnce(&[T]) -> Result<Vec<Value>, ApiError>,
) -> Reply {
    let length = page_length(call)?;
    let number = page_number(call)?;
    let start = (number - 1).saturating_mul(length).min(items.len());
    let end = start.saturating_add(length).min(items.len());
    let behaviour = locked(&call.mock.state).behaviour;
    let turned = behaviour.unstable_order && call.query_value("sort").is_none() && number % 2 == 0;
    let values = if turned {
        let mut values = to_json(&items[items.len() - end..items.len() - start])?;
        values.reverse();
        values
    } else {
        to_json(&items[start..end])?
    };
    let mut envelope = Map::new();
    envelope.insert("values".into(), Value::Array(values));
    envelope.insert("pagelen".into(), json!(length));
    if !behaviour.bare_envelopes {
        envelope.insert("size".into(), json!(items.len()));
        envelope.insert("page".into(), json!(number));
    }
    if end < items.len() {
        envelope.insert(
            "next".into(),
            json!(page_link(call, &(number + 1).to_string())),
        );
    }
    if number > 1 {
        envelope.insert(
            "previous".into(),
            json!(page_link(call, &(number - 1).to_string())),
        );
    }
    Ok(Answer::ok(Value::Object(envelope)))
}

/// Answers one page of a list that has no numbers.
pub(crate) fn by_cursor(
    call: &Call,
    length: usize,
    values: Vec<Value>,
    next: Option<String>,
) -> Reply {
    let mut envelope = Map::new();
    envelope.insert("values".into(), Value::Array(values));
    envelope.insert("pagelen".into(), json!(length));
    if let Some(next) = next {
        envelope.insert("next".into(), json!(page_link(call, &next)));
    }
    Ok(Answer::ok(Value::Object(envelope)))
}

/// The address of another page of this list: the path and every parameter the
/// caller gave, with `page` replaced.
pub(crate) fn page_link(call: &Call, page: &str) -> String {
    let mut parameters: Vec<(String, String)> = call
        .query
        .iter()
        .filter(|(key, _)| key != "page")
        .cloned()
        .collect();
    parameters.push(("page".to_owned(), page.to_owned()));
    format!(
        "{}{}?{}",
        call.mock.urls.origin,
        call.raw_path,
        links::query(&parameters)
    )
}

/// A list of hashes that pages are cut from, made once for all its pages.
pub(crate) struct Walk {
    /// What the walk belongs to: a cursor of another list is not accepted.
    subject: String,
    pub(crate) hashes: Vec<String>,
    number: u64,
}

impl Walk {
    /// The opaque text that stands for "from here on".
    pub(crate) fn cursor(&self, offset: usize) -> String {
        format!("{}z{}", to_digits(self.number), to_digits(offset as u64))
    }
}

/// Walks that clients are still reading.
#[derive(Default)]
pub(crate) struct WalkCache {
    inner: Mutex<(u64, VecDeque<Arc<Walk>>)>,
}

impl WalkCache {
    /// Keeps a fresh walk, dropping the oldest when there are too many.
    pub(crate) fn keep(&self, subject: &str, hashes: Vec<String>) -> Arc<Walk> {
        let mut inner = locked(&self.inner);
        inner.0 += 1;
        let walk = Arc::new(Walk {
            subject: subject.to_owned(),
            hashes,
            // The factor keeps cursors from looking like page numbers.
            number: inner.0.wrapping_mul(7919) % 1_679_616,
        });
        inner.1.push_back(Arc::clone(&walk));
        if inner.1.len() > REMEMBERED_WALKS {
            inner.1.pop_front();
        }
        walk
    }

    /// The walk and the position that a cursor stands for.
    pub(crate) fn find(&self, subject: &str, cursor: &str) -> Option<(Arc<Walk>, usize)> {
        let (number, offset) = cursor.split_once('z')?;
        let number = from_digits(number)?;
        let offset = usize::try_from(from_digits(offset)?).ok()?;
        let inner = locked(&self.inner);
        let walk = inner
            .1
            .iter()
            .rev()
            .find(|walk| walk.number == number && walk.subject == subject)?;
        (offset <= walk.hashes.len()).then(|| (Arc::clone(walk), offset))
    }
}

/// The digits of base 35 and nothing else: `z` separates.
const DIGITS: &[u8; 35] = b"0123456789abcdefghijklmnopqrstuvwxy";

fn to_digits(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from(DIGITS[(number % 35) as usize]));
        number /= 35;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

fn from_digits(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.bytes().try_fold(0_u64, |number, byte| {
        let digit = DIGITS.iter().position(|candidate| *candidate == byte)?;
        number.checked_mul(35)?.checked_add(digit as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place_and_only_in_its_own_list() {
        let cache = WalkCache::default();
        let walk = cache.keep("a", vec!["1".into(), "2".into(), "3".into()]);
        let cursor = walk.cursor(2);
        assert!(
            cursor.parse::<u64>().is_err(),
            "not a page number: {cursor}"
        );
        assert_eq!(cache.find("a", &cursor).map(|found| found.1), Some(2));
        assert!(cache.find("b", &cursor).is_none());
        assert!(cache.find("a", "nonsense").is_none());
    }

    #[test]
    fn old_walks_are_forgotten() {
        let cache = WalkCache::default();
        let first = cache.keep("a", Vec::new()).cursor(0);
        for _ in 0..REMEMBERED_WALKS {
            cache.keep("a", Vec::new());
        }
        assert!(cache.find("a", &first).is_none());
    }
}
