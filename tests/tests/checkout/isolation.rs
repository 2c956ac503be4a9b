//! The two gits of this workspace, that of a checkout and that of a provider's
//! archive, keep the same rules: nothing of the machine, its user or the caller
//! changes them or runs, and no secret is seen.

use crate::secrets::watched;
use crate::support::World;
use integration_tests::engine::{REPO, Ran, run};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::{ArchiveBearer, Behaviour, MockBitbucket, command::write_config};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

#[derive(serde::Deserialize)]
struct Rules {
    settings: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
}

const PROGRAMS: [&str; 14] = [
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
    "tar",
    "hook",
];

const HOOKS: [&str; 5] = [
    "post-checkout",
    "reference-transaction",
    "post-index-change",
    "pre-auto-gc",
    "post-merge",
];

/// A machine on which everything that could be run leaves a note, and a service.
struct Machine {
    world: World,
    git: GitSandbox,
    mock: MockBitbucket,
    rules: Rules,
    ran: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let world = World::new();
        let ran = world.path("ran");
        let note = format!("echo \"$0 $*\" >> '{}'\nexit 1", ran.display());
        for name in PROGRAMS {
            world.program(&format!("ran-{name}"), &note);
        }
        for hook in HOOKS {
            world.program(&format!("machine/hooks/{hook}"), &note);
            world.program(&format!("machine/templates/hooks/{hook}"), &note);
        }
        world.write("machine/attributes", "* text eol=crlf\n");
        world.write("machine/excludes", "*\n");
        let hooks = world.path("machine/hooks").display().to_string();
        let text = format!("[core]\n\tautocrlf = true\n\thooksPath = {hooks}\n");
        world.write("machine/gitconfig", &text);
        world.write("machine/git/config", &text);
        let thief = "machine 127.0.0.1 login thief password thief\n";
        world.write("home/.netrc", thief);
        let git = GitSandbox::small();
        git.write(".gitattributes", "* filter=evil diff=evil\n");
        git.commit_all("attributes");
        let mock = MockBitbucket::builder()
            .repo(REPO, git.path())
            .start()
            .expect("the mock");
        mock.set_behaviour(Behaviour {
            archive_bearer: ArchiveBearer::Forbidden,
            ..Behaviour::default()
        });
        write_config(&mock, &world.path("config.toml")).expect("a configuration");
        let rules = include_str!("../../git_rules.toml")
            .replace("{ran}", ran.to_str().expect("a path"))
            .replace("{machine}", world.path("machine").to_str().expect("a path"));
        Self {
            rules: toml::from_str(&rules).expect("the table"),
            world,
            git,
            mock,
            ran,
        }
    }

    /// The two commands that run git; both use the token of the variable.
    fn commands(&self, number: usize) -> [Command; 2] {
        let target = |name: &str| {
            self.world
                .path(&format!("{name}-{number}"))
                .display()
                .to_string()
        };
        let into = target("checkout");
        let words = ["checkout-application", REPO, &into, "--branch", "main"];
        let mut checkout = self.world.action(&words);
        checkout.args(["--token-env", "WORKER_TOKEN"]);
        let mut archive = self.world.command(&["vcs", "get-archive", REPO]);
        archive
            .args(["--format", "tar.gz", "--to", &target("archive")])
            .args(["--token-env", "WORKER_TOKEN"]);
        [checkout, archive].map(|mut command| {
            command
                .arg("--json")
                .env("ENGINE_CONFIG", self.world.path("config.toml"))
                .env("WORKER_TOKEN", self.mock.access_token().expose());
            command
        })
    }

    /// Runs both with these variables. Gives what went wrong.
    fn try_both(&self, number: usize, variables: &[(&String, &String)]) -> Vec<String> {
        let mut wrong = Vec::new();
        for mut command in self.commands(number) {
            self.mock.clear_requests();
            command.envs(variables.iter().copied());
            let ran: Ran = run(&mut command);
            if ran.code != Some(0) {
                wrong.push(format!("{variables:?}: {ran:?}"));
            }
            let requests = self.mock.requests();
            let git: Vec<_> = requests.iter().filter(|one| one.route == "git").collect();
            assert!(!git.is_empty(), "it did not come by git: {ran:?}");
            for request in git {
                if request.header("x-of-the-user").is_some() {
                    wrong.push("a header of the user was sent".to_owned());
                }
            }
        }
        let file = self
            .world
            .path(&format!("checkout-{number}"))
            .join("README.md");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if text != "# Small\n" {
            wrong.push(format!("{variables:?}: the file is {text:?}"));
        }
        wrong
    }

    fn assert_untouched(&self) {
        let notes = std::fs::read_to_string(&self.ran).unwrap_or_default();
        assert_eq!(notes, "", "something of the machine ran");
        assert!(!self.world.path("machine/trace").exists());
    }
}

/// Situation `machine-git-configuration`.
#[test]
fn the_user_s_configuration_hooks_and_templates_change_nothing() {
    let machine = Machine::new();
    let mut text = String::new();
    for (key, value) in &machine.rules.settings {
        let (section, name) = key.rsplit_once('.').expect("a key");
        let section = match section.split_once('.') {
            Some((section, sub)) => format!("{section} \"{sub}\""),
            None => section.to_owned(),
        };
        text.push_str(&format!("[{section}]\n\t{name} = \"{value}\"\n"));
    }
    machine.world.write("home/.gitconfig", &text);
    assert_eq!(machine.try_both(0, &[]), Vec::<String>::new());
    machine.assert_untouched();
    let hooks = machine.world.path("checkout-0/.git/hooks");
    assert!(!hooks.join("post-checkout").exists());
}

/// Situation `machine-git-configuration`.
#[test]
fn the_caller_s_variables_change_nothing() {
    let machine = Machine::new();
    let variables: Vec<_> = machine.rules.variables.iter().collect();
    let mut wrong = Vec::new();
    // All at once could hide one behind another.
    for (number, some) in variables.chunks(variables.len().div_ceil(4)).enumerate() {
        wrong.extend(machine.try_both(number, some));
    }
    wrong.extend(machine.try_both(9, &variables));
    assert_eq!(wrong, Vec::<String>::new());
    machine.assert_untouched();
}

#[test]
fn the_token_is_in_no_environment_or_argument_below_either() {
    let machine = Machine::new();
    let token = machine.mock.access_token();
    let proxy = "http://gateway:pr0xy-s3cret@127.0.0.1:9";
    for mut command in machine.commands(0) {
        // A proxy that is not used for this host, whose password is a secret too.
        command
            .env("https_proxy", proxy)
            .env("no_proxy", "127.0.0.1");
        let (code, said, seen) = watched(&mut command, &[token.expose(), "pr0xy-s3cret"]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(seen.leaks, BTreeSet::new());
        let saw = |name: &str| seen.commands.iter().any(|line| line.contains(name));
        assert!(saw("fetch"), "{:?}", seen.commands);
        assert!(!said.contains(token.expose()), "{said}");
    }
    assert_eq!(machine.git.hash("main").len(), 40);
}

#[test]
fn an_old_git_is_named_with_the_version_that_is_needed() {
    let machine = Machine::new();
    machine.world.program("bin/git", "echo git version 2.25.1");
    let path = format!("{}:/usr/bin:/bin", machine.world.path("bin").display());
    for (mut command, code) in machine.commands(0).into_iter().zip([4, 52]) {
        let ran = run(command.env("PATH", &path));
        assert_eq!(ran.code, Some(code), "{ran:?}");
        let message = ran.json()["error"]["message"].to_string();
        assert!(
            message.contains("2.25.1") && message.contains("2.31"),
            "{message}"
        );
    }
    assert!(!machine.world.path("checkout-0").exists());
}
