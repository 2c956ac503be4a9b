//! A PostgreSQL server for the tests: the one that is named, or one of their own in a
//! temporary directory that ends with them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names a server on which tests may make databases.
pub(crate) const SERVER: &str = "ENGINE_TEST_POSTGRES";

/// A server that runs until it is dropped, if it is the tests' own.
pub(crate) struct Server {
    /// Its address.
    pub(crate) url: String,
    own: Option<Own>,
}

struct Own {
    programs: PathBuf,
    user: Option<&'static str>,
    directory: PathBuf,
}

/// Finds or starts a server.
///
/// # Errors
/// Why there is none, and the way to one.
pub(crate) fn find() -> Result<Server, String> {
    if let Ok(url) = std::env::var(SERVER) {
        return Ok(Server { url, own: None });
    }
    let programs = programs().ok_or_else(|| {
        format!("PostgreSQL is not installed (apt-get install postgresql); or set {SERVER}")
    })?;
    let directory = std::env::temp_dir().join(format!("engine-postgres-{}", std::process::id()));
    fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
    let own = Own {
        programs,
        // It does not run as root.
        user: is_root(&directory).then_some("postgres"),
        directory,
    };
    own.start()?;
    Ok(Server {
        // The socket's directory, with its slashes as an address wants them.
        url: format!(
            "postgres://postgres@{}/postgres",
            own.directory.display().to_string().replace('/', "%2F")
        ),
        own: Some(own),
    })
}

/// The directory of the newest server's programs.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|programs| programs.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop()
}

fn is_root(made: &Path) -> bool {
    fs::metadata(made).is_ok_and(|metadata| metadata.uid() == 0)
}

impl Own {
    fn start(&self) -> Result<(), String> {
        let everybody = fs::Permissions::from_mode(0o777);
        fs::set_permissions(&self.directory, everybody).map_err(|error| error.to_string())?;
        let data = self.directory.join("data").display().to_string();
        self.run(
            "initdb",
            &[
                "-D", &data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "-N",
            ],
        )?;
        let options = format!(
            "-k {} -c listen_addresses= -c fsync=off -c max_connections=300",
            self.directory.display()
        );
        let log = self.directory.join("log").display().to_string();
        self.run(
            "pg_ctl",
            &["-D", &data, "-w", "-l", &log, "-o", &options, "start"],
        )
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let path = self.programs.join(program);
        let mut command = match self.user {
            Some(user) => {
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--"]).arg(path);
                command
            }
            None => Command::new(path),
        };
        // Not the caller's directory: another user may not be let in.
        command.args(arguments).current_dir(&self.directory);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.status().map_err(|error| error.to_string())?;
        match status.success() {
            true => Ok(()),
            false => Err(format!(
                "{program} could not start a PostgreSQL server: {status}"
            )),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(own) = &self.own {
            let data = own.directory.join("data").display().to_string();
            if let Err(reason) = own.run("pg_ctl", &["-D", &data, "-m", "immediate", "stop"]) {
                eprintln!("xtask: {reason}");
            }
            // What is left is in the system's directory for what is temporary.
            let _ = fs::remove_dir_all(&own.directory);
        }
    }
}
