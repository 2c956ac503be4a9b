//! The key that the store's secrets are sealed with: 32 bytes from a file that
//! only the engine's user can read, or from an environment variable.

use crate::config::KeySource;
use crate::random;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::fs::{self, OpenOptions};
use std::hint::black_box;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::secret::Secret;

/// The length of a key in bytes.
pub(super) const KEY_LENGTH: usize = 32;

/// A key, wiped when dropped.
pub struct StoreKey {
    pub(super) bytes: [u8; KEY_LENGTH],
    /// Where it came from, for messages.
    pub(super) origin: String,
}

impl Drop for StoreKey {
    fn drop(&mut self) {
        self.bytes.fill(0);
        // Without this the compiler may leave out writes to memory that is
        // about to be freed.
        black_box(&mut self.bytes);
    }
}

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "StoreKey([redacted], from {})", self.origin)
    }
}

impl StoreKey {
    /// Reads the key that the configuration names. Without one, the key is in a
    /// file beside the store, which is made with a random key when it is not there.
    ///
    /// # Errors
    /// `Config` if the key cannot be read, is no key, or can be read by others.
    pub fn load(source: Option<&KeySource>, store: &Path) -> Result<Self, VcsError> {
        match source {
            Some(KeySource::Environment(name)) => Self::from_environment(name),
            Some(KeySource::File(path)) => Self::from_file(path),
            None => {
                let path = store.with_extension("key");
                make_private(&path, "the store's key")?;
                Self::from_file(&path)
            }
        }
    }

    /// Reads a key from its text: 64 hexadecimal digits, or base64 of 32 bytes.
    ///
    /// # Errors
    /// `Config` for anything else; the message does not repeat the text.
    pub fn from_text(text: &str, origin: &str) -> Result<Self, VcsError> {
        let text = text.trim();
        let unpadded = text.trim_end_matches('=');
        let bytes = hex::decode(text)
            .ok()
            .or_else(|| STANDARD_NO_PAD.decode(unpadded).ok())
            .or_else(|| URL_SAFE_NO_PAD.decode(unpadded).ok());
        match bytes.map(<[u8; KEY_LENGTH]>::try_from) {
            Some(Ok(bytes)) => Ok(Self {
                bytes,
                origin: origin.to_owned(),
            }),
            _ => Err(config_error(format!(
                "{origin} holds no key: expected 64 hexadecimal digits or base64 of {KEY_LENGTH} \
                 bytes, as `openssl rand -hex {KEY_LENGTH}` prints"
            ))),
        }
    }

    fn from_environment(name: &str) -> Result<Self, VcsError> {
        let origin = format!("the environment variable {name}");
        match std::env::var(name) {
            Ok(text) => Self::from_text(Secret::new(text).expose(), &origin),
            Err(_) => Err(config_error(format!(
                "{origin}, which should hold the store's key, is not set"
            ))),
        }
    }

    fn from_file(path: &Path) -> Result<Self, VcsError> {
        let text = read_private(path, "the store's key")?;
        Self::from_text(text.expose(), &format!("the key file {}", path.display()))
    }
}

/// Reads a secret from a file that only the engine's user may read.
///
/// # Errors
/// `Config` if it cannot be read, or others can read it.
pub fn read_private(path: &Path, what: &str) -> Result<Secret, VcsError> {
    let place = path.display();
    let failed =
        |error: std::io::Error| config_error(format!("{what} in {place} cannot be read: {error}"));
    let metadata = fs::metadata(path).map_err(failed)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(config_error(format!(
            "{what} in {place} can be read by others (mode {mode:04o}); run chmod 600 on it"
        )));
    }
    fs::read_to_string(path).map(Secret::new).map_err(failed)
}

/// Makes a file with 32 random bytes, as hexadecimal digits, that only the
/// engine's user may read; a file that is there stays as it is.
///
/// # Errors
/// `Config` if it cannot be made.
pub fn make_private(path: &Path, what: &str) -> Result<(), VcsError> {
    if path.exists() {
        return Ok(());
    }
    make(path).map_err(|error| {
        config_error(format!(
            "{what} cannot be made in {}: {error}",
            path.display()
        ))
    })
}

fn config_error(message: String) -> VcsError {
    VcsError::new(ErrorKind::CONFIG, message)
}

/// Writes a random key to a new file. Two processes that do so at the same time
/// end with one file: the one that comes second finds it there.
fn make(path: &Path) -> std::io::Result<()> {
    let key = random::bytes::<KEY_LENGTH>().map_err(std::io::Error::other)?;
    let directory = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty());
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}", std::process::id()));
    let unfinished = PathBuf::from(unfinished);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(hex::encode(key).as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&unfinished, path);
    fs::remove_file(&unfinished)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    fs::File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_hexadecimal_and_as_base64() {
        let bytes = [0xfb; KEY_LENGTH];
        let padded = base64::engine::general_purpose::STANDARD.encode(bytes);
        for text in [
            hex::encode(bytes),
            format!("{padded}\n"),
            URL_SAFE_NO_PAD.encode(bytes),
        ] {
            let key = StoreKey::from_text(&text, "a test").unwrap();
            assert_eq!(key.bytes, bytes, "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_rejected_without_being_repeated() {
        let error = StoreKey::from_text("hunter2", "the key file k").unwrap_err();
        assert_eq!(error.kind, ErrorKind::CONFIG);
        assert!(error.message.starts_with("the key file k holds no key"));
        assert!(!error.message.contains("hunter2"));
    }

    #[test]
    fn a_key_file_that_others_can_read_is_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.key");
        fs::write(&path, hex::encode([1; KEY_LENGTH])).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let source = KeySource::File(path.clone());
        let error = StoreKey::load(Some(&source), Path::new("unused")).unwrap_err();
        assert!(error.message.contains("chmod 600"), "{}", error.message);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(
            StoreKey::load(Some(&source), Path::new("unused"))
                .unwrap()
                .bytes,
            [1; KEY_LENGTH]
        );
    }

    #[test]
    fn without_a_configured_key_one_is_made_beside_the_store_and_stays() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("engine.sqlite");
        let first = StoreKey::load(None, &store).unwrap();
        let second = StoreKey::load(None, &store).unwrap();
        assert_eq!(first.bytes, second.bytes);
        assert_ne!(first.bytes, [0; KEY_LENGTH]);
        let file = directory.path().join("engine.key");
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_is_not_shown() {
        let key = StoreKey::from_text(&"ab".repeat(KEY_LENGTH), "a test").unwrap();
        assert_eq!(format!("{key:?}"), "StoreKey([redacted], from a test)");
    }
}
