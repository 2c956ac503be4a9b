//! What git says while it works.

/// Receives git's progress, line by line.
pub type Progress<'a> = &'a mut dyn FnMut(&str);
