//! Rules that compare the provider with a clone of the same repository.

use super::super::context::TestContext;
use super::super::git_clone::GitClone;
use super::super::rule::Rule;
use super::super::verdict::{Cases, Expect, Failure, Verdict, ensure};
use super::lists::difference;
use std::collections::HashMap;
use vcs_provider_interface::records::*;
use vcs_provider_interface::sink::{collect, collect_bytes};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "git.branches",
        title: "the branches are those of git",
        asserts: "Same names, same hashes, all of them.",
        needs: &["branches"],
        check: branches_are_those_of_git,
    },
    Rule {
        id: "git.tags",
        title: "the tags are those of git",
        asserts: "Same names, each at the commit that git finds behind the tag.",
        needs: &["tags"],
        check: tags_are_those_of_git,
    },
    Rule {
        id: "git.commits",
        title: "the commits are those of git, newest first",
        asserts: "The commits of the main branch are just those that git finds, with the same \
                  parents, messages and author dates; none comes before one of its children. In a \
                  history without merges that is git's order.",
        needs: &["commits", "branch"],
        check: commits_are_those_of_git,
    },
    Rule {
        id: "git.changed-files",
        title: "the changed files are those of git",
        asserts: "Between an older and the newest commit: same paths, and added, modified and \
                  removed as git says, renames resolved or given as removed and added.",
        needs: &["changed_files", "commits"],
        check: changed_files_are_those_of_git,
    },
    Rule {
        id: "git.content",
        title: "the files are those of git",
        asserts: "Listed recursively, the newest commit has the paths that git lists; the bytes of \
                  the first and last few are git's.",
        needs: &["list_content", "get_content"],
        check: files_are_those_of_git,
    },
];

fn git(test: &TestContext<'_>) -> std::result::Result<GitClone, Failure> {
    match &test.target.git_clone {
        Some(path) => Ok(GitClone::at(path)),
        None => Err(Failure::skipped("no clone to compare with was given")),
    }
}

/// `git.branches`
pub fn branches_are_those_of_git(test: &TestContext<'_>) -> Verdict {
    let mut expected = git(test)?.refs("refs/heads/")?;
    let mut found: Vec<String> = test
        .all_branches()?
        .iter()
        .map(|branch| format!("{} {}", branch.display_id, branch.latest_commit))
        .collect();
    expected.sort();
    found.sort();
    ensure(found == expected, || {
        difference("branches", "git has", &expected, "the provider", &found)
    })
}

/// `git.tags`
pub fn tags_are_those_of_git(test: &TestContext<'_>) -> Verdict {
    let mut expected = git(test)?.refs("refs/tags/")?;
    let mut found: Vec<String> = test
        .all_tags()?
        .iter()
        .map(|tag| format!("{} {}", tag.tag, tag.hash))
        .collect();
    expected.sort();
    found.sort();
    ensure(found == expected, || {
        difference("tags", "git has", &expected, "the provider", &found)
    })
}

/// `git.commits`
pub fn commits_are_those_of_git(test: &TestContext<'_>) -> Verdict {
    let git = git(test)?;
    let branch = test.main_branch()?;
    let commits = collect(|sink| {
        let request = CommitsRequest {
            repo: test.target.repo.clone(),
            branch: Some(branch.display_id.clone()),
            ..Default::default()
        };
        test.client.commits(&test.context(), request, sink)
    })
    .works("commits")?;
    let line = |commit: &Commit| {
        let target = commit.message.lines().next().unwrap_or_default();
        format!(
            "{} {} {} {target}",
            commit.id,
            commit.author_timestamp.unwrap_or_default() / 1000,
            commit.parents.join(",")
        )
    };
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    let expected = sorted(git.commits(&branch.latest_commit)?);
    let found = sorted(commits.iter().map(line).collect());
    ensure(found == expected, || {
        difference("commits", "git has", &expected, "the provider", &found)
    })?;
    let places: HashMap<&str, usize> = commits
        .iter()
        .enumerate()
        .map(|(place, commit)| (commit.id.as_str(), place))
        .collect();
    let early = commits.iter().enumerate().find_map(|(place, commit)| {
        let earlier = |parent: &&String| {
            places
                .get(parent.as_str())
                .is_some_and(|parent| *parent < place)
        };
        commit
            .parents
            .iter()
            .find(earlier)
            .map(|parent| format!("{parent} comes before its child {}", commit.id))
    });
    ensure(early.is_none(), || {
        format!("not newest first: {}", early.unwrap_or_default())
    })
}

/// `git.changed-files`
pub fn changed_files_are_those_of_git(test: &TestContext<'_>) -> Verdict {
    let git = git(test)?;
    let (base, head) = (test.older()?.to_owned(), test.head()?.to_owned());
    let mut expected = git.changed_files(&base, &head)?;
    let files = collect(|sink| {
        let request = ChangedFilesRequest {
            repo: test.target.repo.clone(),
            base,
            head,
            limit: None,
            ..Default::default()
        };
        test.client.changed_files(&test.context(), request, sink)
    })
    .works("changed_files")?;
    let mut found = Vec::new();
    for file in &files {
        match (file.change, &file.old_path) {
            (FileChange::RENAMED, Some(old)) => {
                found.push(format!("{} {old}", FileChange::REMOVED));
                found.push(format!("{} {}", FileChange::ADDED, file.path));
            }
            (change, _) => found.push(format!("{change} {}", file.path)),
        }
    }
    expected.sort();
    found.sort();
    ensure(found == expected, || {
        difference(
            "changed files",
            "git has",
            &expected,
            "the provider",
            &found,
        )
    })
}

/// `git.content`
pub fn files_are_those_of_git(test: &TestContext<'_>) -> Verdict {
    let git = git(test)?;
    let head = test.head()?.to_owned();
    let mut expected = git.files(&head)?;
    let entries = collect(|sink| {
        let request = ListContentRequest {
            repo: test.target.repo.clone(),
            reference: Some(head.clone()),
            recursive: true,
            ..Default::default()
        };
        test.client.list_content(&test.context(), request, sink)
    })
    .works("list_content")?;
    let mut found: Vec<String> = entries
        .into_iter()
        .filter(|entry| entry.is_file)
        .map(|entry| entry.path)
        .collect();
    expected.sort();
    found.sort();
    ensure(found == expected, || {
        difference("files", "git has", &expected, "the provider", &found)
    })?;
    let mut cases = Cases::default();
    let last = expected.len().saturating_sub(2).max(2);
    for path in expected.iter().take(2).chain(expected.iter().skip(last)) {
        let request = GetContentRequest {
            repo: test.target.repo.clone(),
            reference: Some(head.clone()),
            path: path.clone(),
            ..Default::default()
        };
        let (_, bytes) =
            collect_bytes(|sink| test.client.get_content(&test.context(), request, sink))
                .works(&format!("reading {path}"))?;
        let expected = git.content(&head, path)?;
        cases.add(ensure(bytes == expected, || {
            format!(
                "{path}: git has {} bytes, the provider gives {} others",
                expected.len(),
                bytes.len()
            )
        }));
    }
    cases.verdict("the repository has no file")
}
