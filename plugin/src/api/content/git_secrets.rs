//! Secrets on their way to Git: each through a named pipe in a private
//! directory, which a credential helper of Git reads once.
//!
//! A secret stands in no argument, environment or file: a named pipe holds
//! nothing, the bytes go from this process to the helper that has it open.

use percent_encoding::percent_decode_str;
use rustix::fs::{CWD, Mode, OFlags, mkfifoat};
use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use vcs_provider_interface::prelude::*;

/// A user and password for one address.
pub(super) struct OriginSecret {
    /// What Git asks for: the clone address, or the proxy without a user.
    address: String,
    username: String,
    password: Secret,
}

impl OriginSecret {
    pub(super) fn new(address: &str, username: &str, password: &Secret) -> Self {
        Self {
            address: address.to_owned(),
            username: username.to_owned(),
            password: password.clone(),
        }
    }

    /// Takes the address of a proxy apart: the address that Git may see, with
    /// the user but not the password, and the password if there is one.
    pub(super) fn of_proxy(address: &str) -> (String, Option<Self>) {
        let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
        let rest = rest.trim_end_matches('/');
        let Some((user, host)) = rest.rsplit_once('@') else {
            return (format!("{scheme}://{rest}"), None);
        };
        let Some((name, password)) = user.split_once(':') else {
            return (format!("{scheme}://{user}@{host}"), None);
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let secret = Self {
            address: format!("{scheme}://{host}"),
            username: decoded(name),
            password: Secret::from(decoded(password)),
        };
        (format!("{scheme}://{name}@{host}"), Some(secret))
    }
}

/// The pipes of one run of Git.
pub(super) struct SecretPipes<'a> {
    pipes: Vec<Pipe<'a>>,
}

struct Pipe<'a> {
    secret: &'a OriginSecret,
    path: PathBuf,
    is_open: bool,
}

impl<'a> SecretPipes<'a> {
    /// Makes a pipe for each secret in this directory, which is private.
    pub(super) fn make(directory: &Path, secrets: &'a [OriginSecret]) -> std::io::Result<Self> {
        let mut pipes = Vec::new();
        for (number, secret) in secrets.iter().enumerate() {
            let path = directory.join(format!("secret-{number}"));
            mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)?;
            pipes.push(Pipe {
                secret,
                path,
                is_open: true,
            });
        }
        Ok(Self { pipes })
    }

    /// Git's settings that name the helpers: each for its address alone.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        let helper = |pipe: &Pipe<'_>| {
            let path = pipe.path.to_string_lossy().replace('\'', "'\\''");
            let key = format!("credential.{}.helper", pipe.secret.address);
            let value = format!("!f() {{ test \"$1\" = get && cat '{path}'; }}; f");
            (key, value)
        };
        self.pipes.iter().map(helper).collect()
    }

    /// Gives their secrets to the helpers that wait for them by now.
    pub(super) fn serve(&mut self) {
        for pipe in self.pipes.iter_mut().filter(|pipe| pipe.is_open) {
            // It opens as soon as somebody reads at the other end.
            let opened = open_pipe(&pipe.path, OFlags::WRONLY);
            if let Ok(mut writer) = opened {
                let text = Secret::new(format!(
                    "username={}\npassword={}\n",
                    pipe.secret.username,
                    pipe.secret.password.expose()
                ));
                // Without it Git says that it has no password.
                let _ = writer.write_all(text.expose().as_bytes());
                pipe.is_open = false;
            }
        }
    }
}

/// Opens a pipe without waiting for its other end.
fn open_pipe(path: &Path, access: OFlags) -> std::io::Result<File> {
    let flags = access | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

impl Drop for SecretPipes<'_> {
    fn drop(&mut self) {
        for pipe in &self.pipes {
            // A helper that still waits at the other end is let go, and another
            // one finds nothing.
            let held = open_pipe(&pipe.path, OFlags::RDWR);
            let _ = std::fs::remove_file(&pipe.path);
            drop(held);
        }
    }
}

/// A variable of the environment that names a proxy, as Git may see it.
pub(super) fn proxy_variable(value: &OsString) -> (OsString, Option<OriginSecret>) {
    match value.to_str() {
        Some(text) if text.contains('@') => {
            let (address, secret) = OriginSecret::of_proxy(text);
            (address.into(), secret)
        }
        _ => (value.clone(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_proxy_s_address_is_seen_without_its_password() {
        for (address, seen, user) in [
            ("http://proxy:3128", "http://proxy:3128", None),
            ("proxy:3128/", "http://proxy:3128", None),
            ("http://u@proxy:3128", "http://u@proxy:3128", None),
            (
                "http://u:p%40ss@proxy:3128",
                "http://u@proxy:3128",
                Some("p@ss"),
            ),
        ] {
            let (without, secret) = OriginSecret::of_proxy(address);
            assert_eq!(without, seen);
            assert_eq!(secret.map(|one| one.password), user.map(Secret::from));
        }
    }

    #[test]
    fn a_helper_reads_its_secret_once_and_none_waits_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let password = Secret::from("s3cr3t");
        let secrets = [OriginSecret::new(
            "https://example.com/a.git",
            "user",
            &password,
        )];
        let mut pipes = SecretPipes::make(directory.path(), &secrets).unwrap();
        let (key, helper) = pipes.settings().remove(0);
        assert_eq!(key, "credential.https://example.com/a.git.helper");
        assert!(!helper.contains("s3cr3t"));
        let ask = || {
            Command::new("sh")
                .args(["-c", &format!("{} get", helper.trim_start_matches('!'))])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let mut first = ask();
        while first.try_wait().unwrap().is_none() {
            pipes.serve();
        }
        let said = first.wait_with_output().unwrap();
        assert_eq!(said.stdout, b"username=user\npassword=s3cr3t\n");
        let second = ask();
        drop(pipes);
        assert_eq!(second.wait_with_output().unwrap().stdout, b"");
    }
}
