//! What the command lists is what git says.

use integration_tests::engine::{Engine, REPO};
use integration_tests::sandbox::GitSandbox;
use serde_json::{Value, json};

/// Names that need encoding somewhere on the way.
const ODD_NAMES: [&str; 16] = [
    "feature/#1",
    "per%cent",
    "per%2Fcent",
    "a&b=c",
    "quo\"te",
    "apo'strophe",
    "ünïcode/日本",
    "dollar$",
    "comma,semi;plus+",
    "at@x",
    "-dash",
    "UPPER",
    "lt<gt>",
    "pipe|ex!",
    "(round)",
    "{curly}",
];

fn texts<'v>(list: &'v Value, member: &str) -> Vec<&'v str> {
    let items = list.as_array().expect("a list");
    items
        .iter()
        .map(|item| item[member].as_str().expect("a text"))
        .collect()
}

#[test]
fn branches_and_tags_of_odd_names_are_those_of_git() {
    let git = GitSandbox::small();
    for name in ODD_NAMES {
        git.git(&["update-ref", &format!("refs/heads/{name}"), "main"]);
        git.git(&[
            "update-ref",
            &format!("refs/tags/{name}"),
            "v1.0.0^{commit}",
        ]);
    }
    let engine = Engine::serving(git);
    for (operation, prefix, name, hash) in [
        ("branches", "refs/heads/", "display_id", "latest_commit"),
        ("tags", "refs/tags/", "tag", "hash"),
    ] {
        let list = engine.run(&["vcs", operation, REPO, "--json"]).success();
        let mut found: Vec<(&str, &str)> = texts(&list, name)
            .into_iter()
            .zip(texts(&list, hash))
            .collect();
        found.sort_unstable();
        let format = "--format=%(refname:lstrip=2)%09%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)";
        let said = engine.git.git(&["for-each-ref", format, prefix]);
        let mut expected: Vec<(&str, &str)> = said
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{operation}");
    }
}

#[test]
fn every_branch_of_an_odd_name_is_found_by_it() {
    let git = GitSandbox::small();
    for name in ODD_NAMES {
        git.git(&["update-ref", &format!("refs/heads/{name}"), "main"]);
    }
    let engine = Engine::serving(git);
    for name in ODD_NAMES {
        let branch = engine.run(&["vcs", "branch", "--json", REPO, "--", name]);
        assert_eq!(branch.success()["display_id"], name);
    }
}

#[test]
fn thousands_of_commits_are_those_of_git_in_its_order() {
    let git = GitSandbox::small();
    git.many_commits(2345);
    git.git(&["reset", "--quiet", "--hard"]);
    git.git(&[
        "merge",
        "--quiet",
        "--no-ff",
        "-m",
        "Merge\n\nwith a body",
        "feature/one",
    ]);
    let engine = Engine::serving(git);
    let list = engine.run(&["vcs", "commits", REPO, "--json"]).success();
    let said = engine.git.git(&[
        "log",
        "--format=%H%x09%P%x09%an%x09%ae%x09%at%x09%s",
        "main",
        "--",
    ]);
    let expected: Vec<Value> = said
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let seconds: i64 = fields[4].parse().unwrap();
            json!([
                fields[0],
                fields[1].split_whitespace().collect::<Vec<_>>(),
                fields[2],
                fields[3],
                seconds * 1000,
                fields[5],
            ])
        })
        .collect();
    let found: Vec<Value> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|commit| {
            json!([
                commit["id"],
                commit["parents"],
                commit["author"]["display_name"],
                commit["author"]["email"],
                commit["authorTimestamp"],
                commit["message"].as_str().unwrap().lines().next(),
            ])
        })
        .collect();
    assert_eq!(found.len(), 2349);
    for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found, expected, "at place {place}");
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn a_limit_ends_a_list_and_its_requests() {
    let git = GitSandbox::small();
    git.many_commits(500);
    let engine = Engine::serving(git);
    let list = engine.run(&["vcs", "commits", REPO, "--limit", "3", "--json"]);
    assert_eq!(list.success().as_array().map(Vec::len), Some(3));
    let pages = engine
        .mock
        .requests()
        .iter()
        .filter(|exchange| exchange.path.contains("/commits"))
        .count();
    assert_eq!(pages, 1);
}

#[test]
fn a_table_is_for_people_and_holds_no_control_characters() {
    let git = GitSandbox::small();
    git.commit_all("Clear the screen \u{1b}[2J");
    let engine = Engine::serving(git);
    let ran = engine.run(&["vcs", "commits", REPO]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with("COMMIT "), "{ran:?}");
    assert!(lines[1].contains("Clear the screen"), "{ran:?}");
    assert!(!ran.stdout.contains('\u{1b}'), "{ran:?}");
}

#[test]
fn an_empty_list_is_an_empty_json_list() {
    let engine = Engine::serving(GitSandbox::small());
    let arguments = ["vcs", "branches", REPO, "--filter", "none", "--json"];
    assert_eq!(engine.run(&arguments).success(), json!([]));
}

#[test]
fn a_repository_without_commits_has_empty_lists_and_no_main_branch() {
    let engine = Engine::serving(GitSandbox::empty());
    let branches = engine.run(&["vcs", "branches", REPO, "--json"]).success();
    assert_eq!(branches, json!([]));
    let repository = engine
        .run(&["vcs", "repo-by-fullname", REPO, "--json"])
        .success();
    assert_eq!(repository["default_branch"], Value::Null);
}
