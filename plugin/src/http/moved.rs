//! Changes that are redirected: told, and not sent to another place.

use super::origin::Origin;
use super::redact;
use super::response::ResponseHead;
use percent_encoding::percent_decode_str;
use ureq::http::Uri;
use vcs_provider_interface::prelude::*;

/// The error of a change that the service redirects.
///
/// Whether something was done before the redirect is the service's secret, and
/// the statuses that are in use for it do not promise that the same request is
/// wanted at the new place. So the caller is told where that is: `Conflict` with
/// the extra fact `moved_to` for a repository with another name now, and
/// `InvalidResponse` for everything else.
pub(super) fn change_redirected(head: &ResponseHead, target: &Uri) -> VcsError {
    let Some(name) = new_name(head, target) else {
        return head.invalid(format!(
            "it redirects a change to {}, where it is not sent",
            redact::address(target)
        ));
    };
    let error = VcsError::new(
        ErrorKind::CONFLICT,
        format!(
            "{}: the repository is now `{name}`: the service redirects there, and a change is \
             not sent on by itself; use the new name",
            head.request()
        ),
    )
    .with_http_status(head.status)
    .with_retryable(false)
    .with_extra("moved_to", name);
    match head.request_id() {
        Some(id) => error.with_service_request_id(id),
        None => error,
    }
}

/// The full name of the repository at the new address, if that is another one
/// at the same place.
fn new_name(head: &ResponseHead, to: &Uri) -> Option<String> {
    let from = &head.uri;
    if Origin::of(from).ok()? != Origin::of(to).ok()? {
        return None;
    }
    let (old, new) = (repository(from.path())?, repository(to.path())?);
    let decode = |part: &str| {
        let text = percent_decode_str(part).decode_utf8_lossy();
        head.secrets.clean(&text)
    };
    (old != new).then(|| format!("{}/{}", decode(new.0), decode(new.1)))
}

/// Workspace and repository of an address of the API.
fn repository(path: &str) -> Option<(&str, &str)> {
    let (_, names) = path.split_once("/repositories/")?;
    let mut names = names.split('/').filter(|name| !name.is_empty());
    Some((names.next()?, names.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::redact::Secrets;
    use ureq::http::{HeaderMap, Method};

    fn name(from: &str, to: &str) -> Option<String> {
        let uri = |text: &str| text.parse::<Uri>().expect("an address");
        let head = ResponseHead {
            method: Method::PUT,
            uri: uri(from),
            status: 301,
            headers: HeaderMap::new(),
            secrets: Secrets::default(),
        };
        new_name(&head, &uri(to))
    }

    #[test]
    fn a_moved_repository_is_told_from_any_other_redirect() {
        let from = "https://api.bitbucket.org/2.0/repositories/acme/widget/refs/branches";
        let to = "https://api.bitbucket.org/2.0/repositories/tools/gadget/refs/branches?x=1";
        assert_eq!(name(from, to).as_deref(), Some("tools/gadget"));
        let by_id = "https://api.bitbucket.org/2.0/repositories/acme/%7B1%7D";
        assert_eq!(name(from, by_id).as_deref(), Some("acme/{1}"));
        for other in [
            "https://api.bitbucket.org/2.0/repositories/acme/widget/other",
            "https://api.bitbucket.org/2.0/repositories/acme",
            "https://api.bitbucket.org/login",
            "https://elsewhere.example/2.0/repositories/tools/gadget",
        ] {
            assert_eq!(name(from, other), None, "{other}");
        }
    }
}
