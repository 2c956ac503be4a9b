//! Rules about looking things up: what is there agrees with the lists, what is
//! not there answers `NotFound`.

use super::super::context::TestContext;
use super::super::methods::{
    METHODS, NO_COMMIT, NO_HOOK, NO_NUMBER, NO_REF, Nature, RequestValues, is_unsupported,
};
use super::super::rule::Rule;
use super::super::verdict::{Cases, Expect, Failure, Verdict, ensure};
use vcs_provider_interface::error::{ErrorKind, Result};
use vcs_provider_interface::records::*;
use vcs_provider_interface::sink::{collect, collect_bytes};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "repository.found",
        title: "the repository is found under its name",
        asserts: "repo_by_fullname gives the repository with an id, the name asked for without \
                  regard to case, and addresses without a user name.",
        needs: &["repo_by_fullname"],
        check: repository_is_found,
    },
    Rule {
        id: "lookup.branches",
        title: "a branch looked up is the branch listed",
        asserts: "The first, last and main branch looked up are what the list says of them; just \
                  one branch is the default, and branch without a name gives that one.",
        needs: &["branches", "branch"],
        check: branches_agree,
    },
    Rule {
        id: "lookup.tags",
        title: "a tag looked up is the tag listed",
        asserts: "The first and the last tag looked up have the name and the commit that the list \
                  says.",
        needs: &["tags", "tag"],
        check: tags_agree,
    },
    Rule {
        id: "lookup.commits",
        title: "a commit looked up is the commit listed, also by a short hash",
        asserts: "The newest and an older commit looked up are what the list says; 12 characters \
                  of a hash find the same commit, with its full hash.",
        needs: &["commits", "commit"],
        check: commits_agree,
    },
    Rule {
        id: "lookup.ranges",
        title: "the ways to ask for a range of commits agree",
        asserts: "commits_between_refs(base, head), commits(since base) and the beginning of the \
                  whole list name the same commits; a range from a commit to itself is empty.",
        needs: &["commits", "commits_between_refs"],
        check: ranges_agree,
    },
    Rule {
        id: "unknown.repository",
        title: "an unknown repository answers NotFound",
        asserts: "Every method that asks the service about a repository answers NotFound for one \
                  that does not exist. Deletions may succeed instead.",
        needs: &[],
        check: unknown_repository_is_not_found,
    },
    Rule {
        id: "unknown.things",
        title: "unknown branches, tags, commits, files, pull requests and hooks answer NotFound",
        asserts: "Looking up, listing from or reading at something that the repository does not \
                  have answers NotFound, never an empty success.",
        needs: &[],
        check: unknown_things_are_not_found,
    },
];

/// `repository.found`
pub fn repository_is_found(test: &TestContext<'_>) -> Verdict {
    let request = RepositoryRequest {
        repo: test.target.repo.clone(),
        ..Default::default()
    };
    let repository = test
        .client
        .repo_by_fullname(&test.context(), request)
        .works("repo_by_fullname")?;
    let mut cases = Cases::default();
    cases.add(ensure(!repository.id.is_empty(), || {
        "the repository has no id".to_owned()
    }));
    cases.add(ensure(
        repository.fullname.to_lowercase() == test.target.repo.to_lowercase(),
        || {
            format!(
                "{:?} was asked for, {:?} found",
                test.target.repo, repository.fullname
            )
        },
    ));
    cases.add(ensure(!repository.http_url.contains('@'), || {
        format!("the clone address holds a user: {}", repository.http_url)
    }));
    cases.verdict("nothing to compare")
}

/// `lookup.branches`
pub fn branches_agree(test: &TestContext<'_>) -> Verdict {
    let branches = test.all_branches()?;
    let look_up = |name: Option<&str>| {
        let request = BranchRequest {
            repo: test.target.repo.clone(),
            name: name.map(str::to_owned),
            ..Default::default()
        };
        test.client
            .branch(&test.context(), request)
            .works(&format!("branch {}", name.unwrap_or("without a name")))
    };
    let mut cases = Cases::default();
    for listed in ends(branches) {
        cases.add(look_up(Some(&listed.display_id)).and_then(|found| same_branch(listed, &found)));
    }
    let defaults: Vec<&Branch> = branches
        .iter()
        .filter(|branch| branch.default == Some(true))
        .collect();
    cases.add(match defaults.as_slice() {
        [listed] => look_up(None).and_then(|found| same_branch(listed, &found)),
        _ => Err(Failure::failed(format!(
            "{} of the listed branches are the main branch",
            defaults.len()
        ))),
    });
    cases.verdict("the repository has no branch")
}

fn same_branch(listed: &Branch, found: &Branch) -> Verdict {
    ensure(
        (
            &listed.id,
            &listed.display_id,
            &listed.latest_commit,
            listed.default,
        ) == (
            &found.id,
            &found.display_id,
            &found.latest_commit,
            found.default,
        ),
        || format!("listed as {listed:?}, looked up as {found:?}"),
    )?;
    ensure(
        found.id == format!("refs/heads/{}", found.display_id) && is_full(&found.latest_commit),
        || format!("not a full ref name and a full hash: {found:?}"),
    )
}

fn is_full(hash: &str) -> bool {
    matches!(hash.len(), 40 | 64) && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `lookup.tags`
pub fn tags_agree(test: &TestContext<'_>) -> Verdict {
    let mut cases = Cases::default();
    for listed in ends(test.all_tags()?) {
        let request = TagRequest {
            repo: test.target.repo.clone(),
            name: listed.tag.clone(),
            ..Default::default()
        };
        let found = test.client.tag(&test.context(), request);
        cases.add(
            found
                .works(&format!("tag {:?}", listed.tag))
                .and_then(|found| {
                    ensure(
                        (&listed.tag, &listed.hash) == (&found.tag, &found.hash)
                            && is_full(&found.hash),
                        || format!("listed as {listed:?}, looked up as {found:?}"),
                    )
                }),
        );
    }
    cases.verdict("the repository has no tag")
}

/// `lookup.commits`
pub fn commits_agree(test: &TestContext<'_>) -> Verdict {
    let mut cases = Cases::default();
    for listed in ends(test.some_commits()?) {
        let short: String = listed.id.chars().take(12).collect();
        for hash in [&listed.id, &short] {
            let request = CommitRequest {
                repo: test.target.repo.clone(),
                hash: hash.clone(),
                ..Default::default()
            };
            let found = test.client.commit(&test.context(), request);
            cases.add(found.works(&format!("commit {hash}")).and_then(|found| {
                ensure(
                    found.id == listed.id
                        && found.message == listed.message
                        && found.parents == listed.parents
                        && found.author_timestamp == listed.author_timestamp
                        && is_full(&found.id),
                    || format!("listed as {listed:?}, looked up as {found:?}"),
                )
            }));
        }
    }
    cases.verdict("the repository has no commit")
}

/// `lookup.ranges`
pub fn ranges_agree(test: &TestContext<'_>) -> Verdict {
    let head = test.head()?;
    let base = test.older()?;
    let repo = &test.target.repo;
    let ids = |commits: Vec<Commit>| -> Vec<String> {
        commits.into_iter().map(|commit| commit.id).collect()
    };
    let between = |base: &str| {
        collect(|sink| {
            let request = CommitsBetweenRefsRequest {
                repo: repo.clone(),
                base: base.to_owned(),
                head: head.to_owned(),
                limit: None,
                ..Default::default()
            };
            test.client
                .commits_between_refs(&test.context(), request, sink)
        })
        .works("commits_between_refs")
        .map(ids)
    };
    let since = collect(|sink| {
        let request = CommitsRequest {
            repo: repo.clone(),
            since: Some(base.to_owned()),
            until: Some(head.to_owned()),
            ..Default::default()
        };
        test.client.commits(&test.context(), request, sink)
    })
    .works("commits since a commit")
    .map(ids)?;
    let range = between(base)?;
    let mut cases = Cases::default();
    cases.add(ensure(range == since, || {
        super::lists::difference(
            "a range of commits",
            "by commits_between_refs",
            &range,
            "by commits since",
            &since,
        )
    }));
    cases.add(ensure(
        range.first().map(String::as_str) == Some(head) && !range.iter().any(|id| id == base),
        || {
            format!(
                "the range {base}..{head} has to begin with {head} and leave out {base}: {range:?}"
            )
        },
    ));
    let empty = between(head)?;
    cases.add(ensure(empty.is_empty(), || {
        format!(
            "the range from {head} to itself has {} commits",
            empty.len()
        )
    }));
    cases.verdict("nothing to compare")
}

/// `unknown.repository`
pub fn unknown_repository_is_not_found(test: &TestContext<'_>) -> Verdict {
    let mut cases = Cases::default();
    let target = RequestValues::missing(&test.target.missing_repo);
    for method in METHODS.iter().filter(|method| test.can(method.name)) {
        let may_succeed = match method.nature {
            Nature::Remote => false,
            Nature::Deletion => true,
            Nature::Global | Nature::Local | Nature::Information => continue,
        };
        let answer = (method.call)(test.server, test.client, &test.context(), &target);
        // A capability that is none fails the rule about capabilities.
        if is_unsupported(&answer) || (may_succeed && answer.is_ok()) {
            continue;
        }
        let what = format!("{} in an unknown repository", method.name);
        cases.add(answer.fails_with(&what, &[ErrorKind::NOT_FOUND]).map(drop));
    }
    cases.verdict("the provider has no method about a repository")
}

/// `unknown.things`
pub fn unknown_things_are_not_found(test: &TestContext<'_>) -> Verdict {
    let repo = &test.target.repo;
    let context = &test.context();
    let client = test.client;
    let no_ref = || Some(NO_REF.to_owned());
    let mut cases = Cases::default();
    let mut not_found = |capability: &str, what: &str, ask: &dyn Fn() -> Result<()>| {
        if test.can(capability) {
            cases.add(ask().fails_with(what, &[ErrorKind::NOT_FOUND]).map(drop));
        }
    };
    not_found("branch", "an unknown branch", &|| {
        let request = BranchRequest {
            repo: repo.clone(),
            name: no_ref(),
            ..Default::default()
        };
        client.branch(context, request).map(drop)
    });
    not_found("tag", "an unknown tag", &|| {
        let request = TagRequest {
            repo: repo.clone(),
            name: NO_REF.to_owned(),
            ..Default::default()
        };
        client.tag(context, request).map(drop)
    });
    not_found("commit", "an unknown commit", &|| {
        let request = CommitRequest {
            repo: repo.clone(),
            hash: NO_COMMIT.to_owned(),
            ..Default::default()
        };
        client.commit(context, request).map(drop)
    });
    not_found("commits", "the commits of an unknown branch", &|| {
        let request = CommitsRequest {
            repo: repo.clone(),
            branch: no_ref(),
            ..Default::default()
        };
        collect(|sink| client.commits(context, request, sink)).map(drop)
    });
    not_found(
        "commits_between_refs",
        "the commits since an unknown ref",
        &|| {
            let request = CommitsBetweenRefsRequest {
                repo: repo.clone(),
                base: NO_REF.to_owned(),
                head: test.head().map_or(NO_REF, |head| head).to_owned(),
                limit: None,
                ..Default::default()
            };
            collect(|sink| client.commits_between_refs(context, request, sink)).map(drop)
        },
    );
    not_found(
        "changed_files",
        "the files changed since an unknown ref",
        &|| {
            let request = ChangedFilesRequest {
                repo: repo.clone(),
                base: NO_REF.to_owned(),
                head: test.head().map_or(NO_REF, |head| head).to_owned(),
                limit: None,
                ..Default::default()
            };
            collect(|sink| client.changed_files(context, request, sink)).map(drop)
        },
    );
    not_found("pull_request", "an unknown pull request", &|| {
        let request = PullRequestRequest {
            repo: repo.clone(),
            id: NO_NUMBER,
            ..Default::default()
        };
        client.pull_request(context, request).map(drop)
    });
    not_found(
        "pull_request_comments",
        "the comments of an unknown pull request",
        &|| {
            let request = CommentsRequest {
                repo: repo.clone(),
                pull_request: NO_NUMBER,
                limit: None,
                ..Default::default()
            };
            collect(|sink| client.pull_request_comments(context, request, sink)).map(drop)
        },
    );
    not_found("get_hook", "an unknown hook", &|| {
        let request = GetHookRequest {
            repo: repo.clone(),
            url: NO_HOOK.to_owned(),
            ..Default::default()
        };
        client.get_hook(context, request).map(drop)
    });
    not_found("list_content", "an unknown folder", &|| {
        let request = ListContentRequest {
            repo: repo.clone(),
            path: NO_REF.to_owned(),
            ..Default::default()
        };
        collect(|sink| client.list_content(context, request, sink)).map(drop)
    });
    not_found("get_content", "an unknown file", &|| {
        let request = GetContentRequest {
            repo: repo.clone(),
            reference: None,
            path: NO_REF.to_owned(),
            ..Default::default()
        };
        collect_bytes(|sink| client.get_content(context, request, sink)).map(drop)
    });
    not_found("get_archive", "the archive of an unknown ref", &|| {
        let request = GetArchiveRequest {
            repo: repo.clone(),
            reference: no_ref(),
            format: ArchiveFormat::TAR_GZ,
            prefix: None,
            ..Default::default()
        };
        collect_bytes(|sink| client.get_archive(context, request, sink)).map(drop)
    });
    cases.verdict("the provider has no method that looks something up")
}

/// The first and the last item.
fn ends<T>(items: &[T]) -> impl Iterator<Item = &T> {
    let last = if items.len() > 1 { items.last() } else { None };
    items.first().into_iter().chain(last)
}
