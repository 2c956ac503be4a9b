//! How a secret reaches git: through the pipe of a credential helper.
//!
//! Git starts the helper, which is the engine's own program again, and the
//! helper asks this process over a socket in a private directory. This process
//! decides: the remote's own origin and the configured proxy get their
//! credential, every other host gets none. So a secret stands in no argument,
//! environment or file of git, of what git starts, or of the helper itself.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use url::Url;
use vcs_provider_interface::secret::Secret;

/// The first argument that makes the program a credential helper.
const HELPER_WORD: &str = "credential-helper";
/// The operation with which ssh-add asks for the passphrase of a key.
const PASSPHRASE: &str = "passphrase";
/// The longest question or response that is read.
const LONGEST_MESSAGE: u64 = 64 * 1024;
/// How long a helper may take to ask.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest path that a socket can have, with room to spare.
const LONGEST_SOCKET_PATH: usize = 100;

static HELPER_PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Names the program that serves as credential helper: its `main` begins with
/// [`serve_credential_helper`]. Without this it is the running program. Only the
/// first call counts.
pub fn use_helper_program(program: PathBuf) {
    // The first one stays.
    let _ = HELPER_PROGRAM.set(program);
}

fn helper_program() -> io::Result<PathBuf> {
    match HELPER_PROGRAM.get() {
        Some(program) => Ok(program.clone()),
        None => std::env::current_exe(),
    }
}

/// User and password for one origin.
#[derive(Clone)]
pub(super) struct OriginCredential {
    origin: String,
    username: String,
    secret: Secret,
}

impl std::fmt::Debug for OriginCredential {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "OriginCredential({})", self.origin)
    }
}

impl OriginCredential {
    pub(super) fn new(url: &Url, username: String, secret: Secret) -> Self {
        let host = url.host_str().unwrap_or_default();
        let host = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Self {
            origin: origin(url.scheme(), &host),
            username,
            secret,
        }
    }

    pub(super) fn username(&self) -> &str {
        &self.username
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }
}

/// One text for one origin: lower case, without the scheme's default port.
fn origin(scheme: &str, host: &str) -> String {
    let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    let default_port = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => "",
    };
    let host = host
        .strip_suffix(default_port)
        .filter(|_| !default_port.is_empty())
        .unwrap_or(&host);
    format!("{scheme}://{host}")
}

/// What the helper is told.
struct State {
    credentials: Vec<OriginCredential>,
    passphrase: Option<Secret>,
    denied: Mutex<Vec<String>>,
    has_ended: AtomicBool,
}

impl State {
    fn response(&self, operation: &str, question: &str) -> Vec<u8> {
        match operation {
            "get" => self.credential(question),
            PASSPHRASE => self
                .passphrase
                .as_ref()
                .map(|secret| format!("{}\n", secret.expose()).into_bytes())
                .unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    fn credential(&self, question: &str) -> Vec<u8> {
        let value = |name: &str| {
            question
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
                .unwrap_or_default()
        };
        let asked = origin(value("protocol"), value("host"));
        let found = self
            .credentials
            .iter()
            .find(|credential| credential.origin == asked);
        match found {
            Some(credential) => format!(
                "username={}\npassword={}\n",
                credential.username,
                credential.secret.expose()
            )
            .into_bytes(),
            None => {
                let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
                if denied.len() < 16 && !denied.contains(&asked) {
                    denied.push(asked);
                }
                Vec::new()
            }
        }
    }
}

/// Gives credentials to the helpers of one remote, until it is dropped.
pub(super) struct CredentialServer {
    directory: TempDir,
    socket: PathBuf,
    program: PathBuf,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

impl CredentialServer {
    /// Begins to listen in a new private directory.
    pub(super) fn start(
        credentials: Vec<OriginCredential>,
        passphrase: Option<Secret>,
    ) -> io::Result<Self> {
        let program = helper_program()?;
        let directory = private_directory()?;
        let socket = directory.path().join("ask");
        let listener = UnixListener::bind(&socket)?;
        let state = Arc::new(State {
            credentials,
            passphrase,
            denied: Mutex::default(),
            has_ended: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        let thread = std::thread::Builder::new()
            .name("git-credentials".to_owned())
            .spawn(move || serve(&listener, &shared))?;
        Ok(Self {
            directory,
            socket,
            program,
            state,
            thread: Some(thread),
        })
    }

    /// A directory that only this user can reach, for what git needs besides.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The value of `credential.helper`.
    pub(super) fn helper(&self) -> String {
        format!("!{}", self.shell_words())
    }

    /// Makes a program that prints the passphrase, as `SSH_ASKPASS` wants it.
    pub(super) fn passphrase_program(&self) -> io::Result<PathBuf> {
        let path = self.directory.path().join("passphrase");
        let script = format!("#!/bin/sh\nexec {} {PASSPHRASE}\n", self.shell_words());
        std::fs::write(&path, script)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?;
        Ok(path)
    }

    /// The origins that asked and got no credential.
    pub(super) fn denied(&self) -> Vec<String> {
        let denied = self.state.denied.lock();
        denied.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn shell_words(&self) -> String {
        let quoted = |path: &Path| format!("'{}'", path.to_string_lossy().replace('\'', "'\\''"));
        format!(
            "{} {HELPER_WORD} {}",
            quoted(&self.program),
            quoted(&self.socket)
        )
    }
}

impl Drop for CredentialServer {
    fn drop(&mut self) {
        self.state.has_ended.store(true, Ordering::Release);
        // Wakes the thread, so that it sees the end.
        if UnixStream::connect(&self.socket).is_ok() {
            if let Some(thread) = self.thread.take() {
                // It does not panic; if it did, its work is over as well.
                let _ = thread.join();
            }
        }
    }
}

/// A directory whose path leaves room for a socket.
fn private_directory() -> io::Result<TempDir> {
    let private = std::fs::Permissions::from_mode(0o700);
    let mut builder = tempfile::Builder::new();
    builder.prefix("engine-git-").permissions(private);
    let directory = builder.tempdir()?;
    if directory.path().as_os_str().len() + "/agent".len() <= LONGEST_SOCKET_PATH {
        return Ok(directory);
    }
    builder.tempdir_in("/tmp")
}

fn serve(listener: &UnixListener, state: &State) {
    for stream in listener.incoming() {
        if state.has_ended.load(Ordering::Acquire) {
            return;
        }
        // A helper that goes away gets nothing; git then says what it lacks.
        if let Ok(stream) = stream {
            let _ = respond(stream, state);
        }
    }
}

fn respond(mut stream: UnixStream, state: &State) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut message = String::new();
    (&stream)
        .take(LONGEST_MESSAGE)
        .read_to_string(&mut message)?;
    let (operation, question) = message.split_once('\n').unwrap_or((&message, ""));
    stream.write_all(&state.response(operation, question))
}

/// Serves as git's credential helper, if the program was started as one; then
/// its exit code is returned. For the beginning of `main`.
#[must_use]
pub fn serve_credential_helper() -> Option<ExitCode> {
    let words: Vec<OsString> = std::env::args_os().skip(1).take(4).collect();
    let [word, socket, operation] = words.as_slice() else {
        return None;
    };
    if word != HELPER_WORD {
        return None;
    }
    // Git tells what it learned as well, which changes nothing here.
    if operation != "get" && operation != PASSPHRASE {
        return Some(ExitCode::SUCCESS);
    }
    Some(match ask(Path::new(socket), operation) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the engine that started this checkout cannot be asked: {error}");
            ExitCode::FAILURE
        }
    })
}

fn ask(socket: &Path, operation: &OsStr) -> io::Result<()> {
    let mut question = operation.as_encoded_bytes().to_vec();
    question.push(b'\n');
    if operation == "get" {
        io::stdin()
            .lock()
            .take(LONGEST_MESSAGE / 2)
            .read_to_end(&mut question)?;
    }
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&question)?;
    stream.shutdown(Shutdown::Write)?;
    let mut response = Vec::new();
    (&stream).take(LONGEST_MESSAGE).read_to_end(&mut response)?;
    io::stdout().lock().write_all(&response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> CredentialServer {
        let url = Url::parse("https://Example.com/a/b.git").unwrap();
        let secret = Secret::from("s3cr3t");
        let credential = OriginCredential::new(&url, "user".to_owned(), secret);
        CredentialServer::start(vec![credential], None).unwrap()
    }

    fn asked(server: &CredentialServer, question: &str) -> String {
        let mut stream = UnixStream::connect(&server.socket).unwrap();
        stream.write_all(question.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    #[test]
    fn the_remote_s_own_origin_alone_gets_the_credential() {
        let server = server();
        for host in ["example.com", "example.com:443", "EXAMPLE.com"] {
            let response = asked(&server, &format!("get\nprotocol=https\nhost={host}\n"));
            assert_eq!(response, "username=user\npassword=s3cr3t\n", "{host}");
        }
        for question in [
            "get\nprotocol=http\nhost=example.com\n",
            "get\nprotocol=https\nhost=example.com:444\n",
            "get\nprotocol=https\nhost=example.com.evil.example\n",
            "get\nprotocol=https\nhost=evil.example\npath=example.com\n",
            "erase\nprotocol=https\nhost=example.com\n",
            "get\n",
            "",
        ] {
            assert_eq!(asked(&server, question), "", "{question:?}");
        }
        let denied = server.denied();
        assert!(
            denied.contains(&"https://evil.example".to_owned()),
            "{denied:?}"
        );
    }

    #[test]
    fn the_directory_is_private_and_goes_with_the_server() {
        let server = server();
        let path = server.directory().to_owned();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
        drop(server);
        assert!(!path.exists());
    }
}
