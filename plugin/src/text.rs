//! Texts that have to fit the service's limits, and addresses it has to accept.

use std::borrow::Cow;
use std::net::IpAddr;
use ureq::http::Uri;

/// What a cut line of text ends with.
pub(crate) const ELLIPSIS: &str = "…";

/// Cuts a text to at most `limit` characters, at a character boundary, and
/// ends it with `note` if something was cut.
pub(crate) fn cut<'a>(text: &'a str, limit: usize, note: &str) -> Cow<'a, str> {
    if text.chars().nth(limit).is_none() {
        return Cow::Borrowed(text);
    }
    let kept = limit.saturating_sub(note.chars().count());
    let end = text
        .char_indices()
        .nth(kept)
        .map_or(text.len(), |(index, _)| index);
    Cow::Owned(format!("{}{note}", text.get(..end).unwrap_or_default()))
}

/// The host of an address.
pub(crate) enum Host {
    /// A name in small letters, without a dot at its end.
    Name(String),
    Address(IpAddr),
}

impl Host {
    /// The host of an absolute address, unless it has none of a form that every
    /// reader understands in the same way: `127.1` and `0x7f000001` are names
    /// to some and this machine to others.
    pub(crate) fn of(address: &Uri) -> Option<Self> {
        let host = address.authority()?.host();
        if let Some(inner) = host.strip_prefix('[') {
            return Some(Self::Address(inner.strip_suffix(']')?.parse().ok()?));
        }
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let last = name.rsplit('.').next()?;
        if last.is_empty() {
            return None;
        }
        if last.starts_with(|first: char| first.is_ascii_digit()) {
            return Some(Self::Address(name.parse().ok()?));
        }
        Some(Self::Name(name))
    }

    /// Whether the host can be that of an address for others. Bitbucket Cloud
    /// rejects `localhost` and names without a dot.
    pub(crate) fn is_outside_this_machine(&self) -> bool {
        match self {
            Self::Name(name) => name.contains('.') && !name.ends_with(".localhost"),
            Self::Address(address) => !address.is_loopback() && !address.is_unspecified(),
        }
    }

    /// Whether the host is reserved for a network that is not everybody's.
    fn is_private(&self) -> bool {
        match self {
            Self::Name(name) => [".local", ".internal", ".lan", ".test", ".invalid"]
                .iter()
                .any(|reserved| name.ends_with(reserved)),
            Self::Address(IpAddr::V4(address)) => {
                address.is_private() || address.is_link_local() || address.is_broadcast()
            }
            Self::Address(IpAddr::V6(address)) => {
                address.is_unique_local() || address.is_unicast_link_local()
            }
        }
    }
}

/// Whether an address is absolute HTTP with a host that everybody can reach.
///
/// Stricter than [`Host::is_outside_this_machine`], because a report with one address
/// that the service does not like is rejected as a whole: addresses and names
/// of private networks do not count either.
pub(crate) fn is_public_address(address: &str) -> bool {
    let Ok(address) = address.parse::<Uri>() else {
        return false;
    };
    matches!(address.scheme_str(), Some("http" | "https"))
        && Host::of(&address)
            .is_some_and(|host| host.is_outside_this_machine() && !host.is_private())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Situation `long-comment`.
    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        assert_eq!(cut("äöü", 3, "…"), "äöü");
        assert_eq!(cut("äöüß", 3, "…"), "äö…");
        assert_eq!(cut("", 0, "…"), "");
        let long = "ü".repeat(40_000);
        let kept = cut(&long, 32_767, " (cut)");
        assert_eq!(kept.chars().count(), 32_767);
        assert!(kept.ends_with("ü (cut)"));
    }

    #[test]
    fn only_addresses_that_others_can_reach_are_public() {
        for address in [
            "https://ci.example.org/1",
            "http://8.8.8.8/x",
            "https://[2001:db8::1]/",
        ] {
            assert!(is_public_address(address), "{address}");
        }
        for address in [
            "",
            "ci/1",
            "/ci/1",
            "ftp://ci.example.org/",
            "https://localhost/1",
            "http://ci:8080/",
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://1.2.3.0x7f/",
            "http://10.1.2.3/",
            "http://192.168.0.1/",
            "http://[::1]/",
            "https://ci.localhost/",
            "http://169.254.1.1/",
            "http://[fe80::1]/",
            "javascript:alert(1)",
        ] {
            assert!(!is_public_address(address), "{address}");
        }
    }
}
