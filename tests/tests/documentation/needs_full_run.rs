//! The template for providers: what `engine plugins new` writes compiles, is pinned and
//! conforms, and by nothing but its own script.

use crate::top;
use integration_tests::built_program;
use integration_tests::engine::{engine, run};
use std::process::Command;

#[test]
#[ignore = "compiles a provider from its beginning; cargo xtask test --full runs it"]
fn a_new_provider_compiles_is_pinned_and_conforms_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("vcs-my-forge");
    let written = run(engine()
        .args(["plugins", "new", "my-forge", "--interface"])
        .arg(top().join("interface"))
        .current_dir(folder.path()));
    assert_eq!(written.code, Some(0), "{written:?}");
    assert_eq!(written.stdout.trim(), "vcs-my-forge", "{written:?}");
    let locked = top().join("Cargo.lock");
    std::fs::copy(locked, place.join("Cargo.lock")).unwrap();
    let ended = Command::new("./conform.sh")
        .arg("--json")
        .current_dir(&place)
        .env("ENGINE", built_program("engine"))
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("ENGINE_CONFIG")
        .env_remove("ENGINE_PLUGIN_DIR")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success(),
        "{printed}\n{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    assert!(place.join("plugins/libvcs_my_forge.manifest.toml").exists());
    assert!(printed.contains("\"failed\": 0"), "{printed}");
}
