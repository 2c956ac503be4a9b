//! A made-up history, in memory and as a git repository on disk.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A commit of the history.
pub(crate) struct Commit {
    pub(crate) hash: String,
    pub(crate) parents: Vec<String>,
    pub(crate) seconds: i64,
    pub(crate) message: String,
    /// The whole tree: path and bytes.
    pub(crate) tree: BTreeMap<String, Vec<u8>>,
}

/// A tag: the commit and the tag's own hash.
#[derive(Clone)]
pub(crate) struct Tag {
    pub(crate) commit: String,
    pub(crate) object: String,
}

/// A history with several pages of everything.
pub(crate) struct History {
    /// Oldest first.
    pub(crate) commits: Vec<Commit>,
    pub(crate) branches: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, Tag>,
    pub(crate) clone: PathBuf,
    _folder: tempfile::TempDir,
}

pub(crate) const MAIN: &str = "main";

const COMMITS: usize = 15;
const BRANCHES: &[(&str, usize)] = &[
    (MAIN, COMMITS - 1),
    ("alpha", 3),
    ("beta", 7),
    ("feature/one", 9),
    ("gamma", 10),
    ("release", 12),
];
const TAGS: &[(&str, usize)] = &[("v1", 1), ("v2", 4), ("v3", 6), ("v4", 8), ("odd/t#g", 11)];

fn git(folder: &Path, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git is installed");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn tree(number: usize) -> BTreeMap<String, Vec<u8>> {
    let mut tree = BTreeMap::new();
    let mut file = |path: &str, text: String| tree.insert(path.to_owned(), text.into_bytes());
    file("README.md", format!("The state after commit {number}.\n"));
    file("docs/guide.md", "How to use it.\n".repeat(400));
    for note in 0..=number.min(5) {
        file(&format!("notes/{note}.txt"), format!("note {note}\n"));
    }
    if number < COMMITS - 2 {
        file("old.txt", "soon gone\n".to_owned());
    } else {
        file("new file.txt", "just come\n".to_owned());
    }
    tree
}

impl History {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clone = folder.path().to_owned();
        git(&clone, &["init", "--quiet", "--bare", "-b", MAIN], "");
        let mut commits: Vec<Commit> = (0..COMMITS)
            .map(|number| Commit {
                hash: String::new(),
                parents: Vec::new(),
                seconds: 1_700_000_000 + 60 * i64::try_from(number).unwrap(),
                message: format!("Commit {number}\n\nWith more words.\n"),
                tree: tree(number),
            })
            .collect();
        git(&clone, &["fast-import", "--quiet"], &stream(&commits));
        let hashes = git(&clone, &["rev-list", "--reverse", MAIN], "");
        let hashes: Vec<String> = hashes.lines().map(str::to_owned).collect();
        for (number, commit) in commits.iter_mut().enumerate() {
            commit.hash.clone_from(&hashes[number]);
            if number > 0 {
                commit.parents.push(hashes[number - 1].clone());
            }
        }
        let branches = BRANCHES
            .iter()
            .map(|(name, at)| ((*name).to_owned(), hashes[*at].clone()))
            .collect();
        let tags = TAGS
            .iter()
            .map(|(name, at)| {
                let tag = Tag {
                    commit: hashes[*at].clone(),
                    object: git(&clone, &["rev-parse", &format!("refs/tags/{name}")], ""),
                };
                ((*name).to_owned(), tag)
            })
            .collect();
        Self {
            commits,
            branches,
            tags,
            clone,
            _folder: folder,
        }
    }

    pub(crate) fn commit(&self, start: &str) -> Option<&Commit> {
        let long_enough = start.len() >= 7;
        self.commits
            .iter()
            .find(|commit| long_enough && commit.hash.starts_with(start))
    }

    /// The commits from this one back, newest first.
    pub(crate) fn back_from(&self, hash: &str) -> Vec<&Commit> {
        let end = self
            .commits
            .iter()
            .position(|commit| commit.hash == hash)
            .map_or(0, |place| place + 1);
        self.commits[..end].iter().rev().collect()
    }
}

/// The history as `git fast-import` reads it.
fn stream(commits: &[Commit]) -> String {
    let mut stream = String::new();
    let data = |stream: &mut String, text: &str| {
        writeln!(stream, "data {}\n{text}", text.len()).unwrap();
    };
    for (number, commit) in commits.iter().enumerate() {
        let mark = number + 1;
        write!(
            stream,
            "commit refs/heads/{MAIN}\nmark :{mark}\nauthor Ada <ada@example.org> {0} +0000\n\
             committer Ada <ada@example.org> {0} +0000\n",
            commit.seconds
        )
        .unwrap();
        data(&mut stream, &commit.message);
        stream.push_str("deleteall\n");
        for (path, bytes) in &commit.tree {
            writeln!(stream, "M 100644 inline {path}").unwrap();
            data(&mut stream, std::str::from_utf8(bytes).unwrap());
        }
    }
    for (name, at) in BRANCHES.iter().filter(|(name, _)| *name != MAIN) {
        write!(stream, "reset refs/heads/{name}\nfrom :{}\n\n", at + 1).unwrap();
    }
    for (name, at) in TAGS {
        write!(
            stream,
            "tag {name}\nfrom :{}\ntagger Ada <ada@example.org> 1700000000 +0000\n",
            at + 1
        )
        .unwrap();
        data(&mut stream, "a tag");
    }
    stream
}
