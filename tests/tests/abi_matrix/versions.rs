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

/// A new call of the client.
const PING: Edit = (
    "src/methods.rs",
    "-> Connection;\n            }\n            added {\n",
    "-> Connection;\n            }\n            added {\n                /// Answers.\n                \
     call ping(RepositoryRequest) -> Repository;\n",
);
/// A new list of the client, below the new call.
const LABELS: Edit = (
    "src/methods.rs",
    "call ping(RepositoryRequest) -> Repository;\n",
    "call ping(RepositoryRequest) -> Repository;\n                /// Lists labels.\n                \
     list labels(RepositoryRequest) -> Label;\n",
);
/// The new record of that list.
const LABEL: Edit = (
    "src/records/repository.rs",
    "    /// Which tags to list.\n",
    "    /// A label.\n    pub struct Label / LabelAbi {\n        /// The name.\n        \
     pub name: String,\n    }\n\n    /// Which tags to list.\n",
);
/// A new code.
const BRANCH_LOCKED: Edit = (
    "src/records/event.rs",
    "REPOSITORY_IMPORTED = 45 => \"repository_imported\",\n    }\n",
    "REPOSITORY_IMPORTED = 45 => \"repository_imported\",\n    }\n    added {\n        \
     /// New.\n        BRANCH_LOCKED = 50 => \"branch_locked\",\n    }\n",
);
/// A new method of the host.
const HOST_NAME: [Edit; 4] = [
    (
        "src/services.rs",
        "    fn unlock_grant(&self, grant_id: &str, lock: u64);\n",
        "    fn unlock_grant(&self, grant_id: &str, lock: u64);\n\n    /// The host's name.\n    \
         fn host_name(&self) -> String {\n        String::new()\n    }\n",
    ),
    (
        "src/abi/traits.rs",
        "    fn store_rate_state(&self, budget: RStr<'_>, state: RateStateAbi) -> AbiResult<()>;\n}",
        "    fn store_rate_state(&self, budget: RStr<'_>, state: RateStateAbi) -> AbiResult<()>;\n    \
         /// The host's name.\n    \
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
/// A new call of the server.
const GREETING: Edit = (
    "src/methods.rs",
    "-> Delivery;\n            }\n            added {\n",
    "-> Delivery;\n            }\n            added {\n                /// Greets.\n                \
     call greeting(RepositoryRequest) -> Repository;\n",
);
/// A new stream of the client, below what 1.1 added.
const LOGO: Edit = (
    "src/methods.rs",
    "list labels(RepositoryRequest) -> Label;\n",
    "list labels(RepositoryRequest) -> Label;\n                /// Streams a picture.\n                \
     read logo(RepositoryRequest) -> Done;\n",
);

pub(crate) const V1_0: Version = Version {
    name: "1.0.0",
    features: &[],
    edits: &[],
};
/// A call, a list with its record, a code and a method of the host more.
pub(crate) const V1_1: Version = Version {
    name: "1.1.0",
    features: &["since-1-1"],
    edits: &[
        version_edit("version = \"1.1.0\""),
        PING,
        LABELS,
        LABEL,
        BRANCH_LOCKED,
        HOST_NAME[0],
        HOST_NAME[1],
        HOST_NAME[2],
        HOST_NAME[3],
    ],
};
/// A call of the server and a stream of the client more.
pub(crate) const V1_2: Version = Version {
    name: "1.2.0",
    features: &["since-1-1", "since-1-2"],
    edits: &[
        version_edit("version = \"1.2.0\""),
        PING,
        LABELS,
        LABEL,
        BRANCH_LOCKED,
        HOST_NAME[0],
        HOST_NAME[1],
        HOST_NAME[2],
        HOST_NAME[3],
        GREETING,
        LOGO,
    ],
};
pub(crate) const RETYPED: Version = Version {
    name: "retyped",
    features: &[],
    edits: &[(
        "src/records/repository.rs",
        "        pub latest_commit: String,\n",
        "        pub latest_commit: Option<String>,\n",
    )],
};
pub(crate) const METHOD_IN_THE_MIDDLE: Version = Version {
    name: "method-in-the-middle",
    features: &[],
    edits: &[(
        "src/methods.rs",
        "                /// Looks up a tag.\n",
        "                /// Breaks the rules.\n                \
         call ping(RepositoryRequest) -> Repository;\n                /// Looks up a tag.\n",
    )],
};

const fn version_edit(new: &'static str) -> Edit {
    ("Cargo.toml", "version = \"1.0.0\"", new)
}
