//! Where requests may go, and where credentials may go with them.
//!
//! Addresses are read by the parser of the HTTP client itself, so that what is
//! checked is what is connected to.

use ureq::http::Uri;
use vcs_provider_interface::prelude::*;

/// Scheme, host and port of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an address.
    ///
    /// # Errors
    /// `InvalidInput` if it is not absolute, not HTTP, or names a user.
    pub(crate) fn of(uri: &Uri) -> Result<Self> {
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(reject("it is not an absolute address of HTTP")),
        };
        let authority = uri.authority().ok_or_else(|| reject("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(reject("it names a user"));
        }
        let host = authority.host().to_ascii_lowercase();
        if host.is_empty() {
            return Err(reject("it names no host"));
        }
        let port = authority.port_u16().unwrap_or(if https { 443 } else { 80 });
        Ok(Self { https, host, port })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.https
    }

    /// Whether the host is this machine, where unencrypted HTTP is no risk.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

fn reject(why: &str) -> VcsError {
    VcsError::new(
        ErrorKind::INVALID_INPUT,
        format!("the address cannot be used: {why}"),
    )
}

/// What is done with a redirect.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Redirect {
    /// Followed with the credential: it stays at the origin.
    WithCredential(Uri),
    /// Followed without the credential: it leads elsewhere.
    WithoutCredential(Uri),
}

/// Decides on a redirect from one address to a `Location`.
///
/// # Errors
/// `InvalidResponse` if it leads from HTTPS to HTTP or to no address at all.
pub(crate) fn redirect(from: &Uri, location: &str, may_carry: bool) -> Result<Redirect> {
    let origin = Origin::of(from)?;
    let target =
        resolve(from, location).ok_or_else(|| bad_redirect("its Location is not a URL"))?;
    let target_origin =
        Origin::of(&target).map_err(|_| bad_redirect("its Location is not an HTTP URL"))?;
    if origin.is_https() && !target_origin.is_https() {
        return Err(bad_redirect("it leads from HTTPS to unencrypted HTTP"));
    }
    Ok(if may_carry && origin == target_origin {
        Redirect::WithCredential(target)
    } else {
        Redirect::WithoutCredential(target)
    })
}

/// The address that a reference stands for at an address: an absolute one, or
/// one that begins with a slash. Nothing else is in use.
pub(crate) fn resolve(from: &Uri, reference: &str) -> Option<Uri> {
    let (scheme, authority) = (from.scheme_str()?, from.authority()?);
    if reference.starts_with("//") {
        format!("{scheme}:{reference}").parse().ok()
    } else if reference.starts_with('/') {
        format!("{scheme}://{authority}{reference}").parse().ok()
    } else {
        reference.parse().ok()
    }
}

fn bad_redirect(why: &str) -> VcsError {
    VcsError::new(
        ErrorKind::INVALID_RESPONSE,
        format!("the redirect of the service is not followed: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().expect("an address")
    }

    #[test]
    fn the_credential_stays_at_the_origin() {
        let from = uri("https://api.bitbucket.org/2.0/repositories/a/b");
        assert_eq!(
            redirect(&from, "/2.0/repositories/a/c", true),
            Ok(Redirect::WithCredential(uri(
                "https://api.bitbucket.org/2.0/repositories/a/c"
            )))
        );
        for elsewhere in [
            "https://storage.example.com/x",
            "https://api.bitbucket.org:8443/x",
            "//evil.example/x",
        ] {
            assert!(matches!(
                redirect(&from, elsewhere, true),
                Ok(Redirect::WithoutCredential(_))
            ));
        }
        assert!(matches!(
            redirect(&from, "/x", false),
            Ok(Redirect::WithoutCredential(_))
        ));
    }

    #[test]
    fn redirects_that_weaken_or_disguise_are_rejected() {
        let from = uri("https://api.bitbucket.org/2.0/x");
        for location in [
            "http://api.bitbucket.org/2.0/x",
            "ftp://api.bitbucket.org/x",
            "",
            "x",
            "../x",
            "?x=1",
            "https://api.bitbucket.org@evil.example/x",
        ] {
            let error = redirect(&from, location, true).expect_err(location);
            assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE);
        }
    }

    #[test]
    fn default_ports_and_case_make_no_difference() {
        assert_eq!(
            Origin::of(&uri("https://API.bitbucket.org/")),
            Origin::of(&uri("https://api.bitbucket.org:443/x"))
        );
        assert_ne!(
            Origin::of(&uri("http://api.bitbucket.org/")),
            Origin::of(&uri("https://api.bitbucket.org/"))
        );
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let is_loopback = |text| Origin::of(&uri(text)).expect("an origin").is_loopback();
        assert!(is_loopback("http://127.0.0.1:80/"));
        assert!(is_loopback("http://[::1]:80/"));
        assert!(is_loopback("http://localhost/"));
        assert!(!is_loopback("http://127.0.0.1.example.com/"));
        assert!(!is_loopback("http://10.0.0.1/"));
    }
}
