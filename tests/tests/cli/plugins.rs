//! `engine plugins`: a file that is no plugin is refused in one line, and never
//! by a signal.

use integration_tests::engine::{engine, plugin_directory, run};
use std::path::{Path, PathBuf};

/// The libraries of this machine that surely exist and are no plugins.
fn foreign_library() -> PathBuf {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let library = maps
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .find(|path| path.contains("libc.so") || path.contains("libgcc_s"))
        .expect("the C library");
    library.into()
}

fn plugin() -> PathBuf {
    plugin_directory().join("libvcs_bitbucketcloud.so")
}

fn private_copy(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn what_is_no_plugin_is_refused_with_its_own_exit_code_and_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(plugin()).unwrap();
    let manifest = std::fs::read(plugin().with_extension("manifest.toml")).unwrap();
    let file = |name: &str, bytes: &[u8]| private_copy(folder.path(), name, bytes);
    let truncated = file("truncated.so", &whole[..whole.len() / 2]);
    let text = file("text.so", b"just a text\n");
    let foreign = file("foreign.so", &std::fs::read(foreign_library()).unwrap());
    // The manifest of the whole file beside half of it.
    let pinned = file("libvcs_bitbucketcloud.so", &whole[..whole.len() / 2]);
    file("libvcs_bitbucketcloud.manifest.toml", &manifest);
    let missing = folder.path().join("missing.so");
    for (task, path, code, words) in [
        ("check", &missing, 20, "no such file"),
        ("check", &truncated, 22, "cut off"),
        ("check", &text, 22, "no ELF file"),
        ("check", &foreign, 22, "foreign.so"),
        ("check", &pinned, 21, "bytes"),
        ("pin", &truncated, 22, "cut off"),
        ("pin", &text, 22, "no ELF file"),
        ("pin", &foreign, 22, "foreign.so"),
        ("pin", &missing, 20, "no such file"),
    ] {
        let ran = run(engine().args(["plugins", task]).arg(path));
        assert_eq!(ran.code, Some(code), "{task} {ran:?}");
        assert_eq!(ran.stdout, "", "{ran:?}");
        assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
        assert!(
            ran.stderr.contains(words),
            "{words:?} is missing in {ran:?}"
        );
        let document = run(engine().args(["plugins", task, "--json"]).arg(path)).json();
        assert_eq!(document["error"]["exit_code"], code, "{document}");
    }
}

#[test]
fn a_plugin_is_checked_and_listed_with_what_it_says_of_itself() {
    let checked = run(engine().args(["plugins", "check", "--json"]).arg(plugin())).success();
    assert_eq!(checked["provider_type"], "bitbucketcloud");
    let list = run(engine()
        .args(["plugins", "list", "--json", "--plugin-dir"])
        .arg(plugin_directory()));
    let list = list.success();
    assert_eq!(list[0]["state"], "accepted", "{list}");
    assert_eq!(list[0]["plugin"]["sha256"], checked["sha256"]);
}

#[test]
fn a_plugin_is_pinned_and_then_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(plugin()).unwrap();
    let path = private_copy(folder.path(), "libnew.so", &bytes);
    let check = || run(engine().args(["plugins", "check"]).arg(&path));
    assert_eq!(check().code, Some(21));
    let pinned = run(engine().args(["plugins", "pin", "--json"]).arg(&path));
    assert_eq!(pinned.success()["type"], "bitbucketcloud");
    let checked = check();
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stdout.starts_with("accepted"), "{checked:?}");
}

#[test]
fn a_refused_plugin_is_listed_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    private_copy(folder.path(), "libtext.so", b"text");
    private_copy(folder.path(), "notes.txt", b"text");
    let list = run(engine()
        .args(["plugins", "list", "--json", "--plugin-dir"])
        .arg(folder.path()))
    .success();
    assert_eq!(list[0]["state"], "rejected", "{list}");
    assert_eq!(list[0]["code"], "not_elf", "{list}");
    assert_eq!(list[1]["state"], "ignored", "{list}");
}

#[test]
fn a_plugin_directory_that_is_not_there_is_named_with_what_to_do() {
    let ran = run(engine().args(["plugins", "list", "--plugin-dir", "/no/such/folder"]));
    assert_eq!(ran.code, Some(20), "{ran:?}");
    assert!(ran.stderr.contains("/no/such/folder"), "{ran:?}");
    assert!(ran.stderr.contains("--plugin-dir"), "{ran:?}");
}
