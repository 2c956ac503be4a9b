//! The host that large files come from: another origin, with addresses that
//! carry their own permission. A credential that arrives here was leaked.

use std::collections::HashMap;
use std::sync::Mutex;

use hyper::HeaderMap;
use hyper::body::Bytes;

use crate::sync::lock;

/// What the storage host holds, and who came with a credential.
pub(crate) struct Storage {
    /// Scheme and authority, no slash at the end.
    pub(crate) origin: String,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    objects: HashMap<String, Bytes>,
    requests: u64,
    violations: Vec<String>,
}

impl Storage {
    /// A storage that is reached at `origin`.
    pub(crate) fn new(origin: String) -> Self {
        Self {
            origin,
            inner: Mutex::default(),
        }
    }

    /// Keeps bytes under a fresh address that nobody can guess, and returns it.
    pub(crate) fn offer(&self, bytes: Bytes) -> String {
        let path = format!("/{}", uuid::Uuid::new_v4().simple());
        let address = format!("{}{path}?X-Signature=valid", self.origin);
        lock(&self.inner).objects.insert(path, bytes);
        address
    }

    /// Paths of requests that came with an `Authorization` or `Cookie` header.
    pub(crate) fn violations(&self) -> Vec<String> {
        lock(&self.inner).violations.clone()
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> u64 {
        lock(&self.inner).requests
    }

    /// The status and the bytes for a path; a credential in `headers` is noted.
    pub(crate) fn respond(&self, path: &str, headers: &HeaderMap) -> (u16, Bytes) {
        let mut inner = lock(&self.inner);
        inner.requests += 1;
        let leaked = ["authorization", "cookie"]
            .iter()
            .any(|name| headers.contains_key(*name));
        if leaked {
            inner.violations.push(path.to_owned());
            return (
                400,
                Bytes::from_static(b"Only one way to authenticate is allowed"),
            );
        }
        match inner.objects.get(path) {
            Some(bytes) => (200, bytes.clone()),
            None => (
                404,
                Bytes::from_static(b"The specified key does not exist."),
            ),
        }
    }
}
