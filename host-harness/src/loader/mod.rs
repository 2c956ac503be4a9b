//! Finds, checks and opens providers: the only room of the host with `unsafe` code.
