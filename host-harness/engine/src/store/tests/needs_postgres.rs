//! The same on PostgreSQL: all tests of the engine again, with their stores in a
//! database; and what is only true there.

use super::*;
use sha2::{Digest, Sha256};
use std::process::Command;
use std::time::{Duration, Instant};

/// Names a server on which tests may make databases; `cargo xtask test` starts one.
const SERVER: &str = "ENGINE_TEST_POSTGRES";

fn server() -> String {
    std::env::var(SERVER).unwrap_or_else(|_| panic!("{SERVER} names no server"))
}

/// A schema of its own in a database, for the store that would be at a path.
pub(super) fn schema_for(url: &str, path: &Path) -> PostgresSettings {
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    let schema = format!("t{}", hex::encode(&digest[..12]));
    super::postgres::execute(url, &format!("CREATE SCHEMA IF NOT EXISTS {schema}"));
    let mut settings = PostgresSettings::new(format!("{url}?options=-csearch_path%3D{schema}"));
    settings.connections = 3;
    settings
}

/// A database of its own, which ends with this.
struct OwnDatabase {
    name: String,
    url: String,
}

impl OwnDatabase {
    fn new() -> Self {
        let name = format!(
            "t{}",
            crate::random::name().unwrap().replace(['-', '_'], "")
        )
        .to_lowercase();
        postgres::execute(&server(), &format!("CREATE DATABASE {name}"));
        let (start, _) = server()
            .rsplit_once('/')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        Self {
            url: format!("{start}/{name}"),
            name,
        }
    }

    fn open(&self) -> Store {
        Store::open_postgres(&PostgresSettings::new(&*self.url)).unwrap()
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        postgres::execute(
            &server(),
            &format!("DROP DATABASE {} WITH (FORCE)", self.name),
        );
    }
}

/// What the names of tests hold that are about files, or are these.
const ABOUT_FILES: [&str; 5] = [
    "on_disk",
    "plans",
    "needs_postgres",
    "in_none_of_the_files",
    "in_one_file",
];

#[test]
#[ignore = "needs a PostgreSQL server; cargo xtask test starts one"]
fn all_tests_of_the_engine_pass_with_their_stores_in_postgresql() {
    let database = OwnDatabase::new();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(ABOUT_FILES.map(|name| ["--skip", name]).concat())
        .env(IN_DATABASE, &database.url)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
}

#[test]
#[ignore = "needs a PostgreSQL server; cargo xtask test starts one"]
fn a_lease_is_one_engine_s_until_it_gives_it_back_or_dies() {
    let database = OwnDatabase::new();
    let (one, other) = (database.open(), database.open());
    let lease = one.lease("work").unwrap().unwrap();
    assert!(other.lease("work").unwrap().is_none());
    assert!(other.lease("other work").unwrap().is_some());
    drop(lease);
    let deadline = Instant::now() + Duration::from_secs(10);
    let lease = loop {
        if let Some(lease) = other.lease("work").unwrap() {
            break lease;
        }
        assert!(Instant::now() < deadline, "it was not given back");
        std::thread::yield_now();
    };
    // As if its engine had died long ago.
    other
        .write(|connection| connection.execute("UPDATE leases SET until = 1", values![]))
        .unwrap();
    assert!(one.lease("work").unwrap().is_some());
    drop(lease);
    assert!(
        other.lease("work").unwrap().is_none(),
        "it was another's by then"
    );
}

#[test]
#[ignore = "needs a PostgreSQL server; cargo xtask test starts one"]
fn one_delivery_at_many_engines_at_once_is_accepted_once() {
    let database = OwnDatabase::new();
    let stores: Vec<_> = (0..3).map(|_| Arc::new(database.open())).collect();
    let app = application(&stores[0], "app").id;
    let threads: Vec<_> = (0..12)
        .map(|number| {
            let store = Arc::clone(&stores[number % 3]);
            std::thread::spawn(move || {
                let received = (0..20).map(|id| {
                    let new = delivery(&id.to_string(), app, vec![event("branch:main")]);
                    block_on(store.receive(new, 1)).unwrap().0
                });
                received
                    .filter(|received| *received == Received::New)
                    .count()
            })
        })
        .collect();
    let new: usize = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    assert_eq!(new, 20);
    assert_eq!(stores[1].count_events(EventState::Pending).unwrap(), 20);
}

#[test]
#[ignore = "needs a PostgreSQL server; cargo xtask test starts one"]
fn news_reach_the_other_engine_and_not_oneself() {
    let database = OwnDatabase::new();
    let (one, other) = (database.open(), database.open());
    let (told, heard) = std::sync::mpsc::channel();
    other.hear(move |topic| told.send(topic).unwrap());
    one.hear(|topic| panic!("{topic:?} is no news"));
    // The connection for news is made in the background.
    let deadline = Instant::now() + Duration::from_secs(20);
    let topic = loop {
        one.tell(Topic::Runs);
        if let Ok(topic) = heard.recv_timeout(Duration::from_millis(100)) {
            break topic;
        }
        assert!(Instant::now() < deadline, "nothing was heard");
    };
    assert_eq!(topic, Topic::Runs);
}

#[test]
#[ignore = "needs a PostgreSQL server; cargo xtask test starts one"]
fn a_store_goes_on_after_the_server_has_closed_its_connections() {
    let database = OwnDatabase::new();
    let store = database.open();
    let linked = application(&store, "app");
    postgres::execute(
        &server(),
        &format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            database.name
        ),
    );
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match store.applications() {
            Ok(found) => break assert_eq!(found, std::slice::from_ref(&linked)),
            Err(error) => assert!(matches!(error, StoreError::Away(_)), "{error:?}"),
        }
        assert!(Instant::now() < deadline, "it stays away");
    }
    while let Err(error) = store.purge_before(0) {
        assert!(matches!(error, StoreError::Away(_)), "{error:?}");
        assert!(Instant::now() < deadline, "it stays away");
    }
}

#[test]
#[ignore = "needs a PostgreSQL server; cargo xtask test starts one"]
fn counts_stay_right_when_connections_come_and_go() {
    let database = OwnDatabase::new();
    let store = database.open();
    let app = application(&store, "app").id;
    for id in ["1", "2", "3"] {
        block_on(store.receive(delivery(id, app, vec![event("s")]), 1)).unwrap();
    }
    end(&store, 1);
    store.shut();
    let store = database.open();
    store.purge_before(0).unwrap();
    assert_eq!(store.count_events(EventState::Pending).unwrap(), 2);
    assert_eq!(store.count_events(EventState::Handled).unwrap(), 1);
}

#[test]
#[ignore = "needs a PostgreSQL server; cargo xtask test starts one"]
fn a_database_of_a_newer_engine_or_another_program_is_left_alone() {
    let database = OwnDatabase::new();
    drop(database.open());
    postgres::execute(
        &database.url,
        "UPDATE store_schema SET version = 90, usable_from = 1",
    );
    drop(database.open());
    postgres::execute(&database.url, "UPDATE store_schema SET usable_from = 90");
    let open = |url: &str| {
        Store::open_postgres(&PostgresSettings::new(url))
            .err()
            .unwrap()
    };
    assert!(matches!(
        open(&database.url),
        StoreError::NewerSchema { found: 90, .. }
    ));
    let theirs = OwnDatabase::new();
    postgres::execute(&theirs.url, "CREATE TABLE theirs (x BIGINT)");
    assert!(matches!(open(&theirs.url), StoreError::Damaged(_)));
}

#[test]
#[ignore = "needs a PostgreSQL server; cargo xtask test starts one"]
fn what_the_other_database_cannot_hold_is_replaced() {
    let database = OwnDatabase::new();
    let store = database.open();
    let app = application(&store, "app").id;
    block_on(store.receive(delivery("1", app, vec![event("branch:a\0b")]), 1)).unwrap();
    let subject = store.open_events(10, 1).unwrap().remove(0).subject;
    assert_eq!(subject, "branch:a\u{fffd}b");
}

#[test]
#[ignore = "needs a PostgreSQL server; cargo xtask test starts one"]
fn a_file_is_copied_into_an_empty_database_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let file = Store::open(&directory.path().join("engine.sqlite")).unwrap();
    let app = application(&file, "app");
    for id in ["1", "2", "3"] {
        let events = vec![event("branch:main"), event("branch:topic")];
        let mut new = delivery(id, app.id, events);
        new.digest = [id.as_bytes()[0]; 32];
        block_on(file.receive(new, 1)).unwrap();
    }
    end(&file, 1);
    let database = OwnDatabase::new();
    let store = database.open();
    let copied = store.copy_from(&file).unwrap();
    let rows = |table| {
        copied
            .iter()
            .find(|copied| copied.table == table)
            .unwrap()
            .rows
    };
    assert_eq!(
        (rows("applications"), rows("deliveries"), rows("events")),
        (1, 3, 6)
    );
    assert_eq!(store.applications().unwrap(), std::slice::from_ref(&app));
    assert_eq!(store.count_events(EventState::Handled).unwrap(), 1);
    let (_, ids) =
        block_on(store.receive(delivery("4", app.id, vec![event("branch:main")]), 1)).unwrap();
    assert_eq!(ids, [7], "numbers go on after those that were copied");
    let error = store.copy_from(&file).unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error:?}");
}

#[test]
#[ignore = "needs a PostgreSQL server; cargo xtask test starts one"]
fn what_a_service_told_one_engine_holds_the_others_back() {
    use crate::rate_budget::RateBudgets;
    use vcs_provider_interface::error::{ErrorKind, Result as VcsResult, VcsError};
    let database = OwnDatabase::new();
    let (one, other) = (database.open(), database.open());
    let (budgets, others) = (RateBudgets::default(), RateBudgets::default());
    others.admit(&other, "cloud", "grant", 0).unwrap();
    let limited: VcsResult<()> =
        Err(VcsError::new(ErrorKind::RATE_LIMITED, "slowly")
            .with_retry_after(Duration::from_secs(60)));
    budgets.note(&one, "cloud", "grant", &limited, 1000);
    // As its news says.
    others.look_again();
    let error = others.admit(&other, "cloud", "grant", 2000).unwrap_err();
    assert_eq!(error.kind, ErrorKind::RATE_LIMITED);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(59)));
    others.admit(&other, "cloud", "another", 2000).unwrap();
    others.admit(&other, "cloud", "grant", 61_000).unwrap();
}
