use super::*;
use crate::clock::SystemClock;
use crate::store::tests::temporary;

/// A key of one repeated byte.
pub(crate) fn key(byte: &str) -> StoreKey {
    StoreKey::from_text(&byte.repeat(32), "a test").unwrap()
}

/// A grant store in a directory of its own.
pub(crate) fn grant_store() -> (tempfile::TempDir, Arc<GrantStore>) {
    let (directory, store) = temporary();
    let grants = GrantStore::open(Arc::new(store), &key("01"), Arc::new(SystemClock)).unwrap();
    (directory, Arc::new(grants))
}

fn grant(version: u64, token: &str) -> Grant {
    Grant {
        access_token: Some(Secret::new(format!("access {token}"))),
        refresh_token: Some(Secret::new(format!("refresh {token}"))),
        expires_at_ms: Some(1_700_000_000_000),
        scopes: vec!["repository".to_owned()],
        version,
        dead: None,
        extra: Extra::from([("account", "{u}")]),
        ..Default::default()
    }
}

#[test]
fn a_grant_comes_back_as_it_was_stored() {
    let (_directory, grants) = grant_store();
    assert_eq!(grants.load("g").unwrap(), None);
    let stored = grant(1, &"t".repeat(3_000));
    grants.store("g", &stored).unwrap();
    assert_eq!(grants.load("g").unwrap(), Some(stored));
    assert_eq!(grants.load("other").unwrap(), None);
}

#[test]
fn an_older_pair_never_replaces_a_newer_one() {
    let (_directory, grants) = grant_store();
    grants.store("g", &grant(2, "second")).unwrap();
    for version in [1, 2] {
        let error = grants.store("g", &grant(version, "late")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::CONFLICT);
    }
    assert_eq!(grants.load("g").unwrap(), Some(grant(2, "second")));
    grants.store("g", &grant(3, "third")).unwrap();
    assert_eq!(grants.load("g").unwrap(), Some(grant(3, "third")));
}

#[test]
fn linking_again_replaces_whatever_was_there() {
    let (_directory, grants) = grant_store();
    let dead = Grant {
        dead: Some("the service rejected it".to_owned()),
        ..grant(7, "dead")
    };
    grants.store("g", &dead).unwrap();
    grants
        .replace("g", grant(1, "new"), Duration::from_secs(5))
        .unwrap();
    assert_eq!(grants.load("g").unwrap(), Some(grant(8, "new")));
}

#[test]
fn tokens_are_in_none_of_the_files() {
    let (directory, grants) = grant_store();
    grants.store("g", &grant(1, "planted-secret")).unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(directory.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(14).any(|window| window == b"planted-secret");
            assert!(!found, "{}", path.display());
            files += 1;
        }
    }
    assert!(files >= 2);
}

#[test]
fn a_store_of_another_key_is_rejected_at_once() {
    let (_directory, store) = temporary();
    let store = Arc::new(store);
    let open = |byte| GrantStore::open(Arc::clone(&store), &key(byte), Arc::new(SystemClock));
    open("01").unwrap().store("g", &grant(1, "t")).unwrap();
    let error = open("02").err().unwrap();
    assert_eq!(error.kind, ErrorKind::CONFIG);
    assert!(error.message.contains("another key"), "{}", error.message);
    assert!(open("01").is_ok());
}

#[test]
fn of_many_who_rotate_together_each_version_is_stored_by_one() {
    let (_directory, grants) = grant_store();
    grants.store("g", &grant(0, "first")).unwrap();
    let threads: Vec<_> = (0..16)
        .map(|number| {
            let grants = Arc::clone(&grants);
            std::thread::spawn(move || {
                let lock = grants.lock("g", Duration::from_secs(20)).unwrap();
                let version = grants.load("g").unwrap().unwrap().version + 1;
                let stored = grants.store("g", &grant(version, &number.to_string()));
                grants.unlock("g", lock);
                stored
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
    assert_eq!(grants.load("g").unwrap().unwrap().version, 16);
}

#[test]
fn what_the_key_before_sealed_is_opened_and_sealed_anew() {
    let (_directory, store) = temporary();
    let store = Arc::new(store);
    let clock = || Arc::new(SystemClock);
    let before = GrantStore::open(Arc::clone(&store), &key("01"), clock()).unwrap();
    let grant = Grant {
        access_token: Some(Secret::from("token")),
        version: 1,
        ..Default::default()
    };
    before.store("id", &grant).unwrap();
    let both =
        GrantStore::open_with_older(Arc::clone(&store), &key("02"), Some(&key("01")), clock());
    let both = both.unwrap();
    assert_eq!(both.seal_anew().unwrap(), 1);
    assert_eq!(both.seal_anew().unwrap(), 0);
    let after = GrantStore::open(Arc::clone(&store), &key("02"), clock()).unwrap();
    let opened = after.load("id").unwrap().unwrap().access_token.unwrap();
    assert_eq!(opened.expose(), "token");
    assert!(GrantStore::open(store, &key("01"), clock()).is_err());
}
