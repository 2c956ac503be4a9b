//! Why a file was rejected: the step, a stable code, and one line that names
//! what was expected and what was found.

use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::path::{Path, PathBuf};

/// The steps of loading, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The file and its directory: kind, owner, permissions, length.
    Open,
    /// The manifest beside it, compared with the file.
    Manifest,
    /// The form of the file: a whole shared library for this machine.
    Elf,
    /// A private copy under the name of its digest.
    Stage,
    /// The steps below, in another process first.
    Preflight,
    /// The dynamic linker.
    Link,
    /// The header that the library exports.
    Header,
    /// The version of the interface.
    Version,
    /// The layout of every type of the interface.
    Layout,
    /// How the library was built.
    Build,
    /// What the provider says of itself, compared with the manifest.
    Info,
}

impl Step {
    /// All steps, in their order.
    pub const ALL: [Self; 11] = [
        Self::Open,
        Self::Manifest,
        Self::Elf,
        Self::Stage,
        Self::Preflight,
        Self::Link,
        Self::Header,
        Self::Version,
        Self::Layout,
        Self::Build,
        Self::Info,
    ];

    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Manifest => "manifest",
            Self::Elf => "elf",
            Self::Stage => "stage",
            Self::Preflight => "preflight",
            Self::Link => "link",
            Self::Header => "header",
            Self::Version => "version",
            Self::Layout => "layout",
            Self::Build => "build",
            Self::Info => "info",
        }
    }

    /// The exit code of a command that ends because of this step: 20 for
    /// `open` up to 30 for `info`, in the order of the steps.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        20 + self as u8
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

macro_rules! reasons {
    ($( $step:ident { $( $name:ident = $code:literal, $words:literal; )* } )*) => {
        /// Why a file was rejected. The codes are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $( $( #[doc = concat!("`", $code, "`: ", $words, ".")] $name, )* )* }

        impl Reason {
            /// All reasons, in the order of the steps.
            pub const ALL: &'static [Self] = &[ $( $( Self::$name, )* )* ];

            /// The stable code, such as `digest_mismatch`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $( $( Self::$name => $code, )* )* }
            }

            /// The step that rejected.
            #[must_use]
            pub const fn step(self) -> Step {
                match self { $( $( Self::$name => Step::$step, )* )* }
            }

            const fn words(self) -> &'static str {
                match self { $( $( Self::$name => $words, )* )* }
            }
        }
    };
}

reasons! {
    Open {
        NotFound = "not_found", "there is no such file";
        Unreadable = "unreadable", "it cannot be read";
        Symlink = "symlink", "it is a symbolic link";
        NotAFile = "not_a_file", "it is not a regular file";
        ForeignOwner = "foreign_owner", "it belongs to another user";
        WritableByOthers = "writable_by_others", "others may write to it";
        DirectoryWritableByOthers = "directory_writable_by_others", "others may write to its directory";
        TooLarge = "too_large", "it is too long";
        Empty = "empty", "it is empty";
    }
    Manifest {
        ManifestMissing = "manifest_missing", "there is no manifest beside it";
        ManifestUnreadable = "manifest_unreadable", "its manifest cannot be used";
        SignatureMissing = "signature_missing", "its manifest is not signed";
        SignatureInvalid = "signature_invalid", "the signature of its manifest is not valid";
        ManifestInvalid = "manifest_invalid", "its manifest is invalid";
        NameMismatch = "name_mismatch", "its manifest is of another file";
        TargetMismatch = "target_mismatch", "it is for another target";
        InterfaceMismatch = "interface_mismatch", "it is for another interface";
        SizeMismatch = "size_mismatch", "its length is not that of the manifest";
        DigestMismatch = "digest_mismatch", "its digest is not that of the manifest";
        DuplicateType = "duplicate_type", "another file of the directory is of the same provider type";
    }
    Elf {
        NotElf = "not_elf", "it is no ELF file";
        ElfTruncated = "elf_truncated", "it is cut off";
        ElfInvalid = "elf_invalid", "its ELF headers are invalid";
        WrongMachine = "wrong_machine", "it is for another machine";
        NotALibrary = "not_a_library", "it is not a shared library";
        RpathSet = "rpath_set", "it brings its own library search path";
        UnexpectedDependency = "unexpected_dependency", "it needs a library that plugins may not need";
        ExecutableStack = "executable_stack", "it wants an executable stack";
        NotAProvider = "not_a_provider", "it is not a provider";
    }
    Stage {
        StagingUnsafe = "staging_unsafe", "the directory for private copies cannot be trusted";
        StagingFailed = "staging_failed", "the private copy cannot be written";
    }
    Preflight {
        PreflightFailed = "preflight_failed", "the preflight process gave no result";
        PreflightKilled = "preflight_killed", "it crashed in the preflight process";
        PreflightTimedOut = "preflight_timed_out", "it took too long in the preflight process";
    }
    Link {
        ConfinementFailed = "confinement_failed", "its process cannot be confined";
        RestartNeeded = "restart_needed", "no more libraries can be loaded into this process";
        LinkFailed = "link_failed", "the dynamic linker rejects it";
    }
    Header {
        HeaderInvalid = "header_invalid", "its header is of another ABI library";
        CallConventionDiffers = "call_convention_differs", "it calls functions in another way";
    }
    Version {
        VersionInvalid = "version_invalid", "the version of its interface cannot be read";
        VersionMismatch = "version_mismatch", "its interface has another major version";
    }
    Layout {
        LayoutMissing = "layout_missing", "it exports no layout to check";
        LayoutMismatch = "layout_mismatch", "a type of its interface differs";
    }
    Build {
        ModuleFailed = "module_failed", "its module cannot be made";
        PanicAborts = "panic_aborts", "a panic in it would end the host";
        BuildMismatch = "build_mismatch", "what it says of its build is not what its manifest says";
    }
    Info {
        InfoFailed = "info_failed", "it cannot say what it is";
        InfoTimedOut = "info_timed_out", "it takes too long to say what it is";
        InfoInvalid = "info_invalid", "what it says of itself is not usable";
        TypeMismatch = "type_mismatch", "its provider type is not that of the manifest";
        VersionDiffers = "plugin_version_mismatch", "its version is not that of the manifest";
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.code() == code)
            .ok_or_else(|| serde::de::Error::custom(format!("no reason has the code {code:?}")))
    }
}

/// A file that was rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadError {
    /// Why.
    #[serde(rename = "code")]
    pub reason: Reason,
    /// What is known about it.
    #[serde(flatten)]
    pub facts: Box<Facts>,
}

/// What is known about a rejection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The file as it was named by the caller.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// What was expected, in a few words.
    pub expected: Option<String>,
    /// What was found, in a few words.
    pub found: Option<String>,
    /// What to do.
    pub advice: Option<String>,
    /// Everything that is known, in several lines; for logs at debug level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl LoadError {
    /// A rejection of this file without further facts.
    #[must_use]
    pub fn new(reason: Reason, path: &Path) -> Self {
        Self {
            reason,
            facts: Box::new(Facts {
                path: path.to_owned(),
                expected: None,
                found: None,
                advice: None,
                detail: None,
            }),
        }
    }

    /// The same with what was expected.
    #[must_use]
    pub fn expected(mut self, expected: impl fmt::Display) -> Self {
        self.facts.expected = Some(one_line(&expected.to_string()));
        self
    }

    /// The same with what was found.
    #[must_use]
    pub fn found(mut self, found: impl fmt::Display) -> Self {
        self.facts.found = Some(one_line(&found.to_string()));
        self
    }

    /// The same with what to do.
    #[must_use]
    pub fn advice(mut self, advice: impl fmt::Display) -> Self {
        self.facts.advice = Some(one_line(&advice.to_string()));
        self
    }

    /// The same with everything that is known.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.facts.detail = Some(detail.into());
        self
    }

    /// The step that rejected.
    #[must_use]
    pub fn step(&self) -> Step {
        self.reason.step()
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.reason.code()
    }

    /// The exit code of a command that ends with this error, see [`Step::exit_code`].
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.step().exit_code()
    }
}

/// `FILE: rejected at STEP (CODE): WHY: expected …, found …; ADVICE`, in one line.
impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: rejected at {} ({}): {}",
            one_line(&self.facts.path.display().to_string()),
            self.step(),
            self.code(),
            self.reason.words(),
        )?;
        match (&self.facts.expected, &self.facts.found) {
            (Some(expected), Some(found)) => {
                write!(formatter, ": expected {expected}, found {found}")?;
            }
            (Some(expected), None) => write!(formatter, ": expected {expected}")?,
            (None, Some(found)) => write!(formatter, ": {found}")?,
            (None, None) => {}
        }
        if let Some(advice) = &self.facts.advice {
            write!(formatter, "; {advice}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// A path as text: one that is not Unicode is shown as well as it can be, where
/// serde would reject it.
pub(crate) fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// The text in one line without control characters, which a hostile file could
/// use to write to a terminal or to show it in another order, and of a bounded length.
pub(super) fn one_line(text: &str) -> String {
    const LONGEST: usize = 600;
    let mut line = String::with_capacity(text.len().min(LONGEST));
    let mut last_was_space = false;
    for character in text.trim().chars() {
        let turns_the_line = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let character = if character.is_control() || character.is_whitespace() || turns_the_line {
            ' '
        } else {
            character
        };
        if character == ' ' && last_was_space {
            continue;
        }
        last_was_space = character == ' ';
        if line.len() + character.len_utf8() > LONGEST {
            line.push('…');
            break;
        }
        line.push(character);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_its_own_code_and_steps_are_in_order() {
        let codes: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        let steps: Vec<_> = Reason::ALL.iter().map(|reason| reason.step()).collect();
        assert!(steps.is_sorted(), "{steps:?}");
        assert_eq!(Step::Open.exit_code(), 20);
        assert_eq!(Step::Info.exit_code(), 30);
        for (step, index) in Step::ALL.iter().zip(20..) {
            assert_eq!(step.exit_code(), index, "{step}");
        }
    }

    #[test]
    fn a_message_is_one_line_that_names_both_sides() {
        let error = LoadError::new(Reason::SizeMismatch, Path::new("dir/a\n\x1b[2Jb.so"))
            .expected("10 bytes")
            .found("3\r\nbytes")
            .advice("run this");
        assert_eq!(
            error.to_string(),
            "dir/a [2Jb.so: rejected at manifest (size_mismatch): its length is not that of the \
             manifest: expected 10 bytes, found 3 bytes; run this"
        );
        assert_eq!(error.exit_code(), 21);
    }
}
