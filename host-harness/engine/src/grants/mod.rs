//! The grant store: pairs of tokens, sealed in the engine's store, rotated by
//! one at a time.
//!
//! Owns the store's key and everything that is sealed with it (hooks' signing
//! keys as well). Knows nothing of how a grant is made or renewed.

mod key;
mod lock;
mod seal;

pub use key::{StoreKey, make_private, read_private};
pub use seal::Sealer;

use super::clock::Clock;
use super::guard::KnownSecrets;
use super::store::{SealedGrant, SealedTable, Store};
use lock::GrantLocks;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::records::{Extra, Grant};
use vcs_provider_interface::secret::Secret;

/// Room for a pair of long tokens, so that serialising does not leave copies of
/// them behind in buffers that were too short.
const PAIR_CAPACITY: usize = 16 * 1024;

/// Keeps grants: encrypted, durable before it returns, never an older one over
/// a newer one, safe between threads and between processes.
pub struct GrantStore {
    store: Arc<Store>,
    sealer: Sealer,
    locks: GrantLocks,
    clock: Arc<dyn Clock>,
    secrets: Arc<KnownSecrets>,
}

/// A grant as it is written before it is sealed.
#[derive(Serialize)]
struct WrittenGrant<'a> {
    access_token: Option<&'a str>,
    refresh_token: Option<&'a str>,
    expires_at_ms: Option<i64>,
    scopes: &'a [String],
    version: u64,
    dead: Option<&'a str>,
    extra: &'a Extra,
}

/// The same, read back.
#[derive(Deserialize)]
struct ReadGrant {
    access_token: Option<Secret>,
    refresh_token: Option<Secret>,
    expires_at_ms: Option<i64>,
    scopes: Vec<String>,
    version: u64,
    dead: Option<String>,
    extra: Extra,
}

impl GrantStore {
    /// The grants in a store, under this key.
    ///
    /// # Errors
    /// `Config` if the store was sealed with another key; `Internal` if the
    /// directory of the lock files cannot be made.
    pub fn open(store: Arc<Store>, key: &StoreKey, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::open_with_older(store, key, None, clock)
    }

    /// [`GrantStore::open`] with a key before: what is sealed with it is opened as well,
    /// until it was [sealed anew](Self::seal_anew).
    ///
    /// # Errors
    /// As there.
    pub fn open_with_older(
        store: Arc<Store>,
        key: &StoreKey,
        older: Option<&StoreKey>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let locks = GrantLocks::of(&store).map_err(|error| {
            VcsError::new(
                ErrorKind::INTERNAL,
                format!("the directory of the grants' locks cannot be made: {error}"),
            )
        })?;
        let secrets = Arc::new(KnownSecrets::default());
        let mut sealer = Sealer::new(key).remembering(Arc::clone(&secrets));
        if let Some(older) = older {
            sealer = sealer.opening_older(older);
        }
        let grants = Self {
            store,
            sealer,
            locks,
            clock,
            secrets,
        };
        grants.check_key()?;
        Ok(grants)
    }

    /// What seals with the store's key.
    #[must_use]
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// The secrets that went through this store: they are taken out of what services
    /// send back.
    #[must_use]
    pub fn known_secrets(&self) -> &Arc<KnownSecrets> {
        &self.secrets
    }

    /// The grant of this id.
    ///
    /// # Errors
    /// `Config` for another key; `Internal` or `Unavailable` if it cannot be read.
    pub fn load(&self, id: &str) -> Result<Option<Grant>> {
        let Some(stored) = self.store.sealed_grant(id)? else {
            return Ok(None);
        };
        let text = self
            .sealer
            .open(&grant_place(id, stored.version), &stored.sealed)?;
        let read: ReadGrant = serde_json::from_str(text.expose()).map_err(|_| {
            VcsError::new(
                ErrorKind::INTERNAL,
                "a grant in the engine's store cannot be read; link again",
            )
        })?;
        self.know(read.access_token.as_ref());
        self.know(read.refresh_token.as_ref());
        Ok(Some(Grant {
            access_token: read.access_token,
            refresh_token: read.refresh_token,
            expires_at_ms: read.expires_at_ms,
            scopes: read.scopes,
            version: read.version,
            dead: read.dead,
            extra: read.extra,
            ..Default::default()
        }))
    }

    /// Stores a grant durably, if its version is higher than the stored one's.
    ///
    /// # Errors
    /// `Conflict` for the same or a lower version; `Internal` or `Unavailable`
    /// if it cannot be written, and then the former grant is still there.
    pub fn store(&self, id: &str, grant: &Grant) -> Result<()> {
        self.know(grant.access_token.as_ref());
        self.know(grant.refresh_token.as_ref());
        let written = WrittenGrant {
            access_token: grant.access_token.as_ref().map(Secret::expose),
            refresh_token: grant.refresh_token.as_ref().map(Secret::expose),
            expires_at_ms: grant.expires_at_ms,
            scopes: &grant.scopes,
            version: grant.version,
            dead: grant.dead.as_deref(),
            extra: &grant.extra,
        };
        let mut text = Vec::with_capacity(PAIR_CAPACITY);
        serde_json::to_writer(&mut text, &written)
            .map_err(|error| VcsError::new(ErrorKind::INTERNAL, error.to_string()))?;
        let text = String::from_utf8(text)
            .map(Secret::new)
            .map_err(|error| VcsError::new(ErrorKind::INTERNAL, error.utf8_error().to_string()))?;
        let sealed = SealedGrant {
            version: grant.version,
            sealed: self.sealer.seal(&grant_place(id, grant.version), &text)?,
        };
        self.store
            .store_sealed_grant(id, sealed, self.clock.now_ms())?;
        Ok(())
    }

    /// Stores a grant from the consent flow in place of whatever is there.
    ///
    /// # Errors
    /// `Timeout` if somebody else renews the former grant all the while; as for
    /// [`GrantStore::store`].
    pub fn replace(&self, id: &str, mut grant: Grant, wait: Duration) -> Result<()> {
        let lock = self.lock(id, wait)?;
        let stored = self.store.sealed_grant(id).map_err(VcsError::from);
        let result = stored.and_then(|stored| {
            let former = stored.map_or(0, |stored| stored.version);
            grant.version = grant.version.max(former + 1);
            self.store(id, &grant)
        });
        self.unlock(id, lock);
        result
    }

    /// Takes a project's grant away: waits for whoever renews it, so that a
    /// renewal does not bring it back, then wipes the pair from the file.
    ///
    /// # Errors
    /// `NotFound` if the project holds none; `Timeout` if somebody renews it all
    /// the while; `Unavailable` or `Internal` if the store cannot be written.
    pub fn revoke(&self, project: &str, server: &str, id: &str, wait: Duration) -> Result<()> {
        let lock = self.lock(id, wait)?;
        let deleted = self.store.delete_project_grant(project, server, id);
        self.unlock(id, lock);
        if deleted? {
            return Ok(());
        }
        let message = format!("project {project} holds no grant for {server}");
        Err(VcsError::new(ErrorKind::NOT_FOUND, message))
    }

    /// Waits until nobody else renews this grant; see
    /// [`HostServices`](vcs_provider_interface::services::HostServices).
    ///
    /// # Errors
    /// `Timeout` after `wait`.
    pub fn lock(&self, id: &str, wait: Duration) -> Result<u64> {
        self.locks.lock(id, wait)
    }

    /// Lets others renew the grant.
    pub fn unlock(&self, id: &str, lock: u64) {
        self.locks.unlock(id, lock);
    }

    /// Seals everything with the newest key that is sealed with the one before. Returns
    /// how many secrets there were. Engines may go on meanwhile, if they have both keys.
    ///
    /// # Errors
    /// `Config` if something is sealed with neither key; as every read and write.
    pub fn seal_anew(&self) -> Result<usize> {
        let mut count = 0;
        for row in self.store.sealed_rows()? {
            if self.sealer.is_own(&row.sealed) {
                continue;
            }
            let place = match row.table {
                SealedTable::Grants => grant_place(&row.id, row.version),
                SealedTable::Hooks => hook_place(&row.id),
            };
            let text = self.sealer.open(&place, &row.sealed)?;
            let sealed = self.sealer.seal(&place, &text)?;
            // What was stored meanwhile is sealed with the newest key.
            if self.store.replace_sealed(row, sealed)? {
                count += 1;
            }
        }
        Ok(count)
    }

    fn know(&self, secret: Option<&Secret>) {
        if let Some(secret) = secret {
            self.secrets.add(secret);
        }
    }

    fn check_key(&self) -> Result<()> {
        if let Some((id, grant)) = self.store.first_sealed_grant()? {
            self.sealer
                .open(&grant_place(&id, grant.version), &grant.sealed)?;
        }
        if let Some(hook) = self.store.first_hook()? {
            self.sealer
                .open(&hook_place(&hook.id), &hook.sealed_secret)?;
        }
        Ok(())
    }
}

/// The place that the grant of this id and version is sealed for.
fn grant_place(id: &str, version: u64) -> String {
    format!("grant:{version}:{id}")
}

/// The place that the signing key of this hook is sealed for.
#[must_use]
pub fn hook_place(id: &str) -> String {
    format!("hook:{id}")
}

#[cfg(test)]
pub(crate) mod tests;
