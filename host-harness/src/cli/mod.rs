//! The command `engine`: arguments in, reports and exit codes out.
