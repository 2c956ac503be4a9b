//! Tags.
//!
//! | method | sent | repeated | special errors |
//! |---|---|---|---|
//! | `tags` | pages of 100 by name | all | |
//! | `tag` | the tag by its name | all | `NotFound` with the name |
//! | `create_tag` | the creation; with a message it is an annotated tag | one whose response was lost is looked for first | `AlreadyExists`; `InvalidInput` if the target is not a hash |
//!
//! The hash of a tag is that of its commit, also where the tag is annotated.

use crate::api::branches::checked_ref;
use crate::encoding::query_literal;
use crate::http::Request;
use crate::json::{Tag as WireTag, tag_fields};
use crate::page_length::List;
use crate::pages::{ENVELOPE, Pager};
use crate::repository_name::RepositoryName;
use crate::session::Session;
use serde_json::json;
use vcs_provider_interface::prelude::*;

pub(crate) fn list(
    session: &Session,
    context: &dyn CallContext,
    request: TagsRequest,
    sink: &mut dyn PageSink<Tag>,
) -> Result<()> {
    let repo = RepositoryName::parse(&request.repo)?;
    let mut listing = Request::get(repo.path(&["refs", "tags"]))
        .query("sort", "name")
        .fields(&format!("{},{ENVELOPE}", tag_fields!("values.")));
    if let Some(text) = request.filter.filter(|text| !text.is_empty()) {
        listing = listing.query("q", &format!("name ~ {}", query_literal(&text)));
    }
    Pager::new(&session.http, context, List::Tags, listing)
        .limit(request.limit)
        .push(sink, |tag: WireTag| Ok(tag.into_record()))?;
    Ok(())
}

pub(crate) fn get(
    session: &Session,
    context: &dyn CallContext,
    request: TagRequest,
) -> Result<Tag> {
    let repo = RepositoryName::parse(&request.repo)?;
    let name = bare_name(&request.name)?;
    let tag = fetch(session, context, &repo, name)?.ok_or_else(|| {
        VcsError::new(
            ErrorKind::NOT_FOUND,
            format!("{repo} has no tag `{name}`, or there is no access"),
        )
        .with_http_status(404)
    })?;
    Ok(tag.into_record())
}

pub(crate) fn create(
    session: &Session,
    context: &dyn CallContext,
    request: CreateTagRequest,
) -> Result<Tag> {
    let repo = RepositoryName::parse(&request.repo)?;
    let (_, target) = checked_ref(&request.name, &request.target)?;
    let name = bare_name(&request.name)?;
    let mut body = json!({"name": name, "target": {"hash": target}});
    if let Some(message) = request.message.filter(|message| !message.is_empty()) {
        body["message"] = message.into();
    }
    let creation = Request::post(repo.path(&["refs", "tags"])).json(&body)?;
    let tag: WireTag = session.http.create(context, &creation, &|| {
        Ok(fetch(session, context, &repo, name)?.filter(|tag| {
            tag.target
                .as_ref()
                .and_then(|commit| commit.hash.as_deref())
                .is_some_and(|hash| hash.starts_with(target))
        }))
    })?;
    Ok(tag.into_record())
}

fn bare_name(name: &str) -> Result<&str> {
    let bare = name.strip_prefix("refs/tags/").unwrap_or(name);
    if bare.is_empty() {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            "the name of the tag is empty",
        ));
    }
    Ok(bare)
}

fn fetch(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    name: &str,
) -> Result<Option<WireTag>> {
    let request = Request::get(repo.path(&["refs", "tags", name])).fields(tag_fields!(""));
    session.http.find(context, &request)
}
