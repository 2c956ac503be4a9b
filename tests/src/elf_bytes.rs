//! Changes to the bytes of a 64-bit little-endian ELF file, to make files that
//! a loader must refuse. Written without an ELF library on purpose: the loader
//! uses one, and a test that shares its reading shares its mistakes.

/// The entry of the dynamic table that names a library.
pub const NEEDED: u64 = 1;
/// The entry of the dynamic table that names the library itself.
pub const FLAGS_1: u64 = 0x6fff_fffb;
/// The entry of the dynamic table with a search path of the old kind.
pub const RPATH: u64 = 15;
/// The entry of the dynamic table with a search path.
pub const RUNPATH: u64 = 29;

const PT_DYNAMIC: u32 = 2;
const PT_GNU_STACK: u32 = 0x6474_e551;

/// Writes a number over the bytes at an offset.
pub fn put(bytes: &mut [u8], offset: usize, number: &[u8]) {
    bytes[offset..offset + number.len()].copy_from_slice(number);
}

/// The number in these bytes.
pub(crate) fn number(bytes: &[u8], offset: usize, length: usize) -> u64 {
    let mut whole = [0; 8];
    whole[..length].copy_from_slice(&bytes[offset..offset + length]);
    u64::from_le_bytes(whole)
}

/// The offsets of the program headers of a kind, or of all.
pub(crate) fn program_headers(bytes: &[u8], kind: Option<u32>) -> Vec<usize> {
    let (start, count) = (number(bytes, 32, 8) as usize, number(bytes, 56, 2) as usize);
    (0..count)
        .map(|index| start + index * 56)
        .filter(|header| kind.is_none_or(|kind| number(bytes, *header, 4) == u64::from(kind)))
        .collect()
}

/// The offsets of the section headers of a kind, or of all.
pub(crate) fn section_headers(bytes: &[u8], kind: Option<u32>) -> Vec<usize> {
    let (start, count) = (number(bytes, 40, 8) as usize, number(bytes, 60, 2) as usize);
    (0..count)
        .map(|index| start + index * 64)
        .filter(|header| kind.is_none_or(|kind| number(bytes, *header + 4, 4) == u64::from(kind)))
        .collect()
}

/// Where each bit of the program headers stands: offset and bit.
#[must_use]
pub fn bits_of_program_headers(bytes: &[u8]) -> Vec<(usize, u8)> {
    program_headers(bytes, None)
        .into_iter()
        .flat_map(|header| header..header + 56)
        .flat_map(|byte| (0..8).map(move |bit| (byte, bit)))
        .collect()
}

/// Sets the machine that the file is for.
pub fn set_machine(bytes: &mut [u8], machine: u16) {
    put(bytes, 18, &machine.to_le_bytes());
}

/// Gives the stack a permission to execute.
///
/// # Panics
/// If the file says nothing of its stack.
pub fn make_stack_executable(bytes: &mut [u8]) {
    let header = program_headers(bytes, Some(PT_GNU_STACK))[0];
    put(bytes, header + 4, &7u32.to_le_bytes());
}

/// Changes the kind of the first entry of the dynamic table that has this kind.
///
/// # Panics
/// If there is none.
pub fn change_dynamic_tag(bytes: &mut [u8], from: u64, to: u64) {
    let entry = dynamic_entry(bytes, from);
    put(bytes, entry, &to.to_le_bytes());
}

/// Changes the value of the first entry of the dynamic table that has this kind.
///
/// # Panics
/// If there is none.
pub fn change_dynamic_value(bytes: &mut [u8], tag: u64, value: u64) {
    let entry = dynamic_entry(bytes, tag);
    put(bytes, entry + 8, &value.to_le_bytes());
}

fn dynamic_entry(bytes: &[u8], tag: u64) -> usize {
    let header = program_headers(bytes, Some(PT_DYNAMIC))[0];
    let (start, length) = (
        number(bytes, header + 8, 8) as usize,
        number(bytes, header + 32, 8) as usize,
    );
    let found = (start..start + length)
        .step_by(16)
        .find(|entry| number(bytes, *entry, 8) == tag);
    match found {
        Some(entry) => entry,
        None => panic!("there is no dynamic entry {tag}"),
    }
}

/// Replaces the first occurrence of a text by one of the same length.
///
/// # Panics
/// If it does not occur.
pub fn replace_text(bytes: &mut [u8], old: &str, new: &str) {
    assert_eq!(old.len(), new.len(), "lengths must agree");
    let found = bytes
        .windows(old.len())
        .position(|window| window == old.as_bytes());
    match found {
        Some(offset) => put(bytes, offset, new.as_bytes()),
        None => panic!("{old:?} does not occur"),
    }
}
