mod needs_postgres;
mod on_disk;

use super::*;
use std::sync::Arc;

/// A store in a directory of its own.
pub(crate) fn temporary() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = open_at(&directory.path().join("data/engine.sqlite"));
    (directory, store)
}

/// Names the database in which the tests' stores are, in place of files.
const IN_DATABASE: &str = "ENGINE_TEST_STORE";

/// The store at a path, or the one in the tests' database that takes its place.
pub(crate) fn open_at(path: &Path) -> Store {
    match std::env::var(IN_DATABASE) {
        Ok(url) => Store::open_postgres(&needs_postgres::schema_for(&url, path)).unwrap(),
        Err(_) => Store::open(path).unwrap(),
    }
}

/// An application in a store.
pub(crate) fn application(store: &Store, name: &str) -> Application {
    let new = NewApplication {
        project: "KEY".to_owned(),
        name: name.to_owned(),
        server: "cloud".to_owned(),
        repo: format!("ws/{name}"),
        repo_id: format!("{{{name}}}"),
        options: None,
    };
    store.link_application(new, 1).unwrap()
}

fn event(subject: &str) -> NewEvent {
    NewEvent {
        subject: subject.to_owned(),
        payload: "{}".to_owned(),
    }
}

fn delivery(id: &str, application: i64, events: Vec<NewEvent>) -> NewDelivery {
    NewDelivery {
        hook: "hook".to_owned(),
        delivery: id.to_owned(),
        event_key: "repo:push".to_owned(),
        application,
        events,
        digest: [0; 32],
    }
}

/// Ends the work on an event.
fn end(store: &Store, id: i64) {
    let ended =
        store.transact(move |transaction| transaction.end_event(id, EventState::Handled, None, 2));
    block_on(ended).unwrap();
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn what_was_written_is_there_after_reopening() {
    let (directory, store) = temporary();
    let linked = application(&store, "app");
    drop(store);
    let store = open_at(&directory.path().join("data/engine.sqlite"));
    assert_eq!(store.applications().unwrap(), [linked]);
}

#[test]
fn one_failing_write_does_not_undo_its_neighbours() {
    let (_directory, store) = temporary();
    let store = Arc::new(store);
    let threads: Vec<_> = (0..40)
        .map(|number| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                store.write(move |connection| {
                    let key = format!("P{number}");
                    connection.execute("INSERT INTO projects VALUES (?1, 1)", values![key])?;
                    match number % 2 {
                        0 => Ok(()),
                        _ => Err(StoreError::Conflict("on purpose".to_owned())),
                    }
                })
            })
        })
        .collect();
    let failed = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .filter(Result::is_err)
        .count();
    assert_eq!(failed, 20);
    let kept: i64 = store
        .read(|connection| {
            connection.query_one("SELECT count(*) FROM projects", values![], |row| row.get(0))
        })
        .unwrap();
    assert_eq!(kept, 20);
}

#[test]
fn two_engines_open_and_write_one_new_store_together() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("engine.sqlite");
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let path = path.clone();
            std::thread::spawn(move || {
                let store = open_at(&path);
                application(&store, &format!("app{number}"));
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(open_at(&path).applications().unwrap().len(), 4);
}

#[test]
fn linking_twice_is_one_application_and_another_repository_is_rejected() {
    let (_directory, store) = temporary();
    let linked = application(&store, "app");
    assert_eq!(application(&store, "app"), linked);
    let other = NewApplication {
        project: "KEY".to_owned(),
        name: "app".to_owned(),
        server: "cloud".to_owned(),
        repo: "ws/other".to_owned(),
        repo_id: "{other}".to_owned(),
        options: None,
    };
    let error = store.link_application(other, 1).unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error:?}");
}

#[test]
fn a_delivery_is_kept_once_also_after_reopening() {
    let (directory, store) = temporary();
    let app = application(&store, "app").id;
    let receive = |store: &Store| {
        let new = delivery("uuid", app, vec![event("branch:main")]);
        block_on(store.receive(new, 1)).unwrap().0
    };
    assert_eq!(receive(&store), Received::New);
    assert_eq!(receive(&store), Received::Seen);
    drop(store);
    let store = open_at(&directory.path().join("data/engine.sqlite"));
    assert_eq!(receive(&store), Received::Seen);
    assert_eq!(store.count_events(EventState::Pending).unwrap(), 1);
}

#[test]
fn events_of_one_subject_wait_for_one_that_is_held_back() {
    let (_directory, store) = temporary();
    let app = application(&store, "app").id;
    let events = ["a", "b", "a", "b"].map(event).to_vec();
    block_on(store.receive(delivery("1", app, events), 1)).unwrap();
    let open = |store: &Store| -> Vec<i64> {
        let events = store.open_events(10, 100).unwrap();
        events.into_iter().map(|event| event.id).collect()
    };
    assert_eq!(open(&store), [1, 2, 3, 4]);
    block_on(store.fail_event(1, "later".to_owned(), Some(500))).unwrap();
    end(&store, 2);
    assert_eq!(open(&store), [4]);
    assert_eq!(store.next_retry_at(10).unwrap(), Some(500));
    block_on(store.fail_event(1, "never".to_owned(), None)).unwrap();
    assert_eq!(open(&store), [3, 4]);
    assert_eq!(store.count_events(EventState::Parked).unwrap(), 1);
    block_on(store.retry_event(1)).unwrap();
    assert_eq!(open(&store), [1, 3, 4]);
}

#[test]
fn unlinking_takes_everything_of_the_application_along() {
    let (_directory, store) = temporary();
    let app = application(&store, "app").id;
    block_on(store.receive(delivery("1", app, vec![event("branch:main")]), 1)).unwrap();
    let unlink = || store.transact_blocking(move |transaction| transaction.unlink_application(app));
    assert!(unlink().unwrap());
    assert!(!unlink().unwrap());
    assert_eq!(store.count_events(EventState::Pending).unwrap(), 0);
}

#[test]
fn expired_records_are_purged_and_open_events_are_not() {
    let (_directory, store) = temporary();
    let app = application(&store, "app").id;
    let events = vec![event("a"), event("b")];
    block_on(store.receive(delivery("1", app, events), 1)).unwrap();
    end(&store, 1);
    store.purge_before(100).unwrap();
    assert!(!store.is_seen("hook", "1").unwrap());
    assert_eq!(store.count_events(EventState::Handled).unwrap(), 0);
    assert_eq!(store.count_events(EventState::Pending).unwrap(), 1);
}
