//! The Bitbucket Cloud provider.
