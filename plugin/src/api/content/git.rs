//! Archives by way of Git, for what the website does not give.
//!
//! Owns the child processes: a shallow fetch of one commit into a private
//! directory, then `git archive` into a file there, which is streamed. The token
//! reaches Git through its environment and a credential helper that is bound
//! to the one address; it stands in no argument, address or file. Git sees no
//! configuration of the machine and follows no redirect.

use crate::http::pause;
use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind as IoErrorKind, Read};
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
const INHERITED: &[&str] = &["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// How the environment says to reach the network; not seen where a proxy is
/// configured, which goes for every address.
const PROXY_VARIABLES: &[&str] = &[
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// The credential helper: reads the credential from its own environment.
const HELPER: &str = "!f() { test \"$1\" = get && printf 'username=%s\\npassword=%s\\n' \
                      \"$VCS_GIT_USER\" \"$VCS_GIT_TOKEN\"; }; f";

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
            .tempdir()
            .map_err(|error| internal("no temporary directory can be made", &error))?;
        let runner = Runner {
            context,
            archive: self,
            directory: directory.path(),
        };
        runner.run(&["init", "--quiet", "--bare", "."])?;
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

    /// The engine's environment as Git sees it.
    fn inherited(&self) -> Vec<(&'static str, OsString)> {
        let names = match self.proxy {
            Some(_) => INHERITED.to_vec(),
            None => [INHERITED, PROXY_VARIABLES].concat(),
        };
        let seen = |name| Some((name, std::env::var_os(name)?));
        names.into_iter().filter_map(seen).collect()
    }

    fn environment(&self) -> Vec<(String, String)> {
        let mut config = vec![
            ("credential.helper".to_owned(), String::new()),
            // A redirect could lead the credential elsewhere.
            ("http.followRedirects".to_owned(), "false".to_owned()),
            ("http.lowSpeedLimit".to_owned(), "1".to_owned()),
            ("http.lowSpeedTime".to_owned(), "60".to_owned()),
        ];
        let mut environment = Vec::new();
        if let Some((user, token)) = &self.credential {
            config.push((format!("credential.{}.helper", self.url), HELPER.to_owned()));
            config.push(("credential.useHttpPath".to_owned(), "true".to_owned()));
            environment.push(("VCS_GIT_USER".to_owned(), user.clone()));
            environment.push(("VCS_GIT_TOKEN".to_owned(), token.expose().to_owned()));
        }
        if let Some(ca_file) = self.ca_file {
            config.push(("http.sslCAInfo".to_owned(), ca_file.to_owned()));
        }
        if let Some(proxy) = self.proxy {
            config.push(("http.proxy".to_owned(), proxy.expose().to_owned()));
        }
        environment.push(("GIT_CONFIG_COUNT".to_owned(), config.len().to_string()));
        for (index, (key, value)) in config.into_iter().enumerate() {
            environment.push((format!("GIT_CONFIG_KEY_{index}"), key));
            environment.push((format!("GIT_CONFIG_VALUE_{index}"), value));
        }
        environment
    }
}

struct Runner<'a> {
    context: &'a dyn CallContext,
    archive: &'a GitArchive<'a>,
    directory: &'a Path,
}

impl Runner<'_> {
    /// Runs Git in the directory, as long as the call is wanted.
    fn run(&self, arguments: &[&str]) -> Result<()> {
        let said = self.directory.join("said");
        let output =
            File::create(&said).map_err(|error| internal("no file can be made", &error))?;
        let mut child = Command::new("git")
            .args(arguments)
            .current_dir(self.directory)
            .env_clear()
            .envs(self.archive.inherited())
            .env("HOME", self.directory)
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", "http:https")
            .envs(self.archive.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .map_err(|error| match error.kind() {
                IoErrorKind::NotFound => VcsError::new(
                    ErrorKind::UNSUPPORTED,
                    "this archive needs `git`, which is not on the PATH of the engine",
                ),
                _ => internal("git cannot be started", &error),
            })?;
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => {}
                Err(error) => return Err(internal("git cannot be waited for", &error)),
            }
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
    fn the_token_stands_in_the_environment_only_and_is_bound_to_the_address() {
        let archive = GitArchive {
            url: "https://bitbucket.org/orchard/pear.git".to_owned(),
            credential: Some(("x-token-auth".to_owned(), Secret::from("s3cr3t-token"))),
            ca_file: None,
            proxy: None,
            hash: "0123456789abcdef0123456789abcdef01234567",
            format: ArchiveFormat::ZIP,
            prefix: String::new(),
        };
        let environment = archive.environment();
        let holders: Vec<_> = environment
            .iter()
            .filter(|(_, value)| value.contains("s3cr3t"))
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(holders, ["VCS_GIT_TOKEN"]);
        let bound = "credential.https://bitbucket.org/orchard/pear.git.helper";
        assert!(environment.iter().any(|(_, value)| value == bound));
        assert!(environment.contains(&("GIT_CONFIG_VALUE_0".to_owned(), String::new())));
    }
}
