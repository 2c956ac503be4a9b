//! The rules, by target. Each is a public function over a
//! [`TestContext`](super::context::TestContext), and an entry in [`all`].

pub mod cancellation;
pub mod contents;
pub mod events;
pub mod git;
pub mod hooks;
pub mod info;
pub mod lists;
pub mod lookups;
pub mod pull_requests;
pub mod refs;
pub mod resources;
pub mod secrets;
pub mod statuses;
pub mod webhooks;

use super::rule::Rule;

/// Every rule, in the order in which they run.
#[must_use]
pub fn all() -> Vec<Rule> {
    [
        info::RULES,
        lookups::RULES,
        lists::RULES,
        git::RULES,
        contents::RULES,
        cancellation::RULES,
        refs::RULES,
        hooks::RULES,
        statuses::RULES,
        pull_requests::RULES,
        events::RULES,
        webhooks::RULES,
        resources::RULES,
        // Last, so that the log lines of all rules are looked through.
        secrets::RULES,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::super::methods::{METHODS, SERVER_METHODS};
    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own_and_words_for_people() {
        let rules = all();
        let mut ids: Vec<&str> = rules.iter().map(|rule| rule.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), rules.len(), "two rules have one id");
        for rule in rules {
            assert!(rule.id.contains('.'), "{rule:?}");
            assert!(
                !rule.title.is_empty() && rule.asserts.ends_with('.'),
                "{rule:?}"
            );
        }
    }

    #[test]
    fn rules_need_capabilities_that_there_are() {
        for rule in all() {
            for capability in rule.needs {
                let known = METHODS
                    .iter()
                    .chain(SERVER_METHODS)
                    .any(|method| method.name == *capability)
                    || info::FEATURES.contains(capability);
                assert!(known, "{rule:?} needs {capability:?}");
            }
        }
    }
}
