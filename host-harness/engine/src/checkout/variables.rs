//! What a build wants to know of the commit that was checked out: the variables
//! of the CDS actions, and a semantic version.

use super::{Target, Work};
use crate::git::{Git, GitError};
use serde::{Serialize, Serializer};

/// How many digits the short form of a hash has.
const SHORT_HASH: usize = 7;

/// One variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The name, such as `git.hash`.
    pub name: &'static str,
    /// The value.
    pub value: String,
}

impl Variable {
    /// The name as a shell has it: `GIT_HASH` for `git.hash`.
    #[must_use]
    pub fn shell_name(&self) -> String {
        self.name.replace('.', "_").to_uppercase()
    }

    /// The variable as a line for a shell, the value in single quotes.
    #[must_use]
    pub fn shell_line(&self) -> String {
        let quoted = self.value.replace('\'', "'\\''");
        format!("{}='{quoted}'\n", self.shell_name())
    }
}

/// The variables of a checkout. In JSON they are one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables(Vec<Variable>);

impl Variables {
    fn set(&mut self, name: &'static str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.0.push(Variable { name, value });
        }
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|variable| variable.name == name);
        found.map(|variable| variable.value.as_str())
    }

    /// The hash of the commit.
    pub(super) fn hash(&self) -> &str {
        self.get("git.hash").unwrap_or_default()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Variable> {
        self.0.iter()
    }
}

impl Serialize for Variables {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|one| (one.name, &one.value)))
    }
}

impl Work<'_> {
    pub(super) fn variables(&mut self, branch: Option<&str>) -> Result<Variables, GitError> {
        let format = "--format=%H%x00%an%x00%ae%x00%B";
        let text = self.local(&["log", "-1", "--no-color", format, "HEAD", "--"])?;
        let mut fields = text.splitn(4, '\0');
        let mut next = || fields.next().unwrap_or_default().to_owned();
        let (hash, author, email, message) = (next(), next(), next(), next());
        // Without a tag in the history that was fetched there is no description.
        let arguments = ["describe", "--tags", "--abbrev=9", "HEAD"];
        let describe = match Git::new(self.directory()).run(self.context, arguments) {
            Ok(text) => text.trim().to_owned(),
            Err(GitError::Failed { .. }) => String::new(),
            Err(error) => return Err(error),
        };
        let mut variables = Variables::default();
        variables.set("git.hash", hash.clone());
        variables.set("git.hash.short", hash.get(..SHORT_HASH).unwrap_or_default());
        match &self.options.target {
            Target::Tag(tag) => variables.set("git.tag", tag.clone()),
            Target::Commit {
                branch: Some(branch),
                ..
            } => variables.set("git.branch", branch.clone()),
            _ => variables.set("git.branch", branch.unwrap_or_default()),
        }
        variables.set("git.author", author);
        variables.set("git.author.email", email);
        variables.set("git.message", message.trim_end());
        variables.set("git.describe", describe.clone());
        let number = self.options.build_number.as_deref();
        match semantic_version(&describe, number) {
            Some(version) => variables.set("cds.semver", version),
            None => self.warnings.push(format!(
                "the last tag is not a semantic version ({describe}), so there is no cds.semver"
            )),
        }
        Ok(variables)
    }
}

/// The semantic version that follows from `git describe`, as CDS makes it:
/// `0.31.1-4-g595de235a` in build 7 is `0.31.1-4+sha.g595de235a.cds.7`, the tag
/// itself `0.31.1+cds.7`, and without a tag `0.0.1+cds.7`. A `v` in front stays.
/// `None` for a tag that is not a version.
fn semantic_version(describe: &str, build_number: Option<&str>) -> Option<String> {
    let (tag, since) = split_describe(describe);
    let tag = if describe.is_empty() { "0.0.1" } else { tag };
    let (prefix, version) = match tag.strip_prefix('v') {
        Some(version) => ("v", version),
        None => ("", tag),
    };
    let version = version.split('+').next().unwrap_or_default();
    let (core, before) = match version.split_once('-') {
        Some((core, before)) => (core, Some(before)),
        None => (version, None),
    };
    let mut numbers = Vec::new();
    for number in core.split('.') {
        numbers.push(number.parse::<u64>().ok()?);
    }
    if numbers.len() > 3 {
        return None;
    }
    numbers.resize(3, 0);
    let mut pre_release: Vec<&str> = before.into_iter().collect();
    let mut build = Vec::new();
    if let Some((count, hash)) = since {
        pre_release.push(count);
        build.push(format!("sha.{hash}"));
    }
    if let Some(number) = build_number {
        build.push(format!("cds.{number}"));
    }
    let mut text = format!("{prefix}{}.{}.{}", numbers[0], numbers[1], numbers[2]);
    if !pre_release.is_empty() {
        text = format!("{text}-{}", pre_release.join("-"));
    }
    if !build.is_empty() {
        text = format!("{text}+{}", build.join("."));
    }
    Some(text)
}

/// Takes `TAG-COUNT-gHASH` apart; a tag alone has no more.
fn split_describe(describe: &str) -> (&str, Option<(&str, &str)>) {
    let mut parts = describe.rsplitn(3, '-');
    if let (Some(hash), Some(count), Some(tag)) = (parts.next(), parts.next(), parts.next()) {
        let is_hash = hash.strip_prefix('g').is_some_and(|digits| {
            digits.len() >= SHORT_HASH && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        if is_hash && count.bytes().all(|byte| byte.is_ascii_digit()) {
            return (tag, Some((count, hash)));
        }
    }
    (describe, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semantic_version_follows_from_the_last_tag() {
        for (describe, number, version) in [
            (
                "0.31.1-4-g595de235a",
                Some("7"),
                Some("0.31.1-4+sha.g595de235a.cds.7"),
            ),
            ("v1.2.3", Some("7"), Some("v1.2.3+cds.7")),
            ("v1.2", None, Some("v1.2.0")),
            ("", Some("7"), Some("0.0.1+cds.7")),
            ("", None, Some("0.0.1")),
            ("1.2.0-rc.1", Some("7"), Some("1.2.0-rc.1+cds.7")),
            (
                "1.2.0-rc.1-4-g595de235a",
                None,
                Some("1.2.0-rc.1-4+sha.g595de235a"),
            ),
            ("1.2.3+old", None, Some("1.2.3")),
            ("nightly-4-g595de235a", None, None),
            ("release/1", None, None),
        ] {
            let found = semantic_version(describe, number);
            assert_eq!(found.as_deref(), version, "{describe}");
        }
    }

    #[test]
    fn a_line_for_a_shell_is_read_as_it_is_meant() {
        let value = "it's $(touch /nowhere) `x`\nand \"more\"".to_owned();
        let variable = Variable {
            name: "git.message",
            value: value.clone(),
        };
        let script = format!("{}printf %s \"$GIT_MESSAGE\"", variable.shell_line());
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
    }
}
