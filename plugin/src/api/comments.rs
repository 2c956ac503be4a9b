//! Comments of pull requests.
//!
//! Sent: one request each; the list is read oldest first. Repeated: reading,
//! changing and deleting. A creation whose response was lost is neither repeated
//! nor looked for: engines post the same words again and again, so nobody could
//! tell the lost comment from an earlier one. Its error is not retryable and
//! says so. Deleting what is gone succeeds.
//!
//! Bitbucket Cloud takes texts below 32,768 characters; a longer one is cut at
//! a character boundary and ends with a note.

use crate::api::pull_requests::may_be_done;
use crate::api::repositories::delete_within;
use crate::http::Request;
use crate::json::account_fields;
use crate::json::{self, Item, Json, StrictJson};
use crate::page_length::List;
use crate::pages::{ENVELOPE, Pager};
use crate::repository_name::RepositoryName;
use crate::session::Session;
use crate::text::cut;
use serde_json::{Map, Value, json};
use vcs_provider_interface::prelude::*;

/// The longest text, in characters.
pub(crate) const MAX_TEXT: usize = 32_767;

const CUT_NOTE: &str = "\n\n… (this comment was too long and was cut)";

/// Lists the comments of a pull request, oldest first.
pub(crate) fn list(
    session: &Session,
    context: &dyn CallContext,
    request: CommentsRequest,
    sink: &mut dyn PageSink<Comment>,
) -> Result<()> {
    let repo = RepositoryName::parse(&request.repo)?;
    let fields = format!(
        "values.id,values.content.raw,values.deleted,values.resolution,values.inline,\
         values.parent.id,values.links.html.href,values.created_on,values.updated_on,{},{ENVELOPE}",
        account_fields!("values.user.")
    );
    let listed = Request::get(path(&repo, request.pull_request, None))
        .query("sort", "created_on")
        .fields(&fields);
    Pager::new(&session.http, context, List::Comments, listed)
        .limit(request.limit)
        .push(sink, |item: Item| read_one(&item.value))?;
    Ok(())
}

/// Comments on a pull request.
///
/// # Errors
/// `Unavailable` or `Timeout`, not retryable, where the comment may be there.
pub(crate) fn create(
    session: &Session,
    context: &dyn CallContext,
    request: CreateCommentRequest,
) -> Result<Comment> {
    let repo = RepositoryName::parse(&request.repo)?;
    let creation = Request::post(path(&repo, request.pull_request, None)).json(&body(&request)?)?;
    let StrictJson(value) = session.http.json(context, &creation).map_err(|error| {
        if may_be_done(&error) {
            error
                .with_retryable(false)
                .in_context("the comment may have been created all the same")
        } else {
            error
        }
    })?;
    read_one(&value)
}

fn body(request: &CreateCommentRequest) -> Result<Value> {
    let mut body = Map::new();
    body.insert("content".into(), content(&request.text)?);
    if let Some(position) = &request.position {
        let mut inline = Map::new();
        inline.insert("path".into(), json!(position.path));
        if let Some(from) = position.from {
            inline.insert("from".into(), json!(from));
        }
        if let Some(to) = position.to {
            inline.insert("to".into(), json!(to));
        }
        body.insert("inline".into(), Value::Object(inline));
    }
    if let Some(parent) = &request.parent {
        body.insert("parent".into(), json!({ "id": number(parent)? }));
    }
    Ok(Value::Object(body))
}

fn content(text: &str) -> Result<Value> {
    if text.trim().is_empty() {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            "a comment needs a text",
        ));
    }
    Ok(json!({ "raw": cut(text, MAX_TEXT, CUT_NOTE) }))
}

/// Changes the text of a comment.
pub(crate) fn update(
    session: &Session,
    context: &dyn CallContext,
    request: UpdateCommentRequest,
) -> Result<Comment> {
    let repo = RepositoryName::parse(&request.repo)?;
    let change = Request::put(path(
        &repo,
        request.pull_request,
        Some(number(&request.id)?),
    ))
    .json(&json!({ "content": content(&request.text)? }))?;
    read_one(&session.http.json::<StrictJson>(context, &change)?.0)
}

/// Deletes a comment; one that is gone already is a success.
pub(crate) fn delete(
    session: &Session,
    context: &dyn CallContext,
    request: DeleteCommentRequest,
) -> Result<Done> {
    let repo = RepositoryName::parse(&request.repo)?;
    let pull_request = request.pull_request.to_string();
    let comment = number(&request.id)?.to_string();
    let segments = ["pullrequests", &pull_request, "comments", &comment];
    delete_within(session, context, &repo, &segments)
}

/// The number of a comment, which is Bitbucket's id of it.
///
/// # Errors
/// `InvalidInput` for an id that is none of Bitbucket's.
fn number(id: &str) -> Result<u64> {
    id.parse().map_err(|_| {
        VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!("{id:?} is not the id of a comment: Bitbucket Cloud has numbers"),
        )
    })
}

fn path(repo: &RepositoryName, pull_request: u64, comment: Option<u64>) -> String {
    let pull_request = pull_request.to_string();
    let comment = comment.map(|id| id.to_string());
    let mut segments = vec!["pullrequests", pull_request.as_str(), "comments"];
    segments.extend(comment.as_deref());
    repo.path(&segments)
}

fn read_one(value: &Json<'_>) -> Result<Comment> {
    json::comment(value).ok_or_else(|| {
        VcsError::new(
            ErrorKind::INVALID_RESPONSE,
            "the service responded with a comment without number",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Situation `long-comment`.
    #[test]
    fn a_comment_that_is_too_long_is_cut_below_the_limit_with_a_note() {
        let request = CreateCommentRequest {
            text: "ß".repeat(40_000),
            ..CreateCommentRequest::default()
        };
        let body = body(&request).expect("a body");
        let text = body["content"]["raw"].as_str().expect("a text");
        assert!(text.chars().count() < 32_768);
        assert!(text.ends_with("was cut)"));
    }

    #[test]
    fn a_comment_has_its_place_and_its_parent() {
        let request = CreateCommentRequest {
            text: "why?".to_owned(),
            position: Some(CommentPosition {
                path: "src/a.rs".to_owned(),
                from: None,
                to: Some(4),
                ..Default::default()
            }),
            parent: Some("9".to_owned()),
            ..CreateCommentRequest::default()
        };
        assert_eq!(
            body(&request).expect("a body"),
            json!({ "content": { "raw": "why?" }, "inline": { "path": "src/a.rs", "to": 4 }, "parent": { "id": 9 } })
        );
        let empty = CreateCommentRequest::default();
        assert_eq!(
            body(&empty).expect_err("no text").kind,
            ErrorKind::INVALID_INPUT
        );
    }
}
