//! Git repositories to try a provider on: one with several pages of
//! everything and odd names, a copy of one, an empty one.

use std::fmt::Write as _;
use std::io::{Error, Result, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// More than two pages of a hundred, so that pages after the second are tried.
const COMMITS: usize = 230;
const BRANCHES: usize = 210;
const TAGS: usize = 120;

/// Names beside the numbered ones.
const ODD_BRANCHES: &[&str] = &[
    "feature/one",
    "feature/two/deep",
    "fix#12",
    "ümlaut",
    "a&b=c",
];
const ODD_TAGS: &[&str] = &["v1.0.0", "special-\"$;><&#@!|.,/test"];

/// Makes a bare repository with a few hundred commits, branches and tags, the
/// same whenever it is made. The folder must not exist.
///
/// # Errors
/// When git cannot be run or fails, with its words.
pub fn make_sample(path: &Path) -> Result<()> {
    make_empty(path)?;
    git(path, &["fast-import", "--quiet"], &history())
}

/// Makes a bare repository without a commit. The folder must not exist.
///
/// # Errors
/// As [`make_sample`].
pub fn make_empty(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path)?;
    git(
        path,
        &["init", "--quiet", "--bare", "--initial-branch=main"],
        "",
    )
}

/// Copies all refs of a repository, bare or not, into a new bare one.
///
/// # Errors
/// As [`make_sample`].
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let from = from
        .canonicalize()
        .map_err(|error| Error::other(format!("{}: {error}", from.display())))?;
    let (from, to) = (from.to_string_lossy(), to.to_string_lossy());
    let parent = Path::new(to.as_ref()).parent().unwrap_or(Path::new("."));
    git(
        parent,
        &["clone", "--quiet", "--bare", "--no-hardlinks", &from, &to],
        "",
    )
}

fn git(folder: &Path, arguments: &[&str], input: &str) -> Result<()> {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "safe.directory=*"])
        .args(arguments)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Error::other(format!("git cannot be run: {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::other(format!(
        "git {}: {}",
        arguments.first().copied().unwrap_or_default(),
        String::from_utf8_lossy(&output.stderr).trim()
    )))
}

/// The history as `git fast-import` reads it.
fn history() -> String {
    let mut stream = String::new();
    for number in 1..=COMMITS {
        // Some nine hours apart, so that dates do not decide by chance.
        let who = format!(
            "Ada Example <ada@example.org> {} +0100",
            1_700_000_000 + number * 33_333
        );
        let message = format!("Commit {number}\n\nWith \"quotes\", <tags> & ümlauts.\n");
        push(
            &mut stream,
            format_args!(
                "commit refs/heads/main\nmark :{number}\nauthor {who}\ncommitter {who}\n\
                 data {}\n{message}",
                message.len()
            ),
        );
        file(&mut stream, "README.md", &format!("State {number}\n"));
        if number == 1 {
            file(
                &mut stream,
                "docs/guide.md",
                &"A long guide.\n".repeat(5_000),
            );
            file(&mut stream, "src/deep/er/main.rs", "fn main() {}\n");
            file(&mut stream, "odd name #1 ü.txt", "odd\n");
            file(&mut stream, "empty", "");
        }
        if number <= 120 {
            let path = format!("many/{number:03}.txt");
            file(&mut stream, &path, &format!("file {number}\n"));
        }
        if number == COMMITS - 1 {
            stream.push_str("D many/001.txt\n");
        }
    }
    for number in 0..BRANCHES {
        let from = number % COMMITS + 1;
        push(
            &mut stream,
            format_args!("reset refs/heads/topic{number:03}\nfrom :{from}\n\n"),
        );
    }
    for name in ODD_BRANCHES {
        push(
            &mut stream,
            format_args!("reset refs/heads/{name}\nfrom :{COMMITS}\n\n"),
        );
    }
    let numbered: Vec<String> = (0..TAGS).map(|number| format!("t{number:03}")).collect();
    let names = numbered
        .iter()
        .map(String::as_str)
        .chain(ODD_TAGS.iter().copied());
    for (number, name) in names.enumerate() {
        let from = number + 1;
        let tag = if number % 2 == 0 {
            format!("reset refs/tags/{name}\nfrom :{from}\n\n")
        } else {
            let message = format!("Tag {number}\n");
            format!(
                "tag {name}\nfrom :{from}\ntagger Ada Example <ada@example.org> 1700000000 +0000\n\
                 data {}\n{message}",
                message.len()
            )
        };
        stream.push_str(&tag);
    }
    stream
}

fn file(stream: &mut String, path: &str, content: &str) {
    push(
        stream,
        format_args!(
            "M 100644 inline {path}\ndata {}\n{content}\n",
            content.len()
        ),
    );
}

fn push(stream: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = stream.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::super::git_clone::GitClone;
    use super::*;

    #[test]
    fn the_sample_has_several_pages_of_everything_and_can_be_copied() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let (sample, twin) = (folder.path().join("a"), folder.path().join("b"));
        make_sample(&sample).unwrap_or_else(|error| panic!("{error}"));
        copy(&sample, &twin).unwrap_or_else(|error| panic!("{error}"));
        for path in [&sample, &twin] {
            let git = GitClone::at(path);
            let count = |prefix: &str| git.refs(prefix).map(|refs| refs.len());
            assert_eq!(count("refs/heads/"), Ok(1 + BRANCHES + ODD_BRANCHES.len()));
            assert_eq!(count("refs/tags/"), Ok(TAGS + ODD_TAGS.len()));
            assert_eq!(git.commits("main").map(|all| all.len()), Ok(COMMITS));
        }
    }

    #[test]
    fn what_git_says_is_in_the_error() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let error = copy(folder.path(), &folder.path().join("twin")).err();
        let text = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(text.starts_with("git clone: "), "{text}");
    }
}
