//! One connection: its prepared statements, its transaction, its errors.

use super::dialect::translate;
use super::settings::{CONNECT_LIMIT, PostgresSettings};
use super::wait::wait;
use crate::store::sql::{Column, Columns, Dialect, Driver, Row, Value};
use crate::store::{Result, StoreError};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error as StdError;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Statement};

/// How long a statement may take here; the server ends it earlier.
const STATEMENT_LIMIT: Duration = Duration::from_secs(35);

/// A connection to the database.
pub(super) struct Session {
    client: Client,
    statements: RefCell<HashMap<String, Statement>>,
    /// Whether a transaction is to be begun with the next statement.
    begins: Cell<bool>,
    /// Whether something did not come back in time.
    is_lost: Cell<bool>,
}

impl Session {
    /// Connects.
    pub(super) fn connect(runtime: &Handle, settings: &PostgresSettings) -> Result<Self> {
        let (config, tls) = (settings.config()?, settings.tls()?);
        let connecting = runtime.spawn(async move {
            let (client, connection) = config.connect(tls).await?;
            // It ends when the client is dropped; what fails is told to the client.
            tokio::spawn(connection);
            Ok::<_, tokio_postgres::Error>(client)
        });
        let connected = wait(CONNECT_LIMIT + Duration::from_secs(1), connecting);
        let client = match connected {
            Some(Ok(client)) => client.map_err(|error| away(&error))?,
            Some(Err(error)) => return Err(StoreError::Away(error.to_string())),
            None => return Err(StoreError::Away("it does not answer".to_owned())),
        };
        Ok(Self {
            client,
            statements: RefCell::default(),
            begins: Cell::new(false),
            is_lost: Cell::new(false),
        })
    }

    /// Whether it can be used any more.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.get() || self.client.is_closed()
    }

    /// Begins a transaction with the next statement, in one message with it.
    pub(super) fn begin(&self) {
        self.begins.set(true);
    }

    /// Ends the transaction, if one was begun.
    pub(super) fn end(&self, commit: bool) -> Result<()> {
        if self.begins.replace(false) {
            return Ok(());
        }
        self.batch(if commit { "COMMIT" } else { "ROLLBACK" })
    }

    /// Runs statements that have no values.
    pub(super) fn batch(&self, sql: &str) -> Result<()> {
        self.wait(self.client.batch_execute(sql))
    }

    fn wait<T>(
        &self,
        future: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        match wait(STATEMENT_LIMIT, future) {
            Some(result) => result.map_err(|error| store_error(&error)),
            None => {
                self.is_lost.set(true);
                Err(StoreError::Away("it does not answer any more".to_owned()))
            }
        }
    }

    fn statement(&self, sql: &str, values: &[Value<'_>]) -> Result<Statement> {
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let types: Vec<Type> = values.iter().map(type_of).collect();
        let text = translate(sql);
        let statement = self.wait(self.client.prepare_typed(&text, &types))?;
        self.statements
            .borrow_mut()
            .insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Runs a statement, after the beginning of a transaction if it is the first in it:
    /// both travel together.
    fn send<T>(
        &self,
        statement: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        if !self.begins.replace(false) {
            return self.wait(statement);
        }
        self.wait(async {
            let (begun, done) = tokio::join!(self.client.batch_execute("BEGIN"), statement);
            begun?;
            done
        })
    }
}

impl Driver for Session {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn run(&self, sql: &str, values: &[Value<'_>]) -> Result<usize> {
        let statement = self.statement(sql, values)?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let changed = self.send(self.client.execute(&statement, &values))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    fn rows(
        &self,
        sql: &str,
        values: &[Value<'_>],
        each: &mut dyn FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        let statement = self.statement(sql, values)?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        for row in self.send(self.client.query(&statement, &values))? {
            if !each(&Row(&row))? {
                break;
            }
        }
        Ok(())
    }
}

fn type_of(value: &Value<'_>) -> Type {
    match value {
        Value::Integer(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::Bytes(_) => Type::BYTEA,
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Integer(Some(number)) => number.to_sql(kind, out),
            // The only text that a database of this kind does not take.
            Self::Text(Some(text)) if text.contains('\0') => {
                text.replace('\0', "\u{fffd}").to_sql(kind, out)
            }
            Self::Text(Some(text)) => text.to_sql(kind, out),
            Self::Bytes(Some(bytes)) => bytes.to_sql(kind, out),
            Self::Integer(None) | Self::Text(None) | Self::Bytes(None) => Ok(IsNull::Yes),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

impl<'r> FromSql<'r> for Column<'r> {
    fn from_sql(
        kind: &Type,
        raw: &'r [u8],
    ) -> std::result::Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(match *kind {
            Type::INT8 => Self::Integer(i64::from_sql(kind, raw)?),
            Type::INT4 => Self::Integer(i32::from_sql(kind, raw)?.into()),
            Type::BOOL => Self::Integer(bool::from_sql(kind, raw)?.into()),
            Type::BYTEA => Self::Bytes(raw),
            _ => Self::Text(<&str>::from_sql(kind, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self::Missing)
    }

    fn accepts(kind: &Type) -> bool {
        [
            Type::INT8,
            Type::INT4,
            Type::BOOL,
            Type::BYTEA,
            Type::TEXT,
            Type::VARCHAR,
            Type::NAME,
        ]
        .contains(kind)
    }
}

impl Columns for tokio_postgres::Row {
    fn column(&self, index: usize) -> Result<Column<'_>> {
        self.try_get(index)
            .map_err(|error| StoreError::Failed(error.to_string()))
    }
}

/// No connection could be made.
fn away(error: &tokio_postgres::Error) -> StoreError {
    match store_error(error) {
        StoreError::Failed(_) | StoreError::Busy => StoreError::Away(reason(error)),
        error => error,
    }
}

/// An error of the database in the store's words.
fn store_error(error: &tokio_postgres::Error) -> StoreError {
    let Some(database) = error.as_db_error() else {
        return StoreError::Away(reason(error));
    };
    let code = database.code();
    match code {
        &SqlState::T_R_SERIALIZATION_FAILURE
        | &SqlState::T_R_DEADLOCK_DETECTED
        | &SqlState::LOCK_NOT_AVAILABLE
        | &SqlState::QUERY_CANCELED => StoreError::Busy,
        &SqlState::DISK_FULL => StoreError::Full,
        &SqlState::READ_ONLY_SQL_TRANSACTION => StoreError::ReadOnly,
        _ => match code.code().get(..2) {
            // Connections, resources, operators, the system.
            Some("08" | "53" | "57" | "58" | "28" | "3D") => StoreError::Away(reason(error)),
            Some("XX") => StoreError::Damaged(reason(error)),
            _ => StoreError::Failed(reason(error)),
        },
    }
}

/// What the database said: neither the values of the statement nor the password.
fn reason(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), StdError::source(error)) {
        (Some(database), _) => format!("{} ({})", database.message(), database.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
