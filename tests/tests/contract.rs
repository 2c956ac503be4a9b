//! The contract with Bitbucket Cloud.

use integration_tests::contract::{OfficialDescription, OperationTable};

#[test]
fn the_own_table_of_operations_agrees_with_the_official_description() {
    let Some(official) = OfficialDescription::beside_checkout() else {
        println!("skipped: the official description does not stand beside the checkout");
        return;
    };
    let differences = official.differences(&OperationTable::load());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_path_belongs_to_the_most_literal_operation() {
    let table = OperationTable::load();
    let path_of = |method: &str, path: &str| {
        table
            .find(method, path)
            .map(|operation| operation.path.clone())
    };
    assert_eq!(
        path_of("GET", "/user/workspaces").as_deref(),
        Some("/user/workspaces")
    );
    assert_eq!(
        path_of("GET", "/repositories/w/r/src/abc/a/b%20c").as_deref(),
        Some("/repositories/{workspace}/{repo_slug}/src/{commit}/{path}")
    );
    assert_eq!(path_of("GET", "/repositories"), None);
    assert_eq!(path_of("GET", "/workspaces"), None);
}
