//! Program headers: each is compared with the file, with the others, and with
//! the section table, which says the same a second time. One wrong bit makes the
//! two disagree.

use super::{ENDIAN, Examination, Sections, Segment};
use crate::loader::error::{LoadError, Reason};
use object::elf;
use object::read::elf::{ProgramHeader as _, SectionHeader as _};
use std::fmt;

/// More address space than any provider needs.
const LONGEST_IMAGE: u64 = 1 << 30;

/// More thread-local memory than any provider needs.
const LONGEST_TLS: u64 = 1 << 20;

/// The smallest page of the machines that are supported.
const PAGE: u64 = 4096;

/// What a program header may be. The linker ignores what it does not know, but
/// a kind that is unknown here is more likely damage than news.
const KNOWN_KINDS: &[elf::ProgramType] = &[
    elf::PT_LOAD,
    elf::PT_DYNAMIC,
    elf::PT_NOTE,
    elf::PT_PHDR,
    elf::PT_TLS,
    elf::PT_GNU_EH_FRAME,
    elf::PT_GNU_STACK,
    elf::PT_GNU_RELRO,
    elf::PT_GNU_PROPERTY,
    elf::PT_GNU_SFRAME,
    elf::ProgramType(0x7000_0003), // attributes, on RISC-V
];

/// The sections that become read-only after they are relocated.
const READ_ONLY_LATER: &[&str] = &[
    ".tdata",
    ".tbss",
    ".preinit_array",
    ".init_array",
    ".fini_array",
    ".ctors",
    ".dtors",
    ".jcr",
    ".data.rel.ro",
    ".bss.rel.ro",
    ".dynamic",
    ".got",
    ".relro_padding",
];

/// A range of addresses and where it begins in the file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Range {
    address: u64,
    offset: u64,
    in_file: u64,
    in_memory: u64,
}

impl Range {
    fn of(segment: &Segment) -> Self {
        Self {
            address: segment.p_vaddr(ENDIAN),
            offset: segment.p_offset(ENDIAN),
            in_file: segment.p_filesz(ENDIAN),
            in_memory: segment.p_memsz(ENDIAN),
        }
    }

    fn end(self) -> u64 {
        self.address.saturating_add(self.in_memory)
    }

    fn holds(self, address: u64, length: u64) -> bool {
        let end = address.checked_add(length);
        address >= self.address && end.is_some_and(|end| end <= self.end())
    }

    /// Whether these bytes of the file are mapped where the other range says.
    fn maps(self, other: Self) -> bool {
        let from_start = other.address.checked_sub(self.address);
        from_start.is_some_and(|from_start| {
            self.offset.checked_add(from_start) == Some(other.offset)
                && from_start
                    .checked_add(other.in_file)
                    .is_some_and(|end| end <= self.in_file)
        })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:#x}..{:#x} from {:#x} of the file",
            self.address,
            self.end(),
            self.offset
        )
    }
}

/// A section that takes memory.
struct Allocated<'a> {
    name: &'a str,
    kind: elf::SectionType,
    flags: elf::SectionFlags,
    align: u64,
    range: Range,
}

impl<'a> Examination<'a> {
    /// Compares the program headers with the file and with each other.
    pub(super) fn check_segments(&self, segments: &[Segment]) -> Result<(), LoadError> {
        let mut end_of_last = 0;
        let mut has_stack = false;
        for segment in segments {
            let range = Range::of(segment);
            let kind = segment.p_type(ENDIAN);
            if kind == elf::PT_INTERP {
                return Err(self
                    .reject(Reason::NotALibrary)
                    .expected("a shared library")
                    .found("a program"));
            }
            if !KNOWN_KINDS.contains(&kind) {
                return Err(self.invalid(format!("a program header of the kind {:#x}", kind.0)));
            }
            if kind == elf::PT_GNU_STACK {
                has_stack = true;
                if segment.p_flags(ENDIAN).contains(elf::PF_X) {
                    return Err(self.reject(Reason::ExecutableStack));
                }
            }
            if !self.contains(range.offset, range.in_file) {
                return Err(self.truncated(&format!(
                    "a segment that ends at {}",
                    range.offset.saturating_add(range.in_file)
                )));
            }
            if kind == elf::PT_LOAD {
                end_of_last = self.check_loaded(segment, range, end_of_last)?;
            }
        }
        if end_of_last == 0 {
            return Err(self.invalid("nothing to load"));
        }
        if !has_stack {
            // Without the header the linker makes stacks executable.
            return Err(self.reject(Reason::ExecutableStack));
        }
        Ok(())
    }

    /// Checks one range that is mapped; returns where it ends in memory.
    fn check_loaded(
        &self,
        segment: &Segment,
        range: Range,
        end_of_last: u64,
    ) -> Result<u64, LoadError> {
        let align = segment.p_align(ENDIAN);
        let flags = segment.p_flags(ENDIAN);
        if range.in_memory < range.in_file {
            return Err(self.invalid("a segment is longer in the file than in memory"));
        }
        let is_aligned = align.is_power_of_two()
            && align >= PAGE
            && range.address % align == range.offset % align;
        if !is_aligned {
            return Err(self.invalid(format!("a segment is aligned to {align}")));
        }
        if flags.contains(elf::PF_W) && flags.contains(elf::PF_X) {
            return Err(self.invalid("a segment is writable and executable"));
        }
        if range.address < end_of_last {
            return Err(self.invalid("segments overlap or are out of order"));
        }
        range
            .address
            .checked_add(range.in_memory)
            .filter(|end| *end <= LONGEST_IMAGE)
            .ok_or_else(|| self.invalid("the segments take more than 1 GiB of memory"))
    }

    /// Compares the program headers with the section table.
    pub(super) fn compare_with_sections(
        &self,
        segments: &[Segment],
        sections: &Sections<'a>,
    ) -> Result<(), LoadError> {
        let allocated: Vec<Allocated<'a>> = sections
            .iter()
            .filter(|section| section.sh_flags(ENDIAN).contains(elf::SHF_ALLOC))
            .filter(|section| section.sh_size(ENDIAN) > 0)
            .map(|section| {
                let size = section.sh_size(ENDIAN);
                let kind = section.sh_type(ENDIAN);
                let name = sections.section_name(ENDIAN, section).unwrap_or_default();
                Allocated {
                    name: std::str::from_utf8(name).unwrap_or_default(),
                    kind,
                    flags: section.sh_flags(ENDIAN),
                    align: section.sh_addralign(ENDIAN),
                    range: Range {
                        address: section.sh_addr(ENDIAN),
                        offset: section.sh_offset(ENDIAN),
                        in_file: if kind == elf::SHT_NOBITS { 0 } else { size },
                        in_memory: size,
                    },
                }
            })
            .collect();
        let loaded: Vec<&Segment> = segments
            .iter()
            .filter(|segment| segment.p_type(ENDIAN) == elf::PT_LOAD)
            .collect();
        for section in &allocated {
            self.check_is_loaded(section, &loaded)?;
        }
        for segment in segments {
            let range = Range::of(segment);
            let kind = segment.p_type(ENDIAN);
            let is_read = ![elf::PT_LOAD, elf::PT_GNU_STACK, elf::PT_GNU_RELRO].contains(&kind)
                && kind != elf::PT_TLS
                && kind.0 != 0x7000_0003;
            if is_read {
                let is_mapped = loaded.iter().any(|load| Range::of(load).maps(range));
                if !is_mapped || range.in_file != range.in_memory {
                    return Err(self.invalid(format!("{} is not loaded: {range}", in_words(kind))));
                }
            }
            if kind == elf::PT_PHDR && range.offset != self.header()?.e_phoff.get(ENDIAN) {
                return Err(self.invalid("the program headers stand elsewhere"));
            }
            if kind == elf::PT_GNU_RELRO {
                self.check_read_only_later(range, &loaded, &allocated)?;
            }
        }
        let of_kind = |kind| move |section: &Allocated<'_>| section.kind == kind;
        self.compare_with(
            elf::PT_DYNAMIC,
            segments,
            &allocated,
            of_kind(elf::SHT_DYNAMIC),
        )?;
        self.compare_with(elf::PT_GNU_EH_FRAME, segments, &allocated, |section| {
            section.name == ".eh_frame_hdr"
        })?;
        self.check_notes(segments, &allocated)?;
        self.check_thread_locals(segments, &allocated)
    }

    /// A section must be mapped where it says, with the permissions it needs.
    fn check_is_loaded(
        &self,
        section: &Allocated<'_>,
        loaded: &[&Segment],
    ) -> Result<(), LoadError> {
        let range = section.range;
        let is_empty_in_file = section.kind == elf::SHT_NOBITS;
        if is_empty_in_file && section.flags.contains(elf::SHF_TLS) {
            // Only the copies that threads have take memory.
            return Ok(());
        }
        let found = loaded
            .iter()
            .find(|segment| Range::of(segment).holds(range.address, range.in_memory));
        let is_right = found.is_some_and(|segment| {
            let load = Range::of(segment);
            let flags = segment.p_flags(ENDIAN);
            let is_mapped = if is_empty_in_file {
                // It is zeroed, so it must not come from the file.
                range.address - load.address >= load.in_file
            } else {
                load.maps(range)
            };
            let needs =
                |flag, permission| !section.flags.contains(flag) || flags.contains(permission);
            is_mapped
                && flags.contains(elf::PF_R)
                && needs(elf::SHF_WRITE, elf::PF_W)
                && needs(elf::SHF_EXECINSTR, elf::PF_X)
        });
        if is_right {
            return Ok(());
        }
        Err(self.invalid(format!(
            "the section {:?} is not loaded as it must be: {range}",
            section.name
        )))
    }

    /// The one header of a kind and the one section of it must be the same.
    fn compare_with(
        &self,
        kind: elf::ProgramType,
        segments: &[Segment],
        sections: &[Allocated<'_>],
        is_meant: impl Fn(&Allocated<'_>) -> bool,
    ) -> Result<(), LoadError> {
        let headers: Vec<Range> = segments
            .iter()
            .filter(|segment| segment.p_type(ENDIAN) == kind)
            .map(Range::of)
            .collect();
        let sections: Vec<Range> = sections
            .iter()
            .filter(|section| is_meant(section))
            .map(|section| section.range)
            .collect();
        if headers == sections {
            return Ok(());
        }
        Err(self.invalid(format!("{} is not where its section is", in_words(kind))))
    }

    /// Notes are read while the library is linked: they must be whole sections.
    fn check_notes(
        &self,
        segments: &[Segment],
        sections: &[Allocated<'_>],
    ) -> Result<(), LoadError> {
        for segment in segments {
            let kind = segment.p_type(ENDIAN);
            if kind != elf::PT_NOTE && kind != elf::PT_GNU_PROPERTY {
                continue;
            }
            let range = Range::of(segment);
            let notes = || {
                sections
                    .iter()
                    .filter(|section| section.kind == elf::SHT_NOTE)
            };
            let begins = notes().any(|note| note.range.address == range.address);
            let ends = notes().any(|note| note.range.end() == range.end());
            let aligned = [4, 8].contains(&segment.p_align(ENDIAN));
            if !begins || !ends || !aligned {
                return Err(self.invalid(format!("{} is not where its section is", in_words(kind))));
            }
        }
        Ok(())
    }

    /// Thread-local variables: each thread gets a copy of this range.
    fn check_thread_locals(
        &self,
        segments: &[Segment],
        sections: &[Allocated<'_>],
    ) -> Result<(), LoadError> {
        let headers: Vec<&Segment> = segments
            .iter()
            .filter(|segment| segment.p_type(ENDIAN) == elf::PT_TLS)
            .collect();
        let thread_local: Vec<&Allocated<'_>> = sections
            .iter()
            .filter(|section| section.flags.contains(elf::SHF_TLS))
            .collect();
        let Some(first) = thread_local
            .iter()
            .map(|section| section.range)
            .min_by_key(|range| range.address)
        else {
            return match headers.is_empty() {
                true => Ok(()),
                false => Err(self.invalid("thread-local memory without a section")),
            };
        };
        let end_of = |in_file: bool| {
            let ranges = thread_local.iter().map(|section| section.range);
            ranges
                .filter(|range| !in_file || range.in_file > 0)
                .map(|range| range.end() - first.address)
                .max()
                .unwrap_or(0)
        };
        let align = thread_local
            .iter()
            .map(|section| section.align)
            .max()
            .unwrap_or(1)
            .max(1);
        let is_right = match headers.as_slice() {
            [header] => {
                let range = Range::of(header);
                let found = header.p_align(ENDIAN).max(1);
                // A linker may round the length up to the alignment.
                let rounding = range.in_memory.checked_sub(end_of(false));
                range.address == first.address
                    && range.offset == first.offset
                    && range.in_file == end_of(true)
                    && rounding.is_some_and(|rounding| rounding < align)
                    && range.in_memory <= LONGEST_TLS
                    && found == align
                    && found <= PAGE
            }
            _ => false,
        };
        if is_right {
            return Ok(());
        }
        Err(self.invalid("thread-local memory is not where its sections are"))
    }

    /// What becomes read-only must lie in one writable segment and hold nothing
    /// that is written later.
    fn check_read_only_later(
        &self,
        range: Range,
        loaded: &[&Segment],
        sections: &[Allocated<'_>],
    ) -> Result<(), LoadError> {
        let invalid = || self.invalid(format!("what becomes read-only is wrong: {range}"));
        let page_of = |address: u64| address & !(PAGE - 1);
        let (start, end) = (page_of(range.address), page_of(range.end()));
        let inside = loaded.iter().any(|segment| {
            let load = Range::of(segment);
            let last = page_of(load.end().saturating_add(PAGE - 1));
            segment.p_flags(ENDIAN).contains(elf::PF_W)
                && range.address >= load.address
                && end <= last
        });
        if !inside {
            return Err(invalid());
        }
        for section in sections {
            let touches = section.range.address < end && section.range.end() > start;
            let may = READ_ONLY_LATER
                .iter()
                .any(|name| section.name.starts_with(name));
            let is_written = section.flags.contains(elf::SHF_WRITE) && !may;
            // A page of code that is made read-only can no longer run.
            if touches && (is_written || section.flags.contains(elf::SHF_EXECINSTR)) {
                return Err(invalid());
            }
        }
        Ok(())
    }
}

fn in_words(kind: elf::ProgramType) -> &'static str {
    match kind {
        elf::PT_DYNAMIC => "the dynamic table",
        elf::PT_NOTE | elf::PT_GNU_PROPERTY => "a note",
        elf::PT_PHDR => "the table of program headers",
        elf::PT_GNU_EH_FRAME => "the table for unwinding",
        _ => "a segment",
    }
}
