//! Submodules by all the addresses that people and attackers write.

use crate::support::{World, add_submodule, head, sentence};
use integration_tests::engine::{Engine, REPO};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::{MockBitbucket, command::write_config};

#[test]
fn an_ssh_address_of_another_service_is_one_clear_sentence() {
    let world = World::new();
    let hash = head(&world.app());
    add_submodule(&world.app(), "sub", "git@code.example:ws/lib.git", &hash);
    let server = world.serve();
    let ran = world.clone(&server.url("app"), &[]);
    assert_eq!(ran.code, Some(52), "{ran:?}");
    let sentence = sentence(&ran);
    assert!(
        sentence.contains("git@code.example:ws/lib.git"),
        "{sentence}"
    );
    assert!(sentence.contains("https://"), "{sentence}");
    assert!(!world.work().exists());
}

#[test]
fn an_ssh_address_of_the_service_is_fetched_over_https_with_the_credential() {
    let (app, lib) = (GitSandbox::small(), GitSandbox::small());
    let hash = lib.hash("main");
    let url = "git@bitbucket.org:acme/lib.git";
    add_submodule(app.path(), "scp", url, &hash);
    add_submodule(
        app.path(),
        "url",
        "ssh://git@bitbucket.org/acme/lib.git",
        &hash,
    );
    let world = World::new();
    let mock = MockBitbucket::builder()
        .repo(REPO, app.path())
        .repo("acme/lib", lib.path())
        .start()
        .expect("the mock");
    let config = world.path("config.toml");
    write_config(&mock, &config).expect("a configuration");
    let target = world.work();
    let words = [
        "checkout-application",
        REPO,
        target.to_str().expect("a path"),
        "--json",
    ];
    let mut command = world.action(&words);
    let _ = integration_tests::engine::run(command.env("ENGINE_CONFIG", config)).success();
    assert!(target.join("scp/README.md").exists());
    assert!(target.join("url/README.md").exists());
}

#[test]
fn hostile_repositories_get_nothing_done() {
    let world = World::new();
    let ran = world.path("ran");
    let touch = format!("touch {}", ran.display());
    let hash = head(&world.app());
    let private = world.repository("private", &[]);
    let file_url = format!("file://{}", private.display());
    for (number, (path, url)) in [
        ("sub", format!("ext::sh -c {touch}")),
        ("sub", file_url.clone()),
        ("sub", private.display().to_string()),
        ("sub", "-u./payload".to_owned()),
        ("sub", "--upload-pack=touch".to_owned()),
        ("sub", "ssh://-oProxyCommand=touch/x".to_owned()),
        ("sub", "git://127.0.0.1/app".to_owned()),
        ("sub", "ftp://127.0.0.1/app".to_owned()),
        ("-sub", file_url.clone()),
        ("../outside", file_url),
        (".git/hooks", private.display().to_string()),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("hostile-{number}");
        let repository = world.repository(&name, &[]);
        let text = format!(
            "[submodule \"{path}\"]\n\tpath = {path}\n\turl = {url}\n\tupdate = !{touch}\n"
        );
        std::fs::write(repository.join(".gitmodules"), text).expect("a file");
        crate::support::git(&repository, &["add", ".gitmodules"]);
        let entry = format!("160000,{hash},{path}");
        let added = integration_tests::sandbox::git_command()
            .current_dir(&repository)
            .args(["update-index", "--add", "--cacheinfo", &entry])
            .output()
            .expect("git");
        crate::support::git(&repository, &["commit", "--quiet", "-m", "hostile"]);
        let server = world.serve();
        let target = format!("work-{number}");
        let result = world.clone_to(&target, &server.url(&name), &[]);
        if added.status.success() {
            assert_ne!(result.code, Some(0), "{url}: {result:?}");
            assert!(!world.path(&target).exists(), "{url}");
        }
        assert!(!ran.exists(), "{url}");
        assert!(!world.path("outside").exists(), "{url}");
    }
}

#[test]
fn hostile_files_stay_in_the_directory_and_run_nothing() {
    let world = World::new();
    let ran = world.path("ran");
    let app = world.app();
    let outside = world.path("outside");
    std::fs::create_dir(&outside).expect("a directory");
    std::os::unix::fs::symlink(&outside, app.join("link")).expect("a link");
    let attributes = "* filter=evil diff=evil merge=evil\nfile1 filter=lfs ident\n";
    std::fs::write(app.join(".gitattributes"), attributes).expect("a file");
    let lfsconfig = format!(
        "[lfs]\n\turl = file://{}\n[filter \"evil\"]\n\tsmudge = touch {}\n",
        outside.display(),
        ran.display()
    );
    std::fs::write(app.join(".lfsconfig"), lfsconfig).expect("a file");
    crate::support::git(&app, &["add", "--all", "--force"]);
    crate::support::git(&app, &["commit", "--quiet", "-m", "hostile"]);
    let server = world.serve();
    let _ = world.clone(&server.url("app"), &[]).success();
    let link = std::fs::read_link(world.work().join("link")).expect("a link");
    assert_eq!(link, outside);
    assert_eq!(std::fs::read_dir(&outside).expect("a directory").count(), 0);
    assert!(!ran.exists());
}

#[test]
fn a_name_that_git_would_take_for_an_option_is_not_one() {
    let engine = Engine::serving(GitSandbox::small());
    let target = engine.path("work");
    let target = target.to_str().expect("a path");
    for option in [
        "--branch=--upload-pack=touch",
        "--tag=--exec=touch",
        "--branch=-b",
    ] {
        let ran = engine.run(&[
            "action",
            "checkout-application",
            REPO,
            target,
            option,
            "--json",
        ]);
        assert_eq!(ran.code, Some(45), "{option}: {ran:?}");
    }
    for url in [
        "--upload-pack=touch",
        "ext::sh -c touch",
        "file:///etc",
        "/etc",
        "-x@host:y",
    ] {
        let ran = engine.run(&["action", "git-clone", "--json", "--", url, target]);
        assert_eq!(ran.code, Some(41), "{url}: {ran:?}");
    }
}
