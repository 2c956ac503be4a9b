//! Which redirects are followed, and with what.

use super::support::{HASH, Reply, Service, context};
use vcs_provider_interface::prelude::*;

fn repository(service: &Service) -> Result<Repository> {
    let request = RepositoryRequest {
        repo: "team/old".to_owned(),
        ..Default::default()
    };
    service.client("").repo_by_fullname(&context(), request)
}

/// Situation `renamed-repository`.
#[test]
fn a_renamed_repository_is_found_at_its_new_place() {
    let service = Service::start(|request| match request.path() {
        "/2.0/repositories/team/old" => {
            Reply::with(301, &[("Location", "/2.0/repositories/team/new")], "")
        }
        _ => Reply::json(200, r#"{"uuid":"{1}","full_name":"team/new"}"#),
    });
    let found = repository(&service).expect("the repository");
    assert_eq!(
        (found.id.as_str(), found.fullname.as_str()),
        ("{1}", "team/new")
    );
    assert!(
        service
            .received()
            .iter()
            .all(|request| request.header("authorization").is_some()),
        "within the origin the credential goes along"
    );
}

/// Situation `other-hosts`.
#[test]
fn a_redirect_to_another_place_goes_without_the_credential() {
    let other = Service::start(|_| Reply::json(200, r#"{"uuid":"{1}","full_name":"team/new"}"#));
    let target = format!("{}/elsewhere", other.url());
    let service = Service::start(move |_| Reply::with(302, &[("Location", &target)], ""));
    repository(&service).expect("the repository");
    let received = other.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("authorization"), None);
}

#[test]
fn redirects_without_end_are_an_error() {
    let service = Service::start(|_| Reply::with(302, &[("Location", "/2.0/again")], ""));
    let error = repository(&service).expect_err("it never ends");
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE);
    assert_eq!(service.received().len(), 6);
}

#[test]
fn a_change_is_sent_on_only_where_the_same_is_asked_for_again() {
    for (status, requests) in [(301, 1), (302, 1), (303, 1), (307, 6), (308, 6)] {
        let service =
            Service::start(move |_| Reply::with(status, &[("Location", "/2.0/elsewhere")], ""));
        let request = CreateBranchRequest {
            repo: "team/old".to_owned(),
            name: "b".to_owned(),
            target: HASH.to_owned(),
            ..Default::default()
        };
        let error = service
            .client("")
            .create_branch(&context(), request)
            .expect_err("redirected");
        assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE);
        assert_eq!(service.received().len(), requests, "{status}");
    }
}
