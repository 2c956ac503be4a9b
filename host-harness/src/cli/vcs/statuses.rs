//! Build statuses and reports.

use super::call::Call;
use crate::cli::args::vcs::StatusOperation;
use crate::cli::failure::Failure;
use crate::cli::input::json_from;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use vcs_provider_interface::records::*;

pub(super) fn run(call: &Call<'_>, operation: StatusOperation) -> Result<(), Failure> {
    use StatusOperation as Op;
    match operation {
        Op::SetStatus {
            repo,
            hash,
            state,
            key,
            url,
            name,
            description,
            ref_name,
            pull_request,
        } => call.record(|client, context| {
            let request = StatusRequest {
                repo,
                commit: hash,
                key,
                name,
                state,
                url,
                description,
                ref_name,
                pull_request,
                ..Default::default()
            };
            client.set_status(context, request)
        }),
        Op::ListStatuses { repo, hash, limit } => call.list("statuses", |client, context, sink| {
            let request = StatusesRequest {
                repo,
                commit: hash,
                limit,
                ..Default::default()
            };
            client.list_statuses(context, request, sink)
        }),
        Op::CreateInsightReport { repo, hash, report } => {
            let mut request = report_from(&report)?;
            request.repo = repo;
            request.commit = hash;
            call.record(|client, context| client.create_insight_report(context, request))
        }
    }
}

/// Reads a report; members that are left out have the interface's defaults.
fn report_from(path: &Path) -> Result<InsightReportRequest, Failure> {
    let mut given: Value = json_from(path)?;
    let wrong = |message: String| Failure::usage(format!("{}: {message}", path.display()));
    complete(&mut given, "data", &ReportData::default()).map_err(&wrong)?;
    complete(&mut given, "annotations", &Annotation::default()).map_err(&wrong)?;
    let whole = with_defaults(given, &InsightReportRequest::default()).map_err(&wrong)?;
    serde_json::from_value(whole).map_err(|error| wrong(error.to_string()))
}

/// Completes every item of a list by the defaults of its type.
fn complete(document: &mut Value, name: &str, defaults: &impl Serialize) -> Result<(), String> {
    let Some(Value::Array(items)) = document.get_mut(name) else {
        return Ok(());
    };
    for item in items {
        *item = with_defaults(item.take(), defaults)?;
    }
    Ok(())
}

fn with_defaults(given: Value, defaults: &impl Serialize) -> Result<Value, String> {
    let Value::Object(given) = given else {
        return Err("a JSON object is expected".to_owned());
    };
    let mut whole = serde_json::to_value(defaults).map_err(|error| error.to_string())?;
    for (name, value) in given {
        match whole.get_mut(&name) {
            Some(member) => *member = value,
            None => return Err(format!("unknown member {name:?}")),
        }
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report_of(document: &Value) -> Result<InsightReportRequest, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), document.to_string()).unwrap();
        report_from(file.path()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_a_report_leaves_out_has_the_default() {
        let report = report_of(&json!({
            "id": "lint", "title": "Lint", "result": "FAILED",
            "annotations": [{"id": "1", "path": "a.rs", "line": 3, "severity": "HIGH"}],
        }))
        .unwrap();
        assert_eq!(report.result, Some(ReportResult::FAILED));
        assert_eq!(report.annotations[0].line, Some(3));
        assert_eq!(report.annotations[0].severity, Severity::HIGH);
        assert_eq!(report.data, []);
    }

    #[test]
    fn a_misspelt_member_of_a_report_is_named() {
        let message = report_of(&json!({"annotations": [{"lines": 3}]})).unwrap_err();
        assert!(message.contains("\"lines\""), "{message}");
        let message = report_of(&json!({"titel": "x"})).unwrap_err();
        assert!(message.contains("\"titel\""), "{message}");
    }
}
