//! The tables, and how a store of an older engine becomes one of this engine.
//!
//! The number of the schema stands in SQLite's `user_version`. A step is never
//! changed once it was released; what is new is a new step.

use super::error::StoreError;
use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as an engine's store, in SQLite's `application_id`.
const APPLICATION_ID: i64 = 0x5643_5345;

/// A step: in words that all databases know once types are translated, and what each
/// needs of its own.
pub(crate) struct Step {
    pub(crate) both: &'static str,
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl Step {
    const fn of(both: &'static str) -> Self {
        Self {
            both,
            sqlite: "",
            postgres: "",
        }
    }
}

/// The oldest schema whose engines can work with the newest one beside engines of this
/// version, while they are replaced one at a time.
pub(crate) const USABLE_FROM: usize = 7;

/// The steps; the store's schema is the number of steps that it has taken.
pub(crate) const STEPS: &[Step] = &[
    Step::of(FIRST),
    Step::of(POLLING_AND_PARKING),
    Step {
        both: TOKENS,
        sqlite: SQLITE_COUNTS,
        postgres: POSTGRES_COUNTS,
    },
    Step::of(CONSENT_VERIFIER),
    Step::of(RUNS_AND_OUTBOX),
    Step::of(WORKSPACES),
    Step::of(LEASES),
];

/// Projects and applications, grants and consent, hooks and deliveries, events,
/// runs and clean-ups.
const FIRST: &str = "
CREATE TABLE projects (
    key TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE applications (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects(key) ON DELETE CASCADE,
    name TEXT NOT NULL,
    server TEXT NOT NULL,
    repo TEXT NOT NULL,
    repo_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (project, name)
) STRICT;
CREATE TABLE project_servers (
    project TEXT NOT NULL REFERENCES projects(key) ON DELETE CASCADE,
    server TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    linked_at INTEGER NOT NULL,
    PRIMARY KEY (project, server)
) STRICT, WITHOUT ROWID;
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE TABLE oauth_states (
    digest BLOB PRIMARY KEY,
    project TEXT NOT NULL,
    server TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE TABLE hooks (
    id TEXT PRIMARY KEY,
    application INTEGER NOT NULL UNIQUE REFERENCES applications(id) ON DELETE CASCADE,
    service_id TEXT,
    url TEXT NOT NULL,
    sealed_secret BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE deliveries (
    hook TEXT NOT NULL,
    delivery TEXT NOT NULL,
    event_key TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (hook, delivery)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_by_age ON deliveries (received_at);
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application INTEGER NOT NULL REFERENCES applications(id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    subject TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    received_at INTEGER NOT NULL,
    handled_at INTEGER
) STRICT;
CREATE INDEX events_open ON events (id) WHERE state = 'pending';
CREATE INDEX events_open_by_subject ON events (application, subject, id) WHERE state = 'pending';
CREATE INDEX events_by_age ON events (handled_at) WHERE state <> 'pending';
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application INTEGER NOT NULL REFERENCES applications(id) ON DELETE CASCADE,
    branch TEXT NOT NULL,
    hash TEXT NOT NULL,
    event INTEGER NOT NULL UNIQUE,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_by_branch ON runs (application, branch);
CREATE TABLE cleanups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application INTEGER NOT NULL REFERENCES applications(id) ON DELETE CASCADE,
    branch TEXT NOT NULL,
    deleted_hash TEXT,
    due_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    ended_at INTEGER
) STRICT;
CREATE UNIQUE INDEX cleanups_open ON cleanups (application, branch) WHERE state = 'pending';
CREATE INDEX cleanups_due ON cleanups (due_at) WHERE state = 'pending';
";

/// Polling (its cursors, and what tells polled from delivered events), and
/// events that are tried again later or parked with a reason.
const POLLING_AND_PARKING: &str = "
ALTER TABLE events ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN note TEXT;
CREATE INDEX events_held_back ON events (application, subject, id)
    WHERE state = 'pending' AND not_before > 0;
CREATE TABLE changes (
    id INTEGER PRIMARY KEY,
    application INTEGER NOT NULL REFERENCES applications(id) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    value TEXT NOT NULL,
    source TEXT NOT NULL,
    matched INTEGER NOT NULL DEFAULT 0,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX changes_by_subject ON changes (application, subject, value, at);
CREATE INDEX changes_by_age ON changes (at);
CREATE TABLE poll_cursors (
    application INTEGER PRIMARY KEY REFERENCES applications(id) ON DELETE CASCADE,
    cursor TEXT NOT NULL,
    began_at INTEGER NOT NULL
) STRICT;
";

/// Runs as a resource (claims, pull requests), the outbox of what services are
/// to be told, completion after handling, and clean-ups that are put off.
const RUNS_AND_OUTBOX: &str = "
ALTER TABLE applications ADD COLUMN pull_requests TEXT NOT NULL DEFAULT 'off';
ALTER TABLE applications ADD COLUMN supersede INTEGER NOT NULL DEFAULT 0;
ALTER TABLE applications ADD COLUMN comment_on_failure INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN pull_request INTEGER;
ALTER TABLE runs ADD COLUMN source_repo TEXT;
ALTER TABLE runs ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN worker TEXT;
ALTER TABLE runs ADD COLUMN lease TEXT;
ALTER TABLE runs ADD COLUMN lease_until INTEGER;
ALTER TABLE runs ADD COLUMN superseded_by INTEGER;
CREATE INDEX runs_by_state ON runs (state, id);
CREATE INDEX runs_by_hash ON runs (application, hash);
CREATE INDEX runs_leased ON runs (lease_until) WHERE lease_until IS NOT NULL;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application INTEGER NOT NULL,
    project TEXT NOT NULL,
    server TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    key TEXT NOT NULL,
    run INTEGER NOT NULL,
    payload TEXT NOT NULL,
    sequence INTEGER NOT NULL DEFAULT 1,
    sent_sequence INTEGER NOT NULL DEFAULT 0,
    uncertain_sequence INTEGER,
    state TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    note TEXT,
    remote_id TEXT,
    queued_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (application, kind, target, key)
) STRICT;
CREATE INDEX outbox_open ON outbox (not_before, id) WHERE state = 'pending';
CREATE INDEX outbox_by_run ON outbox (run);
CREATE INDEX outbox_by_state ON outbox (state);
ALTER TABLE events ADD COLUMN completion TEXT NOT NULL DEFAULT 'none';
ALTER TABLE events ADD COLUMN completion_attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN completion_not_before INTEGER NOT NULL DEFAULT 0;
CREATE INDEX events_to_complete ON events (completion_not_before, id)
    WHERE completion = 'pending';
ALTER TABLE changes ADD COLUMN old_value TEXT;
ALTER TABLE cleanups ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cleanups ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cleanups ADD COLUMN note TEXT;
";

/// Tokens of callers, and the digest of a delivery's body, by which a replay under
/// another id is found.
const TOKENS: &str = "
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    project TEXT,
    run INTEGER REFERENCES runs(id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX tokens_of_runs ON tokens (run) WHERE run IS NOT NULL;
ALTER TABLE deliveries ADD COLUMN digest BLOB;
CREATE INDEX deliveries_by_body ON deliveries (hook, digest) WHERE digest IS NOT NULL;
";

/// Counts of events that cost nothing to read.
const SQLITE_COUNTS: &str = "
CREATE TABLE event_counts (
    state TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO event_counts SELECT state, count(*) FROM events GROUP BY state;
CREATE TRIGGER events_counted_in AFTER INSERT ON events BEGIN
    INSERT INTO event_counts VALUES (NEW.state, 1)
        ON CONFLICT (state) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER events_counted_out AFTER DELETE ON events BEGIN
    UPDATE event_counts SET count = count - 1 WHERE state = OLD.state;
END;
CREATE TRIGGER events_counted_over AFTER UPDATE OF state ON events
WHEN NEW.state <> OLD.state BEGIN
    UPDATE event_counts SET count = count - 1 WHERE state = OLD.state;
    INSERT INTO event_counts VALUES (NEW.state, 1)
        ON CONFLICT (state) DO UPDATE SET count = count + 1;
END;
";

/// The same for many who write at once: each connection counts in rows of its own, so
/// that none waits for another.
const POSTGRES_COUNTS: &str = "
CREATE TABLE event_counts (
    state TEXT COLLATE \"C\" NOT NULL,
    slot BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (state, slot)
) WITH (fillfactor = 50);
CREATE FUNCTION count_event(counted TEXT, change BIGINT) RETURNS void LANGUAGE sql AS $$
    INSERT INTO event_counts VALUES (counted, pg_backend_pid(), change)
        ON CONFLICT (state, slot) DO UPDATE SET count = event_counts.count + excluded.count
$$;
CREATE FUNCTION events_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN PERFORM count_event(OLD.state, -1); END IF;
    IF TG_OP <> 'DELETE' THEN PERFORM count_event(NEW.state, 1); END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER events_counted AFTER INSERT OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION events_counted();
CREATE TRIGGER events_counted_over AFTER UPDATE OF state ON events
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION events_counted();
";

/// Which engine does what takes longer than a transaction, and until when services want
/// to be left alone.
const LEASES: &str = "
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    until INTEGER NOT NULL
) STRICT;
CREATE TABLE held_back (
    server TEXT NOT NULL,
    credential TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (server, credential)
) STRICT;
";

/// Consent with PKCE.
const CONSENT_VERIFIER: &str = "
ALTER TABLE oauth_states ADD COLUMN sealed_verifier BLOB;
";

/// Looks at workspaces, and what keeps a change quick however often its subject
/// changed before.
const WORKSPACES: &str = "
CREATE TABLE workspace_cursors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    server TEXT NOT NULL,
    credential TEXT NOT NULL,
    workspace TEXT NOT NULL,
    cursor TEXT NOT NULL,
    looked_at INTEGER NOT NULL,
    UNIQUE (server, credential, workspace)
) STRICT;
ALTER TABLE poll_cursors ADD COLUMN covered_by INTEGER;
CREATE INDEX events_of_application ON events (application);
CREATE INDEX events_parked ON events (id) WHERE state = 'parked';
DROP INDEX events_to_complete;
CREATE INDEX events_to_complete ON events (id) WHERE completion = 'pending';
CREATE INDEX outbox_by_age ON outbox (updated_at) WHERE state <> 'pending';
CREATE INDEX changes_in_order ON changes (application, subject);
CREATE INDEX changes_open ON changes (application, subject, value)
    WHERE matched = 0 AND source <> 'delivery';
CREATE INDEX changes_by_move ON changes (application, subject, value, old_value)
    WHERE source = 'delivery';
";

/// Brings a store to the newest schema. Safe when several processes do it at
/// the same time: one does it, the others find it done.
///
/// # Errors
/// `NewerSchema` for a store of a newer engine, `Damaged` for a file that is
/// another program's, otherwise what the file system says.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let newest = STEPS.len();
    if version(connection)? == newest {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    for step in &STEPS[found.min(newest)..] {
        transaction.execute_batch(step.both)?;
        transaction.execute_batch(step.sqlite)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(
        None,
        "user_version",
        i64::try_from(newest).unwrap_or(i64::MAX),
    )?;
    transaction.commit()?;
    Ok(())
}

/// Whether there is nothing in the file.
pub(crate) fn is_empty(connection: &Connection) -> Result<bool, StoreError> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0)
}

/// The schema of a file; 0 for one without tables.
pub(crate) fn version(connection: &Connection) -> Result<usize, StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let owner: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if owner != APPLICATION_ID && (found != 0 || tables != 0) {
        return Err(StoreError::Damaged(
            "the file is another program's database".to_owned(),
        ));
    }
    match usize::try_from(found) {
        Ok(version) if version <= STEPS.len() => Ok(version),
        _ => Err(StoreError::NewerSchema {
            found,
            known: i64::try_from(STEPS.len()).unwrap_or(i64::MAX),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store_of_version_1() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(STEPS[0].both).unwrap();
        connection
            .pragma_update(None, "application_id", APPLICATION_ID)
            .unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        connection
            .execute_batch(
                "INSERT INTO projects VALUES ('KEY', 1);
                 INSERT INTO applications VALUES (7, 'KEY', 'app', 'bb', 'ws/slug', '{u}', 1);
                 INSERT INTO events (application, source, subject, payload, received_at)
                     VALUES (7, 'delivery', 'branch:main', '{}', 5);",
            )
            .unwrap();
        connection
    }

    #[test]
    fn a_store_of_version_1_is_migrated_and_keeps_its_rows() {
        let mut connection = store_of_version_1();
        migrate(&mut connection).unwrap();
        assert_eq!(version(&connection).unwrap(), STEPS.len());
        let kept: (String, i64, Option<String>) = connection
            .query_row(
                "SELECT subject, not_before, note FROM events WHERE application = 7",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .unwrap();
        assert_eq!(kept, ("branch:main".to_owned(), 0, None));
        connection
            .execute(
                "INSERT INTO poll_cursors (application, cursor, began_at) VALUES (7, 'c', 1)",
                [],
            )
            .unwrap();
    }

    #[test]
    fn migrating_twice_changes_nothing_the_second_time() {
        let mut connection = store_of_version_1();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        assert_eq!(version(&connection).unwrap(), STEPS.len());
    }

    #[test]
    fn a_store_of_a_newer_engine_is_rejected() {
        let mut connection = store_of_version_1();
        connection.pragma_update(None, "user_version", 99).unwrap();
        assert_eq!(
            migrate(&mut connection).unwrap_err(),
            StoreError::NewerSchema {
                found: 99,
                known: i64::try_from(STEPS.len()).unwrap()
            }
        );
    }

    #[test]
    fn the_database_of_another_program_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(
            migrate(&mut connection).unwrap_err(),
            StoreError::Damaged(_)
        ));
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 1);
    }
}
