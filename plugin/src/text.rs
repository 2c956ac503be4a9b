//! Texts that have to fit the service's limits, and addresses it has to accept.

use std::borrow::Cow;
use url::{Host, Url};

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

/// Whether a host can be that of an address for others. Bitbucket Cloud
/// refuses `localhost` and names without a dot.
pub(crate) fn is_outside_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name.contains('.') && !name.ends_with(".localhost")
        }
        Host::Ipv4(address) => !address.is_loopback() && !address.is_unspecified(),
        Host::Ipv6(address) => !address.is_loopback() && !address.is_unspecified(),
    }
}

/// Whether an address is absolute HTTP with a host that everybody can reach.
///
/// Stricter than [`is_outside_this_machine`], because a report with one address
/// that the service does not like is refused as a whole: addresses and names
/// of private networks do not count either.
pub(crate) fn is_public_address(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else {
        return false;
    };
    let Some(host) = url.host() else {
        return false;
    };
    let is_private = match &host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            [".local", ".internal", ".lan", ".test", ".invalid"]
                .iter()
                .any(|reserved| name.ends_with(reserved))
        }
        Host::Ipv4(address) => {
            address.is_private() || address.is_link_local() || address.is_broadcast()
        }
        Host::Ipv6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    };
    matches!(url.scheme(), "http" | "https") && is_outside_this_machine(&host) && !is_private
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e47_a_text_is_cut_between_characters_and_says_so() {
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
