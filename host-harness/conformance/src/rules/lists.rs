//! Rules about lists: whole or an error, and ended by the caller's word.

use super::super::context::TestContext;
use super::super::lists::{List, Reply, WatchedSink, lists};
use super::super::rule::Rule;
use super::super::target::Faulty;
use super::super::verdict::{Cases, Expect, Failure, Verdict, ensure};
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::*;
use vcs_provider_interface::sink::collect;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "list.repeats",
        title: "a list asked for twice is the same",
        asserts: "Every list of the provider, asked for twice, gives the same items in the same \
                  order, and no item twice.",
        needs: &[],
        check: lists_repeat,
    },
    Rule {
        id: "list.limit",
        title: "a limit is obeyed exactly",
        asserts: "With a limit of 1, n-1, n and n+1 a list of n items gives its first items, as \
                  many as the limit allows; with a limit of 0 it gives none.",
        needs: &[],
        check: limits_are_obeyed,
    },
    Rule {
        id: "list.limit-saves-requests",
        title: "a limit ends the fetching",
        asserts: "Of a list with several pages, the first item takes fewer requests than the \
                  whole, by the number that check_connection tells.",
        needs: &["check_connection"],
        check: limits_save_requests,
    },
    Rule {
        id: "list.stop",
        title: "a sink that has enough ends the list with success",
        asserts: "After Flow::STOP at the first page nothing more is pushed and the call succeeds.",
        needs: &[],
        check: stop_is_obeyed,
    },
    Rule {
        id: "list.sink-error",
        title: "an error of the sink comes back as it was",
        asserts: "The caller's own failure ends the call; nothing more is pushed, and kind, \
                  message and extra facts are the caller's.",
        needs: &[],
        check: sink_errors_come_back,
    },
    Rule {
        id: "list.failing-page",
        title: "a list is whole or an error",
        asserts: "If the server fails after any number of answers, a list either is an error or \
                  was whole already: never a partial list with success.",
        needs: &[],
        check: lists_are_whole_or_errors,
    },
    Rule {
        id: "list.sort-and-filter",
        title: "branches come in the order and selection asked for",
        asserts: "By name the branches are ascending, by -name descending; all three orders hold \
                  the same branches; a filter gives exactly the branches that contain it, and \
                  likewise for tags.",
        needs: &["branches"],
        check: sort_and_filter_are_obeyed,
    },
    Rule {
        id: "list.empty-repository",
        title: "an empty repository is no error",
        asserts: "It has no main branch, no branches and no tags; asking for its main branch \
                  answers NotFound.",
        needs: &["repo_by_fullname"],
        check: empty_repository_is_no_error,
    },
];

/// `list.repeats`
pub fn lists_repeat(test: &TestContext<'_>) -> Verdict {
    for_each_list(test, |list| {
        let first = list.all(test, None).works(list.name)?;
        let second = list.all(test, None).works(list.name)?;
        ensure(first == second, || {
            difference(
                list.name,
                "the first time",
                &first,
                "the second time",
                &second,
            )
        })?;
        let mut sorted = first.clone();
        sorted.sort();
        let twice = sorted.windows(2).find(|pair| pair[0] == pair[1]);
        ensure(twice.is_none(), || {
            format!(
                "{}: this item comes twice: {}",
                list.name,
                twice.map_or("", |pair| &pair[0])
            )
        })
    })
}

/// `list.limit`
pub fn limits_are_obeyed(test: &TestContext<'_>) -> Verdict {
    for_each_list(test, |list| {
        if !list.limited {
            return Err(Failure::skipped(format!("{} takes no limit", list.name)));
        }
        let all = list.all(test, None).or_skip(list.name)?;
        let count = all.len() as u64;
        let mut limits = vec![1, count.saturating_sub(1), count, count + 1];
        limits.retain(|limit| *limit > 0);
        limits.sort_unstable();
        limits.dedup();
        let mut cases = Cases::default();
        for limit in limits {
            let found = list.all(test, Some(limit)).works(list.name)?;
            let expected = &all[..all.len().min(usize::try_from(limit).unwrap_or(usize::MAX))];
            cases.add(ensure(found.len() == expected.len(), || {
                format!(
                    "{}: limit {limit} of {count} items gives {} items",
                    list.name,
                    found.len()
                )
            }));
            if found.len() == expected.len() {
                cases.add(ensure(found == expected, || {
                    difference(list.name, "without limit", expected, "with limit", &found)
                }));
            }
        }
        cases.add(match list.all(test, Some(0)) {
            Ok(found) => ensure(found.is_empty(), || {
                format!("{}: limit 0 gives {} items", list.name, found.len())
            }),
            Err(error) if error.kind == ErrorKind::INVALID_INPUT => Ok(()),
            Err(error) => Err(Failure::failed(format!("{}: limit 0: {error}", list.name))),
        });
        cases.verdict("nothing to compare")
    })
}

/// `list.limit-saves-requests`
pub fn limits_save_requests(test: &TestContext<'_>) -> Verdict {
    let mut cases = Cases::default();
    for list in lists(test).into_iter().filter(|list| list.limited) {
        // Only a list of several pages can be cut short.
        if list.pages(test, None).or_skip(list.name)?.len() < 2 {
            continue;
        }
        let whole = requests_of(test, &list, None)?;
        let first = requests_of(test, &list, Some(1))?;
        if whole == 0 {
            return Err(Failure::skipped(
                "check_connection does not count the requests of a client",
            ));
        }
        cases.add(ensure(first < whole, || {
            format!(
                "{}: the first item takes {first} requests, the whole list {whole}",
                list.name
            )
        }));
    }
    cases.verdict("no list of the repository has more than one page")
}

/// The requests that a list takes, not counting those of the question itself.
fn requests_of(
    test: &TestContext<'_>,
    list: &List,
    limit: Option<u64>,
) -> std::result::Result<u64, Failure> {
    let sent = || {
        test.client
            .check_connection(
                &test.context(),
                ConnectionRequest {
                    repo: None,
                    ..Default::default()
                },
            )
            .or_skip("the number of requests")
            .map(|connection| connection.rate_limit.requests_sent)
    };
    let (before, idle) = (sent()?, sent()?);
    let question = idle.saturating_sub(before);
    list.all(test, limit).or_skip(list.name)?;
    Ok(sent()?.saturating_sub(idle).saturating_sub(question))
}

/// `list.stop`
pub fn stop_is_obeyed(test: &TestContext<'_>) -> Verdict {
    for_each_list(test, |list| {
        let mut sink = WatchedSink::replying(|| Reply::Stop);
        let result = list.run(test, &test.context(), None, &mut sink);
        if sink.pages.is_empty() && result.is_ok() {
            return Err(Failure::skipped(format!("{} is empty", list.name)));
        }
        result.works(&format!("{}, stopped after the first page,", list.name))?;
        nothing_late(list, &sink, "STOP")
    })
}

/// `list.sink-error`
pub fn sink_errors_come_back(test: &TestContext<'_>) -> Verdict {
    let own = VcsError::new(ErrorKind::CONFLICT, "the caller's own failure")
        .with_extra("conformance", "kept");
    for_each_list(test, |list| {
        let mut sink = WatchedSink::replying(|| Reply::Fail(own.clone()));
        let result = list.run(test, &test.context(), None, &mut sink);
        if sink.pages.is_empty() && result.is_ok() {
            return Err(Failure::skipped(format!("{} is empty", list.name)));
        }
        ensure(result.as_ref() == Err(&own), || match &result {
            Ok(()) => format!("{}: the sink's error is swallowed", list.name),
            Err(error) => format!("{}: the sink's error comes back as {error}", list.name),
        })?;
        nothing_late(list, &sink, "its error")
    })
}

/// `list.failing-page`
pub fn lists_are_whole_or_errors(test: &TestContext<'_>) -> Verdict {
    let faults = test.faults()?;
    let mut cases = Cases::default();
    for list in lists(test) {
        let pages = list.pages(test, None).or_skip(list.name)?;
        if pages.len() < 2 {
            continue;
        }
        let whole = pages.concat();
        for answered in 0..3 {
            let mut sink = WatchedSink::taking_all();
            let result = {
                let _faulty = Faulty::new(faults, |faults| faults.fail_after(answered));
                // Failures of the server may be tried again until the deadline.
                let context = test.context_of(test.target.tolerance);
                list.run(test, &context, None, &mut sink)
            };
            cases.add(ensure(
                result.is_err() || sink.pages.concat() == whole,
                || {
                    format!(
                        "{}: the server failed after {answered} answers, and {} of {} items were \
                     given as the whole list",
                        list.name,
                        sink.pages.concat().len(),
                        whole.len()
                    )
                },
            ));
        }
    }
    cases.verdict("no list of the repository has more than one page")
}

/// `list.sort-and-filter`
pub fn sort_and_filter_are_obeyed(test: &TestContext<'_>) -> Verdict {
    let branches = |sort: BranchSort, filter: Option<&str>| {
        let request = BranchesRequest {
            repo: test.target.repo.clone(),
            filter: filter.map(str::to_owned),
            sort,
            limit: None,
            ..Default::default()
        };
        collect(|sink| test.client.branches(&test.context(), request, sink))
            .works("branches")
            .map(|branches| names(&branches))
    };
    let ascending = branches(BranchSort::NAME, None)?;
    let descending = branches(BranchSort::NAME_DESCENDING, None)?;
    let latest = branches(BranchSort::LATEST_FIRST, None)?;
    if ascending.len() < 2 {
        return Err(Failure::skipped(
            "the repository has fewer than two branches",
        ));
    }
    let mut cases = Cases::default();
    // Services differ in the order of letters (case, accents), so that only
    // plain names are held to it.
    let plain = |names: &[String]| -> Vec<String> {
        let is_plain = |name: &&String| {
            name.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        names.iter().filter(is_plain).cloned().collect()
    };
    cases.add(ensure(plain(&ascending).is_sorted(), || {
        format!(
            "branches by name are not ascending: {}",
            ascending.join(", ")
        )
    }));
    cases.add(ensure(plain(&descending).iter().rev().is_sorted(), || {
        format!(
            "branches by -name are not descending: {}",
            descending.join(", ")
        )
    }));
    let expected = sorted(&ascending);
    for (order, found) in [("-name", &descending), ("latest", &latest)] {
        cases.add(ensure(sorted(found) == expected, || {
            difference("branches", "by name", &expected, order, &sorted(found))
        }));
    }
    let filter = filter_of(&ascending);
    let containing: Vec<String> = expected
        .iter()
        .filter(|name| name.contains(&filter))
        .cloned()
        .collect();
    let found = branches(BranchSort::NAME, Some(&filter))?;
    cases.add(ensure(sorted(&found) == containing, || {
        difference(
            "branches",
            &format!("those that contain {filter:?}"),
            &containing,
            "with that filter",
            &sorted(&found),
        )
    }));
    if test.can("tags") {
        cases.add(tag_filter_is_obeyed(test));
    }
    cases.verdict("nothing to compare")
}

fn tag_filter_is_obeyed(test: &TestContext<'_>) -> Verdict {
    let all: Vec<String> = test.all_tags()?.iter().map(|tag| tag.tag.clone()).collect();
    if all.is_empty() {
        return Ok(());
    }
    let filter = filter_of(&all);
    let mut containing = sorted(&all);
    containing.retain(|name| name.contains(&filter));
    let request = TagsRequest {
        repo: test.target.repo.clone(),
        filter: Some(filter.clone()),
        limit: None,
        ..Default::default()
    };
    let found = collect(|sink| test.client.tags(&test.context(), request, sink))
        .works("tags with a filter")?;
    let found: Vec<String> = found.into_iter().map(|tag| tag.tag).collect();
    ensure(sorted(&found) == containing, || {
        difference(
            "tags",
            &format!("those that contain {filter:?}"),
            &containing,
            "with that filter",
            &sorted(&found),
        )
    })
}

/// A part of the last name, lower case and plain, that not every name contains
/// if that is possible.
fn filter_of(names: &[String]) -> String {
    let last = names.last().map_or("", String::as_str);
    let plain: String = last
        .chars()
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    if plain.is_empty() {
        last.to_owned()
    } else {
        plain
    }
}

/// `list.empty-repository`
pub fn empty_repository_is_no_error(test: &TestContext<'_>) -> Verdict {
    let Some(repo) = test.target.empty_repo.clone() else {
        return Err(Failure::skipped("no empty repository was given"));
    };
    let mut cases = Cases::default();
    let request = RepositoryRequest {
        repo: repo.clone(),
        ..Default::default()
    };
    let repository = test
        .client
        .repo_by_fullname(&test.context(), request)
        .works("repo_by_fullname of an empty repository")?;
    cases.add(ensure(repository.default_branch.is_none(), || {
        format!(
            "the empty repository has the main branch {:?}",
            repository.default_branch
        )
    }));
    if test.can("branches") {
        let request = BranchesRequest {
            repo: repo.clone(),
            ..Default::default()
        };
        let branches = collect(|sink| test.client.branches(&test.context(), request, sink));
        cases.add(is_empty("branches", branches.map(|all| all.len())));
    }
    if test.can("tags") {
        let request = TagsRequest {
            repo: repo.clone(),
            ..Default::default()
        };
        let tags = collect(|sink| test.client.tags(&test.context(), request, sink));
        cases.add(is_empty("tags", tags.map(|all| all.len())));
    }
    if test.can("branch") {
        let request = BranchRequest {
            repo,
            name: None,
            ..Default::default()
        };
        cases.add(
            test.client
                .branch(&test.context(), request)
                .fails_with(
                    "the main branch of an empty repository",
                    &[ErrorKind::NOT_FOUND],
                )
                .map(drop),
        );
    }
    cases.verdict("nothing to compare")
}

fn is_empty(what: &str, count: std::result::Result<usize, VcsError>) -> Verdict {
    let count = count.works(&format!("{what} of an empty repository"))?;
    ensure(count == 0, || {
        format!("{what} of an empty repository: {count} items")
    })
}

fn for_each_list(test: &TestContext<'_>, check: impl Fn(&List) -> Verdict) -> Verdict {
    let mut cases = Cases::default();
    for list in lists(test) {
        cases.add(check(&list));
    }
    cases.verdict("the provider has no list")
}

fn nothing_late(list: &List, sink: &WatchedSink<'_>, after: &str) -> Verdict {
    ensure(sink.late == 0, || {
        format!("{}: {} more pages after {after}", list.name, sink.late)
    })
}

fn names(branches: &[Branch]) -> Vec<String> {
    branches
        .iter()
        .map(|branch| branch.display_id.clone())
        .collect()
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut sorted = names.to_vec();
    sorted.sort();
    sorted
}

/// Says where two lists first differ.
pub(super) fn difference(
    what: &str,
    left_name: &str,
    left: &[String],
    right_name: &str,
    right: &[String],
) -> String {
    let first = (0..left.len().max(right.len()))
        .find(|index| left.get(*index) != right.get(*index))
        .unwrap_or_default();
    let item = |items: &[String]| items.get(first).map_or("nothing".to_owned(), Clone::clone);
    format!(
        "{what}: {left_name} {} items, {right_name} {}; first different at {first}: {} / {}",
        left.len(),
        right.len(),
        item(left),
        item(right)
    )
}
