//! What is true of a store in a file.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

fn store_file(store: &Store) -> PathBuf {
    PathBuf::from(store.place())
}

#[test]
fn nobody_else_can_read_the_files() {
    let (_directory, store) = temporary();
    application(&store, "app");
    let directory = store_file(&store).parent().unwrap().to_owned();
    let mut seen = Vec::new();
    for entry in fs::read_dir(&directory).unwrap() {
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
    let mode = fs::metadata(&directory).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_store_that_others_could_read_is_made_private() {
    let (_directory, store) = temporary();
    let path = store_file(&store);
    drop(store);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let _store = Store::open(&path).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
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
fn a_backup_of_a_store_in_use_holds_everything_and_is_private() {
    let (directory, store) = temporary();
    let linked = application(&store, "app");
    let file = directory.path().join("backup.sqlite");
    store.back_up(&file).unwrap();
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        Store::schema_of_file(&file).unwrap(),
        Some(Store::newest_schema())
    );
    assert_eq!(
        Store::open(&file).unwrap().applications().unwrap(),
        [linked]
    );
    let error = store.back_up(&file).unwrap_err();
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
    store.check_integrity().unwrap();
}
