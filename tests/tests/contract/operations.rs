//! The table of operations.

use integration_tests::contract::OperationTable;

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
