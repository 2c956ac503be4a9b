//! What a rule is.

use super::context::TestContext;
use super::verdict::Verdict;
use std::fmt;

/// A check: asks the provider and judges the answers.
pub type Check = fn(&TestContext<'_>) -> Verdict;

/// One behaviour that every provider must show.
#[derive(Clone, Copy)]
pub struct Rule {
    /// The name by which it is chosen and reported, such as `list.limit`.
    pub id: &'static str,
    /// The behaviour in one line.
    pub title: &'static str,
    /// What is asserted, and why it matters, in a few sentences.
    pub asserts: &'static str,
    /// The capabilities without which the rule is skipped.
    pub needs: &'static [&'static str],
    /// The check itself.
    pub check: Check,
}

impl fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Rule").field(&self.id).finish()
    }
}
