//! Reports with annotations on a commit (Code Insights).
//!
//! Sent: the report of this id is deleted, because old annotations outlive a
//! new report; then it is put; then the annotations go in batches of 100.
//! Repeated: all of it, since reports and annotations are replaced by their
//! ids. Left out with a warning: what exceeds the service's limits, and links
//! that are not public, for one of which the whole report would be rejected.

mod body;

pub(crate) use body::MAX_ANNOTATIONS;

use crate::http::Request;
use crate::repository_name::RepositoryName;
use crate::session::Session;
use serde::Deserialize;
use serde::de::IgnoredAny;
use vcs_provider_interface::prelude::*;

/// A report as the service has it.
#[derive(Deserialize)]
struct Published {
    uuid: String,
}

/// Publishes a report on a commit.
///
/// # Errors
/// `InvalidInput` without an id or a commit, or for a result that only
/// annotations have; `NotFound` if the commit is not in the repository.
pub(crate) fn create(
    session: &Session,
    context: &dyn CallContext,
    request: InsightReportRequest,
) -> Result<InsightReport> {
    for (what, value) in [("id", &request.id), ("commit", &request.commit)] {
        if value.trim().is_empty() {
            return Err(VcsError::new(
                ErrorKind::INVALID_INPUT,
                format!("a report needs its {what}"),
            ));
        }
    }
    let mut warnings = Vec::new();
    let report = body::report(&request, &mut warnings)?;
    let annotations = body::annotations(&request, &mut warnings);
    let repo = RepositoryName::parse(&request.repo)?;
    let path = |rest: &[&str]| {
        let mut segments = vec![
            "commit",
            request.commit.as_str(),
            "reports",
            request.id.as_str(),
        ];
        segments.extend_from_slice(rest);
        repo.path(&segments)
    };

    match session.http.delete(context, path(&[])) {
        Ok(()) => {}
        Err(error) if error.kind == ErrorKind::NOT_FOUND => {}
        Err(error) => return Err(error),
    }
    let published: Published = session
        .http
        .json(context, &Request::put(path(&[])).json(&report)?)?;
    for batch in annotations.chunks(body::ANNOTATIONS_PER_REQUEST) {
        let upload = Request::post(path(&["annotations"]))
            .idempotent()
            .json(&batch)?;
        let response = session.http.send(context, &upload)?;
        if response.json::<Vec<IgnoredAny>>()?.is_empty() {
            return Err(response.head.invalid("it holds none of the annotations"));
        }
    }
    Ok(InsightReport {
        uuid: published.uuid,
        id: request.id.clone(),
        annotations: annotations.len() as u64,
        warnings,
        ..Default::default()
    })
}
