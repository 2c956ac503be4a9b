//! Which generation of which provider serves: swap, drain, rollback and health.
