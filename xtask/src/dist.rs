//! What is shipped: a tarball, a Debian package, and their sums, in `target/dist`.
//!
//! `--engine FILE --plugin FILE` takes programs that are built already, for tests: they
//! are stripped, and packed quickly in place of small. `--out DIR` puts the results
//! elsewhere. Everything is made so that two builds of the
//! same sources are the same bytes: times come from the last commit (or
//! SOURCE_DATE_EPOCH), names are sorted, owners are root, and the paths of this machine
//! are kept out of the programs.

use crate::command::{Failure, cargo, failure, run, target_directory, workspace_directory};
use crate::debian;
use crate::files::{clear, copy, files_below, set_mode, write};
use crate::packing::Packing;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PLUGIN: &str = "libvcs_bitbucketcloud.so";
const MANIFEST: &str = "libvcs_bitbucketcloud.manifest.toml";

/// What the command line asks for.
#[derive(Default)]
struct Wanted {
    engine: Option<PathBuf>,
    plugin: Option<PathBuf>,
    out: Option<PathBuf>,
}

impl Wanted {
    fn of(arguments: Vec<OsString>) -> Result<Self, Failure> {
        let mut wanted = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            let value = arguments.next().map(PathBuf::from);
            match (name.to_str(), value) {
                (Some("--engine"), Some(file)) => wanted.engine = Some(file),
                (Some("--plugin"), Some(file)) => wanted.plugin = Some(file),
                (Some("--out"), Some(directory)) => wanted.out = Some(directory),
                _ => {
                    return Err(Failure::Message(
                        "usage: cargo xtask dist [--engine FILE --plugin FILE] [--out DIR]"
                            .to_owned(),
                    ));
                }
            }
        }
        Ok(wanted)
    }
}

pub(crate) fn dist(arguments: Vec<OsString>) -> Result<(), Failure> {
    let wanted = Wanted::of(arguments)?;
    let out = wanted
        .out
        .unwrap_or_else(|| target_directory().join("dist"));
    let (engine, plugin, packing) = match (wanted.engine, wanted.plugin) {
        (Some(engine), Some(plugin)) => (engine, plugin, Packing::Quick),
        (None, None) => {
            let (engine, plugin) = build()?;
            (engine, plugin, Packing::Small)
        }
        _ => {
            return Err(Failure::Message(
                "--engine and --plugin go together".to_owned(),
            ));
        }
    };
    let name = format!(
        "engine-{}-{}-linux",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH
    );
    let tree = out.join(&name);
    clear(&tree)?;
    lay_out(&tree, &engine, &plugin, packing)?;
    write_sums(&tree, &files_below(&tree)?)?;
    let tarball = pack(&out, &name, packing)?;
    let mut made = vec![tarball];
    match debian::package(&tree, &out, &epoch(), packing)? {
        Ok(package) => made.push(package),
        Err(reason) => println!("skipped: the Debian package: {reason}"),
    }
    let names: Vec<PathBuf> = made
        .iter()
        .filter_map(|file| file.file_name().map(PathBuf::from))
        .collect();
    write_sums(&out, &names)?;
    for file in &made {
        println!("{}", file.display());
    }
    println!("{}", out.join("SHA256SUMS").display());
    Ok(())
}

/// Builds engine and plugin for release, without the paths of this machine.
fn build() -> Result<(PathBuf, PathBuf), Failure> {
    let workspace = workspace_directory();
    let workspace = workspace
        .canonicalize()
        .map_err(|error| failure(workspace.display(), error))?;
    let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
    let cargo_home = std::env::var_os("CARGO_HOME").map_or(home.join(".cargo"), PathBuf::from);
    let target = target_directory();
    let maps = [
        (workspace.display().to_string(), "/source"),
        (cargo_home.display().to_string(), "/cargo"),
        (target.display().to_string(), "/target"),
    ];
    let mut flags = vec!["-Cforce-frame-pointers=yes".to_owned()];
    let mut c_flags = Vec::new();
    for (path, name) in maps {
        flags.push(format!("--remap-path-prefix={path}={name}"));
        c_flags.push(format!("-ffile-prefix-map={path}={name}"));
    }
    // Separated as cargo wants it, so that a path may have a space in it.
    let flags = flags.join("\u{1f}");
    run(cargo()
        .args(["build", "--locked", "--release"])
        .args(["-p", "host-harness", "-p", "vcs-bitbucketcloud"])
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .env("CFLAGS", c_flags.join(" "))
        .env("SOURCE_DATE_EPOCH", epoch()))?;
    let built = target.join("release");
    Ok((built.join("engine"), built.join(PLUGIN)))
}

/// The time that everything gets: of the last commit, unless it is set.
fn epoch() -> String {
    if let Ok(set) = std::env::var("SOURCE_DATE_EPOCH") {
        return set;
    }
    let said = Command::new("git")
        .args(["log", "-1", "--format=%ct"])
        .current_dir(workspace_directory())
        .stderr(Stdio::null())
        .output();
    let text = said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok()
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "0".to_owned())
}

/// Puts everything where it is in the tarball.
fn lay_out(tree: &Path, engine: &Path, plugin: &Path, packing: Packing) -> Result<(), Failure> {
    let source = workspace_directory();
    let plugins = tree.join("lib/engine/plugins");
    let share = tree.join("share");
    let program = tree.join("bin/engine");
    copy(engine, &program, 0o755)?;
    copy(plugin, &plugins.join(PLUGIN), 0o644)?;
    if packing == Packing::Quick {
        strip(&program);
        strip(&plugins.join(PLUGIN));
    }
    run(Command::new(&program)
        .args(["plugins", "pin", "--json"])
        .arg(plugins.join(PLUGIN))
        .stdout(Stdio::null()))?;
    set_mode(&plugins.join(MANIFEST), 0o644)?;
    let man = share.join("man/man1");
    run(Command::new(&program).arg("man").arg(&man))?;
    for (shell, file) in [
        ("bash", "bash-completion/completions/engine"),
        ("zsh", "zsh/site-functions/_engine"),
        ("fish", "fish/vendor_completions.d/engine.fish"),
    ] {
        let script = said_by(&program, &["completions", shell])?;
        write(&share.join(file), &script)?;
    }
    let sample = said_by(&program, &["config", "sample"])?;
    write(&share.join("engine/config.toml"), &sample)?;
    for file in [
        "packaging/engine.service",
        "packaging/proxy/nginx.conf",
        "packaging/proxy/Caddyfile",
    ] {
        let from = source.join(file);
        let name = from.file_name().unwrap_or_default();
        copy(&from, &share.join("engine").join(name), 0o644)?;
    }
    for file in [
        "README.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
    ] {
        copy(&source.join(file), &tree.join(file), 0o644)?;
    }
    for page in files_below(&source.join("docs"))? {
        copy(
            &source.join("docs").join(&page),
            &tree.join("docs").join(&page),
            0o644,
        )?;
    }
    for file in files_below(tree)? {
        let mode = if file.starts_with("bin") {
            0o755
        } else {
            0o644
        };
        set_mode(&tree.join(file), mode)?;
    }
    Ok(())
}

/// Takes out what only a debugger reads. Without the program for it, the file is larger.
fn strip(file: &Path) {
    let stripped = Command::new("strip").arg(file).status();
    if !stripped.is_ok_and(|status| status.success()) {
        println!("not stripped: {}", file.display());
    }
}

fn said_by(program: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failure(program.display(), error))?;
    crate::command::ended("engine", output.status)?;
    String::from_utf8(output.stdout).map_err(|error| failure("engine", error))
}

/// Packs a directory: the same names, times and owners give the same bytes.
fn pack(out: &Path, name: &str, packing: Packing) -> Result<PathBuf, Failure> {
    let tarball = out.join(format!("{name}.tar.gz"));
    let level = match packing {
        Packing::Small => "-9",
        Packing::Quick => "-1",
    };
    run(Command::new("tar")
        .arg("--create")
        .arg("--file")
        .arg(&tarball)
        .arg(format!("--use-compress-program=gzip -n {level}"))
        .arg(format!("--mtime=@{}", epoch()))
        .args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
        .args(["--format=gnu", "--mode=u+rwX,go+rX,go-w", "--directory"])
        .arg(out)
        .arg(name))?;
    Ok(tarball)
}

/// Writes the sums of files as `sha256sum --check` reads them.
fn write_sums(directory: &Path, files: &[PathBuf]) -> Result<(), Failure> {
    let output = Command::new("sha256sum")
        .arg("--")
        .args(files)
        .current_dir(directory)
        .output()
        .map_err(|error| failure("sha256sum", error))?;
    crate::command::ended("sha256sum", output.status)?;
    write(
        &directory.join("SHA256SUMS"),
        &String::from_utf8_lossy(&output.stdout),
    )
}
