//! Every operation of the provider: that it works, keeps the contract with the
//! service, and needs the scopes that the table of operations says.

use integration_tests::contract::{OperationTable, violations};
use integration_tests::scenario::{Operation, World, operations};
use mock_bitbucket::{CredentialKind, TokenRequest};
use std::collections::BTreeSet;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::provider::AUTHORIZED_CLIENT_METHODS;

#[test]
fn the_scenario_calls_every_method_of_the_interface() {
    let mut called: Vec<&str> = operations().iter().map(|one| one.method).collect();
    let mut methods = AUTHORIZED_CLIENT_METHODS.to_vec();
    called.sort_unstable();
    methods.sort_unstable();
    assert_eq!(called, methods);
}

#[test]
fn every_operation_succeeds_and_keeps_the_contract() {
    for operation in operations() {
        let world = operation.world();
        if let Err(error) = world.run(&operation) {
            panic!("{}: {error}", operation.method);
        }
        let exchanges: Vec<_> = world
            .bitbucket
            .mock
            .requests()
            .iter()
            .map(|exchange| (**exchange).clone())
            .collect();
        assert!(!exchanges.is_empty(), "{}", operation.method);
        let found: Vec<String> = violations(&exchanges)
            .iter()
            .map(ToString::to_string)
            .collect();
        let name = operation.method;
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
    }
}

/// Operations that need a scope for what they ask for in the body, which the
/// table cannot say: a hook is told only of what the scope to read is there for.
const FOR_THE_BODY: [(&str, &str); 4] = [
    ("create_hook", "read:repository:bitbucket"),
    ("update_hook", "read:repository:bitbucket"),
    ("update_hook", "read:pullrequest:bitbucket"),
    ("reconcile_hook", "read:repository:bitbucket"),
];

/// The scopes of an API token that the table names for what an operation sends.
fn scopes_of(table: &OperationTable, world: &World) -> BTreeSet<String> {
    world
        .bitbucket
        .mock
        .requests()
        .iter()
        .filter_map(|exchange| {
            let path = exchange.path.strip_prefix("/2.0")?;
            table.find(&exchange.method, path)
        })
        .flat_map(|operation| operation.api_token.clone())
        .collect()
}

fn run_with_scopes(operation: &Operation, scopes: &BTreeSet<String>) -> (World, Result<String>) {
    let world = operation.world();
    let mock = &world.bitbucket.mock;
    let request = TokenRequest::new(CredentialKind::ApiToken).scopes(scopes.iter().cloned());
    let token = match mock.create_token(&request) {
        Ok(token) => Secret::from(token.expose()),
        Err(error) => panic!("{error}"),
    };
    let client = world.client(Credential::basic(mock.api_token().email, token));
    let result = (operation.run)(&world, &*client);
    (world, result)
}

#[test]
fn every_operation_works_with_the_scopes_of_the_table_and_no_more() {
    let table = OperationTable::load();
    for operation in operations() {
        let world = operation.world();
        world.run(&operation).expect("success with every scope");
        let mut scopes = scopes_of(&table, &world);
        let further = FOR_THE_BODY
            .iter()
            .filter(|(method, _)| *method == operation.method)
            .map(|(_, scope)| (*scope).to_owned());
        scopes.extend(further);
        let (_, result) = run_with_scopes(&operation, &scopes);
        if let Err(error) = result {
            panic!("{} with {scopes:?}: {error}", operation.method);
        }
    }
}

#[test]
fn without_scopes_every_operation_is_denied_and_the_error_names_them() {
    let table = OperationTable::load();
    for operation in operations() {
        let name = operation.method;
        let (world, result) = run_with_scopes(&operation, &BTreeSet::new());
        let error = match result {
            Err(error) => error,
            // It is there to say what a credential may not.
            Ok(report) if name == "check_connection" => {
                assert!(report.contains("may not"), "{report}");
                continue;
            }
            Ok(_) => panic!("{name} needs no scope"),
        };
        assert_eq!(error.kind, ErrorKind::PERMISSION_DENIED, "{name}: {error}");
        let needed = scopes_of(&table, &world);
        assert!(
            needed.iter().any(|scope| error.message.contains(scope)),
            "{name}: none of {needed:?} in {error}"
        );
    }
}
