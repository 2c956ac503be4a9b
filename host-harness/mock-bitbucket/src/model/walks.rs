//! Lists that clients are still reading page by page, and their cursors.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::sync::lock;

/// How many walks are kept for their cursors.
const CACHED_WALKS: usize = 512;

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
        let mut inner = lock(&self.inner);
        inner.0 += 1;
        let walk = Arc::new(Walk {
            subject: subject.to_owned(),
            hashes,
            // The factor keeps cursors from looking like page numbers.
            number: inner.0.wrapping_mul(7919) % 1_679_616,
        });
        inner.1.push_back(Arc::clone(&walk));
        if inner.1.len() > CACHED_WALKS {
            inner.1.pop_front();
        }
        walk
    }

    /// The walk and the position that a cursor stands for.
    pub(crate) fn find(&self, subject: &str, cursor: &str) -> Option<(Arc<Walk>, usize)> {
        let (number, offset) = cursor.split_once('z')?;
        let number = from_digits(number)?;
        let offset = usize::try_from(from_digits(offset)?).ok()?;
        let inner = lock(&self.inner);
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
        for _ in 0..CACHED_WALKS {
            cache.keep("a", Vec::new());
        }
        assert!(cache.find("a", &first).is_none());
    }
}
