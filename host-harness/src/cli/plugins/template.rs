//! `engine plugins new`: the source of a provider that compiles and conforms as it is.
//!
//! The provider is the one of the guide for plugin authors, under another name.

use crate::cli::failure::Failure;
use std::path::{Path, PathBuf};

const MANIFEST: &str = include_str!("template/Cargo.toml");
const CONFIG: &str = include_str!("template/config.toml");
const SCRIPT: &str = include_str!("template/conform.sh");
const README: &str = include_str!("template/README.md");
const IGNORED: &str = "/target\n/plugins\n";
const PROVIDER: &str =
    include_str!("../../../conformance/tests/plugin_authors_guide/static_provider.rs");

/// The version of the interface that is asked for where no path is named.
const PUBLISHED: &str = "\"1\"";

/// Writes the source of a provider into a new directory, and returns it.
pub(super) fn write(
    name: &str,
    directory: Option<&Path>,
    interface: Option<&Path>,
) -> Result<PathBuf, Failure> {
    check(name)?;
    let directory = match directory {
        Some(directory) => directory.to_owned(),
        None => PathBuf::from(format!("vcs-{name}")),
    };
    let interface = match interface {
        Some(path) => {
            if !path.join("Cargo.toml").is_file() {
                return Err(Failure::usage(format!(
                    "--interface: {} holds no Cargo.toml; name the directory of the package \
                     vcs-provider-interface",
                    path.display()
                )));
            }
            let path = path
                .canonicalize()
                .map_err(|error| Failure::file(path, &error))?;
            format!("{{ path = {:?} }}", path.display().to_string())
        }
        None => PUBLISHED.to_owned(),
    };
    std::fs::create_dir_all(directory.join("src"))
        .map_err(|error| Failure::file(&directory, &error))?;
    let library = format!("libvcs_{}.so", name.replace('-', "_"));
    let filled = |text: &str| {
        text.replace("NAME", name)
            .replace("LIBRARY", &library)
            .replace("INTERFACE", &interface)
    };
    for (file, text) in [
        ("Cargo.toml", filled(MANIFEST)),
        ("config.toml", filled(CONFIG)),
        ("conform.sh", filled(SCRIPT)),
        ("README.md", filled(README)),
        (".gitignore", IGNORED.to_owned()),
        ("src/lib.rs", provider(name)),
    ] {
        write_new(&directory.join(file), &text)?;
    }
    make_executable(&directory.join("conform.sh"))?;
    Ok(directory)
}

/// The guide's provider under this name.
fn provider(name: &str) -> String {
    let words = name.split('-').map(capitalised);
    let camel: String = words.collect();
    PROVIDER
        .replace(
            "Static repositories",
            &format!("{} repositories", capitalised(name)),
        )
        .replace("\"static\"", &format!("{name:?}"))
        .replace("StaticProvider", &format!("{camel}Provider"))
        .replace("StaticServer", &format!("{camel}Server"))
        .replace("StaticClient", &format!("{camel}Client"))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// A name becomes a package, a library and a provider type.
fn check(name: &str) -> Result<(), Failure> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    if begins_well && name.chars().all(is_plain) && !name.ends_with('-') && name.len() <= 40 {
        return Ok(());
    }
    Err(Failure::usage(
        "a provider's name has lower-case letters, digits and `-`, and begins with a letter",
    ))
}

/// Writes a file that is not there: work of somebody else is never overwritten.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let written =
        std::fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::file(path, &error))
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .map_err(|error| Failure::file(path, &error))
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) -> Result<(), Failure> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_guides_names_is_left_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("mine");
        write("my-forge", Some(&place), None).unwrap();
        let read = |name: &str| std::fs::read_to_string(place.join(name)).unwrap();
        let source = read("src/lib.rs");
        assert!(source.contains("ProviderInfo::new(\"my-forge\", \"My-forge repositories\""));
        assert!(
            source.contains("export_provider!(MyForgeProvider)"),
            "{source}"
        );
        assert!(!source.contains("Static") && !source.contains("\"static\""));
        let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("vcs-my-forge"));
        assert!(read("conform.sh").contains("libvcs_my_forge.so"));
        for file in ["Cargo.toml", "config.toml", "conform.sh", "README.md"] {
            for word in ["NAME", "LIBRARY", "INTERFACE"] {
                assert!(!read(file).contains(word), "{file} still says {word}");
            }
        }
        let again = write("my-forge", Some(&place), None).unwrap_err();
        assert!(again.to_string().contains("Cargo.toml"), "{again}");
    }

    #[test]
    fn a_name_that_is_no_package_is_refused() {
        for name in ["", "Forge", "1forge", "my_forge", "forge-", "../forge"] {
            assert!(write(name, None, None).is_err(), "{name}");
        }
    }
}
