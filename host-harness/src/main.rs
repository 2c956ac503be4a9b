//! The command `engine`.

fn main() {}
