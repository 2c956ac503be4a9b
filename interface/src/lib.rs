//! The stable ABI between a CI engine and its VCS providers.
