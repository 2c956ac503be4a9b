//! How SQLite finds what the store's statements ask for: none of them looks
//! through a table that grows with the deliveries.

use super::tests::temporary;
use rusqlite::Connection;
use std::fs;
use std::path::Path;

/// The tables that grow with the deliveries; `event` is another name of `events`.
const GROWING: [&str; 6] = ["events", "event", "deliveries", "changes", "runs", "outbox"];

/// Indexes that hold only what is still to be done: looking through one of them
/// costs as much as there is to do.
const OF_WHAT_IS_OPEN: [&str; 3] = ["events_open", "events_to_complete", "events_parked"];

/// The statements in a source file: its texts that begin like one.
fn statements(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(begin) = rest.find('"') {
        rest = &rest[begin + 1..];
        let Some(end) = rest.find('"') else { break };
        let text = rest[..end].split_whitespace().collect::<Vec<_>>().join(" ");
        let is_statement = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "]
            .iter()
            .any(|word| text.starts_with(word));
        if is_statement {
            let text = text.replace("{COLUMNS}", "*").replace("{}", "*");
            // What only another database is told.
            let text = text.replace("{unleased}", "").replace("{locking}", "");
            found.push(text.replace("{now}", "1"));
        }
        rest = &rest[end + 1..];
    }
    found
}

/// The steps of a statement.
fn plan_of(connection: &Connection, statement: &str) -> rusqlite::Result<Vec<String>> {
    let mut prepared = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}"))?;
    let nothing = vec![rusqlite::types::Null; prepared.parameter_count()];
    let steps = prepared.query_map(rusqlite::params_from_iter(nothing), |row| {
        row.get::<_, String>("detail")
    })?;
    steps.collect()
}

#[test]
fn no_statement_looks_through_a_table_that_grows() {
    let (_directory, store) = temporary();
    let connection = Connection::open(store.place()).unwrap();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let (mut looked_at, mut composed) = (0, 0);
    let mut slow = Vec::new();
    for file in fs::read_dir(sources).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() || ["mod.rs", "schema.rs", "copy.rs", "plans.rs"].contains(&&*name) {
            continue;
        }
        for statement in statements(&fs::read_to_string(&path).unwrap()) {
            if statement.contains('{') {
                // Put together from what is not in the text.
                composed += 1;
                continue;
            }
            let plan = plan_of(&connection, &statement);
            let plan = plan.unwrap_or_else(|error| panic!("{name}: {statement}: {error}"));
            looked_at += 1;
            let looks_through = |step: &String| {
                let is_open = step
                    .rsplit(' ')
                    .next()
                    .is_some_and(|index| OF_WHAT_IS_OPEN.contains(&index));
                let table = step
                    .strip_prefix("SCAN ")
                    .and_then(|what| what.split(' ').next());
                let grows = table.is_some_and(|table| GROWING.contains(&table));
                grows && !is_open
            };
            let sorts_history = statement.contains("FROM changes")
                && plan.iter().any(|step| step.contains("TEMP B-TREE"));
            if plan.iter().any(looks_through) || sorts_history {
                slow.push(format!("{name}: {statement}\n    {}", plan.join("\n    ")));
            }
        }
    }
    assert!(looked_at > 60, "only {looked_at} statements were found");
    assert!(composed <= 6, "{composed} statements cannot be looked at");
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}
