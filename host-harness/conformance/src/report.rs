//! What a run found, for people and as JSON.

use super::verdict::{Failure, Verdict};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use vcs_provider_interface::info::ProviderInfo;

/// What came of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// The provider behaves.
    Passed,
    /// It does not.
    Failed {
        /// What is wrong, one finding each.
        findings: Vec<String>,
    },
    /// The rule could not be checked.
    Skipped {
        /// Why.
        reason: String,
    },
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Ok(()) => Self::Passed,
            Err(Failure::Failed(findings)) => Self::Failed { findings },
            Err(Failure::Skipped(reason)) => Self::Skipped { reason },
        }
    }
}

/// What came of one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleReport {
    /// The rule.
    pub id: String,
    /// The behaviour in one line.
    pub title: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How long it took.
    pub seconds: f64,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The provider as it describes itself.
    pub provider: ProviderInfo,
    /// The repository that it was tried on.
    pub repo: String,
    /// The rules in the order in which they ran.
    pub rules: Vec<RuleReport>,
}

/// How many rules came out how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// The provider behaves.
    pub passed: usize,
    /// It does not.
    pub failed: usize,
    /// Not checked.
    pub skipped: usize,
}

impl Report {
    /// How many rules came out how.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            passed: 0,
            failed: 0,
            skipped: 0,
        };
        for rule in &self.rules {
            match rule.outcome {
                Outcome::Passed => counts.passed += 1,
                Outcome::Failed { .. } => counts.failed += 1,
                Outcome::Skipped { .. } => counts.skipped += 1,
            }
        }
        counts
    }

    /// Whether the provider conforms: no rule failed and at least one was checked.
    #[must_use]
    pub fn conforms(&self) -> bool {
        let counts = self.counts();
        counts.failed == 0 && counts.passed > 0
    }

    /// The ids of the rules that failed.
    #[must_use]
    pub fn failed(&self) -> Vec<&str> {
        self.rules
            .iter()
            .filter(|rule| matches!(rule.outcome, Outcome::Failed { .. }))
            .map(|rule| rule.id.as_str())
            .collect()
    }

    /// The report for people: one line for each rule, what is wrong below it,
    /// and the counts at the end. Without colour.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} {} ({}) on {}\n\n",
            self.provider.display_name,
            self.provider.version,
            self.provider.provider_type,
            self.repo
        );
        let width = self.rules.iter().map(|rule| rule.id.len()).max();
        let width = width.unwrap_or_default();
        for rule in &self.rules {
            let (word, lines) = match &rule.outcome {
                Outcome::Passed => ("ok", Vec::new()),
                Outcome::Failed { findings } => {
                    ("FAILED", findings.iter().map(String::as_str).collect())
                }
                Outcome::Skipped { reason } => ("skipped", vec![reason.as_str()]),
            };
            push_line(
                &mut text,
                format_args!("{word:<7}  {:<width$}  {}", rule.id, rule.title),
            );
            for line in lines {
                push_line(&mut text, format_args!("         - {line}"));
            }
        }
        let Counts {
            passed,
            failed,
            skipped,
        } = self.counts();
        let seconds: f64 = self.rules.iter().map(|rule| rule.seconds).sum();
        text.push('\n');
        push_line(
            &mut text,
            format_args!("{passed} passed, {failed} failed, {skipped} skipped in {seconds:.1} s"),
        );
        text
    }
}

fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
pub(super) fn sample() -> Report {
    let rule = |id: &str, outcome: Outcome| RuleReport {
        id: id.to_owned(),
        title: format!("the title of {id}"),
        outcome,
        seconds: 0.25,
    };
    Report {
        provider: ProviderInfo::new("sample", "Sample", "0.1.0"),
        repo: "a/b".to_owned(),
        rules: vec![
            rule("list.stop", Outcome::Passed),
            rule(
                "list.limit",
                Outcome::Failed {
                    findings: vec![
                        "branches: \"<&>\u{1}".to_owned(),
                        "tags: ]]> too many".to_owned(),
                    ],
                },
            ),
            rule(
                "git.tags",
                Outcome::Skipped {
                    reason: "no clone".to_owned(),
                },
            ),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_each_rule_its_findings_and_the_counts() {
        assert_eq!(
            sample().text(),
            "Sample 0.1.0 (sample) on a/b\n\n\
             ok       list.stop   the title of list.stop\n\
             FAILED   list.limit  the title of list.limit\n         \
             - branches: \"<&>\u{1}\n         \
             - tags: ]]> too many\n\
             skipped  git.tags    the title of git.tags\n         \
             - no clone\n\n\
             1 passed, 1 failed, 1 skipped in 0.8 s\n"
        );
    }

    #[test]
    fn one_failed_rule_is_enough_not_to_conform() {
        let mut report = sample();
        assert!(!report.conforms());
        assert_eq!(report.failed(), ["list.limit"]);
        report.rules.remove(1);
        assert!(report.conforms());
        report.rules.remove(0);
        assert!(!report.conforms(), "nothing was checked");
    }

    #[test]
    fn the_json_survives_a_round_trip() {
        let text = serde_json::to_string(&sample()).unwrap_or_default();
        assert!(text.contains(r#""outcome":"failed""#), "{text}");
        let back: Report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(back, sample());
    }
}
