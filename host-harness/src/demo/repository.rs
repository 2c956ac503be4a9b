//! The git repository of the story: a bare clone of the given one, or a small
//! one with real commits; and what git itself says of it.

use super::DemoError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vcs_engine::git::Git;
use vcs_provider_interface::context::CallContext;

/// Settings that keep the administrator's own git configuration out of commits.
const IDENTITY: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "Casey Builder"),
    ("GIT_AUTHOR_EMAIL", "casey.builder@example.com"),
    ("GIT_COMMITTER_NAME", "Casey Builder"),
    ("GIT_COMMITTER_EMAIL", "casey.builder@example.com"),
];

/// A commit as git itself lists it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GitCommit {
    pub(super) id: String,
    pub(super) parents: Vec<String>,
    pub(super) author_name: String,
    pub(super) author_timestamp: Option<i64>,
}

/// The bare repository that the mock serves.
pub(super) struct DemoRepository {
    path: PathBuf,
}

impl DemoRepository {
    /// Clones the given repository, which stays as it is.
    pub(super) fn clone_of(
        context: &dyn CallContext,
        source: &Path,
        folder: &Path,
    ) -> Result<Self, DemoError> {
        let source = source
            .canonicalize()
            .map_err(|error| DemoError::System(source.display().to_string(), error))?;
        let path = folder.join("repository.git");
        local_git(folder).run(
            context,
            [
                "clone".as_ref(),
                "--quiet".as_ref(),
                "--bare".as_ref(),
                "--template=".as_ref(),
                "--".as_ref(),
                source.as_os_str(),
                path.as_os_str(),
            ],
        )?;
        let repository = Self { path };
        // So that nothing can be pushed back by mistake.
        repository.git(context, &["remote", "remove", "origin"])?;
        repository.settle_main_branch(context)?;
        Ok(repository)
    }

    /// Makes a small repository: two branches, one with a slash, a merge, a light
    /// and an annotated tag.
    pub(super) fn sample(context: &dyn CallContext, folder: &Path) -> Result<Self, DemoError> {
        let work = folder.join("sample");
        std::fs::create_dir(&work)
            .map_err(|error| DemoError::System(work.display().to_string(), error))?;
        let run = |arguments: &[&str]| author_git(&work).run(context, arguments).map(drop);
        run(&["init", "--quiet", "--template="])?;
        run(&["symbolic-ref", "HEAD", "refs/heads/main"])?;
        let commit = |file: &str, text: &str, message: &str| -> Result<(), DemoError> {
            write(&work.join(file), text)?;
            commit_all(context, &work, message)
        };
        commit("README.md", "# Sample\n", "Begin with a page to read")?;
        commit("hello.sh", "echo hello\n", "Say hello")?;
        run(&["tag", "v0.1.0"])?;
        run(&["checkout", "--quiet", "-b", "feature/greeting"])?;
        commit("hello.sh", "echo \"hello, ${1:-world}\"\n", "Greet by name")?;
        run(&["checkout", "--quiet", "main"])?;
        commit("LICENSE", "Free for all.\n", "Add a licence")?;
        let merge = [
            "merge",
            "--quiet",
            "--no-ff",
            "-m",
            "Merge the greeting",
            "feature/greeting",
        ];
        run(&merge)?;
        run(&["tag", "--annotate", "-m", "The first release", "v1.0.0"])?;
        run(&["branch", "release/1.0"])?;
        Self::clone_of(context, &work, folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The branch that `HEAD` names.
    pub(super) fn main_branch(&self, context: &dyn CallContext) -> Result<String, DemoError> {
        let name = self.git(context, &["symbolic-ref", "--short", "HEAD"])?;
        Ok(name.trim().to_owned())
    }

    /// Branch names and the commits they end at.
    pub(super) fn branches(
        &self,
        context: &dyn CallContext,
    ) -> Result<BTreeMap<String, String>, DemoError> {
        self.refs(context, "refs/heads/")
    }

    /// Tag names and the commits they mean. Tags of other objects are left out,
    /// as a service that lists tags of commits does.
    pub(super) fn tags(
        &self,
        context: &dyn CallContext,
    ) -> Result<BTreeMap<String, String>, DemoError> {
        self.refs(context, "refs/tags/")
    }

    fn refs(
        &self,
        context: &dyn CallContext,
        prefix: &str,
    ) -> Result<BTreeMap<String, String>, DemoError> {
        let format =
            "--format=%(objecttype)%09%(objectname)%09%(*objecttype)%09%(*objectname)%09%(refname)";
        let answer = self.git(context, &["for-each-ref", format, prefix])?;
        let commits = answer.lines().filter_map(|line| {
            let mut fields = line.splitn(5, '\t');
            let mut next = || fields.next().unwrap_or_default();
            let (kind, id, peeled_kind, peeled_id, name) = (next(), next(), next(), next(), next());
            let commit = match (kind, peeled_kind) {
                ("commit", _) => id,
                (_, "commit") => peeled_id,
                _ => return None,
            };
            Some((name.strip_prefix(prefix)?.to_owned(), commit.to_owned()))
        });
        Ok(commits.collect())
    }

    /// The commits of a branch in git's own order.
    pub(super) fn commits(
        &self,
        context: &dyn CallContext,
        branch: &str,
    ) -> Result<Vec<GitCommit>, DemoError> {
        let reference = format!("refs/heads/{branch}");
        let arguments = ["log", "-z", "--format=%H%n%P%n%an%n%at", &reference, "--"];
        let answer = self.git(context, &arguments)?;
        let commits = answer.split('\0').filter(|entry| !entry.is_empty());
        Ok(commits
            .map(|entry| {
                let mut lines = entry.trim_start_matches('\n').split('\n');
                let mut next = || lines.next().unwrap_or_default();
                GitCommit {
                    id: next().to_owned(),
                    parents: next().split_whitespace().map(str::to_owned).collect(),
                    author_name: next().to_owned(),
                    author_timestamp: next()
                        .trim()
                        .parse()
                        .ok()
                        .map(|seconds: i64| seconds * 1000),
                }
            })
            .collect())
    }

    fn git(&self, context: &dyn CallContext, arguments: &[&str]) -> Result<String, DemoError> {
        Ok(local_git(&self.path).run(context, arguments)?)
    }

    /// Gives `HEAD` a branch where the source had none, such as a detached one.
    fn settle_main_branch(&self, context: &dyn CallContext) -> Result<(), DemoError> {
        let branches = self.branches(context)?;
        let current = self.main_branch(context).unwrap_or_default();
        if branches.contains_key(&current) {
            return Ok(());
        }
        let usual = ["main", "master"]
            .into_iter()
            .find(|name| branches.contains_key(*name));
        let Some(name) = usual.or(branches.keys().next().map(String::as_str)) else {
            return Err(DemoError::Check(
                "the repository has no branch with a commit; there is nothing to show".to_owned(),
            ));
        };
        let reference = format!("refs/heads/{name}");
        self.git(context, &["symbolic-ref", "HEAD", &reference])?;
        Ok(())
    }
}

/// Adds everything in a folder and commits it.
pub(super) fn commit_all(
    context: &dyn CallContext,
    folder: &Path,
    message: &str,
) -> Result<(), DemoError> {
    let git = author_git(folder);
    // The administrator's ignore rules are not the demo's.
    git.run(context, ["add", "--all", "--force"])?;
    let arguments = [
        "-c",
        "commit.gpgSign=false",
        "commit",
        "--quiet",
        "--no-verify",
        "-m",
        message,
    ];
    git.run(context, arguments)?;
    Ok(())
}

/// Writes a file.
pub(super) fn write(path: &Path, text: &str) -> Result<(), DemoError> {
    std::fs::write(path, text).map_err(|error| DemoError::System(path.display().to_string(), error))
}

/// Git for repositories of this machine.
fn local_git(folder: &Path) -> Git<'_> {
    Git::new(folder).with_variable("GIT_ALLOW_PROTOCOL", "file")
}

fn author_git(folder: &Path) -> Git<'_> {
    IDENTITY
        .iter()
        .fold(local_git(folder), |git, (name, value)| {
            git.with_variable(name, value)
        })
}
