//! Pages whose commands use `curl`, as people do.

use crate::shell::World;
use crate::support::{
    CONSENT, REPO, bin, callback, consumer_only, dist, dist_name, follow, free_port, plugin,
    with_api_token,
};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;

fn service(git: &GitSandbox, port: u16) -> MockBitbucket {
    MockBitbucket::builder()
        .repo(REPO, git.path())
        .callback_url(callback(port))
        .start()
        .unwrap()
}

/// With nothing but the tarball: installed, a repository linked, a green status on a
/// commit; then with a consumer alone, by a person's consent.
#[test]
#[ignore = "needs curl; cargo xtask test runs it where it is there"]
fn the_readme_leads_to_a_green_status_with_the_tarball_alone() {
    let git = GitSandbox::small();
    let port = free_port();
    let mock = service(&git, port);
    let mut world = World::new(Vec::new());
    let tarball = format!("{}.tar.gz", dist_name());
    std::fs::copy(dist().join(&tarball), world.folder().join(&tarball)).unwrap();
    world.replace("engine-1.0.0-x86_64-linux", dist_name());
    world.replace("127.0.0.1:8081", format!("127.0.0.1:{port}"));
    let edited = world.place("config.toml");
    std::fs::write(&edited, consumer_only(&mock, port, "engine.sqlite")).unwrap();
    world.set("EDITED", edited.display().to_string());
    world.step_after(
        "config sample > config.toml",
        "cat \"$EDITED\" > config.toml",
    );
    world.step_after("bitbucketcloud/authorize", CONSENT);
    follow("README.md", &world);
    // The last command listed the branches by what the project consented to.
    let heads = git.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
    let printed = std::fs::read_to_string(world.folder().join("../output")).unwrap();
    for branch in heads.lines() {
        assert!(printed.contains(branch), "{branch} is missing in {printed}");
    }
}

#[test]
#[ignore = "needs curl; cargo xtask test runs it where it is there"]
fn setting_up_leads_to_a_linked_repository_and_a_reported_run() {
    let git = GitSandbox::small();
    let port = free_port();
    let mock = service(&git, port);
    let mut world = World::new(vec![bin()]);
    let root = world.place("root");
    let at = |path: &str| root.join(path).display().to_string();
    for directory in ["usr/lib/engine/plugins", "var/lib/engine"] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    let store = at("var/lib/engine/engine.sqlite");
    let config = with_api_token(&consumer_only(&mock, port, &store), &mock);
    let config = format!(
        "{config}[plugins]\ndirectory = {:?}\n",
        at("usr/lib/engine/plugins")
    );
    world.write("config.toml", config);
    for file in [plugin(), plugin().with_extension("manifest.toml")] {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        world.write(&name, std::fs::read(&file).unwrap());
    }
    world.replace("/usr/lib/engine", at("usr/lib/engine"));
    world.replace("/var/lib/engine", at("var/lib/engine"));
    world.replace("127.0.0.1:8081", format!("127.0.0.1:{port}"));
    // Somebody pushes.
    world.set("SERVED", git.path().display().to_string());
    world.step_after(
        "applications/NAME/link",
        "git -C \"$SERVED\" -c user.name=Ada -c user.email=ada@example.com \
             commit --quiet --allow-empty -m Pushed\n\
         curl -fsS -H \"$AUTH\" -X POST $API/project/KEY/applications/NAME/poll -o /dev/null\n\
         curl -fsS -H \"$AUTH\" \"$API/project/KEY/applications/NAME/runs?wait=30\" -o /dev/null",
    );
    follow("docs/setup.md", &world);
}
