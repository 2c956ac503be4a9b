//! Nothing of the machine changes a checkout, and nothing of the machine or of
//! the repository runs in it.

use crate::support::{World, git};
use integration_tests::engine::run;
use serde_json::json;

/// Settings of a user's `~/.gitconfig` that would change or break a checkout, or
/// run something in it.
fn settings(ran: &str) -> Vec<(&'static str, String)> {
    let program = |name: &str| format!("{ran}-{name}");
    vec![
        (
            "url.ssh://git@127.0.0.1/.insteadOf",
            "http://127.0.0.1".to_owned(),
        ),
        (
            "url.http://127.0.0.1:1/.pushInsteadOf",
            "http://127.0.0.1".to_owned(),
        ),
        ("init.defaultObjectFormat", "sha256".to_owned()),
        ("init.defaultRefFormat", "files".to_owned()),
        ("core.autocrlf", "true".to_owned()),
        ("core.fsmonitor", program("fsmonitor")),
        ("core.sshCommand", program("ssh")),
        ("core.gitProxy", program("proxy")),
        ("core.alternateRefsCommand", program("alternates")),
        ("http.proxy", "http://127.0.0.1:1".to_owned()),
        ("http.extraHeader", "X-Of-The-User: yes".to_owned()),
        ("http.sslVerify", "false".to_owned()),
        ("http.cookieFile", "/etc/hostname".to_owned()),
        ("credential.helper", format!("!{ran}-helper")),
        ("core.askPass", program("askpass")),
        ("fetch.prune", "true".to_owned()),
        ("fetch.recurseSubmodules", "true".to_owned()),
        ("submodule.recurse", "true".to_owned()),
        ("remote.origin.tagOpt", "--tags".to_owned()),
        ("remote.origin.uploadpack", program("uploadpack")),
        ("protocol.version", "1".to_owned()),
        ("protocol.allow", "never".to_owned()),
        ("filter.evil.smudge", program("filter")),
        ("filter.evil.process", program("filter-process")),
        ("safe.directory", "/nowhere".to_owned()),
        ("alias.fetch", "!false".to_owned()),
        ("transfer.hideRefs", "refs/heads".to_owned()),
        ("log.showSignature", "true".to_owned()),
        ("core.worktree", "/nowhere".to_owned()),
        ("gc.auto", "1".to_owned()),
    ]
}

/// A machine on which everything that could be run leaves a note.
fn hostile_machine(world: &World) -> String {
    let ran = world.path("ran");
    let ran = ran.to_str().expect("a path").to_owned();
    let note = format!("echo \"$0 $*\" >> '{ran}'");
    for name in [
        "fsmonitor",
        "ssh",
        "proxy",
        "alternates",
        "helper",
        "askpass",
        "uploadpack",
        "filter",
        "filter-process",
        "pager",
        "editor",
        "external-diff",
    ] {
        world.program(&format!("ran-{name}"), &note);
    }
    for name in [
        "post-checkout",
        "reference-transaction",
        "post-index-change",
        "pre-auto-gc",
        "post-merge",
    ] {
        world.program(&format!("hooks/{name}"), &format!("{note}\nexit 1"));
        world.program(
            &format!("templates/hooks/{name}"),
            &format!("{note}\nexit 1"),
        );
    }
    ran
}

#[test]
fn the_user_s_configuration_hooks_and_templates_change_nothing() {
    let world = World::new();
    std::fs::write(world.app().join(".gitattributes"), "* filter=evil\n").expect("a file");
    git(&world.app(), &["add", "."]);
    git(&world.app(), &["commit", "--quiet", "-m", "attributes"]);
    let ran = hostile_machine(&world);
    let home = world.path("home");
    for (key, value) in settings(&ran).into_iter().chain([
        ("core.hooksPath", world.path("hooks").display().to_string()),
        (
            "init.templateDir",
            world.path("templates").display().to_string(),
        ),
        (
            "core.attributesFile",
            world
                .write("attributes", "* text eol=crlf\n")
                .display()
                .to_string(),
        ),
        (
            "core.excludesFile",
            world.write("excludes", "*\n").display().to_string(),
        ),
    ]) {
        let file = home.join(".gitconfig");
        git(
            &home,
            &[
                "config",
                "--file",
                file.to_str().expect("a path"),
                "--add",
                key,
                &value,
            ],
        );
    }
    world.write(
        "home/.netrc",
        "machine 127.0.0.1 login thief password thief\n",
    );
    let server = world.serve();
    let _ = world.clone(&server.url("app"), &[]).success();
    let text = std::fs::read_to_string(world.work().join("file1")).expect("a file");
    assert_eq!(text, "1\n");
    let left = std::fs::read_to_string(&ran).unwrap_or_default();
    assert_eq!(left, "", "something of the machine ran");
    assert!(!world.work().join(".git/hooks/post-checkout").exists());
    for request in server.requests() {
        assert_eq!(request.header("x-of-the-user"), None);
        assert_eq!(request.header("authorization"), None);
    }
}

#[test]
fn the_caller_s_variables_change_nothing() {
    let world = World::new();
    let ran = hostile_machine(&world);
    let server = world.serve();
    let url = server.url("app");
    let nowhere = world.path("nowhere").display().to_string();
    let variables: Vec<(&str, String)> = vec![
        ("GIT_DIR", nowhere.clone()),
        ("GIT_WORK_TREE", nowhere.clone()),
        ("GIT_COMMON_DIR", nowhere.clone()),
        ("GIT_INDEX_FILE", nowhere.clone()),
        ("GIT_OBJECT_DIRECTORY", nowhere.clone()),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", nowhere.clone()),
        ("GIT_QUARANTINE_PATH", nowhere.clone()),
        ("GIT_NAMESPACE", "elsewhere".to_owned()),
        ("GIT_SHALLOW_FILE", nowhere.clone()),
        ("GIT_GRAFT_FILE", nowhere.clone()),
        ("GIT_REPLACE_REF_BASE", "refs/elsewhere".to_owned()),
        ("GIT_PREFIX", "elsewhere/".to_owned()),
        ("GIT_CONFIG", nowhere.clone()),
        (
            "GIT_CONFIG_GLOBAL",
            world
                .write("evil.gitconfig", "[core]\n\tautocrlf = true\n")
                .display()
                .to_string(),
        ),
        (
            "GIT_CONFIG_SYSTEM",
            world
                .write("evil.gitconfig", "[core]\n\tautocrlf = true\n")
                .display()
                .to_string(),
        ),
        ("GIT_CONFIG_PARAMETERS", "'core.autocrlf'='true'".to_owned()),
        ("GIT_CONFIG_COUNT", "1".to_owned()),
        ("GIT_CONFIG_KEY_0", "core.autocrlf".to_owned()),
        ("GIT_CONFIG_VALUE_0", "true".to_owned()),
        ("GIT_DEFAULT_HASH", "sha256".to_owned()),
        ("GIT_DEFAULT_REF_FORMAT", "reftable".to_owned()),
        (
            "GIT_TEMPLATE_DIR",
            world.path("templates").display().to_string(),
        ),
        ("GIT_SSH", format!("{ran}-ssh")),
        ("GIT_SSH_COMMAND", format!("{ran}-ssh")),
        ("GIT_ASKPASS", format!("{ran}-askpass")),
        ("SSH_ASKPASS", format!("{ran}-askpass")),
        ("GIT_PROXY_COMMAND", format!("{ran}-proxy")),
        ("GIT_PAGER", format!("{ran}-pager")),
        ("GIT_EDITOR", format!("{ran}-editor")),
        ("GIT_EXTERNAL_DIFF", format!("{ran}-external-diff")),
        ("GIT_ALLOW_PROTOCOL", "ext:file".to_owned()),
        ("GIT_PROTOCOL_FROM_USER", "0".to_owned()),
        ("GIT_TRACE", world.path("trace").display().to_string()),
        (
            "GIT_TRACE2_EVENT",
            world.path("trace").display().to_string(),
        ),
        ("GIT_TRACE_CURL", world.path("trace").display().to_string()),
        ("GIT_SSL_NO_VERIFY", "1".to_owned()),
        ("GIT_LITERAL_PATHSPECS", "1".to_owned()),
        ("GIT_CEILING_DIRECTORIES", "/".to_owned()),
        ("GIT_EXEC_PATH", nowhere.clone()),
        ("GIT_ATTR_SOURCE", "elsewhere".to_owned()),
        ("GIT_LFS_SKIP_SMUDGE", "1".to_owned()),
        ("XDG_CONFIG_HOME", world.path("home").display().to_string()),
        ("LC_ALL", "de_DE.UTF-8".to_owned()),
        ("LANGUAGE", "de".to_owned()),
    ];
    for (number, some) in variables.chunks(9).enumerate() {
        let target = world.path(&format!("work-{number}"));
        let words = [
            "git-clone",
            &url,
            target.to_str().expect("a path"),
            "--json",
        ];
        let mut command = world.action(&words);
        command.envs(some.iter().map(|(name, value)| (name, value)));
        let checkout = run(&mut command).success();
        assert_eq!(checkout["warnings"], json!([]), "{some:?}");
    }
    let target = world.work();
    let words = [
        "git-clone",
        &url,
        target.to_str().expect("a path"),
        "--json",
    ];
    let _ = run(world.action(&words).envs(variables)).success();
    assert_eq!(std::fs::read(target.join("file1")).expect("a file"), b"1\n");
    assert!(!world.path("trace").exists());
    assert_eq!(std::fs::read_to_string(&ran).unwrap_or_default(), "");
}

#[test]
fn an_old_git_is_named_with_the_version_that_is_needed() {
    let world = World::new();
    let server = world.serve();
    world.program("bin/git", "echo git version 2.25.1");
    let path = format!("{}:/usr/bin:/bin", world.path("bin").display());
    let url = server.url("app");
    let target = world.work();
    let words = [
        "git-clone",
        &url,
        target.to_str().expect("a path"),
        "--json",
    ];
    let ran = run(world.action(&words).env("PATH", path));
    assert_eq!(ran.code, Some(4), "{ran:?}");
    let message = ran.json()["error"]["message"].to_string();
    assert!(
        message.contains("2.25.1") && message.contains("2.31"),
        "{message}"
    );
    assert!(server.requests().is_empty());
    assert!(!target.exists());
}
