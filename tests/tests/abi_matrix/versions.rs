//! Versions of the interface, as edits of the frozen source of 1.0: those that the
//! rules of the ABI allow, and some that they forbid.

/// A version of the interface: edits of the frozen 1.0.0.
#[derive(Clone, Copy)]
pub(crate) struct Version {
    pub(crate) name: &'static str,
    pub(crate) features: &'static [&'static str],
    pub(crate) edits: &'static [Edit],
}

/// In a file of the interface, one text is replaced by another.
pub(crate) type Edit = (&'static str, &'static str, &'static str);

const PING: Edit = (
    "src/methods.rs",
    "-> Connection;\n            }\n            added {\n",
    "-> Connection;\n            }\n            added {\n                /// Answers.\n                \
     ping(RepositoryRequest) -> Repository;\n",
);
const GREETING: Edit = (
    "src/methods.rs",
    "-> Delivery;\n            }\n            added {\n",
    "-> Delivery;\n            }\n            added {\n                /// Greets.\n                \
     greeting(RepositoryRequest) -> Repository;\n",
);
const HOST_NAME: [Edit; 4] = [
    (
        "src/services.rs",
        "    fn unlock_grant(&self, grant_id: &str, lock: u64);\n}",
        "    fn unlock_grant(&self, grant_id: &str, lock: u64);\n\n    /// The host's name.\n    \
         fn host_name(&self) -> String {\n        String::new()\n    }\n}",
    ),
    (
        "src/abi/traits.rs",
        "    fn unlock_grant(&self, grant_id: RStr<'_>, lock: u64);\n}",
        "    fn unlock_grant(&self, grant_id: RStr<'_>, lock: u64);\n    /// The host's name.\n    \
         fn host_name(&self) -> RString {\n        RString::new()\n    }\n}",
    ),
    (
        "src/abi/plugin_side.rs",
        "impl HostServices for RemoteHostServices {",
        "impl HostServices for RemoteHostServices {\n    fn host_name(&self) -> String {\n        \
         self.0.host_name().into_string()\n    }\n",
    ),
    (
        "src/abi/host_side.rs",
        "impl AbiHostServices for LocalHostServices {",
        "impl AbiHostServices for LocalHostServices {\n    fn host_name(&self) -> RString {\n        \
         self.0.host_name().into()\n    }\n",
    ),
];

pub(crate) const V1_0: Version = Version {
    name: "1.0.0",
    features: &[],
    edits: &[],
};
pub(crate) const V1_1: Version = Version {
    name: "1.1.0",
    features: &["ping"],
    edits: &[version_edit("version = \"1.1.0\""), PING],
};
pub(crate) const V1_2: Version = Version {
    name: "1.2.0",
    features: &["ping", "greeting", "host-name"],
    edits: &[
        version_edit("version = \"1.2.0\""),
        PING,
        GREETING,
        HOST_NAME[0],
        HOST_NAME[1],
        HOST_NAME[2],
        HOST_NAME[3],
    ],
};
pub(crate) const NEXT_MAJOR: Version = Version {
    name: "2.0.0",
    features: &[],
    edits: &[version_edit("version = \"2.0.0\"")],
};
pub(crate) const REORDERED: Version = Version {
    name: "reordered",
    features: &[],
    edits: &[(
        "src/records/repository.rs",
        "        /// The bare name.\n        pub display_id: String,\n        \
         /// The full hash of its last commit.\n        pub latest_commit: String,\n",
        "        /// The full hash of its last commit.\n        pub latest_commit: String,\n        \
         /// The bare name.\n        pub display_id: String,\n",
    )],
};
pub(crate) const GAINED_A_FIELD: Version = Version {
    name: "gained-a-field",
    features: &[],
    edits: &[(
        "src/records/repository.rs",
        "        pub latest_commit: String,\n",
        "        pub latest_commit: String,\n        /// New.\n        pub one_more: String,\n",
    )],
};
pub(crate) const OTHER_PACKAGE: Version = Version {
    name: "other-package",
    features: &[],
    edits: &[(
        "Cargo.toml",
        "name = \"vcs-provider-interface\"",
        "name = \"vcs-provider-interfaces\"",
    )],
};
pub(crate) const METHOD_IN_THE_MIDDLE: Version = Version {
    name: "method-in-the-middle",
    features: &[],
    edits: &[(
        "src/methods.rs",
        "                /// Looks up a tag.\n",
        "                /// Breaks the rules.\n                \
         ping(RepositoryRequest) -> Repository;\n                /// Looks up a tag.\n",
    )],
};

const fn version_edit(new: &'static str) -> Edit {
    ("Cargo.toml", "version = \"1.0.0\"", new)
}
