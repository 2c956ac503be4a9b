//! Integration tests; everything stands in the test files.
