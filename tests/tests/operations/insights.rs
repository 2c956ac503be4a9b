//! Reports with annotations.

use super::repo;
use integration_tests::bitbucket::{Bitbucket, context};
use vcs_provider_interface::prelude::*;

fn report(bitbucket: &Bitbucket, annotations: usize) -> InsightReportRequest {
    InsightReportRequest {
        repo: repo(),
        commit: bitbucket.git.hash("main"),
        id: "lint-1".to_owned(),
        title: "Lint".to_owned(),
        details: "All of it".to_owned(),
        result: Some(ReportResult::FAILED),
        link: Some("http://localhost/1".to_owned()),
        data: vec![ReportData {
            title: "Warnings".to_owned(),
            kind: ReportDataType::NUMBER,
            value: "3".to_owned(),
            ..Default::default()
        }],
        annotations: (0..annotations)
            .map(|number| Annotation {
                id: format!("a{number}"),
                path: Some("src/main.rs".to_owned()),
                line: Some(1),
                summary: "Unused".to_owned(),
                ..Annotation::default()
            })
            .collect(),
        ..InsightReportRequest::default()
    }
}

/// Situation `annotations`.
#[test]
fn annotations_go_in_batches_and_a_new_report_replaces_the_old_one() {
    let bitbucket = Bitbucket::small();
    let client = bitbucket.client();
    let published = client
        .create_insight_report(&context(), report(&bitbucket, 250))
        .unwrap();
    assert_eq!((published.annotations, &*published.id), (250, "lint-1"));
    assert_eq!(published.warnings.len(), 1, "{:?}", published.warnings);
    let sent = |bitbucket: &Bitbucket, method: &str| {
        let requests = bitbucket.api_requests();
        requests
            .iter()
            .filter(|request| request.starts_with(method))
            .count()
    };
    assert_eq!(
        (
            sent(&bitbucket, "DELETE"),
            sent(&bitbucket, "PUT"),
            sent(&bitbucket, "POST")
        ),
        (1, 1, 3)
    );

    let again = client
        .create_insight_report(&context(), report(&bitbucket, 1))
        .unwrap();
    assert_eq!(again.annotations, 1);
}

/// Situation `annotations`.
#[test]
fn annotations_above_the_limit_are_left_out_with_a_warning() {
    let bitbucket = Bitbucket::small();
    let published = bitbucket
        .client()
        .create_insight_report(&context(), report(&bitbucket, 1001))
        .unwrap();
    assert_eq!(published.annotations, 1000);
    assert!(
        published
            .warnings
            .iter()
            .any(|warning| warning.contains("1001"))
    );
}
