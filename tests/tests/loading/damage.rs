//! Damage that nobody thought of, to a real plugin whose manifest agrees with it:
//! the checks of the form and the preflight are all that stands before the host.

use super::said_in_one_line;
use integration_tests::built_library;
use integration_tests::elf_bytes::bits_of_program_headers;
use integration_tests::elf_damage::damaged;
use integration_tests::place::{Place, write_manifest};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use vcs_plugin_host::loader::{Digest, Manifest};

/// Runs one seed only, to look at a failure again.
const SEED: &str = "DAMAGE_SEED";
/// How long damage is tried, for more than the gate has time for.
const SECONDS: &str = "DAMAGE_SECONDS";

/// The plugin as it is shipped, without what a debugger reads, where there is a
/// program that takes it out: each round hashes and copies the whole file.
fn shipped(place: &Place) -> Vec<u8> {
    let library = built_library("vcs-bitbucketcloud");
    let stripped: PathBuf = place.scratch().join("stripped.so");
    let strip = Command::new("strip")
        .arg("-o")
        .args([&stripped, &library])
        .status();
    let file = match strip {
        Ok(status) if status.success() => stripped,
        _ => library,
    };
    fs::read(file).unwrap()
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn any_damage_is_a_message_of_the_engine_and_never_a_signal() {
    let place = Place::new();
    let whole = shipped(&place);
    let file = place.plugins().join("libdamaged.so");
    fs::write(&file, &whole).unwrap();
    let agreed = place.loader().write_manifest(&file).unwrap();
    let seconds = from_environment(SECONDS).unwrap_or(15);
    let seeds = match from_environment(SEED) {
        Some(seed) => seed..seed + 1,
        None => 0..u64::MAX,
    };
    let started = Instant::now();
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    for seed in seeds {
        if started.elapsed() > Duration::from_secs(seconds) {
            break;
        }
        let (bytes, how) = damaged(&whole, seed);
        fs::write(&file, &bytes).unwrap();
        let manifest = Manifest {
            size: bytes.len() as u64,
            sha256: Digest::of(&bytes),
            ..agreed.clone()
        };
        write_manifest(&file, &manifest);
        let ran = place.engine(&[OsStr::new("plugins"), OsStr::new("check"), file.as_os_str()]);
        let what = format!("{SEED}={seed} ({how})");
        said_in_one_line(&ran, "libdamaged.so", &what);
        *codes.entry(code_of(&ran)).or_default() += 1;
        // The private copies of damaged files would fill the disk.
        let _ = fs::remove_dir_all(place.private_copies());
    }
    println!("{codes:?}");
    assert!(
        from_environment(SEED).is_some() || codes.len() > 5,
        "{codes:?}"
    );
}

/// The code of a rejection, which stands in brackets; "accepted" without one.
fn code_of(ran: &Output) -> String {
    let said = String::from_utf8_lossy(&ran.stderr);
    let code = said
        .split_once(" (")
        .and_then(|(_, rest)| rest.split_once("): "));
    code.map_or("accepted", |(code, _)| code).to_owned()
}

/// So many bits of program headers are flipped, spread evenly; `DAMAGE_BITS=all`
/// flips each.
const FLIPPED_BITS: usize = 320;

#[test]
fn a_flipped_bit_in_a_program_header_never_ends_the_engine_that_serves() {
    let serving = super::Serving::new();
    let place = &serving.place;
    let library = place.install(&built_library("vcs-misbehaving"), "libflipped.so");
    let strip = Command::new("strip").arg(&library).status();
    println!("stripped: {strip:?}");
    let agreed = place.loader().write_manifest(&library).unwrap();
    let whole = fs::read(&library).unwrap();
    let bits = bits_of_program_headers(&whole);
    let step = match std::env::var("DAMAGE_BITS").as_deref() {
        Ok("all") => 1,
        _ => (bits.len() / FLIPPED_BITS).max(1),
    };
    let registry = &serving.registry;
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for (offset, bit) in bits.into_iter().step_by(step) {
        let mut bytes = whole.clone();
        bytes[offset] ^= 1 << bit;
        // A mapped file is not written to.
        let _ = fs::remove_file(&library);
        fs::write(&library, &bytes).unwrap();
        let manifest = Manifest {
            sha256: Digest::of(&bytes),
            ..agreed.clone()
        };
        write_manifest(&library, &manifest);
        // One that is accepted serves from here on, in this process: a signal
        // ends the test.
        let code = match registry.load(&library) {
            Ok(_) => "accepted",
            Err(error) => error.code(),
        };
        println!("bit {bit} of byte {offset}: {code}");
        *codes.entry(code).or_default() += 1;
        serving.assert_still_serves();
    }
    println!("{codes:?}");
    assert!(
        codes.get("elf_invalid").is_some_and(|count| *count > 50),
        "{codes:?}"
    );
    assert!(
        codes.contains_key("accepted"),
        "some bits mean nothing: {codes:?}"
    );
}
