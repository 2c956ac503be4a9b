//! Damage to the bytes of a 64-bit little-endian ELF library: by chance, but the
//! same for the same seed, and mostly where the dynamic linker looks.

use crate::elf_bytes::{number, program_headers, put, section_headers};

const PT_DYNAMIC: u32 = 2;
const SHT_RELA: u32 = 4;
const SHT_INIT_ARRAY: u32 = 14;
const SHT_DYNSYM: u32 = 11;
const SHT_DYNSTR: u32 = 3;
const SHT_GNU_HASH: u32 = 0x6fff_fff6;

/// The fields of the file header: offset and length.
const FILE_HEADER: &[(usize, usize)] = &[
    (4, 1),
    (5, 1),
    (6, 1),
    (7, 1),
    (16, 2),
    (18, 2),
    (20, 4),
    (24, 8),
    (32, 8),
    (40, 8),
    (48, 4),
    (52, 2),
    (54, 2),
    (56, 2),
    (58, 2),
    (60, 2),
    (62, 2),
];
const PROGRAM_HEADER: &[(usize, usize)] = &[
    (0, 4),
    (4, 4),
    (8, 8),
    (16, 8),
    (24, 8),
    (32, 8),
    (40, 8),
    (48, 8),
];
const SECTION_HEADER: &[(usize, usize)] = &[
    (0, 4),
    (4, 4),
    (8, 8),
    (16, 8),
    (24, 8),
    (32, 8),
    (40, 4),
    (44, 4),
    (48, 8),
    (56, 8),
];
const DYNAMIC_ENTRY: &[(usize, usize)] = &[(0, 8), (8, 8)];
const RELOCATION: &[(usize, usize)] = &[(0, 8), (8, 4), (12, 4), (16, 8)];
const SYMBOL: &[(usize, usize)] = &[(0, 4), (4, 1), (5, 1), (6, 2), (8, 8), (16, 8)];

/// The tags of the dynamic table that make the linker do or follow something.
const DYNAMIC_TAGS: &[u64] = &[
    0,
    1,
    2,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
    20,
    21,
    22,
    23,
    24,
    25,
    26,
    27,
    28,
    29,
    30,
    32,
    33,
    35,
    36,
    37,
    0x6fff_fef5,
    0x6fff_fff0,
    0x6fff_fffb,
    0x6fff_fffc,
    0x6fff_fffd,
    0x6fff_fffe,
    0x6fff_ffff,
    0x7fff_fffd,
    0x7fff_ffff,
];

/// Chance that is the same in every run with the same seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// A number that code is likely to get wrong.
    fn odd_number(&mut self, present: u64, file: usize) -> u64 {
        let file = file as u64;
        let numbers = [
            0,
            1,
            2,
            7,
            0xff,
            0x1000,
            0xffff,
            file - 1,
            file,
            file + 1,
            u64::from(u32::MAX),
            1 << 32,
            1 << 47,
            i64::MAX as u64,
            u64::MAX,
            u64::MAX - 0xfff,
            present.wrapping_add(1),
            present.wrapping_sub(1),
            present.wrapping_add(8),
            present.wrapping_add(0x1000),
            present.wrapping_neg(),
            present << 1,
            self.next() % file,
            self.next(),
        ];
        *self.one_of(&numbers)
    }
}

/// Damages a library and says how, in words.
#[must_use]
pub fn damaged(whole: &[u8], seed: u64) -> (Vec<u8>, String) {
    let mut chance = Chance(seed);
    let mut bytes = whole.to_vec();
    let mut words = Vec::new();
    for _ in 0..=chance.below(3) {
        let what = damage(&mut bytes, whole, &mut chance);
        words.push(what);
    }
    (bytes, words.join(", "))
}

fn damage(bytes: &mut Vec<u8>, whole: &[u8], chance: &mut Chance) -> String {
    let reach = bytes.len();
    if reach < whole.len() {
        // Its tables may be gone.
        return flip_bits(bytes, reach, chance);
    }
    match chance.below(13) {
        0 => {
            let length = chance.below(reach);
            bytes.truncate(length);
            format!("cut off at {length}")
        }
        1 => flip_bits(bytes, reach, chance),
        2 => flip_bits(bytes, 4096, chance),
        3 => field("file header", &[0], FILE_HEADER, bytes, chance),
        4 | 5 => {
            let headers = program_headers(whole, None);
            field("program header", &headers, PROGRAM_HEADER, bytes, chance)
        }
        6 => {
            let headers = section_headers(whole, None);
            field("section header", &headers, SECTION_HEADER, bytes, chance)
        }
        7 => {
            let entries = dynamic_entries(whole);
            field("dynamic entry", &entries, DYNAMIC_ENTRY, bytes, chance)
        }
        8 => {
            let entry = *chance.one_of(&dynamic_entries(whole));
            let tag = *chance.one_of(DYNAMIC_TAGS);
            put(bytes, entry, &tag.to_le_bytes());
            format!("dynamic entry at {entry} has the tag {tag:#x}")
        }
        9 => {
            let relocations = table(whole, SHT_RELA, 24);
            let relocation = *chance.one_of(&relocations);
            if chance.below(2) == 0 {
                // A function of the library decides while it is linked (IFUNC).
                put(bytes, relocation + 8, &37u32.to_le_bytes());
                return format!("the relocation at {relocation} is indirect");
            }
            field("relocation", &[relocation], RELOCATION, bytes, chance)
        }
        10 => {
            let symbols = table(whole, SHT_DYNSYM, 24);
            field("symbol", &symbols, SYMBOL, bytes, chance)
        }
        11 => {
            let kind = *chance.one_of(&[SHT_INIT_ARRAY, SHT_GNU_HASH, SHT_DYNSTR]);
            let words = table(whole, kind, 8);
            field("word of a table", &words, &[(0, 8)], bytes, chance)
        }
        _ => {
            let page = chance.below(reach / 4096) * 4096;
            bytes[page..page + 4096].fill(*chance.one_of(&[0, 0xff, 0xcc]));
            format!("the page at {page} is lost")
        }
    }
}

fn flip_bits(bytes: &mut [u8], reach: usize, chance: &mut Chance) -> String {
    let count = 1 + chance.below(16);
    for _ in 0..count.min(bytes.len()) {
        let place = chance.below(reach.min(bytes.len()));
        bytes[place] ^= 1 << chance.below(8);
    }
    format!("{count} bits of the first {reach} bytes are flipped")
}

/// Writes an odd number into a field of one of these records.
fn field(
    what: &str,
    records: &[usize],
    fields: &[(usize, usize)],
    bytes: &mut [u8],
    chance: &mut Chance,
) -> String {
    let (record, (offset, length)) = (*chance.one_of(records), *chance.one_of(fields));
    let place = record + offset;
    let value = chance.odd_number(number(bytes, place, length), bytes.len());
    put(bytes, place, &value.to_le_bytes()[..length]);
    format!("{what} at {record}, byte {offset}: {value:#x}")
}

fn dynamic_entries(bytes: &[u8]) -> Vec<usize> {
    let header = program_headers(bytes, Some(PT_DYNAMIC))[0];
    entries(
        number(bytes, header + 8, 8),
        number(bytes, header + 32, 8),
        16,
    )
}

/// The offsets of the entries of all sections of a kind.
fn table(bytes: &[u8], kind: u32, entry: usize) -> Vec<usize> {
    section_headers(bytes, Some(kind))
        .into_iter()
        .flat_map(|header| {
            let (start, length) = (number(bytes, header + 24, 8), number(bytes, header + 32, 8));
            entries(start, length, entry)
        })
        .collect()
}

fn entries(start: u64, length: u64, entry: usize) -> Vec<usize> {
    let (start, length) = (start as usize, length as usize);
    (0..length / entry)
        .map(|index| start + index * entry)
        .collect()
}
