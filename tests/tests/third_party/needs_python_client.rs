//! atlassian-python-api, from PyPI.

use super::{assert_no_failures, mock, place, run, script};
use std::process::Command;

#[test]
#[ignore = "needs atlassian-python-api, which cargo xtask test installs"]
fn atlassian_python_api_works() {
    let mock = mock();
    let mut command = Command::new(place("python").join("bin/python"));
    command
        .arg(script("atlassian_client.py"))
        .arg(mock.web_url());
    assert_no_failures(&run(&mut command, &mock), 45);
}
