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
