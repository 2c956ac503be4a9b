//! x
mod compare;
mod cursor;
