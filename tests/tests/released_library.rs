//! The provider as it is released: what it needs of a machine, what it shows,
//! and how large it is. Builds it in the profile `release`.

use integration_tests::released_library;
use object::LittleEndian;
use object::elf::{DT_NEEDED, FileHeader64, SHN_UNDEF};
use object::read::elf::{Dyn as _, FileHeader as _, SectionTable, Sym as _, VerneedIterator};
use std::collections::BTreeSet;

type Header = FileHeader64<LittleEndian>;

/// In bytes; what is measured is stripped.
const LARGEST: usize = 3_600_000;

/// The C library, its mathematics, the unwinder and the dynamic linker.
const NEEDED: [&str; 5] = [
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
];

struct Library {
    bytes: Vec<u8>,
}

impl Library {
    fn sections(&self) -> (&Header, SectionTable<'_, Header>) {
        let header = Header::parse(&*self.bytes).unwrap();
        let sections = header.sections(LittleEndian, &*self.bytes).unwrap();
        (header, sections)
    }

    /// The names that other code can find in it.
    fn exported(&self) -> Vec<String> {
        let (_, sections) = self.sections();
        let symbols = sections
            .symbols(LittleEndian, &*self.bytes, object::elf::SHT_DYNSYM)
            .unwrap();
        symbols
            .iter()
            .filter(|symbol| symbol.st_shndx(LittleEndian) != SHN_UNDEF)
            .map(|symbol| symbols.symbol_name(LittleEndian, symbol).unwrap())
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect()
    }

    /// The libraries that the dynamic linker has to find.
    fn needed(&self) -> BTreeSet<String> {
        let (_, sections) = self.sections();
        let (entries, link) = sections
            .dynamic(LittleEndian, &*self.bytes)
            .unwrap()
            .unwrap();
        let names = sections.strings(LittleEndian, &*self.bytes, link).unwrap();
        entries
            .iter()
            .filter(|entry| entry.tag(LittleEndian) == DT_NEEDED)
            .map(|entry| entry.string(LittleEndian, names).unwrap())
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect()
    }

    /// The versions of the C library that its symbols ask for, as numbers.
    fn versions_of_glibc(&self) -> BTreeSet<Vec<u32>> {
        let (_, sections) = self.sections();
        let (needs, link): (VerneedIterator<'_, Header>, _) = sections
            .gnu_verneed(LittleEndian, &*self.bytes)
            .unwrap()
            .unwrap();
        let names = sections.strings(LittleEndian, &*self.bytes, link).unwrap();
        let mut versions = BTreeSet::new();
        for need in needs {
            for version in need.unwrap().1 {
                let name = version.unwrap().name(LittleEndian, names).unwrap();
                let name = String::from_utf8_lossy(name);
                if let Some(numbers) = name.strip_prefix("GLIBC_") {
                    versions.insert(numbers.split('.').map(|n| n.parse().unwrap()).collect());
                }
            }
        }
        versions
    }

    fn has_section(&self, name: &str) -> bool {
        let (_, sections) = self.sections();
        sections
            .section_by_name(LittleEndian, name.as_bytes())
            .is_some()
    }
}

mod needs_full_run {
    use super::*;

    #[test]
    #[ignore = "compiles for release: cargo xtask test --full"]
    fn the_released_provider_is_small_shows_one_symbol_and_needs_the_c_library_only() {
        let library = Library {
            bytes: std::fs::read(released_library("vcs-bitbucketcloud")).unwrap(),
        };
        let (size, needed) = (library.bytes.len(), library.needed());
        let glibc = library.versions_of_glibc();
        println!(
            "{size} bytes, needs {needed:?} and glibc {:?}",
            glibc.last()
        );
        assert!(!library.has_section(".symtab"), "it is not stripped");
        assert!(size < LARGEST, "{size} bytes are more than {LARGEST}");
        assert_eq!(library.exported().len(), 1, "{:?}", library.exported());
        for name in &needed {
            assert!(NEEDED.contains(&name.as_str()), "it needs {name}");
        }
        assert!(
            glibc.last().is_some(),
            "it names the versions that it needs"
        );
    }
}
