//! Opens a library and takes its module: the only `unsafe` of the host.
//!
//! # What is trusted
//! A plugin runs inside the host with all of the host's rights. Its
//! constructors (`.init_array`) run inside `dlopen`, before anything of it
//! could be asked; one that hangs or kills cannot be stopped from within. What
//! the steps before this one guarantee is that the bytes are those that the
//! administrator agreed to; the preflight in another process, where the host asks
//! for one, that they do not hang or kill at once.
//!
//! # Why the library is never closed
//! Closing it would be undefined behaviour as soon as anything of it is still
//! reachable: a thread-local destructor, a layout, a function pointer in an
//! error, an allocation whose container carries the plugin's `free`. None of
//! that can be ruled out, so the mapping stays for the life of the process and
//! a cap on generations bounds what that costs.

#![allow(unsafe_code)]

use super::Compatibility;
use super::error::{LoadError, Reason};
use super::layout_report::Difference;
use super::manifest::major;
use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{
    AbiInstabilityErrors, CheckingGlobals, check_layout_compatibility_with_globals,
};
use abi_stable::library::{
    AbiHeader, AbiHeaderRef, LibHeader, LibraryError, ROOT_MODULE_LOADER_NAME_WITH_NUL,
};
use abi_stable::sabi_types::VersionStrings;
use abi_stable::type_layout::TypeLayout;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use vcs_provider_interface::abi::ProviderModuleRef;
use vcs_provider_interface::info::INTERFACE_VERSION;

/// A library that is linked into the process and was not called yet.
pub(super) struct Mapped {
    library: Library,
}

/// A library whose header is of our `abi_stable`.
#[derive(Clone, Copy)]
pub(super) struct WithHeader {
    header: &'static LibHeader,
}

/// A library whose every type has the layout that the host expects.
#[derive(Clone, Copy)]
pub(super) struct Checked {
    header: &'static LibHeader,
    pub(super) compatibility: Compatibility,
}

/// Links a private copy into the process.
///
/// # Errors
/// `link_failed`, with the linker's words.
pub(super) fn link(plugin: &Path, copy: &Path) -> Result<Mapped, LoadError> {
    // SAFETY: `dlopen` runs the constructors of the library. The module page
    // says what is trusted: the bytes are the administrator's, the copy is
    // whole and private, so nothing changes it under the mapping.
    let opened = unsafe { Library::open(Some(copy), RTLD_NOW | RTLD_LOCAL) };
    match opened {
        Ok(library) => Ok(Mapped { library }),
        Err(error) => Err(LoadError::new(Reason::LinkFailed, plugin).found(error)),
    }
}

impl Mapped {
    /// Reads the header. From here on the library stays mapped for ever.
    ///
    /// # Errors
    /// `not_a_provider`, `header_invalid`, `call_convention_differs`.
    pub(super) fn header(self, plugin: &Path) -> Result<WithHeader, LoadError> {
        // SAFETY: the ELF step made sure that the symbol is data inside the
        // loaded file, aligned, and at least as long as `AbiHeader`, which is
        // plain integers: any bytes are a valid one. Nothing behind it is read
        // before the magic string and version in it were compared.
        let symbol = unsafe {
            self.library
                .get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes())
        };
        let header: AbiHeaderRef = match symbol {
            Ok(symbol) => *symbol,
            Err(error) => return Err(LoadError::new(Reason::NotAProvider, plugin).found(error)),
        };
        // The module page says why: `header` is `'static` from here on.
        std::mem::forget(self.library);
        if !header.is_valid() {
            return Err(LoadError::new(Reason::HeaderInvalid, plugin)
                .expected(header_in_words(&AbiHeader::VALUE))
                .found(header_in_words(&header)));
        }
        header
            .upgrade()
            .map(|header| WithHeader { header })
            .map_err(|error| {
                LoadError::new(Reason::CallConventionDiffers, plugin).found(short(&error))
            })
    }
}

impl WithHeader {
    /// Compares the version of the interface: the major versions must be equal.
    ///
    /// # Errors
    /// `version_invalid`, `version_mismatch`.
    pub(super) fn check_version(self, plugin: &Path) -> Result<Self, LoadError> {
        let theirs = self.header.version_strings();
        let parsed = theirs
            .parsed()
            .map_err(|error| LoadError::new(Reason::VersionInvalid, plugin).found(error))?;
        if parsed.major.to_string() != major(INTERFACE_VERSION) {
            return Err(LoadError::new(Reason::VersionMismatch, plugin)
                .expected(format!("interface {}.x", major(INTERFACE_VERSION)))
                .found(format!("interface {parsed}"))
                .advice("build the plugin with the host's interface"));
        }
        Ok(self)
    }

    /// Compares the layout of every type that the module reaches, in both
    /// directions.
    ///
    /// `abi_stable` asks whether one side (the implementation) has at least
    /// what the other (the interface) wants, so a host with one method more
    /// would reject an older plugin. The second question, with the sides
    /// exchanged, accepts exactly that case.
    ///
    /// # Errors
    /// `layout_missing`, `layout_mismatch`.
    pub(super) fn check_layout(self, plugin: &Path) -> Result<Checked, LoadError> {
        let Some(theirs) = self.header.layout() else {
            return Err(LoadError::new(Reason::LayoutMissing, plugin)
                .expected("a library that was exported with its layout")
                .found("none"));
        };
        let ours = <ProviderModuleRef as StableAbi>::LAYOUT;
        let accepted = |compatibility| Checked {
            header: self.header,
            compatibility,
        };
        let forward = match compare(ours, theirs) {
            Ok(()) => return Ok(accepted(Compatibility::PluginSameOrNewer)),
            Err(findings) => findings,
        };
        let reversed = match compare(theirs, ours) {
            Ok(()) => return Ok(accepted(Compatibility::PluginOlder)),
            Err(findings) => findings,
        };
        // What an older plugin lacks at the ends is no fault; asked the other
        // way round, only what is one is left.
        let older = self.is_older();
        let findings = if older { reversed } else { forward };
        let error = LoadError::new(Reason::LayoutMismatch, plugin);
        let told = findings.and_then(|findings| {
            let difference = Difference::most_telling(&findings)?;
            Some((difference, findings.to_string()))
        });
        Err(match told {
            Some((difference, detail)) if older => error
                .expected(difference.found)
                .found(difference.expected)
                .detail(detail),
            Some((difference, detail)) => error
                .expected(difference.expected)
                .found(difference.found)
                .detail(detail),
            None => error.expected(format!("the types of interface {INTERFACE_VERSION}")),
        })
    }

    /// Whether the plugin's interface is of an earlier minor version.
    fn is_older(&self) -> bool {
        let ours = VersionStrings::new(INTERFACE_VERSION).parsed();
        let theirs = self.header.version_strings().parsed();
        let older = ours.and_then(|ours| theirs.map(|theirs| theirs.minor < ours.minor));
        older.unwrap_or(false)
    }
}

impl Checked {
    /// Calls the library for the first time: it makes its module.
    ///
    /// # Errors
    /// `module_failed`.
    pub(super) fn module(self, plugin: &Path) -> Result<ProviderModuleRef, LoadError> {
        // SAFETY: `check_layout` has compared every type that is reachable from
        // the module, in one direction or the other.
        //
        // Forward (the plugin has all that the host has): this is the condition
        // that `abi_stable` itself asks for.
        //
        // Reversed (the host has all that the plugin has): the two sides differ
        // only where `abi_stable` lets an implementation have more than its
        // interface, which is at the end of prefix types: the module, and the
        // tables of functions of trait objects. Those are only ever read
        // through accessors that look into the number of fields that the
        // *maker* of the table wrote into it, so the host finds out at run time
        // that a field is absent. It then runs the default body of its own
        // trait, which rule 1 of the ABI (new methods have one) guarantees to
        // exist; the fields up to `last` exist on both sides. Tables that the
        // host makes and the plugin reads (contexts, sinks, services) are
        // longer than the plugin knows, which is the forward condition seen
        // from the plugin. Everything else, records, results, numbers, has been
        // found equal field by field: `abi_stable` compares those strictly,
        // whichever side is called the interface.
        let module = unsafe {
            self.header
                .init_root_module_with_unchecked_layout::<ProviderModuleRef>()
        };
        module.map_err(|error| LoadError::new(Reason::ModuleFailed, plugin).found(short(&error)))
    }
}

/// Asks `abi_stable` whether `implementation` has all that `interface` wants;
/// without findings where it cannot tell.
///
/// With globals of its own: the shared ones remember the types of every library
/// that was ever compared and compare them with each other, so that a plugin
/// that was rejected or is long gone could have another one rejected. Providers
/// never hand each other anything, so comparing each with the host is enough.
fn compare(
    interface: &'static TypeLayout,
    implementation: &'static TypeLayout,
) -> Result<(), Option<AbiInstabilityErrors>> {
    let globals = CheckingGlobals::new();
    let compared = catch_unwind(AssertUnwindSafe(|| {
        check_layout_compatibility_with_globals(interface, implementation, &globals)
    }));
    compared.map_or(Err(None), |outcome| outcome.map_err(Some))
}

fn header_in_words(header: &AbiHeader) -> String {
    let magic: String = header
        .magic_string
        .iter()
        .take_while(|byte| **byte != 0)
        .map(|byte| char::from(*byte))
        .filter(char::is_ascii_graphic)
        .collect();
    format!("{magic:?} {}.{}", header.abi_major, header.abi_minor)
}

fn short(error: &LibraryError) -> String {
    error
        .to_string()
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}
