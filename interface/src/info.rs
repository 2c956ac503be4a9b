//! What a provider says of itself before it is used.

use crate::abi::record;
use crate::records::Extra;

/// The version of this interface. A host and a provider of the same major
/// version work together; see the rules in [`crate::abi`].
pub const INTERFACE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The target that this build of the interface, and so the provider or host
/// that holds it, was made for.
pub const TARGET: &str = env!("VCS_PROVIDER_TARGET");

/// The compiler of this build.
pub const COMPILER: &str = env!("VCS_PROVIDER_COMPILER");

/// What a panic does in this build: `unwind` or `abort`. A host refuses
/// providers that abort.
pub const PANIC_STRATEGY: &str = if cfg!(panic = "unwind") {
    "unwind"
} else {
    "abort"
};

record! {
    /// What a provider is and can do.
    pub struct ProviderInfo / ProviderInfoAbi {
        /// The type that configurations name, such as `bitbucketcloud`.
        pub provider_type: String,
        /// The name for people.
        pub display_name: String,
        /// The provider's own version.
        pub version: String,
        /// The interface it was built with.
        pub interface_version: String,
        /// The target it was built for.
        pub target: String,
        /// The compiler it was built with.
        pub compiler: String,
        /// What a panic does in it.
        pub panic_strategy: String,
        /// What it can do, in the order of the interface's list.
        pub capabilities: Vec<Capability>,
    }

    /// Something that a provider can do.
    pub struct Capability / CapabilityAbi {
        /// The name of a method, or of a feature such as `webhook_signatures`.
        pub name: String,
        /// Limits and notes, such as `max_key_length` = `40`.
        #[serde(skip_serializing_if = "crate::records::Extra::is_empty")]
        pub limits: Extra,
    }
}

impl ProviderInfo {
    /// What a provider of this type is, with the facts of this build.
    #[must_use]
    pub fn new(provider_type: &str, display_name: &str, version: &str) -> Self {
        Self {
            provider_type: provider_type.to_owned(),
            display_name: display_name.to_owned(),
            version: version.to_owned(),
            interface_version: INTERFACE_VERSION.to_owned(),
            target: TARGET.to_owned(),
            compiler: COMPILER.to_owned(),
            panic_strategy: PANIC_STRATEGY.to_owned(),
            capabilities: Vec::new(),
            extra: Extra::new(),
        }
    }

    /// The same with these capabilities.
    #[must_use]
    pub fn with_capabilities<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.capabilities
            .extend(names.into_iter().map(|name| Capability {
                name: name.to_owned(),
                ..Capability::default()
            }));
        self
    }

    /// The same with a limit of a capability that it has.
    #[must_use]
    pub fn with_limit(mut self, capability: &str, limit: &str, value: impl ToString) -> Self {
        for present in &mut self.capabilities {
            if present.name == capability {
                present.limits.insert(limit, value.to_string());
            }
        }
        self
    }

    /// Whether it can do this.
    #[must_use]
    pub fn can(&self, capability: &str) -> bool {
        self.capabilities
            .iter()
            .any(|present| present.name == capability)
    }
}
