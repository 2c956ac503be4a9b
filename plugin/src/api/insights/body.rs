//! The bodies of a report and its annotations, within the service's limits.
//! Pure: what had to be left out is said in `warnings`.

use crate::text::{ELLIPSIS, cut, is_public_address};
use serde_json::{Map, Value, json};
use vcs_provider_interface::prelude::*;

/// Bitbucket Cloud: at most this many annotations a report.
pub(crate) const MAX_ANNOTATIONS: usize = 1000;
/// Bitbucket Cloud: at most this many annotations a request.
pub(super) const ANNOTATIONS_PER_REQUEST: usize = 100;
/// Bitbucket Cloud: at most this many values a report.
const MAX_DATA: usize = 10;
/// Bitbucket Cloud: title, reporter and summary, in characters.
const MAX_LINE: usize = 450;
/// Bitbucket Cloud: details, in characters.
const MAX_DETAILS: usize = 2000;

/// The body of the report.
///
/// # Errors
/// `InvalidInput` for a result that only annotations have.
pub(super) fn report(request: &InsightReportRequest, warnings: &mut Vec<String>) -> Result<Value> {
    let mut body = Map::new();
    let title = if request.title.trim().is_empty() {
        &request.id
    } else {
        &request.title
    };
    body.insert("title".into(), json!(cut(title, MAX_LINE, ELLIPSIS)));
    body.insert(
        "details".into(),
        json!(cut(&request.details, MAX_DETAILS, ELLIPSIS)),
    );
    body.insert("report_type".into(), json!(request.kind.to_string()));
    if let Some(result) = request.result {
        if !matches!(
            result,
            ReportResult::PASSED | ReportResult::FAILED | ReportResult::PENDING
        ) {
            return Err(VcsError::new(
                ErrorKind::INVALID_INPUT,
                format!("a report cannot have the result {result}; that is for annotations"),
            ));
        }
        body.insert("result".into(), json!(result.to_string()));
    }
    if let Some(reporter) = &request.reporter {
        body.insert("reporter".into(), json!(cut(reporter, MAX_LINE, ELLIPSIS)));
    }
    for (field, link) in [("link", &request.link), ("logo_url", &request.logo_url)] {
        if let Some(link) = public(link.as_deref(), &format!("the report's {field}"), warnings) {
            body.insert(field.into(), json!(link));
        }
    }
    let data: Vec<Value> = request
        .data
        .iter()
        .filter_map(|entry| data(entry, warnings))
        .collect();
    if data.len() > MAX_DATA {
        warnings.push(format!(
            "{} of {} values were left out: a report holds at most {MAX_DATA}",
            data.len() - MAX_DATA,
            data.len()
        ));
    }
    body.insert(
        "data".into(),
        data.into_iter().take(MAX_DATA).collect::<Value>(),
    );
    Ok(Value::Object(body))
}

/// A link that the service accepts. One that is not public would make it
/// reject the whole report.
fn public<'a>(link: Option<&'a str>, what: &str, warnings: &mut Vec<String>) -> Option<&'a str> {
    let link = link.filter(|link| !link.is_empty())?;
    if is_public_address(link) {
        return Some(link);
    }
    warnings.push(format!(
        "{what} was left out: it is not an absolute address with a public host"
    ));
    None
}

fn data(entry: &ReportData, warnings: &mut Vec<String>) -> Option<Value> {
    let text = entry.value.trim();
    let value = match entry.kind {
        ReportDataType::BOOLEAN => text
            .to_ascii_lowercase()
            .parse::<bool>()
            .ok()
            .map(Value::from),
        ReportDataType::DATE | ReportDataType::DURATION => {
            text.parse::<i64>().ok().map(Value::from)
        }
        ReportDataType::NUMBER => number(text),
        ReportDataType::PERCENTAGE => number(text).filter(|value| {
            value
                .as_f64()
                .is_some_and(|value| (0.0..=100.0).contains(&value))
        }),
        ReportDataType::LINK => {
            is_public_address(text).then(|| json!({ "text": entry.title, "href": text }))
        }
        _ => Some(json!(cut(&entry.value, MAX_LINE, ELLIPSIS))),
    };
    if value.is_none() {
        warnings.push(format!(
            "the value {:?} was left out: it is not a {}",
            entry.title, entry.kind
        ));
    }
    let kind = entry.kind.name().unwrap_or("TEXT");
    Some(json!({ "title": entry.title, "type": kind, "value": value? }))
}

/// A number as the JSON number it is written as.
fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Value::from(whole));
    }
    let fraction = text.parse::<f64>().ok()?;
    serde_json::Number::from_f64(fraction).map(Value::Number)
}

/// The bodies of the annotations, at most [`MAX_ANNOTATIONS`].
pub(super) fn annotations(
    request: &InsightReportRequest,
    warnings: &mut Vec<String>,
) -> Vec<Value> {
    let all = &request.annotations;
    if all.len() > MAX_ANNOTATIONS {
        warnings.push(format!(
            "{} of {} annotations were left out: a report holds at most {MAX_ANNOTATIONS}",
            all.len() - MAX_ANNOTATIONS,
            all.len()
        ));
    }
    let mut seen = std::collections::HashSet::new();
    all.iter()
        .take(MAX_ANNOTATIONS)
        .enumerate()
        .map(|(index, annotation)| {
            let mut id = annotation.id.clone();
            // The service would take a second one of the same id for a correction
            // of the first.
            if id.is_empty() || seen.contains(&id) {
                id = format!("{}-{}", request.id, index + 1);
            }
            seen.insert(id.clone());
            self::annotation(id, annotation, warnings)
        })
        .collect()
}

fn annotation(id: String, annotation: &Annotation, warnings: &mut Vec<String>) -> Value {
    let mut body = Map::new();
    let summary = if annotation.summary.trim().is_empty() {
        "(no summary)"
    } else {
        &annotation.summary
    };
    body.insert("annotation_type".into(), json!(annotation.kind.to_string()));
    body.insert("summary".into(), json!(cut(summary, MAX_LINE, ELLIPSIS)));
    body.insert("severity".into(), json!(annotation.severity.to_string()));
    if !annotation.details.is_empty() {
        body.insert(
            "details".into(),
            json!(cut(&annotation.details, MAX_DETAILS, ELLIPSIS)),
        );
    }
    if let Some(path) = &annotation.path {
        body.insert("path".into(), json!(path.trim_start_matches('/')));
        if let Some(line) = annotation.line.filter(|line| *line > 0) {
            body.insert("line".into(), json!(line));
        }
    }
    // An annotation cannot be pending; without a result it is shown without one.
    if let Some(result) = annotation
        .result
        .filter(|result| *result != ReportResult::PENDING)
    {
        body.insert("result".into(), json!(result.to_string()));
    }
    let what = format!("the link of the annotation {id:?}");
    if let Some(link) = public(annotation.link.as_deref(), &what, warnings) {
        body.insert("link".into(), json!(link));
    }
    body.insert("external_id".into(), json!(id));
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: ReportDataType, value: &str) -> ReportData {
        ReportData {
            title: "t".to_owned(),
            kind,
            value: value.to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn values_get_the_type_that_they_are_shown_as() {
        let request = InsightReportRequest {
            id: "r".to_owned(),
            data: vec![
                entry(ReportDataType::BOOLEAN, "true"),
                entry(ReportDataType::DURATION, "1500"),
                entry(ReportDataType::PERCENTAGE, "81.5"),
                entry(ReportDataType::NUMBER, "7"),
                entry(ReportDataType::TEXT, "7"),
                entry(ReportDataType::LINK, "https://ci.example.org/7"),
                entry(ReportDataType::PERCENTAGE, "101"),
                entry(ReportDataType::NUMBER, "many"),
                entry(ReportDataType::LINK, "http://localhost/"),
            ],
            ..InsightReportRequest::default()
        };
        let mut warnings = Vec::new();
        let body = report(&request, &mut warnings).expect("a body");
        let values: Vec<&Value> = body["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| &entry["value"])
            .collect();
        assert_eq!(
            values,
            [
                &json!(true),
                &json!(1500),
                &json!(81.5),
                &json!(7),
                &json!("7"),
                &json!({ "text": "t", "href": "https://ci.example.org/7" })
            ]
        );
        assert_eq!(warnings.len(), 3, "{warnings:?}");
    }

    #[test]
    fn a_link_that_is_not_public_is_left_out_with_a_warning() {
        let request = InsightReportRequest {
            id: "r".to_owned(),
            link: Some("http://ci:8080/job".to_owned()),
            logo_url: Some("https://ci.example.org/logo.png".to_owned()),
            ..InsightReportRequest::default()
        };
        let mut warnings = Vec::new();
        let body = report(&request, &mut warnings).expect("a body");
        assert_eq!(body.get("link"), None);
        assert_eq!(body["logo_url"], "https://ci.example.org/logo.png");
        assert_eq!(warnings.len(), 1);
    }

    /// Situation `annotations`.
    #[test]
    fn annotations_are_capped_cut_and_get_ids_of_their_own() {
        let request = InsightReportRequest {
            id: "lint".to_owned(),
            annotations: (0..1001)
                .map(|_| Annotation {
                    id: "same".to_owned(),
                    summary: "é".repeat(500),
                    line: Some(0),
                    path: Some("/src/a.rs".to_owned()),
                    ..Annotation::default()
                })
                .collect(),
            ..InsightReportRequest::default()
        };
        let mut warnings = Vec::new();
        let bodies = annotations(&request, &mut warnings);
        assert_eq!(bodies.len(), 1000);
        assert!(
            warnings[0].starts_with("1 of 1001 annotations"),
            "{warnings:?}"
        );
        let ids: std::collections::HashSet<_> = bodies
            .iter()
            .map(|body| body["external_id"].to_string())
            .collect();
        assert_eq!(ids.len(), 1000);
        let summary = bodies[0]["summary"].as_str().expect("a text");
        assert_eq!(summary.chars().count(), 450);
        assert_eq!(bodies[0]["path"], "src/a.rs");
        assert_eq!(bodies[0].get("line"), None);
    }

    #[test]
    fn a_report_is_not_skipped() {
        let request = InsightReportRequest {
            result: Some(ReportResult::SKIPPED),
            ..InsightReportRequest::default()
        };
        let error = report(&request, &mut Vec::new()).expect_err("a rejection");
        assert_eq!(error.kind, ErrorKind::INVALID_INPUT);
    }
}
