//! The behaviour that every provider must show, as data and as checks.
