//! How lists are followed.

use super::support::{Received, Reply, Service, TOKEN, context, main_branch};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::{PageFn, collect};

/// A repository with this many branches, listed in numbered pages as the
/// service does it.
fn numbered(request: &Received, count: u64, change: impl Fn(u64, &mut Value)) -> Reply {
    if !request.path().ends_with("/refs/branches") {
        return main_branch();
    }
    let number: u64 = request
        .query("page")
        .map_or(1, |page| page.parse().expect("a number"));
    let length: u64 = request
        .query("pagelen")
        .expect("a length")
        .parse()
        .expect("a number");
    let host = request.header("host").expect("a host");
    let from = (number - 1) * length;
    let values: Vec<Value> = (from..count.min(from + length))
        .map(|index| json!({"name": format!("b{index:05}"), "target": {"hash": "aa"}}))
        .collect();
    let mut page = json!({"size": count, "page": number, "pagelen": length, "values": values});
    if number * length < count {
        page["next"] = format!(
            "http://{host}{}?pagelen={length}&page={}",
            request.path(),
            number + 1
        )
        .into();
    }
    change(number, &mut page);
    Reply::json(200, page)
}

fn branches(client: &dyn AuthorizedClient, limit: Option<u64>) -> Result<Vec<String>> {
    let request = BranchesRequest {
        repo: "team/repo".to_owned(),
        limit,
        ..BranchesRequest::default()
    };
    let branches = collect(|sink| client.branches(&context(), request, sink))?;
    Ok(branches
        .into_iter()
        .map(|branch| branch.display_id)
        .collect())
}

fn names(count: u64) -> Vec<String> {
    (0..count).map(|index| format!("b{index:05}")).collect()
}

fn list_requests(service: &Service) -> usize {
    let received = service.received();
    received
        .iter()
        .filter(|request| request.path().ends_with("/refs/branches"))
        .count()
}

#[test]
fn a_list_takes_as_many_requests_as_it_has_pages_and_keeps_its_order() {
    for settings in ["maxParallelRequests = 1", "maxParallelRequests = 7", ""] {
        for count in [0, 1, 99, 100, 101, 200, 950, 1000] {
            let service = Service::start(move |request| numbered(request, count, |_, _| {}));
            assert_eq!(branches(&*service.client(settings), None), Ok(names(count)));
            let pages = count.div_ceil(100).max(1);
            assert_eq!(
                list_requests(&service) as u64,
                pages,
                "{count} items, {settings}"
            );
        }
    }
}

#[test]
fn a_limit_stops_the_fetching() {
    for (limit, requests) in [(0, 0), (1, 1), (100, 1), (101, 2), (250, 3), (5000, 10)] {
        let service = Service::start(|request| numbered(request, 1000, |_, _| {}));
        assert_eq!(
            branches(&*service.client(""), Some(limit)),
            Ok(names(limit.min(1000)))
        );
        assert_eq!(list_requests(&service), requests, "limit {limit}");
    }
}

#[test]
fn a_sink_that_stops_gets_no_further_page() {
    let service = Service::start(|request| numbered(request, 1000, |_, _| {}));
    let mut pages = 0;
    let request = BranchesRequest {
        repo: "team/repo".to_owned(),
        ..BranchesRequest::default()
    };
    let result = service.client("").branches(
        &context(),
        request,
        &mut PageFn(|_items: Vec<Branch>, total| {
            assert_eq!(total, Some(1000));
            pages += 1;
            Ok(Flow::STOP)
        }),
    );
    assert_eq!((result, pages), (Ok(()), 1));
    assert_eq!(list_requests(&service), 1);
}

/// Situation `failing-page`.
#[test]
fn an_error_on_page_seven_fails_the_whole_list() {
    for settings in ["maxParallelRequests = 1", "maxParallelRequests = 4"] {
        let service = Service::start(|request| {
            if request.query("page") == Some("7") {
                return Reply::json(403, r#"{"error":{"message":"no"}}"#);
            }
            numbered(request, 1000, |_, _| {})
        });
        let error = branches(&*service.client(settings), None).expect_err("page 7 fails");
        assert_eq!(error.kind, ErrorKind::PERMISSION_DENIED);
        assert!(error.message.contains("page 7"), "{error}");
    }
}

/// Situation `no-size-no-page`.
#[test]
fn without_size_and_page_the_links_are_followed() {
    for missing in ["size", "page"] {
        let service = Service::start(move |request| {
            numbered(request, 450, |_, page| {
                page.as_object_mut().expect("a page").remove(missing);
            })
        });
        assert_eq!(branches(&*service.client(""), None), Ok(names(450)));
        assert_eq!(list_requests(&service), 5);
    }
}

#[test]
fn a_numbered_list_that_ends_early_or_late_is_as_long_as_its_links_say() {
    // Says 1000 and ends after 300.
    let service = Service::start(|request| {
        numbered(request, 1000, |number, page| {
            if number == 3 {
                page.as_object_mut().expect("a page").remove("next");
            }
        })
    });
    assert_eq!(branches(&*service.client(""), None), Ok(names(300)));

    // Says 300 and goes on to 550.
    let service =
        Service::start(|request| numbered(request, 550, |_, page| page["size"] = 300.into()));
    assert_eq!(branches(&*service.client(""), None), Ok(names(550)));

    // Page 4 says that it is another one; its link is followed all the same.
    let service = Service::start(|request| {
        numbered(request, 800, |number, page| {
            if number == 4 {
                page["page"] = 9.into();
            }
        })
    });
    assert_eq!(branches(&*service.client(""), None), Ok(names(800)));
}

/// Situation `next-links`.
#[test]
fn opaque_links_are_followed_as_they_stand() {
    let service = Service::start(|request| {
        if !request.path().ends_with("/refs/branches") {
            return main_branch();
        }
        let host = request.header("host").expect("a host");
        match request.query("page") {
            None => Reply::json(
                200,
                json!({"values": [{"name": "a"}], "next": format!("http://{host}{}?page=8xhd&odd=%7Bx%2F", request.path())}),
            ),
            Some("8xhd") if request.target.ends_with("?page=8xhd&odd=%7Bx%2F") => {
                Reply::json(200, json!({"values": [{"name": "b"}]}))
            }
            _ => Reply::not_found(),
        }
    });
    assert_eq!(
        branches(&*service.client(""), None),
        Ok(vec!["a".to_owned(), "b".to_owned()])
    );
}

/// Situation `next-links`.
#[test]
fn links_in_a_circle_are_an_error() {
    let service = Service::start(|request| {
        if !request.path().ends_with("/refs/branches") {
            return main_branch();
        }
        let host = request.header("host").expect("a host");
        let next = format!("http://{host}{}?page=x", request.path());
        Reply::json(200, json!({"values": [{"name": "a"}], "next": next}))
    });
    let error = branches(&*service.client(""), None).expect_err("a circle");
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE);
    assert!(error.message.contains("circle"), "{error}");
    assert_eq!(list_requests(&service), 2);
}

/// Situations `next-links` and `other-hosts`.
#[test]
fn a_link_to_another_place_is_an_error_and_gets_no_request() {
    let other = Arc::new(Service::start(|_| Reply::json(200, r#"{"values":[]}"#)));
    let url = other.url();
    let service = Service::start(move |request| {
        if !request.path().ends_with("/refs/branches") {
            return main_branch();
        }
        let next = format!("{url}/2.0/x?page=2&access_token=hidden");
        Reply::json(200, json!({"values": [{"name": "a"}], "next": next}))
    });
    let error = branches(&*service.client(""), None).expect_err("another origin");
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE);
    assert!(!error.message.contains("hidden"), "{error}");
    assert!(other.received().is_empty());
}

#[test]
fn a_list_without_end_is_an_error() {
    let service = Service::start(|request| {
        if !request.path().ends_with("/refs/branches") {
            return main_branch();
        }
        let host = request.header("host").expect("a host");
        let cursor: u64 = request
            .query("c")
            .map_or(0, |cursor| cursor.parse().expect("a number"));
        let next = format!("http://{host}{}?c={}", request.path(), cursor + 1);
        Reply::json(
            200,
            json!({"values": [{"name": format!("{cursor}")}], "next": next}),
        )
    });
    let error = branches(&*service.client("maxPages = 5"), None).expect_err("too many pages");
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE);
    assert!(error.message.contains("maxPages"), "{error}");
    assert_eq!(list_requests(&service), 5);
}

/// Situation `order-changes`.
#[test]
fn an_item_that_comes_twice_is_listed_once_and_the_order_is_asked_for() {
    let service = Service::start(|request| {
        numbered(request, 300, |number, page| {
            if number == 2 {
                page["values"][0] = json!({"name": "b00099", "target": {"hash": "aa"}});
            }
        })
    });
    let listed = branches(&*service.client(""), None).expect("a list");
    let different: HashSet<&String> = listed.iter().collect();
    assert_eq!((listed.len(), different.len()), (299, 299));
    assert_eq!(
        service
            .received()
            .iter()
            .find_map(|request| request.query("sort"))
            .map(str::to_owned),
        Some("name".to_owned())
    );
}

#[test]
fn every_page_carries_the_credential_and_asks_for_few_fields() {
    let service = Service::start(|request| numbered(request, 450, |_, _| {}));
    branches(&*service.client(""), None).expect("a list");
    for request in service.received() {
        assert_eq!(
            request.header("authorization"),
            Some(format!("Bearer {TOKEN}").as_str())
        );
    }
    let asks_for_few = service.received().iter().any(|request| {
        request.path().ends_with("/refs/branches")
            && request
                .query("fields")
                .is_some_and(|fields| fields.contains("next%2Csize%2Cpage"))
    });
    assert!(asks_for_few);
}
