//! A plugin of one compiler in a host of another.

use super::build::{Build, host, plugin};
use super::versions::V1_0;
use super::{assert_works, run};
use integration_tests::other_compiler::OtherCompiler;

#[test]
#[ignore = "needs a second compiler: cargo xtask test --full"]
fn the_compiler_does_not_matter() {
    let compiler = OtherCompiler::present();
    let other = Build {
        suffix: "-other-compiler",
        arguments: &[],
        compiler: Some(compiler.program),
    };
    let cell = run(&host(V1_0), &plugin(V1_0, &other));
    assert_works(&cell, &compiler.version);
    assert_eq!(cell.says("compiler"), compiler.version);
}
