//! Archives of a commit.
//!
//! Bitbucket Cloud gives archives at its website and not at its API. Anonymous
//! calls and API tokens (Basic) ask there first. The website takes OAuth and
//! access tokens (Bearer) unreliably, and knows no prefix: those go by way of
//! Git, as does whatever the website rejects before its first byte. Where there
//! is no `git`, the website is asked all the same.
//!
//! What comes is checked for the format's first bytes: a login page is not an
//! archive. The extra fact `source` is `website` or `git`.

use super::git::GitArchive;
use crate::api::checkout;
use crate::api::refs;
use crate::encoding;
use crate::http::CredentialType;
use crate::http::Request;
use crate::json::is_full_hash;
use crate::repository_name::RepositoryName;
use crate::session::Session;
use vcs_provider_interface::prelude::*;

/// Streams an archive of a commit.
pub(crate) fn get(
    session: &Session,
    context: &dyn CallContext,
    request: GetArchiveRequest,
    sink: &mut dyn ByteSink,
) -> Result<StreamedContent> {
    let suffix = suffix(request.format)?;
    let repo = RepositoryName::parse(&request.repo)?;
    let commit = refs::resolve_or_main(session, context, &repo, request.reference.as_deref())?;
    let mut sink = Checked::new(sink, request.format);
    let ask_website = request.prefix.is_none()
        && matches!(
            session.http.authorizer().credential_type(),
            CredentialType::Anonymous | CredentialType::ApiToken
        );
    if ask_website {
        match from_website(session, context, &repo, &commit, suffix, &mut sink) {
            Ok(length) => return Ok(response(commit, length, "website")),
            Err(error) if sink.given > 0 || is_final(&error) => return Err(error),
            Err(error) => session.http.log().info(
                "content",
                format!("the website gives no archive, asking git: {error}"),
            ),
        }
    }
    sink.begin_again();
    match from_git(session, context, &request, &repo, &commit, &mut sink) {
        Ok(length) => Ok(response(commit, length, "git")),
        Err(error)
            if error.kind == ErrorKind::UNSUPPORTED && !ask_website && request.prefix.is_none() =>
        {
            sink.begin_again();
            from_website(session, context, &repo, &commit, suffix, &mut sink)
                .map(|length| response(commit, length, "website"))
                .map_err(|_| error)
        }
        Err(error) => Err(error),
    }
}

fn response(commit: String, length: u64, source: &str) -> StreamedContent {
    StreamedContent {
        commit,
        length,
        extra: Extra::from([("source", source.to_owned())]),
    }
}

/// Whether asking in another way cannot help.
fn is_final(error: &VcsError) -> bool {
    matches!(
        error.kind,
        ErrorKind::CANCELLED | ErrorKind::TIMEOUT | ErrorKind::RATE_LIMITED
    )
}

fn suffix(format: ArchiveFormat) -> Result<&'static str> {
    match format {
        ArchiveFormat::ZIP => Ok("zip"),
        ArchiveFormat::TAR_GZ => Ok("tar.gz"),
        ArchiveFormat::TAR_BZ2 => Ok("tar.bz2"),
        other => Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!("Bitbucket Cloud has no archives of the format {other}"),
        )),
    }
}

fn from_website(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    commit: &str,
    suffix: &str,
    sink: &mut Checked<'_>,
) -> Result<u64> {
    let website = session.http.at(&session.config.web_url)?;
    let file = format!("{commit}.{suffix}");
    let path = encoding::path(&[repo.workspace(), repo.slug(), "get", &file]);
    website.stream(context, &Request::get(path).accept("*/*"), sink)?;
    sink.end()
}

fn from_git(
    session: &Session,
    context: &dyn CallContext,
    request: &GetArchiveRequest,
    repo: &RepositoryName,
    commit: &str,
    sink: &mut Checked<'_>,
) -> Result<u64> {
    if !is_full_hash(commit) {
        return Err(VcsError::new(
            ErrorKind::INVALID_RESPONSE,
            "the service named a commit that is not a hash",
        ));
    }
    let checkout = CheckoutRequest {
        repo: request.repo.clone(),
        ..Default::default()
    };
    let checkout = checkout::credentials(session, context, checkout)?;
    let archive = GitArchive {
        url: checkout.http_url,
        credential: checkout.username.zip(checkout.secret),
        ca_file: session.config.ca_file.as_deref(),
        proxy: session.config.proxy.as_ref(),
        hash: commit,
        format: request.format,
        prefix: prefix(request.prefix.as_deref(), repo, commit),
    };
    archive.stream(context, sink)?;
    sink.end()
}

/// The directory in the archive; without a wish it is named as the website does.
fn prefix(wish: Option<&str>, repo: &RepositoryName, commit: &str) -> String {
    let directory = match wish {
        Some(wish) => wish.trim_matches('/').to_owned(),
        None => {
            let short: String = commit.chars().take(12).collect();
            format!("{}-{}-{short}", repo.workspace(), repo.slug())
        }
    };
    if directory.is_empty() {
        directory
    } else {
        format!("{directory}/")
    }
}

/// Passes bytes on once their beginning is that of the format.
struct Checked<'a> {
    sink: &'a mut dyn ByteSink,
    magic: &'static [u8],
    held_back: Vec<u8>,
    given: u64,
    stopped: bool,
}

impl<'a> Checked<'a> {
    fn new(sink: &'a mut dyn ByteSink, format: ArchiveFormat) -> Self {
        let magic: &[u8] = match format {
            ArchiveFormat::TAR_GZ => &[0x1f, 0x8b],
            ArchiveFormat::TAR_BZ2 => b"BZh",
            _ => b"PK",
        };
        Self {
            sink,
            magic,
            held_back: Vec::new(),
            given: 0,
            stopped: false,
        }
    }

    fn begin_again(&mut self) {
        self.held_back.clear();
    }

    fn end(&self) -> Result<u64> {
        if self.given == 0 && !self.stopped {
            return Err(not_an_archive());
        }
        Ok(self.given)
    }
}

impl ByteSink for Checked<'_> {
    fn chunk(&mut self, bytes: &[u8]) -> Result<Flow> {
        let flow = if self.given > 0 {
            self.given += bytes.len() as u64;
            self.sink.chunk(bytes)?
        } else {
            self.held_back.extend_from_slice(bytes);
            if self.held_back.len() < self.magic.len() {
                return Ok(Flow::CONTINUE);
            }
            if !self.held_back.starts_with(self.magic) {
                return Err(not_an_archive());
            }
            self.given = self.held_back.len() as u64;
            let held_back = std::mem::take(&mut self.held_back);
            self.sink.chunk(&held_back)?
        };
        self.stopped = flow == Flow::STOP;
        Ok(flow)
    }
}

fn not_an_archive() -> VcsError {
    VcsError::new(
        ErrorKind::INVALID_RESPONSE,
        "the content is not an archive of this format",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use vcs_provider_interface::sink::ChunkFn;

    /// Situation `archive`.
    #[test]
    fn a_login_page_is_not_handed_on_as_an_archive() {
        let mut given = Vec::new();
        let mut sink = ChunkFn(|bytes: &[u8]| {
            given.extend_from_slice(bytes);
            Ok(Flow::CONTINUE)
        });
        let mut checked = Checked::new(&mut sink, ArchiveFormat::ZIP);
        let error = checked
            .chunk(b"<html>log in</html>")
            .expect_err("no archive");
        assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE);
        checked.begin_again();
        assert_eq!(checked.chunk(b"P"), Ok(Flow::CONTINUE));
        assert_eq!(checked.chunk(b"K\x03\x04"), Ok(Flow::CONTINUE));
        assert_eq!(checked.chunk(b"rest"), Ok(Flow::CONTINUE));
        assert_eq!(checked.end(), Ok(8));
        assert_eq!(given, b"PK\x03\x04rest");
    }

    #[test]
    fn an_archive_without_a_byte_is_an_error() {
        let mut sink = ChunkFn(|_: &[u8]| Ok(Flow::CONTINUE));
        assert!(
            Checked::new(&mut sink, ArchiveFormat::TAR_GZ)
                .end()
                .is_err()
        );
    }

    #[test]
    fn the_directory_in_the_archive_is_the_wish_or_as_the_website_names_it() {
        let repo = RepositoryName::parse("orchard/pear").expect("a name");
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(prefix(None, &repo, commit), "orchard-pear-0123456789ab/");
        assert_eq!(prefix(Some("a/b"), &repo, commit), "a/b/");
        assert_eq!(prefix(Some(""), &repo, commit), "");
    }
}
