//! Looks at the form of a file before the dynamic linker does.
//!
//! The dynamic linker trusts its input: a file that ends early, or a header with
//! one wrong bit, kills the host with a signal, inside `dlopen` or at the first
//! use of a thread-local variable. So every offset that the linker follows
//! blindly is compared with the file first ([`dynamic`]), every program header
//! with the section table, which says the same a second time ([`segments`]),
//! and a file that asks for more than a provider needs (search paths, other
//! libraries, an executable stack) is rejected.

mod dynamic;
mod segments;

use super::error::{LoadError, Reason};
use abi_stable::library::{AbiHeader, ROOT_MODULE_LOADER_NAME};
use object::LittleEndian;
use object::elf::{self, FileHeader64, ProgramHeader64};
use object::read::elf::{
    FileHeader as _, ProgramHeader as _, SectionHeader as _, SectionTable, Sym as _,
};
use std::path::Path;

type Header = FileHeader64<LittleEndian>;
type Segment = ProgramHeader64<LittleEndian>;
type Sections<'a> = SectionTable<'a, Header>;

const ENDIAN: LittleEndian = LittleEndian;

/// What is known of the file, for messages.
struct Examination<'a> {
    path: &'a Path,
    bytes: &'a [u8],
}

/// Rejects everything that is not a whole provider library for this machine.
///
/// # Errors
/// Every reason of the step `elf`.
pub(super) fn check(path: &Path, bytes: &[u8]) -> Result<(), LoadError> {
    let examination = Examination { path, bytes };
    let header = examination.header()?;
    let segments = header
        .program_headers(ENDIAN, bytes)
        .map_err(|error| examination.truncated(&error))?;
    examination.check_segments(segments)?;
    let sections = examination.sections(header)?;
    examination.compare_with_sections(segments, &sections)?;
    examination.check_dynamic(segments)?;
    examination.check_symbol(&sections, segments)
}

impl<'a> Examination<'a> {
    fn reject(&self, reason: Reason) -> LoadError {
        LoadError::new(reason, self.path)
    }

    fn invalid(&self, what: impl std::fmt::Display) -> LoadError {
        self.reject(Reason::ElfInvalid).found(what)
    }

    fn truncated(&self, what: &dyn std::fmt::Display) -> LoadError {
        self.reject(Reason::ElfTruncated)
            .expected("headers within the file")
            .found(format!("{what} in {} bytes", self.bytes.len()))
    }

    fn header(&self) -> Result<&'a Header, LoadError> {
        if !self.bytes.starts_with(&elf::ELFMAG) {
            return Err(self
                .reject(Reason::NotElf)
                .expected("a file that begins with \\x7fELF")
                .found(beginning_in_words(self.bytes)));
        }
        if self.bytes.len() < size_of::<Header>() {
            return Err(self.truncated(&"the file header"));
        }
        let (class, data) = (self.bytes[4], self.bytes[5]);
        if class != elf::ELFCLASS64.0 || data != elf::ELFDATA2LSB.0 {
            return Err(self
                .reject(Reason::WrongMachine)
                .expected("64 bits, little-endian")
                .found(format!("class {class}, byte order {data}")));
        }
        let header = Header::parse(self.bytes).map_err(|error| self.invalid(error))?;
        let (machine, ours) = (header.e_machine(ENDIAN), our_machine());
        if machine != ours {
            return Err(self
                .reject(Reason::WrongMachine)
                .expected(format!("machine {} ({})", ours.0, std::env::consts::ARCH))
                .found(format!("machine {}", machine.0)));
        }
        let kind = header.e_type(ENDIAN);
        if kind != elf::ET_DYN {
            return Err(self
                .reject(Reason::NotALibrary)
                .expected(format!("ELF type {}", elf::ET_DYN.0))
                .found(format!("ELF type {}", kind.0)));
        }
        Ok(header)
    }

    /// Whether these bytes of the file exist.
    fn contains(&self, offset: u64, length: u64) -> bool {
        offset
            .checked_add(length)
            .is_some_and(|end| end <= self.bytes.len() as u64)
    }

    fn sections(&self, header: &Header) -> Result<Sections<'a>, LoadError> {
        let sections = header
            .sections(ENDIAN, self.bytes)
            .map_err(|error| self.truncated(&error))?;
        for section in sections.iter() {
            if let Some((offset, length)) = section.file_range(ENDIAN) {
                if !self.contains(offset, length) {
                    return Err(self.truncated(&format!(
                        "a section that ends at {}",
                        offset.saturating_add(length)
                    )));
                }
            }
        }
        Ok(sections)
    }

    fn check_symbol(&self, sections: &Sections<'a>, segments: &[Segment]) -> Result<(), LoadError> {
        let not_a_provider = |found: &str| {
            self.reject(Reason::NotAProvider)
                .expected(format!("the symbol {ROOT_MODULE_LOADER_NAME}"))
                .found(found)
        };
        let symbols = sections
            .symbols(ENDIAN, self.bytes, elf::SHT_DYNSYM)
            .map_err(|error| self.invalid(error))?;
        let symbol = symbols
            .iter()
            .find(|symbol| {
                symbol
                    .name(ENDIAN, symbols.strings())
                    .is_ok_and(|name| name == ROOT_MODULE_LOADER_NAME.as_bytes())
            })
            .ok_or_else(|| not_a_provider("none of this name"))?;
        if symbol.is_undefined(ENDIAN) || symbol.st_type() != elf::STT_OBJECT {
            return Err(not_a_provider("one that is not data of the library"));
        }
        let smallest = size_of::<AbiHeader>() as u64;
        let address = symbol.st_value(ENDIAN);
        if symbol.st_size(ENDIAN) < smallest
            || address % align_of::<AbiHeader>() as u64 != 0
            || file_range_of(segments, address, smallest).is_none()
        {
            return Err(not_a_provider(
                "one that is too short or outside of the file",
            ));
        }
        Ok(())
    }
}

/// Where these bytes of memory stand in the file, if they are loaded from it.
fn file_range_of(segments: &[Segment], address: u64, length: u64) -> Option<(u64, u64)> {
    segments
        .iter()
        .filter(|segment| segment.p_type(ENDIAN) == elf::PT_LOAD)
        .find_map(|segment| {
            let (offset, in_file) = segment.file_range(ENDIAN);
            let from_start = address.checked_sub(segment.p_vaddr(ENDIAN))?;
            let end = from_start.checked_add(length)?;
            (end <= in_file).then_some((offset + from_start, offset + end))
        })
}

fn our_machine() -> elf::Machine {
    if cfg!(target_arch = "x86_64") {
        elf::EM_X86_64
    } else if cfg!(target_arch = "aarch64") {
        elf::EM_AARCH64
    } else if cfg!(target_arch = "riscv64") {
        elf::EM_RISCV
    } else {
        elf::EM_NONE
    }
}

fn beginning_in_words(bytes: &[u8]) -> String {
    let beginning = &bytes[..bytes.len().min(8)];
    match std::str::from_utf8(beginning) {
        Ok(text) if !text.chars().any(char::is_control) => format!("one that begins with {text:?}"),
        _ => format!("one that begins with the bytes {}", hex::encode(beginning)),
    }
}
