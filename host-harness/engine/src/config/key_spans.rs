//! Where the keys of a TOML text stand, so that a message can point at them.

use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The places of all keys of a text, by dotted name.
pub(super) struct KeySpans {
    /// The offsets at which the lines begin.
    starts: Vec<usize>,
    /// Each key's own place and its value's place.
    keys: BTreeMap<String, (Range<usize>, Range<usize>)>,
}

impl KeySpans {
    /// Reads the places; of a text with errors, as far as it can be read.
    pub(super) fn of(text: &str) -> Self {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        let mut keys = BTreeMap::new();
        let (root, _errors) = DeTable::parse_recoverable(text);
        collect("", root.get_ref(), &mut keys);
        Self { starts, keys }
    }

    /// The line of an offset, from 1.
    pub(super) fn of_offset(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// The line of a key by its dotted name.
    pub(super) fn of_key(&self, key: &str) -> Option<usize> {
        self.keys
            .get(key)
            .map(|(place, _)| self.of_offset(place.start))
    }

    /// The dotted name of the key that stands on this line.
    pub(super) fn key_on_line(&self, line: usize) -> Option<&str> {
        self.keys
            .iter()
            .find(|(_, (place, _))| self.of_offset(place.start) == line)
            .map(|(name, _)| name.as_str())
    }

    /// The dotted name of the innermost key whose name or value holds this offset.
    pub(super) fn key_at(&self, offset: usize) -> Option<&str> {
        self.keys
            .iter()
            .filter(|(_, (key, value))| key.contains(&offset) || value.contains(&offset))
            .max_by_key(|(name, _)| name.len())
            .map(|(name, _)| name.as_str())
    }

    /// The lines of the keys below a table, named from there; the table itself
    /// is the empty name.
    pub(super) fn below(&self, table: &str) -> BTreeMap<String, usize> {
        self.keys
            .iter()
            .filter_map(|(name, (place, _))| {
                let rest = name.strip_prefix(table)?;
                let relative = rest.strip_prefix('.').or(rest.is_empty().then_some(""))?;
                Some((relative.to_owned(), self.of_offset(place.start)))
            })
            .collect()
    }
}

/// A part of a dotted name as TOML writes it: in quotes where it needs them.
pub(super) fn segment(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}

fn collect(
    prefix: &str,
    table: &DeTable<'_>,
    keys: &mut BTreeMap<String, (Range<usize>, Range<usize>)>,
) {
    for (key, value) in table {
        let name = if prefix.is_empty() {
            segment(key.get_ref())
        } else {
            format!("{prefix}.{}", segment(key.get_ref()))
        };
        keys.insert(name.clone(), (key.span(), Spanned::span(value)));
        if let DeValue::Table(inner) = value.get_ref() {
            collect(&name, inner, keys);
        }
    }
}
