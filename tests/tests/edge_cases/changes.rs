//! Changed files, and reports on commits.

use crate::support::{quick_small, repo, rule, sent};
use integration_tests::bitbucket::{Bitbucket, context};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::Fault;
use serde_json::json;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

fn changed(bitbucket: &Bitbucket, base: &str, head: &str) -> Result<Vec<ChangedFile>> {
    let request = ChangedFilesRequest {
        repo: repo(),
        base: base.to_owned(),
        head: head.to_owned(),
        limit: None,
        ..Default::default()
    };
    let client = bitbucket.client();
    collect(|sink| client.changed_files(&context(), request, sink))
}

/// Situation `diffstat`.
#[test]
fn changed_files_are_those_of_the_head() {
    let git = GitSandbox::small();
    git.write("gone.txt", "nothing like the others\n");
    git.write("old name.txt", "one\ntwo\nthree\nfour\nfive\n");
    git.write("kept.txt", "1\n");
    git.commit_all("Base");
    git.git(&["switch", "--quiet", "--create", "head"]);
    git.git(&["rm", "--quiet", "gone.txt"]);
    git.git(&["mv", "old name.txt", "new name.txt"]);
    git.write("kept.txt", "1\n2\n");
    git.write("added.txt", "1\n");
    std::fs::write(git.path().join("binary.bin"), [0u8, 1, 2, 0, 255]).expect("a file");
    git.commit_all("Head");
    git.git(&["switch", "--quiet", "main"]);
    git.write("later.txt", "not of the head");
    git.commit_all("Later on main");
    let bitbucket = crate::support::quick(git);
    let mut found = changed(&bitbucket, "main", "head").expect("a list");
    found.sort_by(|left, right| left.path.cmp(&right.path));
    let found: Vec<(&str, Option<&str>, FileChange)> = found
        .iter()
        .map(|file| (file.path.as_str(), file.old_path.as_deref(), file.change))
        .collect();
    assert_eq!(
        found,
        [
            ("added.txt", None, FileChange::ADDED),
            ("binary.bin", None, FileChange::ADDED),
            ("gone.txt", None, FileChange::REMOVED),
            ("kept.txt", None, FileChange::MODIFIED),
            ("new name.txt", Some("old name.txt"), FileChange::RENAMED),
        ]
    );
    let (base, head) = (bitbucket.git.hash("main"), bitbucket.git.hash("head"));
    let asked = bitbucket.api_requests().join("\n");
    let newer_first = asked.contains(&format!("/diffstat/{head}..{base}"));
    assert!(newer_first, "the newer stands first: {asked}");
}

/// Situation `diffstat`.
#[test]
fn commits_without_a_common_ancestor_are_a_typed_error() {
    let bitbucket = quick_small();
    bitbucket.mock.add_fault(rule(
        "*/diffstat/*",
        crate::support::answer(
            400,
            json!({"type": "error", "error": {"message": "No common ancestor"}}),
        ),
    ));
    let error = changed(&bitbucket, "main", "feature/one").expect_err("nothing in common");
    assert!(
        [ErrorKind::INVALID_INPUT, ErrorKind::CONFLICT].contains(&error.kind),
        "{error}"
    );
    assert!(
        error.message.to_lowercase().contains("common ancestor"),
        "{error}"
    );
}

/// Situation `diffstat`.
#[test]
fn unrelated_histories_are_a_typed_error_too() {
    let git = GitSandbox::small();
    git.git(&["switch", "--quiet", "--orphan", "alone"]);
    git.write("alone.txt", "1");
    git.commit_all("Alone");
    git.git(&["switch", "--quiet", "main"]);
    let bitbucket = crate::support::quick(git);
    let error = changed(&bitbucket, "main", "alone").expect_err("nothing in common");
    assert!(
        [ErrorKind::INVALID_INPUT, ErrorKind::CONFLICT].contains(&error.kind),
        "{error}"
    );
}

/// Situation `diffstat`.
#[test]
fn sides_that_are_null_are_read() {
    let bitbucket = quick_small();
    bitbucket.mock.add_fault(rule(
        "*/diffstat/*",
        Fault {
            body: Some(json!({"values": [
                {"type": "diffstat", "status": "added", "old": null,
                 "new": {"path": "a"}, "lines_added": 1, "lines_removed": 0},
                {"type": "diffstat", "status": "removed", "old": {"path": "b"},
                 "new": null, "lines_added": 0, "lines_removed": 1},
                {"type": "diffstat", "status": "modified", "old": {"path": "c"},
                 "new": {"path": "c"}, "lines_added": null, "lines_removed": null},
            ]})),
            ..Fault::default()
        },
    ));
    let found = changed(&bitbucket, "main", "feature/one").expect("a list");
    let paths: Vec<(&str, FileChange)> = found
        .iter()
        .map(|file| (file.path.as_str(), file.change))
        .collect();
    assert_eq!(
        paths,
        [
            ("a", FileChange::ADDED),
            ("b", FileChange::REMOVED),
            ("c", FileChange::MODIFIED)
        ]
    );
    assert_eq!(found[2].lines_added, None);
}

fn report(commit: &str, annotations: usize) -> InsightReportRequest {
    InsightReportRequest {
        repo: repo(),
        commit: commit.to_owned(),
        id: "lint".to_owned(),
        title: "Lint".to_owned(),
        details: "What the linter says".to_owned(),
        kind: ReportType::BUG,
        annotations: (0..annotations)
            .map(|number| Annotation {
                id: format!("finding-{number}"),
                kind: AnnotationType::BUG,
                path: Some("README.md".to_owned()),
                line: Some(1),
                summary: format!("Finding {number}"),
                ..Annotation::default()
            })
            .collect(),
        ..InsightReportRequest::default()
    }
}

/// Situation `annotations`.
#[test]
fn annotations_go_in_batches_and_the_rest_is_a_warning() {
    let bitbucket = quick_small();
    let commit = bitbucket.git.hash("main");
    let made = bitbucket
        .client()
        .create_insight_report(&context(), report(&commit, 1050))
        .expect("a report");
    assert_eq!(made.annotations, 1000);
    assert!(made.warnings.join("\n").contains("1000") || made.warnings.join("\n").contains("50"));
    let batches = sent(&bitbucket, "POST", "/reports/lint/annotations");
    assert_eq!(batches.len(), 10);
    for batch in batches {
        assert_eq!(batch.json().as_array().map(Vec::len), Some(100));
    }
}

/// Situation `annotations`.
#[test]
fn a_report_that_is_made_again_has_no_stale_annotations() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let commit = bitbucket.git.hash("main");
    for count in [3, 1] {
        let made = client
            .create_insight_report(&context(), report(&commit, count))
            .expect("a report");
        assert_eq!(made.annotations, count as u64);
        assert_eq!(made.warnings, Vec::<String>::new());
    }
    let requests = bitbucket.api_requests();
    let deletion = requests
        .iter()
        .rposition(|request| request.starts_with("DELETE") && request.ends_with("/reports/lint"));
    let creation = requests
        .iter()
        .rposition(|request| request.starts_with("PUT") && request.contains("/reports/lint"));
    assert!(deletion.is_some() && deletion < creation, "{requests:#?}");
}
