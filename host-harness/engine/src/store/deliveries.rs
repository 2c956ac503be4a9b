//! Deliveries seen, and the events that they bring in.

use super::events::EventSource;
use super::sql::{Connection, values};
use super::{Result, Store};

/// A verified delivery.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// The hook that it came by.
    pub hook: String,
    /// The service's id of the delivery: the same on every retry.
    pub delivery: String,
    /// The service's key of the event.
    pub event_key: String,
    /// The application that it is for.
    pub application: i64,
    /// What it says, in its order.
    pub events: Vec<NewEvent>,
    /// The SHA-256 digest of its body, which the signature covers; its id does not
    /// stand under the signature.
    pub digest: [u8; 32],
}

/// An event to work on.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// What it is about, such as `branch:main`: events of one subject are
    /// worked on in their order.
    pub subject: String,
    /// The event as JSON.
    pub payload: String,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is kept, with its events.
    New,
    /// It was there already; nothing changed.
    Seen,
}

impl Store {
    /// Keeps a delivery and its events, both or neither, once. Returns the
    /// numbers of the events.
    ///
    /// # Errors
    /// As every write. After an error nothing of it is kept.
    pub async fn receive(&self, delivery: NewDelivery, now: i64) -> Result<(Received, Vec<i64>)> {
        self.write_async(move |connection| {
            let new = connection.execute(
                "INSERT INTO deliveries (hook, delivery, event_key, received_at, digest)
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                values![
                    delivery.hook,
                    delivery.delivery,
                    delivery.event_key,
                    now,
                    delivery.digest
                ],
            )?;
            if new == 0 {
                return Ok((Received::Seen, Vec::new()));
            }
            let ids = add_events(
                connection,
                delivery.application,
                EventSource::Delivery,
                &delivery.events,
                now,
            )?;
            Ok((Received::New, ids))
        })
        .await
    }

    /// Whether a delivery was kept before.
    ///
    /// # Errors
    /// As every read.
    pub fn is_seen(&self, hook: &str, delivery: &str) -> Result<bool> {
        self.read(|connection| {
            connection.exists(
                "SELECT 1 FROM deliveries WHERE hook = ?1 AND delivery = ?2",
                values![hook, delivery],
            )
        })
    }
}

/// Adds events, in their order, and returns their numbers.
pub(super) fn add_events(
    connection: &Connection,
    application: i64,
    source: EventSource,
    events: &[NewEvent],
    now: i64,
) -> Result<Vec<i64>> {
    let mut ids = Vec::with_capacity(events.len());
    for event in events {
        ids.push(connection.query_one(
            "INSERT INTO events (application, source, subject, payload, received_at)
             VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
            values![
                application,
                source.to_text(),
                event.subject,
                event.payload,
                now
            ],
            |row| row.get(0),
        )?);
    }
    Ok(ids)
}
