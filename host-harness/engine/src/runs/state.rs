//! The states of a run, and which may follow which. Pure.

use vcs_provider_interface::records::BuildState;

/// What a new run begins with.
pub const WAITING: BuildState = BuildState::WAITING;

/// Whether a run in this state has ended. A run that has ended stays so.
#[must_use]
pub fn has_ended(state: &str) -> bool {
    !IN_PROGRESS.iter().any(|open| open.to_string() == state)
}

/// The states of runs that have not ended.
pub const IN_PROGRESS: [BuildState; 3] = [
    BuildState::WAITING,
    BuildState::CHECKING,
    BuildState::BUILDING,
];

/// Whether a run may go from one state to another: one that has ended keeps its
/// state, so that a late report changes nothing.
#[must_use]
pub fn may_follow(old: &str, new: &str) -> bool {
    old == new || !has_ended(old)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_has_ended_stays_so() {
        for (old, new, allowed) in [
            ("Waiting", "Building", true),
            ("Building", "Waiting", true),
            ("Building", "Fail", true),
            ("Success", "Success", true),
            ("Success", "Building", false),
            ("Cancelled", "Success", false),
        ] {
            assert_eq!(may_follow(old, new), allowed, "{old} to {new}");
        }
        assert!(has_ended("NeverBuilt") && !has_ended("Checking"));
    }
}
