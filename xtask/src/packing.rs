//! How what is shipped is packed.

/// How much time packing may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// For a release: as small as it gets.
    Small,
    /// For tests: soon done.
    Quick,
}
