//! Pages whose commands need nothing but the engine.

use crate::shell::World;
use crate::support::{bin, follow, plugin};
use integration_tests::engine_process::signature;
use minisign::KeyPair;
use serde_json::json;
use std::path::Path;

/// Puts the plugin with its manifest into the folder, under this name.
fn bring_plugin(world: &World, name: &str) {
    let library = std::fs::read(plugin()).unwrap();
    let manifest = std::fs::read_to_string(plugin().with_extension("manifest.toml")).unwrap();
    let own = plugin().file_name().unwrap().to_string_lossy().into_owned();
    world.write(name, library);
    let manifest = manifest.replace(&own, name);
    let target = Path::new(name).with_extension("manifest.toml");
    world.write(&target.to_string_lossy(), manifest);
}

#[test]
fn a_recorded_delivery_is_read_as_the_page_says() {
    let mut world = World::new(vec![bin()]);
    world.set(
        "ENGINE_PLUGIN_DIR",
        plugin().parent().unwrap().display().to_string(),
    );
    let body = json!({
        "actor": {"display_name": "Ada", "type": "user"},
        "repository": {"uuid": "{1}", "full_name": "acme/widget", "name": "widget", "type": "repository"},
        "push": {"changes": []},
    })
    .to_string();
    world.write("body.json", &body);
    world.write("hook.secret", "a secret of the hook\n");
    world.write(
        "body.signature",
        signature("a secret of the hook", body.as_bytes()),
    );
    follow("docs/webhooks.md", &world);
}

#[test]
fn a_plugin_is_signed_as_the_page_says() {
    let world = World::new(vec![bin()]);
    let key = KeyPair::generate_unencrypted_keypair().unwrap();
    world.write(
        "engine-plugins.key",
        key.sk.to_box(None).unwrap().into_string(),
    );
    bring_plugin(&world, "libname.so");
    follow("docs/publishing.md", &world);
    assert!(
        world
            .folder()
            .join("libname.manifest.toml.minisig")
            .exists()
    );
}

/// One build is installed over another, and taken back.
#[test]
fn a_plugin_is_replaced_and_taken_back_as_the_page_says() {
    let mut world = World::new(vec![bin()]);
    let root = world.place("root");
    let plugins = root.join("usr/lib/engine/plugins");
    std::fs::create_dir_all(&plugins).unwrap();
    let name = plugin().file_name().unwrap().to_string_lossy().into_owned();
    let manifest = plugin().with_extension("manifest.toml");
    std::fs::copy(plugin(), plugins.join(&name)).unwrap();
    std::fs::copy(&manifest, plugins.join(manifest.file_name().unwrap())).unwrap();
    // A newer build: the same code, other bytes.
    let mut newer = std::fs::read(plugin()).unwrap();
    newer.extend_from_slice(b"a newer build");
    world.write(&name, &newer);
    let pinned = integration_tests::engine::run(
        integration_tests::engine::engine()
            .args(["plugins", "pin"])
            .arg(world.folder().join(&name)),
    );
    assert_eq!(pinned.code, Some(0), "{pinned:?}");
    world.replace(
        "/usr/lib/engine",
        root.join("usr/lib/engine").display().to_string(),
    );
    follow("docs/installing.md", &world);
    let installed = std::fs::read(plugins.join(&name)).unwrap();
    assert!(
        installed == std::fs::read(plugin()).unwrap(),
        "the former build is back"
    );
    let kept = root
        .join("usr/lib/engine/plugins-former/bitbucketcloud")
        .join(&name);
    assert!(
        std::fs::read(kept).unwrap() == newer,
        "the newer build is kept"
    );
}
