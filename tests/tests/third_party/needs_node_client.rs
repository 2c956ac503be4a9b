//! The package bitbucket, from npm.

use super::{assert_no_failures, mock, place, run, script};
use std::process::Command;

#[test]
#[ignore = "needs the npm package bitbucket, which cargo xtask test installs"]
fn the_npm_package_bitbucket_works() {
    let directory = place("node");
    // Node looks for packages beside the script.
    let copy = directory.join("bitbucket_client.cjs");
    std::fs::copy(script("bitbucket_client.cjs"), &copy).expect("the script");
    let mock = mock();
    let mut command = Command::new("node");
    command
        .current_dir(&directory)
        .arg(copy)
        .arg(mock.api_url());
    assert_no_failures(&run(&mut command, &mock), 35);
}
