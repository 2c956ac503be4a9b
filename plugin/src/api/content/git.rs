//! Archives by way of Git, for what the website does not give.
//!
//! Owns the child processes: a shallow fetch of one commit into a private
//! directory, then `git archive` into a file there, which is streamed. The token
//! reaches Git through the pipe of a credential helper that is bound to the one
//! address (see [`git_secrets`](super::git_secrets)). Git sees no configuration,
//! attributes, hooks or templates of the machine, none of the caller's `GIT_*`
//! variables, and follows no redirect. The engine's checkout keeps the same
//! rules; one table of tests holds both to them.

use super::git_secrets::{OriginSecret, SecretPipes, proxy_variable};
use crate::http::pause;
use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::{ErrorKind as IoErrorKind, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use vcs_provider_interface::prelude::*;

/// How often a child process is asked whether it has ended.
const POLL: Duration = Duration::from_millis(20);

/// The bytes that are passed on at a time.
const CHUNK: usize = 64 * 1024;

/// How much of what Git says is read.
const MOST_SAID: u64 = 4096;

/// What Git sees of the engine's environment: where programs are, and which
/// authorities the machine trusts.
const INHERITED: &[&str] = &[
    "PATH",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// How the environment says to reach the network; not seen where a proxy is
/// configured, which goes for every address.
const PROXY_VARIABLES: &[&str] = &[
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

/// The hosts that the environment excludes from its proxy.
const NO_PROXY_VARIABLES: &[&str] = &["no_proxy", "NO_PROXY"];

/// Where there is nothing, neither a file nor a directory.
const NOTHING: &str = "/dev/null";

/// The oldest Git that takes its settings from the environment
/// (`GIT_CONFIG_COUNT`).
const LEAST_VERSION: (u32, u32) = (2, 31);

/// What is archived, and how it is reached.
pub(super) struct GitArchive<'a> {
    /// The clone address without user.
    pub(super) url: String,
    /// User and token; `None` for public repositories.
    pub(super) credential: Option<(String, Secret)>,
    /// The file of the authorities to trust in place of the public ones.
    pub(super) ca_file: Option<&'a str>,
    /// The configured proxy; without one, Git sees that of the environment.
    pub(super) proxy: Option<&'a Secret>,
    /// The full hash of the commit.
    pub(super) hash: &'a str,
    pub(super) format: ArchiveFormat,
    /// The directory that the entries stand in; empty for none.
    pub(super) prefix: String,
}

impl GitArchive<'_> {
    /// Makes the archive and passes its bytes on. Returns how many they were.
    ///
    /// # Errors
    /// `Unsupported` if there is no `git` on the engine's machine, or none of
    /// the programs that the format needs; `Unavailable` with Git's own words.
    pub(super) fn stream(&self, context: &dyn CallContext, sink: &mut dyn ByteSink) -> Result<u64> {
        let directory = tempfile::Builder::new()
            .prefix("vcs-archive-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|error| internal("no temporary directory can be made", &error))?;
        let surroundings = self.surroundings();
        let runner = Runner {
            context,
            archive: self,
            directory: directory.path(),
            surroundings: &surroundings,
        };
        runner.check_version()?;
        // The length of a hash tells how the repository makes its hashes.
        let format = match self.hash.len() {
            64 => "--object-format=sha256",
            _ => "--object-format=sha1",
        };
        runner.run(&["init", "--quiet", "--bare", "--template=", format, "."])?;
        runner
            .run(&[
                "fetch",
                "--quiet",
                "--no-tags",
                "--depth=1",
                &self.url,
                self.hash,
            ])
            .or_else(|error| {
                if error.kind != ErrorKind::UNAVAILABLE {
                    return Err(error);
                }
                // A server need not give a commit by its hash; then all
                // branches and tags are fetched.
                let refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
                runner.run(&["fetch", "--quiet", &self.url, refs[0], refs[1]])
            })?;
        let file = directory.path().join("archive");
        let (format, filter) = match self.format {
            ArchiveFormat::ZIP => ("zip", None),
            ArchiveFormat::TAR_GZ => ("tar.gz", None),
            ArchiveFormat::TAR_BZ2 => ("tar.bz2", Some("tar.tar.bz2.command=bzip2 -c")),
            other => {
                return Err(VcsError::new(
                    ErrorKind::INVALID_INPUT,
                    format!("Bitbucket Cloud has no archives of the format {other}"),
                ));
            }
        };
        let format = format!("--format={format}");
        let prefix = format!("--prefix={}", self.prefix);
        let mut arguments: Vec<&str> = filter.iter().flat_map(|filter| ["-c", filter]).collect();
        arguments.extend(["archive", &format, &prefix, "--output=archive", self.hash]);
        runner.run(&arguments)?;
        stream_file(context, &file, sink)
    }

    /// What Git sees of the engine's environment, and the secrets on its way.
    fn surroundings(&self) -> Surroundings {
        let seen = |names: &[&'static str]| {
            let value = |name: &&'static str| Some((*name, std::env::var_os(name)?));
            names.iter().filter_map(value).collect::<Vec<_>>()
        };
        let mut variables = seen(INHERITED);
        let mut secrets = Vec::new();
        if let Some((user, token)) = &self.credential {
            secrets.push(OriginSecret::new(&self.url, user, token));
        }
        let mut proxy = None;
        match self.proxy {
            Some(configured) => {
                let (address, secret) = OriginSecret::of_proxy(configured.expose());
                proxy = Some(address);
                secrets.extend(secret);
            }
            None => {
                for (name, value) in seen(PROXY_VARIABLES) {
                    let (value, secret) = proxy_variable(&value);
                    variables.push((name, value));
                    secrets.extend(secret);
                }
                variables.extend(seen(NO_PROXY_VARIABLES));
            }
        }
        Surroundings {
            variables,
            secrets,
            proxy,
        }
    }

    fn settings(&self, proxy: Option<&str>) -> Vec<(String, String)> {
        let mut settings: Vec<(String, String)> = [
            ("credential.helper", ""),
            ("credential.useHttpPath", "true"),
            ("core.askPass", ""),
            ("core.hooksPath", NOTHING),
            ("init.templateDir", ""),
            ("gc.auto", "0"),
            ("maintenance.auto", "false"),
            // A redirect could lead the credential elsewhere.
            ("http.followRedirects", "false"),
            ("http.lowSpeedLimit", "1"),
            ("http.lowSpeedTime", "60"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec();
        if let Some(ca_file) = self.ca_file {
            for key in ["http.sslCAInfo", "http.proxySSLCAInfo"] {
                settings.push((key.to_owned(), ca_file.to_owned()));
            }
        }
        if let Some(proxy) = proxy {
            settings.push(("http.proxy".to_owned(), proxy.to_owned()));
        }
        settings
    }
}

/// What Git needs of the engine's machine.
struct Surroundings {
    variables: Vec<(&'static str, OsString)>,
    secrets: Vec<OriginSecret>,
    /// The configured proxy, without its password.
    proxy: Option<String>,
}

struct Runner<'a> {
    context: &'a dyn CallContext,
    archive: &'a GitArchive<'a>,
    directory: &'a Path,
    surroundings: &'a Surroundings,
}

impl Runner<'_> {
    /// An older Git would leave out the credential and all isolation without a word.
    fn check_version(&self) -> Result<()> {
        let output = self
            .command(&["version"], &[])
            .stdout(Stdio::piped())
            .output()
            .map_err(|error| not_started(&error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        match version_of(&text) {
            Some(version) if version < LEAST_VERSION => {
                let found = text.trim().trim_start_matches("git version ");
                let (major, minor) = LEAST_VERSION;
                let message = format!(
                    "this archive needs git {major}.{minor} or newer; the one of the engine's \
                     machine is {found}"
                );
                Err(VcsError::new(ErrorKind::UNSUPPORTED, message))
            }
            // What names no version may well be one that can do everything.
            _ => Ok(()),
        }
    }

    fn command(&self, arguments: &[&str], secrets: &[(String, String)]) -> Command {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(self.directory)
            .env_clear()
            .envs(self.surroundings.variables.iter().cloned())
            .env("HOME", NOTHING)
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", NOTHING)
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "")
            .env("SSH_ASKPASS", "")
            .env("GIT_ALLOW_PROTOCOL", "http:https")
            .env("GIT_SSH_COMMAND", "false")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut settings = self.archive.settings(self.surroundings.proxy.as_deref());
        settings.extend_from_slice(secrets);
        command.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (index, (key, value)) in settings.iter().enumerate() {
            command
                .env(format!("GIT_CONFIG_KEY_{index}"), key)
                .env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        command
    }

    /// Runs Git in the directory, as long as the call is wanted.
    fn run(&self, arguments: &[&str]) -> Result<()> {
        let said = self.directory.join("said");
        let output =
            File::create(&said).map_err(|error| internal("no file can be made", &error))?;
        let mut secrets = SecretPipes::make(self.directory, &self.surroundings.secrets)
            .map_err(|error| internal("no pipe can be made", &error))?;
        let mut child = self
            .command(arguments, &secrets.settings())
            .stderr(output)
            .spawn()
            .map_err(|error| not_started(&error))?;
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => {}
                Err(error) => return Err(internal("git cannot be waited for", &error)),
            }
            secrets.serve();
            if let Err(error) = pause(self.context, POLL) {
                // It may have ended by itself meanwhile.
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        if status.success() {
            return Ok(());
        }
        Err(self.failed(arguments, &said))
    }

    fn failed(&self, arguments: &[&str], said: &Path) -> VcsError {
        let mut text = Vec::new();
        // Without its words the failure is told all the same.
        if let Ok(file) = File::open(said) {
            let _ = file.take(MOST_SAID).read_to_end(&mut text);
        }
        let text = String::from_utf8_lossy(&text);
        let secret = self.archive.credential.as_ref().map(|(_, token)| token);
        let text = crate::http::shown_sentence(&text, secret.map(Secret::expose));
        let action = arguments
            .iter()
            .find(|word| matches!(**word, "init" | "fetch" | "archive"))
            .unwrap_or(&"");
        let kind =
            if text.contains("Authentication failed") || text.contains("could not read Username") {
                ErrorKind::UNAUTHENTICATED
            } else if *action == "archive" && text.contains("bzip2") {
                ErrorKind::UNSUPPORTED
            } else {
                ErrorKind::UNAVAILABLE
            };
        let mut message = format!("git {action} failed: {text}");
        if kind == ErrorKind::UNAVAILABLE && *action == "fetch" {
            // Git words it as its TLS library does, but for this word.
            if text.contains("certificate") {
                message.push_str(
                    "; if the address is right, the authority of the certificate may be one that \
                     `caFile` has to name",
                );
            }
            if self.archive.proxy.is_some() {
                message.push_str("; the connection goes through a proxy, check `proxy`");
            }
        }
        VcsError::new(kind, message)
    }
}

fn not_started(error: &std::io::Error) -> VcsError {
    match error.kind() {
        IoErrorKind::NotFound => VcsError::new(
            ErrorKind::UNSUPPORTED,
            "this archive needs `git`, which is not on the PATH of the engine",
        ),
        _ => internal("git cannot be started", error),
    }
}

/// Reads `git version 2.39.5 (Apple Git-154)`.
fn version_of(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text
        .strip_prefix("git version ")?
        .split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn stream_file(context: &dyn CallContext, file: &Path, sink: &mut dyn ByteSink) -> Result<u64> {
    let mut file = File::open(file).map_err(|error| internal("git made no archive", &error))?;
    let mut buffer = vec![0; CHUNK];
    let mut given = 0u64;
    loop {
        crate::http::check_context(context)?;
        let length = file
            .read(&mut buffer)
            .map_err(|error| internal("the archive cannot be read", &error))?;
        let Some(chunk) = buffer.get(..length).filter(|chunk| !chunk.is_empty()) else {
            return Ok(given);
        };
        given += chunk.len() as u64;
        if sink.chunk(chunk)? == Flow::STOP {
            return Ok(given);
        }
    }
}

fn internal(what: &str, error: &std::io::Error) -> VcsError {
    VcsError::new(ErrorKind::INTERNAL, format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_stands_in_git_s_environment_or_arguments() {
        let proxy = Secret::from("http://gateway:s3cr3t@proxy:3128");
        let archive = GitArchive {
            url: "https://bitbucket.org/orchard/pear.git".to_owned(),
            credential: Some(("x-token-auth".to_owned(), Secret::from("s3cr3t-token"))),
            ca_file: None,
            proxy: Some(&proxy),
            hash: "0123456789abcdef0123456789abcdef01234567",
            format: ArchiveFormat::ZIP,
            prefix: String::new(),
        };
        let surroundings = archive.surroundings();
        let directory = tempfile::tempdir().unwrap();
        let runner = Runner {
            context: &vcs_provider_interface::context::HostCallContext::new("t"),
            archive: &archive,
            directory: directory.path(),
            surroundings: &surroundings,
        };
        let pipes = SecretPipes::make(directory.path(), &surroundings.secrets).unwrap();
        let command = runner.command(&["fetch"], &pipes.settings());
        let shown = format!("{command:?}");
        assert!(!shown.contains("s3cr3t"), "{shown}");
        assert!(shown.contains("http://gateway@proxy:3128"), "{shown}");
        for address in [
            "https://bitbucket.org/orchard/pear.git",
            "http://proxy:3128",
        ] {
            assert!(
                shown.contains(&format!("credential.{address}.helper")),
                "{shown}"
            );
        }
    }
}
