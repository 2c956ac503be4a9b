//! The provider of GitLab, from its library: in the engine, which knows nothing of
//! it, and swapped with the other providers.

// The server has what the provider's own tests ask for as well.
#[allow(dead_code)]
#[path = "../providers/gitlab/tests/server/mod.rs"]
mod gitlab_server;

use gitlab_server::{GitLabServer, TOKEN};
use integration_tests::bitbucket::{self, pinned_copy};
use integration_tests::built_library;
use integration_tests::engine_process::{EngineHome, SERVER};
use integration_tests::mock_process::MockProcess;
use integration_tests::place::{Place, client_of, server_settings, until};
use integration_tests::sandbox::{GitSandbox, git_command, run_git};
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;

const REPO: &str = "group/sub/deep/app";

fn gitlab(git: &GitSandbox) -> GitLabServer {
    let service = GitLabServer::start();
    service.add_project(REPO, git.path());
    service
}

fn config(service: &GitLabServer) -> String {
    format!("url = {:?}\ntoken = {TOKEN:?}\n", service.url())
}

#[test]
fn the_engine_links_receives_polls_and_publishes_without_knowing_the_service() {
    let git = GitSandbox::small();
    let service = gitlab(&git);
    let plugin = pinned_copy(&built_library("vcs-gitlab"));
    let table = format!("[vcs.servers.{SERVER}.gitlab]\n{}", config(&service));
    let home = EngineHome::with_server(plugin.parent().unwrap(), "127.0.0.1:0", "", &table);
    let engine = home.start();
    let linked = engine.link("app", REPO);
    assert_eq!(linked["hook"]["state"], "active", "{linked}");

    assert_eq!(service.deliver_push(REPO, "main"), [200]);
    let runs = engine.api("/project/KEY/applications/app/runs?branch=main");
    let runs = engine.wait_for(&runs, |runs| {
        runs.as_array().is_some_and(|runs| runs.len() == 1)
    });
    assert_eq!(runs[0]["hash"], git.hash("main").as_str(), "{runs}");
    let polled = git.hash("main");
    git.git(&["update-ref", "refs/heads/polled", &polled]);
    let day = serde_json::json!({ "seconds": 24 * 60 * 60 });
    let (status, _) = engine.post(&engine.api("/mon/clock/advance"), &day);
    assert_eq!(status, 200);
    let runs = engine.api("/project/KEY/applications/app/runs?branch=polled");
    engine.wait_for(&runs, |runs| {
        runs.as_array().is_some_and(|runs| runs.len() == 1)
    });
    until("a status at the service", || {
        !service.statuses(REPO).is_empty()
    });
}

#[test]
fn three_providers_take_turns_for_one_server() {
    let place = Place::new();
    let (cloud_git, lab_git) = (GitSandbox::small(), GitSandbox::small());
    lab_git.write("lab.txt", "of the second service\n");
    lab_git.commit_all("Lab");
    let mock = MockProcess::serving(bitbucket::REPO, cloud_git.path());
    let service = GitLabServer::start();
    service.add_project(bitbucket::REPO, lab_git.path());
    let local_git = GitSandbox::small();
    local_git.write("local.txt", "of no service\n");
    local_git.commit_all("Local");
    let root = place.scratch().join("root");
    let mut clone = git_command();
    clone
        .args(["clone", "--quiet", "--mirror"])
        .arg(local_git.path())
        .arg(root.join(format!("{}.git", bitbucket::REPO)));
    run_git(clone, "");

    let providers = [
        ("bitbucketcloud", mock.server_config.clone(), &cloud_git),
        ("gitlab", config(&service), &lab_git),
        ("local-git", format!("root = {root:?}"), &local_git),
    ];
    let first = place.install_pinned(&built_library("vcs-bitbucketcloud"), "libcloud.so");
    let (registry, host) = place.registry_serving(&first, &providers[0].1);
    for (package, name) in [
        ("vcs-gitlab", "liblab.so"),
        ("vcs-local-git", "liblocal.so"),
    ] {
        let plugin = place.install_pinned(&built_library(package), name);
        registry.load(&plugin).unwrap();
    }
    // One handle from before all swaps.
    let client = client_of(&registry, Credential::configured());
    for (provider_type, config, git) in providers.iter().cycle().take(9) {
        registry
            .configure(server_settings("main", provider_type, config, &host))
            .unwrap();
        let request = BranchRequest {
            repo: bitbucket::REPO.to_owned(),
            name: Some("main".to_owned()),
            ..Default::default()
        };
        let branch = client
            .branch(&HostCallContext::new("turns"), request)
            .unwrap();
        assert_eq!(branch.latest_commit, git.hash("main"), "{provider_type}");
    }
}
