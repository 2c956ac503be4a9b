//! What the store needs of a database: statements with values, and their rows.
//!
//! Every statement is written once, in the SQL that all databases understand, with
//! `?1`, `?2` … for its values. A driver translates what has to be.

use super::error::StoreError;

type Result<T> = std::result::Result<T, StoreError>;

/// A connection, whatever the database. A statement is prepared once for each.
pub(crate) type Connection = dyn Driver;

/// Whose SQL a connection takes, where it cannot be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite: one transaction writes at a time, and sees everything.
    Sqlite,
    /// PostgreSQL: many do.
    Postgres,
}

impl Dialect {
    /// What ends a statement whose rows nobody else is to change until the end of the
    /// transaction.
    pub(crate) fn locking(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR NO KEY UPDATE",
        }
    }
}

/// What a database has to do.
pub(crate) trait Driver {
    /// Whose SQL it takes.
    fn dialect(&self) -> Dialect;

    /// Runs a statement; returns how many rows it changed.
    fn run(&self, sql: &str, values: &[Value<'_>]) -> Result<usize>;

    /// Gives the rows of a statement to `each` until it returns `false`.
    fn rows(
        &self,
        sql: &str,
        values: &[Value<'_>],
        each: &mut dyn FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()>;
}

impl dyn Driver {
    /// Runs a statement; returns how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<usize> {
        self.run(sql, values)
    }

    /// All rows.
    pub(crate) fn query<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        self.rows(sql, values, &mut |row| {
            found.push(read(row)?);
            Ok(true)
        })?;
        Ok(found)
    }

    /// The first row, if there is one.
    pub(crate) fn query_optional<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut found = None;
        self.rows(sql, values, &mut |row| {
            found = Some(read(row)?);
            Ok(false)
        })?;
        Ok(found)
    }

    /// The first row of a statement that always has one.
    pub(crate) fn query_one<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.query_optional(sql, values, read)?
            .ok_or_else(|| StoreError::Failed("a statement gave no row".to_owned()))
    }

    /// Whether there is a row.
    pub(crate) fn exists(&self, sql: &str, values: &[Value<'_>]) -> Result<bool> {
        Ok(self.query_optional(sql, values, |_| Ok(()))?.is_some())
    }
}

/// A value of a statement. Also one that is missing has a type, because some
/// databases want to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'v> {
    /// A number; a truth is 0 or 1.
    Integer(Option<i64>),
    /// A text.
    Text(Option<&'v str>),
    /// Bytes.
    Bytes(Option<&'v [u8]>),
}

/// What can be a value.
pub(crate) trait ToValue {
    /// The value of this type that is missing.
    const MISSING: Value<'static>;

    /// This as a value.
    fn to_value(&self) -> Value<'_>;
}

macro_rules! numbers_are_values {
    ($($number:ty),*) => {$(
        impl ToValue for $number {
            const MISSING: Value<'static> = Value::Integer(None);

            fn to_value(&self) -> Value<'_> {
                Value::Integer(Some(i64::from(*self)))
            }
        }
    )*};
}

numbers_are_values!(i64, u32, bool);

impl ToValue for str {
    const MISSING: Value<'static> = Value::Text(None);

    fn to_value(&self) -> Value<'_> {
        Value::Text(Some(self))
    }
}

impl ToValue for String {
    const MISSING: Value<'static> = Value::Text(None);

    fn to_value(&self) -> Value<'_> {
        Value::Text(Some(self))
    }
}

impl ToValue for Vec<u8> {
    const MISSING: Value<'static> = Value::Bytes(None);

    fn to_value(&self) -> Value<'_> {
        Value::Bytes(Some(self))
    }
}

impl<const LENGTH: usize> ToValue for [u8; LENGTH] {
    const MISSING: Value<'static> = Value::Bytes(None);

    fn to_value(&self) -> Value<'_> {
        Value::Bytes(Some(self))
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    const MISSING: Value<'static> = T::MISSING;

    fn to_value(&self) -> Value<'_> {
        T::to_value(self)
    }
}

impl<T: ToValue> ToValue for Option<T> {
    const MISSING: Value<'static> = T::MISSING;

    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(T::MISSING, T::to_value)
    }
}

/// The values of a statement, in their order.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$($crate::store::sql::ToValue::to_value(&$value)),*]
    };
}
pub(crate) use values;

/// A row of a result.
pub(crate) struct Row<'r>(pub(crate) &'r dyn Columns);

/// What a driver's row has to do.
pub(crate) trait Columns {
    /// What stands in a column.
    fn column(&self, index: usize) -> Result<Column<'_>>;
}

/// What stands in a column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column<'c> {
    /// Nothing.
    Missing,
    /// A number.
    Integer(i64),
    /// A text.
    Text(&'c str),
    /// Bytes.
    Bytes(&'c [u8]),
}

impl Row<'_> {
    /// The value of a column.
    ///
    /// # Errors
    /// `Failed` if there is no such column or it is of another type.
    pub(crate) fn get<T: FromColumn>(&self, index: usize) -> Result<T> {
        T::from_column(self.0.column(index)?).ok_or_else(|| {
            StoreError::Failed(format!("column {index} of a row is of another type"))
        })
    }
}

/// What can be read from a column.
pub(crate) trait FromColumn: Sized {
    /// `None` for a column of another type.
    fn from_column(column: Column<'_>) -> Option<Self>;
}

impl FromColumn for i64 {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Integer(number) => Some(number),
            _ => None,
        }
    }
}

impl FromColumn for u32 {
    fn from_column(column: Column<'_>) -> Option<Self> {
        i64::from_column(column)?.try_into().ok()
    }
}

impl FromColumn for bool {
    fn from_column(column: Column<'_>) -> Option<Self> {
        Some(i64::from_column(column)? != 0)
    }
}

impl FromColumn for String {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Text(text) => Some(text.to_owned()),
            _ => None,
        }
    }
}

impl FromColumn for Vec<u8> {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Bytes(bytes) => Some(bytes.to_vec()),
            _ => None,
        }
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Missing => Some(None),
            column => T::from_column(column).map(Some),
        }
    }
}
