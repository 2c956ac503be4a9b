//! Texts that have to fit the service's limits, and addresses it has to accept.

use std::borrow::Cow;

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

/// Whether an address is absolute HTTP with a host that others can reach.
///
/// Bitbucket Cloud refuses local names, and a report with one such link is
/// refused as a whole.
pub(crate) fn is_public_address(address: &str) -> bool {
    let Ok(url) = url::Url::parse(address) else {
        return false;
    };
    if !matches!(url.scheme(), "http" | "https") {
        return false;
    }
    match url.host() {
        Some(url::Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name.contains('.')
                && !["localhost", "local", "internal", "lan", "test", "invalid"]
                    .iter()
                    .any(|reserved| name.ends_with(&format!(".{reserved}")))
        }
        Some(url::Host::Ipv4(address)) => {
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast())
        }
        Some(url::Host::Ipv6(address)) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local())
        }
        None => false,
    }
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
