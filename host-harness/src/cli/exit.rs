//! The exit codes: one table, which `--help` prints, docs/exit-codes.md repeats (a test
//! holds it to this) and scripts may rely on.
//!
//! Below 20 the command itself speaks; 20 to 30 is the step at which a plugin
//! was rejected; above 40 is the kind of a provider's error.

use std::fmt::Write as _;
use std::process::ExitCode;
use vcs_plugin_host::loader::Step;
use vcs_provider_interface::error::ErrorKind;

/// One exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The number.
    pub code: u8,
    /// The name that stands as `kind` in a JSON error.
    pub kind: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code)
    }
}

macro_rules! table {
    ($( $constant:ident = $code:literal, $kind:literal, $meaning:literal; )*) => {
        $( #[doc = concat!("`", $kind, "`: ", $meaning, ".")]
        pub const $constant: Exit = Exit { code: $code, kind: $kind, meaning: $meaning }; )*

        /// All exit codes, in ascending order.
        pub const TABLE: &[Exit] = &[$( $constant ),*];
    };
}

table! {
    SUCCESS = 0, "Success", "it worked";
    FAILURE = 1, "Failure", "the engine itself failed, such as a file it cannot write";
    USAGE = 2, "Usage", "the command line is wrong";
    CHECK_FAILED = 3, "CheckFailed", "a check failed";
    GIT_FAILED = 4, "GitFailed", "git failed for a reason of its own";
    PLUGIN_OPEN = 20, "PluginOpen", "plugin rejected: no such file, or one that others can change";
    PLUGIN_MANIFEST = 21, "PluginManifest", "plugin rejected: no manifest, or not the file that the manifest names";
    PLUGIN_ELF = 22, "PluginElf", "plugin rejected: not a whole shared library for this machine";
    PLUGIN_STAGE = 23, "PluginStage", "plugin rejected: no private copy could be made";
    PLUGIN_PREFLIGHT = 24, "PluginPreflight", "plugin rejected: it crashed or hung in the preflight process";
    PLUGIN_LINK = 25, "PluginLink", "plugin rejected by the dynamic linker";
    PLUGIN_HEADER = 26, "PluginHeader", "plugin rejected: its header is not a provider's";
    PLUGIN_VERSION = 27, "PluginVersion", "plugin rejected: another major version of the interface";
    PLUGIN_LAYOUT = 28, "PluginLayout", "plugin rejected: a type of the interface differs";
    PLUGIN_BUILD = 29, "PluginBuild", "plugin rejected: how it was built";
    PLUGIN_INFO = 30, "PluginInfo", "plugin rejected: what it says of itself";
    INVALID_INPUT = 41, "InvalidInput", "the arguments cannot be used; nothing was sent";
    CONFIG = 42, "Config", "the configuration is wrong; the message names the key";
    UNAUTHENTICATED = 43, "Unauthenticated", "the service does not accept the credential";
    PERMISSION_DENIED = 44, "PermissionDenied", "the credential may not do this";
    NOT_FOUND = 45, "NotFound", "it does not exist, or the credential may not see it";
    ALREADY_EXISTS = 46, "AlreadyExists", "it is there already and was left as it is";
    CONFLICT = 47, "Conflict", "the state of the service changed under the call";
    RATE_LIMITED = 48, "RateLimited", "too many requests";
    UNAVAILABLE = 49, "Unavailable", "the service cannot be reached or cannot respond now";
    TIMEOUT = 50, "Timeout", "the time limit passed";
    CANCELLED = 51, "Cancelled", "interrupted, such as by Ctrl-C";
    UNSUPPORTED = 52, "Unsupported", "the provider cannot do this";
    ENDPOINT_REMOVED = 53, "EndpointRemoved", "the service has removed the operation";
    INVALID_RESPONSE = 54, "InvalidResponse", "the response is not what the service promises";
    INTERNAL = 55, "Internal", "a defect of the provider";
}

/// The code of a kind of error; a kind from a newer interface is `Internal`.
#[must_use]
pub fn of_kind(kind: ErrorKind) -> Exit {
    of_code(40 + kind.number()).unwrap_or(INTERNAL)
}

/// The code of the step at which a plugin was rejected.
#[must_use]
pub fn of_step(step: Step) -> Exit {
    of_code(u16::from(step.exit_code())).unwrap_or(PLUGIN_OPEN)
}

fn of_code(code: u16) -> Option<Exit> {
    TABLE
        .iter()
        .find(|exit| u16::from(exit.code) == code)
        .copied()
}

/// The table as `--help` prints it.
#[must_use]
pub fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for exit in TABLE {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {:>3}  {:<17} {}",
            exit.code, exit.kind, exit.meaning
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_and_every_step_of_loading_has_a_code_of_its_own() {
        for kind in ErrorKind::ALL {
            let exit = of_kind(*kind);
            assert_eq!(Some(exit.kind), kind.name(), "{exit:?}");
        }
        for step in Step::ALL {
            let exit = of_step(step);
            let words = exit.kind.to_lowercase();
            assert_eq!(words, format!("plugin{}", step.name()), "{exit:?}");
        }
        assert_eq!(of_kind(ErrorKind::from_number(999)), INTERNAL);
        assert!(TABLE.is_sorted_by(|left, right| left.code < right.code));
    }

    #[test]
    fn the_readme_repeats_the_table() {
        let page = include_str!("../../../docs/exit-codes.md");
        for exit in TABLE {
            let line = format!("| {} | `{}` | {} |", exit.code, exit.kind, exit.meaning);
            assert!(page.contains(&line), "docs/exit-codes.md lacks {line}");
        }
    }
}
