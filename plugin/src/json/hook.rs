//! Webhooks of a repository.

use super::{null_as_empty, present};
use crate::pages::ListItem;
use serde::Deserialize;
use vcs_provider_interface::prelude::Hook as HookRecord;

/// A webhook.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Hook {
    #[serde(deserialize_with = "present")]
    pub(crate) uuid: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) active: Option<bool>,
    #[serde(default, deserialize_with = "null_as_empty")]
    pub(crate) events: Vec<String>,
    pub(crate) secret_set: Option<bool>,
}

/// The fields of [`Hook`].
macro_rules! hook_fields {
    ($at:literal) => {
        concat!(
            $at,
            "uuid,",
            $at,
            "description,",
            $at,
            "url,",
            $at,
            "active,",
            $at,
            "events,",
            $at,
            "secret_set"
        )
    };
}
pub(crate) use hook_fields;

impl ListItem for Hook {
    fn id(&self) -> Option<&str> {
        self.uuid.as_deref()
    }
}

impl Hook {
    /// The hook as the interface has it.
    pub(crate) fn into_record(self) -> HookRecord {
        HookRecord {
            id: self.uuid.unwrap_or_default(),
            name: self.description.unwrap_or_default(),
            url: self.url.unwrap_or_default(),
            events: self.events,
            disable: self.active == Some(false),
            secret_set: self.secret_set,
            ..Default::default()
        }
    }
}
