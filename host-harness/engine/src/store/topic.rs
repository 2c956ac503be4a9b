//! What engines that share a store tell each other of.

/// What there is news of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Events came in or can be worked on again.
    Events,
    /// Runs or messages to services have changed.
    Runs,
    /// A service wants to be left alone.
    Limits,
}

impl Topic {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Events, Self::Runs, Self::Limits];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Runs => "runs",
            Self::Limits => "limits",
        }
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == text)
    }
}
