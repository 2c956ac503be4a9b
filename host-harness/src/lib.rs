//! Loads, swaps and exercises VCS providers, and a small host engine.

pub mod mock_bitbucket;
