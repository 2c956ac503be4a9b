//! Records as a person reads them: tables for lists, lines of name and value for
//! one record.
//!
//! Text of a service or a repository may hold anything, so control characters,
//! with which it could write to the terminal, are made visible.

use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write as _;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
use vcs_provider_interface::records::*;

/// A record in a list.
pub(super) trait Row {
    /// The titles of the columns.
    const COLUMNS: &'static [&'static str];

    /// The cells, one for each column.
    fn cells(&self) -> Vec<String>;
}

/// The names of the records' members that are times.
const TIMES: [&str; 8] = [
    "authorTimestamp",
    "created",
    "created_at",
    "date",
    "expires_at_ms",
    "timestamp",
    "updated",
    "updated_at",
];

const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

/// A column of a table that has to be cut keeps so many characters.
const NARROWEST: usize = 8;

/// The space between two columns.
const GAP: &str = "  ";

/// A page of a table. Columns only ever grow wider from page to page; the last
/// one is not padded. Where there is only so much `room`, the widest columns are
/// cut.
pub(super) fn table<T: Row>(
    items: &[T],
    widths: &mut Vec<usize>,
    with_titles: bool,
    room: Option<usize>,
) -> String {
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|item| item.cells().iter().map(|cell| one_line(cell)).collect())
        .collect();
    widths.resize(T::COLUMNS.len(), 0);
    for (index, width) in widths.iter_mut().enumerate() {
        let cells = rows.iter().map(|row| row[index].width());
        let title = T::COLUMNS[index].width();
        *width = cells.chain([title, *width]).max().unwrap_or(title);
    }
    let fitted = match room {
        Some(room) => fit(widths, room),
        None => widths.clone(),
    };
    let mut text = String::new();
    if with_titles && !rows.is_empty() {
        let titles: Vec<String> = T::COLUMNS.iter().map(|&title| title.to_owned()).collect();
        text.push_str(BOLD);
        push_row(&mut text, &titles, &fitted);
        text.push_str(RESET);
        text.push('\n');
    }
    for row in &rows {
        push_row(&mut text, row, &fitted);
        text.push('\n');
    }
    text
}

/// Takes from the widest columns until the line fits, or nothing is left to take.
fn fit(widths: &[usize], room: usize) -> Vec<usize> {
    let mut fitted = widths.to_vec();
    let gaps = GAP.len() * fitted.len().saturating_sub(1);
    while fitted.iter().sum::<usize>() + gaps > room {
        match fitted.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => break,
        }
    }
    fitted
}

fn push_row(text: &mut String, cells: &[String], widths: &[usize]) {
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if index > 0 {
            text.push_str(GAP);
        }
        let cell = cut(cell, *width);
        text.push_str(&cell);
        if index + 1 < cells.len() {
            let padding = width.saturating_sub(cell.width());
            text.extend(std::iter::repeat_n(' ', padding));
        }
    }
}

/// A cell that is not wider than this; where something is cut, it ends in `…`.
fn cut(cell: &str, width: usize) -> Cow<'_, str> {
    if cell.width() <= width {
        return Cow::Borrowed(cell);
    }
    let mut kept = String::new();
    let mut taken = 1;
    for character in cell.chars() {
        taken += character.width().unwrap_or(0);
        if taken > width {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    Cow::Owned(kept)
}

/// One record as lines of name and value; empty values are left out.
pub(super) fn facts(value: &Value) -> String {
    let mut lines = Vec::new();
    collect_facts("", value, &mut lines);
    let width = lines
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{BOLD}{name:width$}{RESET}  {}", one_line(&value));
    }
    text
}

fn collect_facts(name: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    let inner_name = |key: &str| {
        if name.is_empty() {
            key.to_owned()
        } else {
            format!("{name}.{key}")
        }
    };
    match value {
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => lines.push((name.to_owned(), text.clone())),
        Value::Object(members) => {
            for (key, value) in members {
                collect_facts(&inner_name(key), value, lines);
            }
        }
        Value::Array(items) => {
            if let Some(words) = all_strings(items) {
                if !words.is_empty() {
                    lines.push((name.to_owned(), words.join(", ")));
                }
                return;
            }
            for (index, item) in items.iter().enumerate() {
                collect_facts(&inner_name(&index.to_string()), item, lines);
            }
        }
        other => {
            let text = as_time(name, other).unwrap_or_else(|| other.to_string());
            lines.push((name.to_owned(), text));
        }
    }
}

/// A number of milliseconds since 1970 as a date, if its name says that it is one.
fn as_time(name: &str, value: &Value) -> Option<String> {
    let name = name.rsplit('.').next().unwrap_or(name);
    TIMES.contains(&name).then(|| time(value.as_i64()))
}

fn all_strings(items: &[Value]) -> Option<Vec<&str>> {
    items.iter().map(Value::as_str).collect()
}

/// The text in one line, with control characters made visible.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.trim_end().chars() {
        match character {
            '\n' | '\r' | '\t' => line.push(' '),
            // The latter let a terminal show what follows in another order.
            character
                if character.is_control()
                    || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                line.extend(character.escape_unicode());
            }
            character => line.push(character),
        }
    }
    line
}

/// A time as a person reads it.
fn time(milliseconds: Option<i64>) -> String {
    milliseconds
        .and_then(|milliseconds| jiff::Timestamp::from_millisecond(milliseconds).ok())
        .map_or_else(String::new, |time| {
            time.strftime("%Y-%m-%d %H:%M:%S").to_string()
        })
}

fn short(hash: &str) -> String {
    hash.get(..12).unwrap_or(hash).to_owned()
}

fn name_of(author: &Author) -> String {
    let names = [
        &author.display_name,
        &author.name,
        &author.email,
        &author.id,
    ];
    names
        .into_iter()
        .find(|name| !name.is_empty())
        .cloned()
        .unwrap_or_default()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn or_empty(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn marked(condition: bool, mark: &str) -> String {
    if condition { mark } else { "" }.to_owned()
}

impl Row for Workspace {
    const COLUMNS: &'static [&'static str] = &["SLUG", "ADMIN", "NAME"];

    fn cells(&self) -> Vec<String> {
        let is_administrator = self.administrator == Some(true);
        vec![
            self.slug.clone(),
            marked(is_administrator, "yes"),
            self.name.clone(),
        ]
    }
}

impl Row for Repository {
    const COLUMNS: &'static [&'static str] = &["REPOSITORY", "VISIBILITY", "MAIN BRANCH", "URL"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.fullname.clone(),
            self.visibility
                .map_or_else(String::new, |seen| seen.to_string()),
            or_empty(self.default_branch.as_ref()),
            self.url.clone(),
        ]
    }
}

impl Row for Branch {
    const COLUMNS: &'static [&'static str] = &["", "COMMIT", "BRANCH"];

    fn cells(&self) -> Vec<String> {
        vec![
            marked(self.default == Some(true), "*"),
            short(&self.latest_commit),
            self.display_id.clone(),
        ]
    }
}

impl Row for Tag {
    const COLUMNS: &'static [&'static str] = &["COMMIT", "DATE", "TAG", "MESSAGE"];

    fn cells(&self) -> Vec<String> {
        vec![
            short(&self.hash),
            time(self.timestamp),
            self.tag.clone(),
            first_line(&self.message),
        ]
    }
}

impl Row for Commit {
    const COLUMNS: &'static [&'static str] = &["COMMIT", "DATE", "AUTHOR", "SUBJECT"];

    fn cells(&self) -> Vec<String> {
        vec![
            short(&self.id),
            time(self.author_timestamp),
            name_of(&self.author),
            first_line(&self.message),
        ]
    }
}

impl Row for ChangedFile {
    const COLUMNS: &'static [&'static str] = &["CHANGE", "ADDED", "REMOVED", "PATH"];

    fn cells(&self) -> Vec<String> {
        let path = match &self.old_path {
            Some(old_path) => format!("{old_path} -> {}", self.path),
            None => self.path.clone(),
        };
        vec![
            self.change.to_string(),
            or_empty(self.lines_added),
            or_empty(self.lines_removed),
            path,
        ]
    }
}

impl Row for PullRequest {
    const COLUMNS: &'static [&'static str] = &["ID", "STATE", "SOURCE", "DESTINATION", "TITLE"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.state.to_string(),
            self.head.branch.display_id.clone(),
            self.base.branch.display_id.clone(),
            self.title.clone(),
        ]
    }
}

impl Row for Comment {
    const COLUMNS: &'static [&'static str] = &["ID", "DATE", "AUTHOR", "TEXT"];

    fn cells(&self) -> Vec<String> {
        let author = self.author.as_ref().map(name_of);
        let text = if self.deleted {
            "(deleted)"
        } else {
            &self.text
        };
        vec![
            self.id.clone(),
            time(self.created),
            author.unwrap_or_default(),
            text.to_owned(),
        ]
    }
}

impl Row for Hook {
    const COLUMNS: &'static [&'static str] = &["ID", "ACTIVE", "SIGNED", "EVENTS", "URL"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            marked(!self.disable, "yes"),
            marked(self.secret_set == Some(true), "yes"),
            self.events.join(","),
            self.url.clone(),
        ]
    }
}

impl Row for Status {
    const COLUMNS: &'static [&'static str] = &["KEY", "STATE", "NAME", "URL"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.key.clone(),
            self.service_state.clone(),
            self.name.clone(),
            self.url.clone(),
        ]
    }
}

impl Row for Content {
    const COLUMNS: &'static [&'static str] = &["SIZE", "PATH"];

    fn cells(&self) -> Vec<String> {
        let end = if self.is_directory { "/" } else { "" };
        vec![or_empty(self.size), format!("{}{end}", self.path)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_has_aligned_columns_and_one_line_for_each_row() {
        let commit = |id: &str, name: &str, message: &str| Commit {
            id: id.repeat(40),
            author: Author {
                name: name.to_owned(),
                ..Default::default()
            },
            message: message.to_owned(),
            author_timestamp: Some(0),
            ..Default::default()
        };
        let commits = [
            commit("a", "Ada", "First\n\nmore"),
            commit("b", "Grace H", "Second \x1b[2Jline"),
        ];
        let mut widths = Vec::new();
        let text = table(&commits, &mut widths, false, None);
        assert_eq!(
            text,
            "aaaaaaaaaaaa  1970-01-01 00:00:00  Ada      First\n\
             bbbbbbbbbbbb  1970-01-01 00:00:00  Grace H  Second \\u{1b}[2Jline\n"
        );
    }

    #[test]
    fn a_table_fits_the_terminal_and_says_where_it_cuts() {
        let commits = [Commit {
            id: "a".repeat(40),
            author: Author {
                name: "名前".repeat(20),
                ..Default::default()
            },
            message: "A subject that is much too long for a narrow terminal".to_owned(),
            author_timestamp: Some(0),
            ..Default::default()
        }];
        let text = table(&commits, &mut Vec::new(), true, Some(60));
        for line in text.replace(BOLD, "").replace(RESET, "").lines() {
            assert!(line.width() <= 60, "{} columns: {line}", line.width());
        }
        assert_eq!(text.matches('…').count(), 3, "{text}");
        let whole = table(&commits, &mut Vec::new(), true, None);
        assert!(!whole.contains('…'), "{whole}");
    }

    #[test]
    fn an_empty_table_is_empty() {
        assert_eq!(table::<Commit>(&[], &mut Vec::new(), true, None), "");
    }

    #[test]
    fn a_record_is_shown_by_name_and_value_without_what_is_empty() {
        let value = json!({
            "id": "x", "empty": "", "none": null, "count": 2,
            "parents": ["a", "b"], "author": {"name": "n"}, "extra": {"k": "v"},
            "created": 86_400_000,
        });
        let text = facts(&value).replace(BOLD, "").replace(RESET, "");
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                "author.name  n",
                "count        2",
                "created      1970-01-02 00:00:00",
                "extra.k      v",
                "id           x",
                "parents      a, b",
            ]
        );
    }
}
