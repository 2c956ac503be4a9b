//! Which repositories and branches there are, and how they are checked out.

use super::{Folder, REPO, context, provider, server};
use integration_tests::sandbox::{GitSandbox, git_command, run_git};
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

#[test]
fn a_wrong_configuration_names_the_key() {
    for (config, key) in [
        ("root = \"/tmp\"\ncolour = 1", "colour"),
        ("root = \"relative\"", "root"),
        ("", "root"),
    ] {
        let error = server(config).err().unwrap();
        assert_eq!(error.kind, ErrorKind::CONFIG);
        assert!(error.message.contains(key), "{error}");
    }
}

#[test]
fn repositories_and_branches_are_those_on_disk() {
    let folder = Folder::small();
    let repos = collect(|sink| {
        folder
            .client
            .repos(&context(), RepositoriesRequest::default(), sink)
    })
    .unwrap();
    assert_eq!(repos.len(), 1);
    assert_eq!(repos[0].fullname, REPO);
    assert_eq!(repos[0].default_branch.as_deref(), Some("main"));

    assert_eq!(
        folder.branch_names(BranchesRequest::default()),
        ["feature/one", "main"]
    );
    let filtered = BranchesRequest {
        filter: Some("one".to_owned()),
        ..Default::default()
    };
    assert_eq!(folder.branch_names(filtered), ["feature/one"]);
    let main = folder.branch(None).unwrap();
    assert_eq!(main.default, Some(true));
    assert_eq!(main.latest_commit, folder.git.hash("main"));
    assert_eq!(main.parents, [folder.git.hash("main~1")]);
}

#[test]
fn what_is_not_there_is_not_found() {
    let folder = Folder::small();
    for name in ["nothing", "feature", "main~1", "-x", "a..b", "HEAD"] {
        let error = folder.branch(Some(name)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::NOT_FOUND, "{name}: {error}");
    }
    for repo in [
        "acme/nothing",
        "../acme/widget",
        "acme/../acme/widget",
        "acme",
    ] {
        let request = RepositoryRequest {
            repo: repo.to_owned(),
            ..Default::default()
        };
        let error = folder
            .client
            .repo_by_fullname(&context(), request)
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::NOT_FOUND, "{repo}: {error}");
    }
}

#[test]
fn odd_names_are_taken_as_they_stand() {
    let folder = Folder::small();
    let target = folder.git.hash("main");
    for name in ["fix/#12%20&x", "ünï/çødé", "quote\"'s", "a@b,c;d", "-dash"] {
        let request = CreateBranchRequest {
            repo: REPO.to_owned(),
            name: name.to_owned(),
            target: target.clone(),
            ..Default::default()
        };
        let created = folder
            .client
            .create_branch(&context(), request.clone())
            .unwrap();
        assert_eq!(created.display_id, name);
        let again = folder
            .client
            .create_branch(&context(), request)
            .unwrap_err();
        assert_eq!(again.kind, ErrorKind::ALREADY_EXISTS);
        assert_eq!(folder.branch(Some(name)).unwrap().latest_commit, target);
        for _ in 0..2 {
            // The second time there is nothing to delete, which is a success.
            let request = DeleteBranchRequest {
                repo: REPO.to_owned(),
                name: name.to_owned(),
                ..Default::default()
            };
            folder.client.delete_branch(&context(), request).unwrap();
        }
        assert_eq!(
            folder.branch(Some(name)).unwrap_err().kind,
            ErrorKind::NOT_FOUND
        );
    }
}

#[test]
fn what_a_folder_does_not_have_is_unsupported_and_no_capability() {
    let folder = Folder::small();
    let error = folder
        .client
        .pull_request(&context(), PullRequestRequest::default())
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
    let info = provider().info().unwrap();
    assert!(info.can("branches") && !info.can("pull_request"));
}

#[test]
fn checkout_credentials_can_be_cloned_with() {
    let folder = Folder::small();
    let request = CheckoutRequest {
        repo: REPO.to_owned(),
        ..Default::default()
    };
    let checkout = folder
        .client
        .checkout_credentials(&context(), request)
        .unwrap();
    let target = folder.root.path().join("checkout");
    let mut clone = git_command();
    clone
        .args(["clone", "--quiet", &checkout.http_url])
        .arg(&target);
    run_git(clone, "");
    assert!(target.join("README.md").is_file());
}

#[test]
fn an_empty_repository_has_no_main_branch_and_no_error() {
    let folder = Folder::of(GitSandbox::empty());
    assert_eq!(
        folder.branch_names(BranchesRequest::default()),
        Vec::<String>::new()
    );
    let request = RepositoryRequest {
        repo: REPO.to_owned(),
        ..Default::default()
    };
    let repository = folder.client.repo_by_fullname(&context(), request).unwrap();
    assert_eq!(repository.default_branch, None);
    assert_eq!(folder.branch(None).unwrap_err().kind, ErrorKind::NOT_FOUND);
}
