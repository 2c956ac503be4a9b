//! Hooks: the address that deliveries arrive at, and the key they are signed with.

use super::sql::{Connection, Row, values};
use super::{Result, Store, StoreError};

/// A hook of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHook {
    /// The unguessable last segment of the hook's address.
    pub id: String,
    /// The application that the deliveries are for.
    pub application: i64,
    /// The server by its name in the configuration.
    pub server: String,
    /// The service's id of the hook; `None` until it was made there.
    pub service_id: Option<String>,
    /// The address as the service was told.
    pub url: String,
    /// The signing key, sealed.
    pub sealed_secret: Vec<u8>,
}

const SELECT: &str = "SELECT hooks.id, hooks.application, applications.server, hooks.service_id,
    hooks.url, hooks.sealed_secret
    FROM hooks JOIN applications ON applications.id = hooks.application";

impl Store {
    /// Keeps the hook of an application, or finds the one that it has: an
    /// application keeps its address and key for as long as it is linked.
    ///
    /// # Errors
    /// `NotFound` if there is no such application.
    pub fn add_hook(
        &self,
        id: String,
        application: i64,
        url: String,
        sealed_secret: Vec<u8>,
        now: i64,
    ) -> Result<StoredHook> {
        self.write(move |connection| {
            connection.execute(
                "INSERT INTO hooks (id, application, url, sealed_secret, created_at)
                 SELECT ?1, id, ?3, ?4, ?5 FROM applications WHERE id = ?2
                 ON CONFLICT (application) DO NOTHING",
                values![id, application, url, sealed_secret, now],
            )?;
            of_application(connection, application)?.ok_or_else(|| {
                StoreError::NotFound(format!("there is no application {application}"))
            })
        })
    }

    /// Takes note of the hook's id at the service, and of its address there.
    ///
    /// # Errors
    /// As every write.
    pub fn set_hook_at_service(
        &self,
        id: &str,
        service_id: Option<String>,
        url: String,
    ) -> Result<()> {
        let id = id.to_owned();
        self.write(move |connection| {
            connection.execute(
                "UPDATE hooks SET service_id = ?2, url = ?3 WHERE id = ?1",
                values![id, service_id, url],
            )?;
            Ok(())
        })
    }

    /// The hook of this id.
    ///
    /// # Errors
    /// As every read.
    pub fn hook(&self, id: &str) -> Result<Option<StoredHook>> {
        self.read(|connection| {
            let sql = format!("{SELECT} WHERE hooks.id = ?1");
            connection.query_optional(&sql, values![id], read_row)
        })
    }

    /// Any hook that there is, to try a key on.
    ///
    /// # Errors
    /// As every read.
    pub fn first_hook(&self) -> Result<Option<StoredHook>> {
        self.read(|connection| {
            let sql = format!("{SELECT} LIMIT 1");
            connection.query_optional(&sql, values![], read_row)
        })
    }

    /// The hook of this application.
    ///
    /// # Errors
    /// As every read.
    pub fn hook_of_application(&self, application: i64) -> Result<Option<StoredHook>> {
        self.read(|connection| of_application(connection, application))
    }
}

fn of_application(connection: &Connection, application: i64) -> Result<Option<StoredHook>> {
    let sql = format!("{SELECT} WHERE hooks.application = ?1");
    connection.query_optional(&sql, values![application], read_row)
}

fn read_row(row: &Row<'_>) -> Result<StoredHook> {
    Ok(StoredHook {
        id: row.get(0)?,
        application: row.get(1)?,
        server: row.get(2)?,
        service_id: row.get(3)?,
        url: row.get(4)?,
        sealed_secret: row.get(5)?,
    })
}
