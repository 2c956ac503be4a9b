//! Bringing a database to the newest schema.

use super::dialect::translate_schema;
use super::session::Session;
use crate::store::schema::{STEPS, USABLE_FROM};
use crate::store::sql::{Connection, values};
use crate::store::{Result, StoreError};

/// The lock that engines take to migrate one after the other.
const LOCK: i64 = 0x5643_5345;

/// Brings a database to the newest schema; says whether it was empty. Safe when
/// several engines do it at the same time: one does it, the others find it done.
///
/// # Errors
/// `NewerSchema` for a database that this engine cannot work with any more, `Damaged`
/// for one that is another program's.
pub(super) fn migrate(session: &Session) -> Result<bool> {
    session.batch("BEGIN")?;
    match migrate_in_transaction(session) {
        Ok(was_empty) => {
            session.batch("COMMIT")?;
            Ok(was_empty)
        }
        Err(error) => {
            // The first error is the one to tell.
            let _ = session.batch("ROLLBACK");
            Err(error)
        }
    }
}

fn migrate_in_transaction(session: &Session) -> Result<bool> {
    let connection: &Connection = session;
    session.batch("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")?;
    connection.query_one(
        "SELECT pg_advisory_xact_lock(?1) IS NULL",
        values![LOCK],
        |_| Ok(()),
    )?;
    let found = version(connection)?;
    let newest = STEPS.len();
    let taken = found.unwrap_or(0);
    if taken >= newest {
        return Ok(false);
    }
    for step in &STEPS[taken..] {
        session.batch(&translate_schema(step.both))?;
        session.batch(step.postgres)?;
    }
    if found.is_none() {
        session.batch(
            "CREATE TABLE store_schema (version BIGINT NOT NULL, usable_from BIGINT NOT NULL)",
        )?;
        connection.execute("INSERT INTO store_schema VALUES (0, 0)", values![])?;
    }
    let number = |steps: usize| i64::try_from(steps).unwrap_or(i64::MAX);
    connection.execute(
        "UPDATE store_schema SET version = ?1, usable_from = ?2",
        values![number(newest), number(USABLE_FROM)],
    )?;
    Ok(found.is_none())
}

/// The schema of a database; `None` for one without tables.
pub(super) fn version(connection: &Connection) -> Result<Option<usize>> {
    let tables: Vec<String> = connection.query(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
        values![],
        |row| row.get(0),
    )?;
    if tables.is_empty() {
        return Ok(None);
    }
    if !tables.iter().any(|table| table == "store_schema") {
        return Err(StoreError::Damaged(
            "the database holds tables of another program".to_owned(),
        ));
    }
    let known = STEPS.len();
    let (found, usable_from) = connection.query_one(
        "SELECT version, usable_from FROM store_schema",
        values![],
        |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)),
    )?;
    let is_usable = usize::try_from(usable_from).is_ok_and(|from| from <= known);
    match usize::try_from(found) {
        // An engine of the version before goes on while others are replaced.
        Ok(version) if is_usable => Ok(Some(version)),
        _ => Err(StoreError::NewerSchema {
            found,
            known: i64::try_from(known).unwrap_or(i64::MAX),
        }),
    }
}
