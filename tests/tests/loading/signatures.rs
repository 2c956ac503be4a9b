//! Signed manifests: with trusted keys, what none of them signed does not run.

use super::good_library;
use integration_tests::place::Place;
use minisign::KeyPair;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use vcs_plugin_host::loader::{Loader, LoaderOptions, Manifest};

struct Publisher {
    secret: PathBuf,
    public: String,
}

impl Publisher {
    fn new(place: &Place, name: &str) -> Self {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let secret = place.scratch().join(name);
        let text = pair.sk.to_box(None).unwrap().into_string();
        fs::write(&secret, text).unwrap();
        Self {
            secret,
            public: pair.pk.to_base64(),
        }
    }

    /// Signs with the command, as a publisher does.
    fn sign(&self, place: &Place, plugin: &Path) -> Output {
        let key = self.secret.to_str().unwrap();
        place.engine(&["plugins", "sign", "--key", key, plugin.to_str().unwrap()])
    }
}

fn loader(place: &Place, trusted: &[&Publisher]) -> Loader {
    let keys = trusted.iter().map(|key| key.public.parse().unwrap());
    Loader::new(LoaderOptions {
        trusted_keys: keys.collect(),
        ..place.loader_options()
    })
}

/// The code with which a plugin is rejected, before anything of it was staged.
fn code(loader: &Loader, plugin: &Path) -> &'static str {
    let code = loader.load(plugin).unwrap_err().code();
    assert_eq!(loader.counts().passed["stage"], 0);
    code
}

#[test]
fn an_unsigned_or_wrongly_signed_plugin_is_rejected_before_anything_of_it_runs() {
    let place = Place::new();
    let (publisher, other) = (
        Publisher::new(&place, "key"),
        Publisher::new(&place, "other"),
    );
    let plugin = place.install_pinned(&good_library(), "libgood.so");
    let loader = loader(&place, &[&publisher]);
    assert_eq!(code(&loader, &plugin), "signature_missing");
    let signed = other.sign(&place, &plugin);
    assert!(signed.status.success(), "{signed:?}");
    assert_eq!(code(&loader, &plugin), "signature_invalid");
    fs::write(Manifest::signature_path_of(&plugin), "not a signature").unwrap();
    assert_eq!(code(&loader, &plugin), "signature_invalid");
    assert!(publisher.sign(&place, &plugin).status.success());
    loader.load(&plugin).unwrap();
    // One more byte in the signed manifest, even a space.
    let manifest = Manifest::path_of(&plugin);
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text + "\n").unwrap();
    let error = loader.load(&plugin).unwrap_err();
    assert_eq!(error.code(), "signature_invalid");
    assert_eq!(error.exit_code(), 21);
}

#[test]
fn two_keys_are_trusted_while_a_publisher_changes_theirs() {
    let place = Place::new();
    let (old, new) = (Publisher::new(&place, "old"), Publisher::new(&place, "new"));
    let plugin = place.install_pinned(&good_library(), "libgood.so");
    for publisher in [&old, &new] {
        assert!(publisher.sign(&place, &plugin).status.success());
        loader(&place, &[&old, &new]).load(&plugin).unwrap();
    }
    assert_eq!(code(&loader(&place, &[&old]), &plugin), "signature_invalid");
}

#[test]
fn every_command_uses_the_keys_of_the_configuration() {
    let place = Place::new();
    let publisher = Publisher::new(&place, "key");
    let plugin = place.install_pinned(&good_library(), "libgood.so");
    let config = place.scratch().join("config.toml");
    let text = format!("[plugins]\ntrustedKeys = [{:?}]\n", publisher.public);
    fs::write(&config, text).unwrap();
    let check = || {
        let arguments = ["plugins", "check", plugin.to_str().unwrap(), "--config"];
        place.engine(&[&arguments[..], &[config.to_str().unwrap()]].concat())
    };
    let ran = check();
    assert_eq!(ran.status.code(), Some(21), "{ran:?}");
    assert!(String::from_utf8_lossy(&ran.stderr).contains("engine plugins sign"));
    assert!(publisher.sign(&place, &plugin).status.success());
    assert_eq!(check().status.code(), Some(0));
    fs::write(&config, "[plugins]\ntrustedKeys = [\"RWnonsense\"]\n").unwrap();
    let ran = check();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(said.contains("plugins.trustedKeys"), "{said}");
}
