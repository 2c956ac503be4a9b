//! The Debian package: the tree of the tarball where Debian wants it, with a user, a
//! systemd unit and a configuration. Made by Debian's own `dpkg-deb`.

use crate::command::{Failure, run, workspace_directory};
use crate::files::{clear, copy, files_below, set_mode, write};
use crate::packing::Packing;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Makes the package; the inner error says why there is none here.
pub(crate) fn package(
    tree: &Path,
    out: &Path,
    epoch: &str,
    packing: Packing,
) -> Result<Result<PathBuf, String>, Failure> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => {
            return Ok(Err(format!(
                "the architecture {other} has no name at Debian here"
            )));
        }
    };
    let is_there = Command::new("dpkg-deb")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !is_there.is_ok_and(|status| status.success()) {
        return Ok(Err("dpkg-deb is not installed".to_owned()));
    }
    let root = out.join("debian");
    clear(&root)?;
    lay_out(tree, &root)?;
    let control = control(architecture, size_in_kib(&root)?);
    write(&root.join("DEBIAN/control"), &control)?;
    write(&root.join("DEBIAN/conffiles"), "/etc/engine/config.toml\n")?;
    let scripts = workspace_directory().join("packaging/debian");
    for script in ["postinst", "prerm", "postrm"] {
        copy(
            &scripts.join(script),
            &root.join("DEBIAN").join(script),
            0o755,
        )?;
    }
    for directory in directories_below(&root) {
        set_mode(&directory, 0o755)?;
    }
    let package = out.join(format!(
        "engine_{}_{architecture}.deb",
        env!("CARGO_PKG_VERSION")
    ));
    let compression = match packing {
        Packing::Small => "-Zxz",
        Packing::Quick => "-Znone",
    };
    run(Command::new("dpkg-deb")
        .args(["--root-owner-group", compression, "--build"])
        .arg(&root)
        .arg(&package)
        .env("SOURCE_DATE_EPOCH", epoch)
        .stdout(Stdio::null()))?;
    clear(&root)?;
    Ok(Ok(package))
}

fn lay_out(tree: &Path, root: &Path) -> Result<(), Failure> {
    for file in files_below(tree)? {
        let place = match file.to_str() {
            Some("SHA256SUMS" | "LICENSE-APACHE") => continue,
            Some("share/engine/engine.service") => {
                PathBuf::from("lib/systemd/system/engine.service")
            }
            Some("share/engine/config.toml") => PathBuf::from("etc/engine/config.toml"),
            Some("LICENSE-MIT") => PathBuf::from("usr/share/doc/engine/copyright"),
            _ if file.starts_with("bin")
                || file.starts_with("lib")
                || file.starts_with("share") =>
            {
                Path::new("usr").join(&file)
            }
            _ => Path::new("usr/share/doc/engine").join(&file),
        };
        let mode = if file.starts_with("bin") {
            0o755
        } else {
            0o644
        };
        copy(&tree.join(&file), &root.join(place), mode)?;
    }
    let config = root.join("etc/engine/config.toml");
    let sample = fs::read_to_string(&config)
        .map_err(|error| crate::command::failure(config.display(), error))?;
    write(&config, &installed(&sample))?;
    set_mode(&config, 0o600)
}

/// The sample with the places that the unit gives.
fn installed(sample: &str) -> String {
    sample
        .replace(
            "{ file = \"bitbucket.secret\" }",
            "{ file = \"/run/credentials/engine.service/bitbucket.secret\" }",
        )
        .replace(
            "path = \"engine.sqlite\"",
            "path = \"/var/lib/engine/engine.sqlite\"",
        )
}

fn control(architecture: &str, kib: u64) -> String {
    format!(
        "Package: engine\n\
         Version: {}\n\
         Architecture: {architecture}\n\
         Maintainer: The authors of the engine <engine@example.com>\n\
         Installed-Size: {kib}\n\
         Depends: libc6 (>= 2.34), libgcc-s1, git, ca-certificates, passwd\n\
         Recommends: git-lfs, openssh-client\n\
         Section: devel\n\
         Priority: optional\n\
         Description: CI engine whose version control services are plugins\n \
         Links repositories, receives webhooks, checks out commits and publishes build\n \
         statuses. Comes with the provider for Bitbucket Cloud.\n",
        env!("CARGO_PKG_VERSION"),
    )
}

fn size_in_kib(root: &Path) -> Result<u64, Failure> {
    let sizes = files_below(root)?.into_iter().map(|file| {
        let metadata = fs::metadata(root.join(file));
        metadata.map_or(0, |metadata| metadata.len())
    });
    Ok(sizes.sum::<u64>().div_ceil(1024))
}

/// The directory and all below it.
fn directories_below(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.to_owned()];
    let mut next = 0;
    while let Some(directory) = found.get(next).cloned() {
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        found.extend(
            entries
                .map(|entry| entry.path())
                .filter(|path| path.is_dir()),
        );
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installed_configuration_names_the_places_of_the_unit() {
        let sample = include_str!("../../host-harness/src/cli/config_sample.toml");
        let unit = include_str!("../../packaging/engine.service");
        let installed = installed(sample);
        assert!(installed.contains("path = \"/var/lib/engine/engine.sqlite\""));
        assert!(installed.contains("/run/credentials/engine.service/bitbucket.secret"));
        assert!(unit.contains("LoadCredential=bitbucket.secret:"));
        assert!(unit.contains("StateDirectory=engine\n"));
    }

    #[test]
    fn a_control_file_has_a_line_for_each_field() {
        let control = control("amd64", 12);
        assert!(control.contains("\nInstalled-Size: 12\n"), "{control}");
        let fields = control.lines().filter(|line| !line.starts_with(' '));
        assert!(fields.clone().count() > 8);
        for line in fields {
            assert!(line.contains(": "), "{line}");
        }
    }
}
