//! The dynamic table: what the linker follows without a look.

use super::{ENDIAN, Examination, Segment, file_range_of};
use crate::loader::error::{LoadError, Reason};
use object::elf;
use object::read::StringTable;
use object::read::elf::{Dyn as _, ProgramHeader as _};

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

/// Tables with their length in bytes and that of one entry.
const SIZED_TABLES: &[(elf::DynamicTag, elf::DynamicTag, u64)] = &[
    (elf::DT_RELA, elf::DT_RELASZ, 24),
    (elf::DT_JMPREL, elf::DT_PLTRELSZ, 24),
    (elf::DT_RELR, elf::DT_RELRSZ, 8),
    (elf::DT_INIT_ARRAY, elf::DT_INIT_ARRAYSZ, 8),
    (elf::DT_FINI_ARRAY, elf::DT_FINI_ARRAYSZ, 8),
];

/// The lengths of entries, which cannot be others on a machine of 64 bits.
const ENTRY_SIZES: &[(elf::DynamicTag, u64)] = &[
    (elf::DT_RELAENT, 24),
    (elf::DT_RELRENT, 8),
    (elf::DT_SYMENT, 24),
    (elf::DT_PLTREL, 7),
];

impl<'a> Examination<'a> {
    pub(super) fn check_dynamic(&self, segments: &[Segment]) -> Result<(), LoadError> {
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
        for (table, length, entry) in SIZED_TABLES {
            let (Some(address), Some(length)) = (value_of(*table), value_of(*length)) else {
                continue;
            };
            let is_whole = length % entry == 0 && length <= self.bytes.len() as u64;
            let is_inside =
                length == 0 || file_range_of(segments, address, length.max(1)).is_some();
            if !(is_whole && is_inside) {
                return Err(self.invalid(format!(
                    "the table of dynamic entry {} has {length} bytes at {address:#x}",
                    table.0
                )));
            }
        }
        for (tag, expected) in ENTRY_SIZES {
            if value_of(*tag).is_some_and(|found| found != *expected) {
                return Err(self.invalid(format!("dynamic entry {} is not {expected}", tag.0)));
            }
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
}
