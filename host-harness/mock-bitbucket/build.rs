//! Tells the tests whether recordings of the real service and its official description
//! stand beside this checkout, so that a test that cannot run is reported as ignored.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(beside_recordings)");
    println!("cargo::rustc-check-cfg=cfg(beside_description)");
    let shared = Path::new("../../../shared");
    if shared.join("fixtures/api").is_dir() {
        println!("cargo::rustc-cfg=beside_recordings");
    }
    if shared.join("api/bitbucket-cloud-swagger.json").is_file() {
        println!("cargo::rustc-cfg=beside_description");
    }
}
