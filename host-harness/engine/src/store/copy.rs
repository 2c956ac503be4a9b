//! Moving a store from a file to a database.

use super::sql::{Column, FromColumn, Value, values};
use super::{Result, Store, StoreError};
use std::sync::Arc;

/// Rows that are written together.
const TOGETHER: usize = 200;

/// The tables, each after those that it refers to. Counts are kept as rows come in, and
/// leases are of engines that do not run.
const TABLES: [&str; 14] = [
    "projects",
    "applications",
    "project_servers",
    "grants",
    "oauth_states",
    "hooks",
    "deliveries",
    "events",
    "runs",
    "cleanups",
    "changes",
    "poll_cursors",
    "outbox",
    "tokens",
];

/// How many rows of a table were copied.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CopiedTable {
    /// The table.
    pub table: &'static str,
    /// Its rows, as counted in both stores.
    pub rows: i64,
}

/// A value that is on its way.
enum Carried {
    Missing,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl FromColumn for Carried {
    fn from_column(column: Column<'_>) -> Option<Self> {
        Some(match column {
            Column::Missing => Self::Missing,
            Column::Integer(number) => Self::Integer(number),
            Column::Text(text) => Self::Text(text.to_owned()),
            Column::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
        })
    }
}

/// A column of a table.
struct ColumnOf {
    name: String,
    kind: String,
}

impl ColumnOf {
    fn value<'v>(&self, carried: &'v Carried) -> Value<'v> {
        match carried {
            Carried::Integer(number) => Value::Integer(Some(*number)),
            Carried::Text(text) => Value::Text(Some(text)),
            Carried::Bytes(bytes) => Value::Bytes(Some(bytes)),
            Carried::Missing if self.kind == "INTEGER" => Value::Integer(None),
            Carried::Missing if self.kind == "BLOB" => Value::Bytes(None),
            Carried::Missing => Value::Text(None),
        }
    }
}

impl Store {
    /// Copies everything from the store of a file into this one, which is a database
    /// and empty, and counts it there. No engine may use either meanwhile.
    ///
    /// # Errors
    /// `Conflict` if this one is no database or not empty, or the counts differ; as
    /// every read and write.
    pub fn copy_from(&self, file: &Self) -> Result<Vec<CopiedTable>> {
        if !self.is_shared() || file.is_shared() {
            return Err(StoreError::Conflict(
                "a store is copied from a file into a database".to_owned(),
            ));
        }
        for table in TABLES {
            if self.count(table)? > 0 {
                return Err(StoreError::Conflict(format!(
                    "the database is not empty: there are rows in {table}"
                )));
            }
        }
        let mut copied = Vec::new();
        for table in TABLES {
            self.copy_table(file, table)?;
            let (before, after) = (file.count(table)?, self.count(table)?);
            if before != after {
                return Err(StoreError::Conflict(format!(
                    "{before} rows of {table} are {after} after the copy; is an engine running?"
                )));
            }
            copied.push(CopiedTable { table, rows: after });
        }
        Ok(copied)
    }

    fn count(&self, table: &str) -> Result<i64> {
        self.read(|connection| {
            let sql = format!("SELECT count(*) FROM {table}");
            connection.query_one(&sql, values![], |row| row.get(0))
        })
    }

    fn copy_table(&self, file: &Self, table: &'static str) -> Result<()> {
        let columns: Arc<Vec<ColumnOf>> = file.read(|connection| {
            let found = connection.query(
                "SELECT name, type FROM pragma_table_info(?1) ORDER BY cid",
                values![table],
                |row| {
                    Ok(ColumnOf {
                        name: row.get(0)?,
                        kind: row.get(1)?,
                    })
                },
            )?;
            Ok(Arc::new(found))
        })?;
        let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
        let places: Vec<String> = (1..=names.len()).map(|place| format!("?{place}")).collect();
        let (names, places) = (names.join(", "), places.join(", "));
        let insert: Arc<str> = format!("INSERT INTO {table} ({names}) VALUES ({places})").into();
        file.read(|connection| {
            let mut gathered = Vec::new();
            connection.rows(
                &format!("SELECT {names} FROM {table}"),
                values![],
                &mut |row| {
                    let carried: Result<Vec<Carried>> =
                        (0..columns.len()).map(|index| row.get(index)).collect();
                    gathered.push(carried?);
                    if gathered.len() >= TOGETHER {
                        self.add_rows(&insert, &columns, std::mem::take(&mut gathered))?;
                    }
                    Ok(true)
                },
            )?;
            self.add_rows(&insert, &columns, gathered)
        })?;
        if columns
            .iter()
            .any(|column| column.name == "id" && column.kind == "INTEGER")
        {
            // New rows get higher numbers than those that were copied.
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{table}', 'id'),
                 greatest((SELECT max(id) FROM {table}), 1)) IS NULL"
            );
            self.write(move |connection| connection.query_one(&sql, values![], |_| Ok(())))?;
        }
        Ok(())
    }

    fn add_rows(
        &self,
        insert: &Arc<str>,
        columns: &Arc<Vec<ColumnOf>>,
        rows: Vec<Vec<Carried>>,
    ) -> Result<()> {
        let (insert, columns) = (Arc::clone(insert), Arc::clone(columns));
        self.write(move |connection| {
            for row in &rows {
                let values: Vec<Value<'_>> = columns
                    .iter()
                    .zip(row)
                    .map(|(column, carried)| column.value(carried))
                    .collect();
                connection.execute(&insert, &values)?;
            }
            Ok(())
        })
    }
}
