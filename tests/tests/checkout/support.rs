//! What the checkouts of these tests have in common: repositories in a
//! directory, a server over them, and the command.

use crate::git_server::{GitServer, Manner, repository_path};
use integration_tests::engine::{Ran, engine, plugin_directory, run};
use integration_tests::sandbox::{git_command, run_git};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// User, password and header of servers that want them.
pub(crate) const USER: &str = "x-token-auth";
pub(crate) const PASSWORD: &str = "planted-s3cret-0f7c";
pub(crate) const AUTHORIZATION: &str = "Basic eC10b2tlbi1hdXRoOnBsYW50ZWQtczNjcmV0LTBmN2M=";

/// A directory with repositories, a home of a user, and places to check out to.
pub(crate) struct World {
    directory: TempDir,
}

impl World {
    /// One repository `app` with three commits on `main`.
    pub(crate) fn new() -> Self {
        let world = Self {
            directory: TempDir::new().expect("a directory"),
        };
        for name in ["home", "served/lfs-objects"] {
            std::fs::create_dir_all(world.path(name)).expect("a directory");
        }
        world.repository("app", &[]);
        world
    }

    /// A repository of three commits, each with a file of its own.
    pub(crate) fn repository(&self, name: &str, options: &[&str]) -> PathBuf {
        let path = repository_path(&self.served(), name);
        std::fs::create_dir_all(&path).expect("a directory");
        git(
            &path,
            &[&["init", "--quiet", "-b", "main"], options].concat(),
        );
        for number in 1..=3 {
            commit(&path, &format!("file{number}"), &format!("{number}\n"));
        }
        path
    }

    pub(crate) fn app(&self) -> PathBuf {
        repository_path(&self.served(), "app")
    }

    pub(crate) fn served(&self) -> PathBuf {
        self.path("served")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// A program of the machine's.
    pub(crate) fn program(&self, name: &str, script: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.write(name, &format!("#!/bin/sh\n{script}\n"));
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("a mode");
        path
    }

    pub(crate) fn serve(&self) -> GitServer {
        self.serve_with(Manner::default())
    }

    pub(crate) fn serve_with(&self, manner: Manner) -> GitServer {
        GitServer::start(&self.served(), manner)
    }

    /// `engine action ARGUMENTS`, as a user with an empty home.
    pub(crate) fn action(&self, arguments: &[&str]) -> Command {
        let mut command = engine();
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("GIT_") || name.to_ascii_lowercase().ends_with("_proxy") {
                command.env_remove(name);
            }
        }
        command
            .arg("action")
            .args(arguments)
            .env("HOME", self.path("home"))
            .env("ENGINE_PLUGIN_DIR", plugin_directory());
        command
    }

    /// Clones an address into `work` with these further arguments.
    pub(crate) fn clone_to(&self, target: &str, url: &str, more: &[&str]) -> Ran {
        let target = self.path(target);
        let words = ["git-clone", url, target.to_str().expect("a path"), "--json"];
        run(&mut self.action(&[&words, more].concat()))
    }

    pub(crate) fn clone(&self, url: &str, more: &[&str]) -> Ran {
        self.clone_to("work", url, more)
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.path("work")
    }
}

pub(crate) fn git(directory: &Path, arguments: &[&str]) -> String {
    let mut command = git_command();
    command
        .current_dir(directory)
        .env("GIT_AUTHOR_DATE", "1700000000 +0000")
        .env("GIT_COMMITTER_DATE", "1700000000 +0000")
        .args(arguments);
    run_git(command, "")
}

pub(crate) fn commit(repository: &Path, file: &str, text: &str) -> String {
    let path = repository.join(file);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    std::fs::write(path, text).expect("a file");
    git(repository, &["add", "--all", "--force"]);
    git(repository, &["commit", "--quiet", "--message", file]);
    head(repository)
}

pub(crate) fn head(repository: &Path) -> String {
    git(repository, &["rev-parse", "HEAD"])
}

/// The sentence of a failure, in which git says one thing at most.
pub(crate) fn sentence(ran: &Ran) -> String {
    let message = ran.json()["error"]["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(!message.contains('\n'), "{message}");
    message
}

/// Adds a submodule without fetching it.
pub(crate) fn add_submodule(repository: &Path, path: &str, url: &str, hash: &str) {
    for (key, value) in [("path", path), ("url", url)] {
        let key = format!("submodule.{path}.{key}");
        git(repository, &["config", "-f", ".gitmodules", &key, value]);
    }
    let entry = format!("160000,{hash},{path}");
    git(
        repository,
        &["update-index", "--add", "--cacheinfo", &entry],
    );
    git(repository, &["add", ".gitmodules"]);
    git(repository, &["commit", "--quiet", "--message", "submodule"]);
}
