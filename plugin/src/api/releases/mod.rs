//! Releases: an annotated tag, and files in the repository's downloads.
//!
//! | method | sent | repeated | special errors |
//! |---|---|---|---|
//! | `release` | the tag is looked up, and created where it is missing | looking; a creation whose response was lost is looked for first | `AlreadyExists` with `commit` if the tag is of another commit |
//! | `upload_release_file` | one multipart request, streamed | no: the bytes can be read only once | `InvalidInput` if the source is shorter or longer than it said |
//!
//! Bitbucket Cloud has no releases of its own. Downloads belong to the
//! repository and not to a tag: a file of the same name is replaced, so the
//! name should hold the version.

mod multipart;

use crate::api::pull_requests::same_commit;
use crate::api::refs;
use crate::api::tags;
use crate::encoding;
use crate::http::{Request, Upload};
use crate::repository_name::RepositoryName;
use crate::session::Session;
use multipart::Multipart;
use vcs_provider_interface::prelude::*;

/// Makes a release.
pub(crate) fn create(
    session: &Session,
    context: &dyn CallContext,
    request: ReleaseRequest,
) -> Result<Release> {
    let repo = RepositoryName::parse(&request.repo)?;
    let wanted = TagRequest {
        repo: request.repo.clone(),
        name: request.tag.clone(),
        ..Default::default()
    };
    let tag = match tags::get(session, context, wanted) {
        Ok(present) => use_present(&request, present)?,
        Err(error) if error.kind == ErrorKind::NOT_FOUND => {
            make_tag(session, context, &request, &repo, error)?
        }
        Err(error) => return Err(error),
    };
    let web = website(session, &repo);
    let downloads = format!("{web}/downloads/");
    Ok(Release {
        url: format!("{web}/src/{}", encoding::segment(&tag.tag)),
        upload_url: downloads,
        commit: tag.hash,
        tag: tag.tag,
        ..Default::default()
    })
}

fn use_present(request: &ReleaseRequest, present: Tag) -> Result<Tag> {
    match &request.commit {
        Some(commit) if !same_commit(commit, &present.hash) => Err(VcsError::new(
            ErrorKind::ALREADY_EXISTS,
            format!(
                "the tag {:?} is there already, of the commit {} and not of {commit}",
                present.tag, present.hash
            ),
        )
        .with_extra("commit", present.hash)),
        _ => Ok(present),
    }
}

fn make_tag(
    session: &Session,
    context: &dyn CallContext,
    request: &ReleaseRequest,
    repo: &RepositoryName,
    missing: VcsError,
) -> Result<Tag> {
    let Some(commit) = &request.commit else {
        return Err(missing.in_context("a release without a commit needs a present tag"));
    };
    let creation = CreateTagRequest {
        repo: request.repo.clone(),
        name: request.tag.clone(),
        target: refs::resolve(session, context, repo, commit)?,
        message: message(request),
        ..Default::default()
    };
    tags::create(session, context, creation)
}

/// The message of the tag: title and notes as in a commit.
fn message(request: &ReleaseRequest) -> Option<String> {
    let parts: Vec<&str> = [request.title.trim(), request.notes.trim()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

fn website(session: &Session, repo: &RepositoryName) -> String {
    let path = encoding::path(&[repo.workspace(), repo.slug()]);
    format!("{}{path}", session.config.web_url)
}

/// Uploads a file of a release.
pub(crate) fn upload(
    session: &Session,
    context: &dyn CallContext,
    request: UploadReleaseFileRequest,
    source: &mut dyn ByteSource,
) -> Result<ReleaseFile> {
    let repo = RepositoryName::parse(&request.repo)?;
    check_name(&request.name)?;
    let mut body = Multipart::new(&request.name, request.length, source)?;
    let upload = Upload {
        content_type: body.content_type(),
        length: body.length(),
        reader: &mut body,
    };
    let creation = Request::post(repo.path(&["downloads"]));
    let outcome = session.http.upload(context, &creation, upload);
    // The source's own failure says more than the broken request.
    if let Some(failure) = body.take_failure() {
        return Err(failure);
    }
    let response = outcome?;
    if response.head.status != 201 {
        return Err(response
            .head
            .invalid("it does not say that the file was created"));
    }
    Ok(ReleaseFile {
        length: body.read_from_source(),
        url: format!(
            "{}/downloads/{}",
            website(session, &repo),
            encoding::segment(&request.name)
        ),
        name: request.name,
        ..Default::default()
    })
}

fn check_name(name: &str) -> Result<()> {
    let is_usable = !name.trim().is_empty()
        && !matches!(name, "." | "..")
        && !name.contains(['/', '\\'])
        && !name.chars().any(char::is_control);
    if is_usable {
        return Ok(());
    }
    Err(VcsError::new(
        ErrorKind::INVALID_INPUT,
        format!("{name:?} cannot be the name of a file"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_present_tag_is_used_only_for_its_own_commit() {
        let present = Tag {
            tag: "v1".to_owned(),
            hash: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            ..Tag::default()
        };
        let mut request = ReleaseRequest::default();
        assert!(use_present(&request, present.clone()).is_ok());
        request.commit = Some("0123456789ab".to_owned());
        assert!(use_present(&request, present.clone()).is_ok());
        request.commit = Some("ffffffffffff".to_owned());
        let error = use_present(&request, present).expect_err("another commit");
        assert_eq!(error.kind, ErrorKind::ALREADY_EXISTS);
    }

    #[test]
    fn title_and_notes_become_the_message() {
        let request = |title: &str, notes: &str| ReleaseRequest {
            title: title.to_owned(),
            notes: notes.to_owned(),
            ..ReleaseRequest::default()
        };
        assert_eq!(
            message(&request("One", "a\nb\n")).as_deref(),
            Some("One\n\na\nb")
        );
        assert_eq!(message(&request("", "notes")).as_deref(), Some("notes"));
        assert_eq!(message(&request(" ", "")), None);
    }

    #[test]
    fn a_file_name_is_one_segment() {
        assert!(check_name("tool 1.0 \"x\".tar.gz").is_ok());
        for name in ["", "..", "a/b", "a\\b", "a\nb"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
