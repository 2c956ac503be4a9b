//! A report as JUnit XML, which CI engines show.

use super::report::{Outcome, Report, RuleReport};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use std::io::{self, Write};
use std::time::Duration;

/// Writes the report: one test suite, one case for each rule.
///
/// # Errors
/// When the output cannot be written.
pub fn write(report: &Report, output: impl Write) -> io::Result<()> {
    let name = format!("conformance of {}", report.provider.provider_type);
    let mut suite = TestSuite::new(name.as_str());
    suite.set_time(report.rules.iter().map(duration_of).sum());
    suite.add_test_cases(report.rules.iter().map(test_case));
    let mut document = quick_junit::Report::new(name);
    document.add_test_suite(suite);
    document.serialize(output).map_err(io::Error::other)
}

fn test_case(rule: &RuleReport) -> TestCase {
    let (class, name) = rule.id.split_once('.').unwrap_or(("rule", &rule.id));
    let status = match &rule.outcome {
        Outcome::Passed => TestCaseStatus::success(),
        Outcome::Failed { findings } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(findings.first().map_or("failed", String::as_str));
            status.set_description(findings.join("\n"));
            status
        }
        Outcome::Skipped { reason } => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason.as_str());
            status
        }
    };
    let mut case = TestCase::new(format!("{name}: {}", rule.title), status);
    case.set_classname(class);
    case.set_time(duration_of(rule));
    case
}

/// Zero for what is no duration: a report may have been read from a file.
fn duration_of(rule: &RuleReport) -> Duration {
    Duration::try_from_secs_f64(rule.seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::report::sample;
    use super::*;

    fn written() -> String {
        let mut bytes = Vec::new();
        assert!(write(&sample(), &mut bytes).is_ok());
        String::from_utf8(bytes).unwrap_or_default()
    }

    #[test]
    fn the_document_is_well_formed_and_says_what_failed() {
        let text = written();
        let read = match quick_junit::Report::deserialize_from_str(&text) {
            Ok(read) => read,
            Err(error) => panic!("{error}\n{text}"),
        };
        let cases = &read.test_suites[0].test_cases;
        assert_eq!(cases.len(), 3);
        let messages: Vec<Option<&str>> = cases
            .iter()
            .map(|case| match &case.status {
                TestCaseStatus::Success { .. } => None,
                TestCaseStatus::NonSuccess { message, .. }
                | TestCaseStatus::Skipped { message, .. } => {
                    message.as_ref().map(quick_junit::XmlString::as_str)
                }
            })
            .collect();
        assert_eq!(messages[0], None);
        // A control character, which XML cannot hold, is left out.
        assert_eq!(messages[1], Some("branches: \"<&>"));
        assert!(messages[2].is_some());
    }

    #[test]
    fn the_suite_counts_what_came_out_how() {
        let text = written();
        for part in [
            r#"tests="3""#,
            r#"failures="1""#,
            r#"errors="0""#,
            r#"time="0.750""#,
            r#"classname="list""#,
            r#"name="stop: "#,
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
