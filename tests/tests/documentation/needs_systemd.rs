//! The unit of the Debian package, as systemd reads it.

use crate::top;
use std::process::Command;

#[test]
#[ignore = "needs systemd-analyze; cargo xtask test runs it where it is there"]
fn the_unit_is_valid_and_exposes_little() {
    let folder = tempfile::tempdir().unwrap();
    let unit = std::fs::read_to_string(top().join("packaging/engine.service")).unwrap();
    // Verification wants the program to be there.
    let unit = unit.replace("/usr/bin/engine ", "/bin/true ");
    let file = folder.path().join("engine.service");
    std::fs::write(&file, unit).unwrap();
    let analyze = |arguments: &[&str]| {
        let output = Command::new("systemd-analyze")
            .args(arguments)
            .arg(&file)
            .output();
        let output = output.unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    };
    let (is_valid, said) = analyze(&["verify", "--man=no"]);
    assert!(is_valid && !said.contains("engine.service:"), "{said}");
    // From 0 to 100 (10.0 in words); a unit without any of it has 96.
    let (is_safe, said) = analyze(&["security", "--offline=true", "--threshold=20"]);
    assert!(is_safe, "{said}");
}
