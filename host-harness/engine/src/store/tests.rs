use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

/// A store in a directory of its own.
pub(crate) fn temporary() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("data/engine.sqlite")).unwrap();
    (directory, store)
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
fn nobody_else_can_read_the_files() {
    let (_directory, store) = temporary();
    application(&store, "app");
    let directory = store.path().parent().unwrap();
    let mut seen = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
        seen.push(entry.file_name().into_string().unwrap());
    }
    seen.sort();
    assert_eq!(
        seen,
        ["engine.sqlite", "engine.sqlite-shm", "engine.sqlite-wal"]
    );
    let mode = fs::metadata(directory).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_store_that_others_could_read_is_made_private() {
    let (_directory, store) = temporary();
    let path = store.path().to_owned();
    drop(store);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let _store = Store::open(&path).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn what_was_written_is_there_after_reopening() {
    let (_directory, store) = temporary();
    let linked = application(&store, "app");
    let path = store.path().to_owned();
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(store.applications().unwrap(), [linked]);
}

#[test]
fn a_file_that_is_no_database_is_named_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    fs::write(&path, "these are my notes, and they are no database at all").unwrap();
    let error = Store::open(&path).err().unwrap();
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
    assert!(fs::read_to_string(&path).unwrap().starts_with("these are"));
}

#[test]
fn a_full_disk_is_a_clear_error_and_loses_nothing() {
    let (_directory, store) = temporary();
    let kept = application(&store, "app");
    store
        .write(|connection| {
            let pages: i64 =
                connection.query_one("PRAGMA page_count", values![], |row| row.get(0))?;
            let sql = format!("PRAGMA max_page_count = {pages}");
            connection.query_one(&sql, values![], |_| Ok(()))
        })
        .unwrap();
    let big = vec![event(&"x".repeat(100_000))];
    let error = block_on(store.receive(delivery("1", kept.id, big), 1)).unwrap_err();
    assert_eq!(error, StoreError::Full);
    assert!(error.to_string().contains("full"), "{error}");
    assert!(!store.is_seen("hook", "1").unwrap());

    store
        .write(|connection| {
            connection.query_one("PRAGMA max_page_count = 1000000", values![], |_| Ok(()))
        })
        .unwrap();
    let received = block_on(store.receive(delivery("1", kept.id, vec![event("s")]), 1)).unwrap();
    assert_eq!(received.0, Received::New);
    assert_eq!(store.applications().unwrap(), [kept]);
}

#[test]
fn a_store_that_cannot_be_written_says_so_and_keeps_what_it_has() {
    let (_directory, store) = temporary();
    let linked = application(&store, "app");
    let forbid = |forbidden: bool| {
        store.write(move |connection| {
            let sql = format!("PRAGMA query_only = {forbidden}");
            connection.execute(&sql, values![]).map(drop)
        })
    };
    forbid(true).unwrap();
    let rename =
        store.transact_blocking(|transaction| transaction.rename_repository(1, "ws/renamed"));
    let error = rename.unwrap_err();
    assert_eq!(error, StoreError::ReadOnly);
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
                let store = Store::open(&path).unwrap();
                application(&store, &format!("app{number}"));
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(Store::open(&path).unwrap().applications().unwrap().len(), 4);
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
    let (_directory, store) = temporary();
    let app = application(&store, "app").id;
    let receive = |store: &Store| {
        let new = delivery("uuid", app, vec![event("branch:main")]);
        block_on(store.receive(new, 1)).unwrap().0
    };
    assert_eq!(receive(&store), Received::New);
    assert_eq!(receive(&store), Received::Seen);
    let path = store.path().to_owned();
    drop(store);
    let store = Store::open(&path).unwrap();
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
