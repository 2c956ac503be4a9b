//! `cargo xtask`: builds, stages and packages.

fn main() {}
