//! How a check says what it found.

use vcs_provider_interface::error::{ErrorKind, VcsError};

/// What a check found: nothing to complain of, or a failure.
pub type Verdict = std::result::Result<(), Failure>;

/// Why a rule did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The provider does not behave: each line one finding.
    Failed(Vec<String>),
    /// The rule could not be checked, and why.
    Skipped(String),
}

impl Failure {
    /// A failure with one finding.
    #[must_use]
    pub fn failed(finding: impl Into<String>) -> Self {
        Self::Failed(vec![finding.into()])
    }

    /// A rule that could not be checked.
    #[must_use]
    pub fn skipped(reason: impl Into<String>) -> Self {
        Self::Skipped(reason.into())
    }
}

/// Fails with this finding unless the condition holds.
pub(super) fn ensure(holds: bool, finding: impl FnOnce() -> String) -> Verdict {
    if holds {
        Ok(())
    } else {
        Err(Failure::failed(finding()))
    }
}

/// Turns results of a provider into verdicts.
pub(super) trait Expect<T> {
    /// The value; a failure that says what was tried otherwise.
    fn works(self, what: &str) -> std::result::Result<T, Failure>;

    /// The value; a skip that says what could not be found out otherwise. For
    /// facts that a rule builds on and another rule checks.
    fn or_skip(self, what: &str) -> std::result::Result<T, Failure>;

    /// The error, which must be of one of these kinds.
    fn fails_with(self, what: &str, kinds: &[ErrorKind]) -> std::result::Result<VcsError, Failure>;
}

impl<T> Expect<T> for vcs_provider_interface::error::Result<T> {
    fn works(self, what: &str) -> std::result::Result<T, Failure> {
        self.map_err(|error| Failure::failed(format!("{what} fails: {error}")))
    }

    fn or_skip(self, what: &str) -> std::result::Result<T, Failure> {
        self.map_err(|error| Failure::skipped(format!("{what} cannot be found out: {error}")))
    }

    fn fails_with(self, what: &str, kinds: &[ErrorKind]) -> std::result::Result<VcsError, Failure> {
        match self {
            Err(error) if kinds.contains(&error.kind) => Ok(error),
            Err(error) => Err(Failure::failed(format!(
                "{what}: expected {}, found {error}",
                names(kinds)
            ))),
            Ok(_) => Err(Failure::failed(format!(
                "{what}: expected {}, found success",
                names(kinds)
            ))),
        }
    }
}

fn names(kinds: &[ErrorKind]) -> String {
    let names: Vec<String> = kinds.iter().map(ToString::to_string).collect();
    names.join(" or ")
}

/// Collects the verdicts of several cases of one rule, so that a report names
/// all that is wrong and not only the first.
#[derive(Default)]
pub(super) struct Cases {
    problems: Vec<String>,
    skipped: Vec<String>,
    passed: usize,
}

impl Cases {
    /// Takes the verdict of a case.
    pub(super) fn add(&mut self, verdict: Verdict) {
        match verdict {
            Ok(()) => self.passed += 1,
            Err(Failure::Failed(mut problems)) => self.problems.append(&mut problems),
            Err(Failure::Skipped(reason)) => self.skipped.push(reason),
        }
    }

    /// Failed if any case failed, skipped if none could be checked.
    pub(super) fn verdict(self, none: &str) -> Verdict {
        if !self.problems.is_empty() {
            Err(Failure::Failed(self.problems))
        } else if self.passed == 0 {
            Err(Failure::Skipped(
                self.skipped.into_iter().next().unwrap_or(none.to_owned()),
            ))
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failing_case_fails_the_rule_and_all_findings_are_kept() {
        let mut cases = Cases::default();
        cases.add(Ok(()));
        cases.add(Err(Failure::skipped("no tags")));
        cases.add(Err(Failure::failed("first")));
        cases.add(Err(Failure::failed("second")));
        assert_eq!(
            cases.verdict("nothing"),
            Err(Failure::Failed(vec![
                "first".to_owned(),
                "second".to_owned()
            ]))
        );
    }

    #[test]
    fn a_rule_without_a_checked_case_is_skipped_with_a_reason() {
        assert_eq!(
            Cases::default().verdict("nothing to check"),
            Err(Failure::skipped("nothing to check"))
        );
        let mut cases = Cases::default();
        cases.add(Err(Failure::skipped("no tags")));
        assert_eq!(cases.verdict("nothing"), Err(Failure::skipped("no tags")));
    }

    #[test]
    fn an_error_of_another_kind_names_both() {
        let result: vcs_provider_interface::error::Result<()> =
            Err(VcsError::new(ErrorKind::INTERNAL, "broke"));
        assert_eq!(
            result.fails_with("branch \"x\"", &[ErrorKind::NOT_FOUND]),
            Err(Failure::failed(
                "branch \"x\": expected NotFound, found Internal: broke"
            ))
        );
    }
}
