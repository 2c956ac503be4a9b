//! Looks at the form of a file before the dynamic linker does.
//!
//! The dynamic linker trusts its input: a file that ends early kills the host
//! with a signal inside `dlopen`. So every offset that the linker follows
//! blindly is compared with the file first, and a file that asks for more than
//! a provider needs (search paths, other libraries, an executable stack) is
//! rejected.

use super::error::{LoadError, Reason};
use abi_stable::library::{AbiHeader, ROOT_MODULE_LOADER_NAME};
use object::LittleEndian;
use object::elf::{self, FileHeader64, ProgramHeader64};
use object::read::StringTable;
use object::read::elf::{
    Dyn as _, FileHeader as _, ProgramHeader as _, SectionHeader as _, Sym as _,
};
use std::path::Path;

type Header = FileHeader64<LittleEndian>;
type Segment = ProgramHeader64<LittleEndian>;

/// The libraries that a provider may need: the C library in its old and new
/// pieces, the unwinder and the dynamic linker itself.
const ALLOWED_DEPENDENCIES: &[&str] = &[
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
    "ld-linux-riscv64-lp64d.so.1",
];

/// More address space than any provider needs.
const LONGEST_IMAGE: u64 = 1 << 30;

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
    examination.check_sections(header)?;
    examination.check_dynamic(segments)?;
    examination.check_symbol(header, segments)
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

    fn check_segments(&self, segments: &[Segment]) -> Result<(), LoadError> {
        let mut end_of_last = 0;
        for segment in segments {
            let (offset, in_file) = segment.file_range(ENDIAN);
            let in_memory = segment.p_memsz(ENDIAN);
            let kind = segment.p_type(ENDIAN);
            if kind == elf::PT_INTERP {
                return Err(self
                    .reject(Reason::NotALibrary)
                    .expected("a shared library")
                    .found("a program"));
            }
            if kind == elf::PT_GNU_STACK && segment.p_flags(ENDIAN).contains(elf::PF_X) {
                return Err(self.reject(Reason::ExecutableStack));
            }
            if !self.contains(offset, in_file) {
                return Err(self.truncated(&format!(
                    "a segment that ends at {}",
                    offset.saturating_add(in_file)
                )));
            }
            if kind != elf::PT_LOAD {
                continue;
            }
            let (address, align) = (segment.p_vaddr(ENDIAN), segment.p_align(ENDIAN));
            if in_memory < in_file {
                return Err(self.invalid("a segment is longer in the file than in memory"));
            }
            if !(align.is_power_of_two() && address % align == offset % align) {
                return Err(self.invalid(format!("a segment is aligned to {align}")));
            }
            if address < end_of_last {
                return Err(self.invalid("segments overlap or are out of order"));
            }
            end_of_last = address
                .checked_add(in_memory)
                .filter(|end| *end <= LONGEST_IMAGE)
                .ok_or_else(|| self.invalid("the segments take more than 1 GiB of memory"))?;
        }
        if end_of_last == 0 {
            return Err(self.invalid("nothing to load"));
        }
        Ok(())
    }

    fn check_sections(&self, header: &Header) -> Result<(), LoadError> {
        let sections = header
            .section_headers(ENDIAN, self.bytes)
            .map_err(|error| self.truncated(&error))?;
        for section in sections {
            if let Some((offset, length)) = section.file_range(ENDIAN) {
                if !self.contains(offset, length) {
                    return Err(self.truncated(&format!(
                        "a section that ends at {}",
                        offset.saturating_add(length)
                    )));
                }
            }
        }
        Ok(())
    }

    fn check_dynamic(&self, segments: &[Segment]) -> Result<(), LoadError> {
        let mut tables = Vec::new();
        for segment in segments {
            let table = segment
                .dynamic(ENDIAN, self.bytes)
                .map_err(|error| self.invalid(error))?;
            tables.extend(table);
        }
        let [table] = tables.as_slice() else {
            return Err(self.invalid(format!("{} dynamic tables instead of one", tables.len())));
        };
        let entries: Vec<_> = table
            .iter()
            .map(|entry| (entry.d_tag(ENDIAN), entry.d_val(ENDIAN)))
            .take_while(|(tag, _)| *tag != elf::DT_NULL)
            .collect();
        if entries.len() == table.len() {
            return Err(self.invalid("the dynamic table has no end"));
        }
        let value_of = |wanted| {
            entries
                .iter()
                .find(|(tag, _)| *tag == wanted)
                .map(|(_, value)| *value)
        };
        let strings =
            self.dynamic_strings(segments, value_of(elf::DT_STRTAB), value_of(elf::DT_STRSZ))?;
        for (tag, value) in &entries {
            self.check_dynamic_entry(*tag, *value, strings, segments)?;
        }
        Ok(())
    }

    fn dynamic_strings(
        &self,
        segments: &[Segment],
        address: Option<u64>,
        length: Option<u64>,
    ) -> Result<StringTable<'a>, LoadError> {
        let range = address
            .zip(length)
            .and_then(|(address, length)| file_range_of(segments, address, length));
        match range {
            Some((start, end)) => Ok(StringTable::new(self.bytes, start, end)),
            None => Err(self.invalid("the dynamic string table is outside of the file")),
        }
    }

    fn check_dynamic_entry(
        &self,
        tag: elf::DynamicTag,
        value: u64,
        strings: StringTable<'a>,
        segments: &[Segment],
    ) -> Result<(), LoadError> {
        let text = || {
            u32::try_from(value)
                .ok()
                .and_then(|offset| strings.get(offset).ok())
                .map(String::from_utf8_lossy)
                .ok_or_else(|| self.invalid("a dynamic string is outside of its table"))
        };
        match tag {
            elf::DT_RPATH | elf::DT_RUNPATH => Err(self
                .reject(Reason::RpathSet)
                .expected("neither RPATH nor RUNPATH")
                .found(text()?)),
            elf::DT_NEEDED => {
                let name = text()?;
                if ALLOWED_DEPENDENCIES.contains(&name.as_ref()) {
                    return Ok(());
                }
                Err(self
                    .reject(Reason::UnexpectedDependency)
                    .expected("only libc, libm, libgcc_s and the dynamic linker")
                    .found(name))
            }
            elf::DT_AUXILIARY | elf::DT_FILTER | elf::DT_AUDIT | elf::DT_DEPAUDIT => Err(self
                .reject(Reason::UnexpectedDependency)
                .expected("no filter and no audit library")
                .found(text()?)),
            // The linker follows these addresses without a look.
            elf::DT_SYMTAB
            | elf::DT_HASH
            | elf::DT_GNU_HASH
            | elf::DT_RELA
            | elf::DT_REL
            | elf::DT_RELR
            | elf::DT_JMPREL
            | elf::DT_VERSYM
            | elf::DT_VERNEED
            | elf::DT_VERDEF
            | elf::DT_INIT_ARRAY
            | elf::DT_FINI_ARRAY
            | elf::DT_PREINIT_ARRAY
            | elf::DT_INIT
            | elf::DT_FINI
                if file_range_of(segments, value, 1).is_none() =>
            {
                Err(self.invalid(format!(
                    "dynamic entry {} points outside of the file",
                    tag.0
                )))
            }
            _ => Ok(()),
        }
    }

    fn check_symbol(&self, header: &Header, segments: &[Segment]) -> Result<(), LoadError> {
        let not_a_provider = |found: &str| {
            self.reject(Reason::NotAProvider)
                .expected(format!("the symbol {ROOT_MODULE_LOADER_NAME}"))
                .found(found)
        };
        let symbols = header
            .sections(ENDIAN, self.bytes)
            .and_then(|sections| sections.symbols(ENDIAN, self.bytes, elf::SHT_DYNSYM))
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
