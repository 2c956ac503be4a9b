//! What a change that returns no object has done.

use crate::abi::record;

record! {
    /// What a call that changes something and returns no object has done.
    pub struct Done / DoneAbi {
        /// Whether something was changed; `Some(false)` where it was so already,
        /// such as a branch that was gone. `None` where the service does not say.
        pub changed: Option<bool>,
    }
}

impl Done {
    /// Something was changed.
    #[must_use]
    pub fn changed() -> Self {
        Self {
            changed: Some(true),
            ..Self::default()
        }
    }

    /// It was so already.
    #[must_use]
    pub fn unchanged() -> Self {
        Self {
            changed: Some(false),
            ..Self::default()
        }
    }
}
