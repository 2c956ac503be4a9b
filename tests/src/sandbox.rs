//! A git repository in a temporary folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A git repository that lives as long as this value. Its history is the same
/// whenever and wherever it is made.
pub struct GitSandbox {
    folder: TempDir,
}

impl GitSandbox {
    /// A repository with a work tree, branch `main` and no commits.
    ///
    /// # Panics
    /// If git or the disk fails: a test cannot go on. The same holds for all
    /// methods.
    #[must_use]
    pub fn empty() -> Self {
        let folder = match TempDir::new() {
            Ok(folder) => folder,
            Err(error) => panic!("no temporary folder: {error}"),
        };
        let sandbox = Self { folder };
        // Without sample hooks: a copy is made of few files.
        sandbox.git(&["init", "--quiet", "--initial-branch=main", "--template="]);
        sandbox
    }

    /// A repository with two commits on `main`, a branch with a slash in its
    /// name and one commit more, a light tag and an annotated one.
    #[must_use]
    pub fn small() -> Self {
        let sandbox = Self::empty();
        sandbox.write("README.md", "# Small\n");
        sandbox.commit_all("First");
        sandbox.git(&["tag", "light"]);
        sandbox.write("src/main.rs", "fn main() {}\n");
        sandbox.commit_all("Second");
        sandbox.git(&["tag", "--annotate", "v1.0.0", "--message", "One"]);
        sandbox.git(&["switch", "--quiet", "--create", "feature/one"]);
        sandbox.write("src/one.rs", "pub fn one() -> u8 {\n    1\n}\n");
        sandbox.commit_all("One");
        sandbox.git(&["switch", "--quiet", "main"]);
        sandbox
    }

    /// Keeps objects and refs in as few files as git can, for what is copied often.
    #[must_use]
    pub fn packed(self) -> Self {
        self.git(&["repack", "-a", "-d", "--quiet"]);
        self.git(&["pack-refs", "--all"]);
        self
    }

    /// A copy of this repository, without running git.
    #[must_use]
    pub fn copy(&self) -> Self {
        let folder = match TempDir::new() {
            Ok(folder) => folder,
            Err(error) => panic!("no temporary folder: {error}"),
        };
        if let Err(error) = copy_folder(self.path(), folder.path()) {
            panic!("{}: {error}", self.path().display());
        }
        Self { folder }
    }

    /// The folder of the work tree.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the work tree.
    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let file = self.path().join(path);
        let written = file
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&file, text));
        if let Err(error) = written {
            panic!("{}: {error}", file.display());
        }
        file
    }

    /// Commits everything and returns the hash. The n-th commit is n minutes
    /// younger than the first.
    pub fn commit_all(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.hash("HEAD")
    }

    /// The full hash of a revision.
    #[must_use]
    pub fn hash(&self, revision: &str) -> String {
        self.git(&["rev-parse", &format!("{revision}^{{commit}}")])
    }

    /// The hashes of a range in git's own order, newest first.
    #[must_use]
    pub fn log(&self, range: &str) -> Vec<String> {
        let text = self.git(&["log", "--format=%H", range, "--"]);
        text.lines().map(str::to_owned).collect()
    }

    /// Makes branches `prefix0001` to `prefixCOUNT` at a revision with one git process.
    pub fn many_branches(&self, prefix: &str, count: usize, revision: &str) {
        let hash = self.hash(revision);
        let lines: String = (1..=count)
            .map(|number| format!("create refs/heads/{prefix}{number:04} {hash}\n"))
            .collect();
        self.git_with_input(&["update-ref", "--stdin"], &lines);
    }

    /// Appends commits to `main` with one git process.
    pub fn many_commits(&self, count: usize) {
        let begun = self.git(&["for-each-ref", "refs/heads/main"]);
        let mut input = String::new();
        for number in 0..count {
            let time = 1_750_000_000 + number * 60;
            input.push_str(&format!(
                "commit refs/heads/main\nauthor Ada <ada@example.com> {time} +0200\n\
                 committer Ada <ada@example.com> {time} +0200\ndata 3\nc{}\n",
                number % 10
            ));
            if number == 0 && !begun.is_empty() {
                input.push_str("from refs/heads/main^0\n");
            }
            input.push('\n');
        }
        self.git_with_input(&["fast-import", "--quiet", "--force"], &input);
    }

    /// Runs git here and returns its output without the last line end.
    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_with_input(arguments, "")
    }

    fn git_with_input(&self, arguments: &[&str], input: &str) -> String {
        let minutes = Command::new("git")
            .current_dir(self.path())
            .args(["rev-list", "--all", "--count"])
            .output()
            .ok()
            .and_then(|output| String::from_utf8(output.stdout).ok())
            .and_then(|text| text.trim().parse::<u64>().ok())
            .unwrap_or(0);
        let date = format!("{} +0100", 1_700_000_000 + minutes * 60);
        let mut command = git_command();
        command
            .current_dir(self.path())
            .args(arguments)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date);
        run_git(command, input)
    }
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&target)?;
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Git without the configuration of the machine, with a made-up person.
#[must_use]
pub fn git_command() -> Command {
    let mut command = Command::new("git");
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Ada Example")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_NAME", "Ada Example")
        .env("GIT_COMMITTER_EMAIL", "ada@example.com");
    command
}

/// Runs a git command that must succeed and returns its output.
///
/// # Panics
/// If it fails.
pub fn run_git(mut command: Command, input: &str) -> String {
    use std::io::Write as _;
    use std::process::Stdio;
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => panic!("git cannot be started: {error}"),
    };
    // A git that does not read its input closes it early; that is no failure.
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(input.as_bytes());
    }
    match child.wait_with_output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned(),
        Ok(output) => panic!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{command:?}: {error}"),
    }
}
