//! Lists whose pages can be addressed by number, and so fetched ahead.

use super::Envelope;

/// A list whose pages can be addressed by number.
pub(super) struct Numbered {
    /// The link to the second page, around its number.
    before: String,
    after: String,
    pub(super) pages: u64,
}

impl Numbered {
    /// Whether everything agrees that the list is numbered. `asked` is the page
    /// length that was asked for.
    pub(super) fn recognise(first: &Envelope, asked: u64, limit: Option<u64>) -> Option<Self> {
        let length = first.pagelen.unwrap_or(asked);
        let size = first.size?;
        if first.page != Some(1) || length == 0 || first.items != length {
            return None;
        }
        let next = first.next.as_deref()?;
        let (path, query) = next.split_once('?')?;
        let pairs: Vec<&str> = query.split('&').collect();
        let mut numbers = pairs.iter().filter(|pair| pair.starts_with("page="));
        if numbers.next() != Some(&"page=2") || numbers.next().is_some() {
            return None;
        }
        let at = pairs.iter().position(|pair| *pair == "page=2")?;
        let (before, after) = pairs.split_at(at);
        let before: String = before.iter().map(|pair| format!("{pair}&")).collect();
        let after: String = after
            .iter()
            .skip(1)
            .map(|pair| format!("&{pair}"))
            .collect();
        let wanted = limit.map_or(size, |limit| limit.min(size));
        Some(Self {
            before: format!("{path}?{before}page="),
            after,
            pages: wanted.div_ceil(length),
        })
    }

    /// The address of a page; the first is 1.
    pub(super) fn address(&self, number: u64) -> String {
        format!("{}{number}{}", self.before, self.after)
    }
}

/// Whether two links ask for the same, whatever the order of their parameters.
pub(super) fn is_same_link(left: &str, right: &str) -> bool {
    fn parts(link: &str) -> (&str, Vec<&str>) {
        let (path, query) = link.split_once('?').unwrap_or((link, ""));
        let mut pairs: Vec<&str> = query.split('&').collect();
        pairs.sort_unstable();
        (path, pairs)
    }
    left == right || parts(left) == parts(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(next: &str, page: Option<u64>, size: Option<u64>, items: u64) -> Envelope {
        Envelope {
            size,
            page,
            pagelen: Some(2),
            next: Some(next.to_owned()),
            items,
        }
    }

    #[test]
    fn a_list_is_numbered_only_if_everything_agrees() {
        let link = "https://x/y?pagelen=2&page=2&sort=name";
        let numbered = Numbered::recognise(&page(link, Some(1), Some(7), 2), 2, None)
            .expect("the list is numbered");
        assert_eq!(numbered.pages, 4);
        assert_eq!(
            numbered.address(3),
            "https://x/y?pagelen=2&page=3&sort=name"
        );

        let limited = Numbered::recognise(&page(link, Some(1), Some(7), 2), 2, Some(5));
        assert_eq!(limited.map(|numbered| numbered.pages), Some(3));

        for odd in [
            page("https://x/y?page=8xhd", Some(1), Some(7), 2),
            page("https://x/y?page=2&page=2", Some(1), Some(7), 2),
            page("https://x/y?ctx=abc", Some(1), Some(7), 2),
            page("https://x/y", Some(1), Some(7), 2),
            page(link, Some(2), Some(7), 2),
            page(link, None, Some(7), 2),
            page(link, Some(1), None, 2),
            page(link, Some(1), Some(7), 1),
        ] {
            assert!(Numbered::recognise(&odd, 2, None).is_none());
        }
    }

    #[test]
    fn links_are_compared_without_the_order_of_their_parameters() {
        assert!(is_same_link(
            "https://x/y?a=1&page=2",
            "https://x/y?page=2&a=1"
        ));
        assert!(!is_same_link(
            "https://x/y?a=1&page=2",
            "https://x/y?page=3&a=1"
        ));
        assert!(!is_same_link("https://x/z?page=2", "https://x/y?page=2"));
    }
}
