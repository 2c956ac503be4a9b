//! Every situation has a test.

use regex::Regex;
use std::collections::BTreeSet;
use std::path::Path;

/// How many situations there are.
const SITUATIONS: u32 = 52;

#[test]
fn every_situation_has_a_test_with_its_number() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edge_cases");
    let test = Regex::new(r"#\[test\]\s+fn e(\d\d)_").expect("an expression");
    let mut tested = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("the folder of these tests") {
        let text = std::fs::read_to_string(entry.expect("a file").path()).expect("a source text");
        tested.extend(
            test.captures_iter(&text)
                .filter_map(|found| found[1].parse::<u32>().ok()),
        );
    }
    let missing: Vec<u32> = (1..=SITUATIONS)
        .filter(|number| !tested.contains(number))
        .collect();
    assert!(missing.is_empty(), "without a test: {missing:?}");
    assert_eq!(tested.last(), Some(&SITUATIONS));
}
