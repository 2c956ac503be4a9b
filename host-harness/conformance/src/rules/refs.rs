//! Rules about creating and deleting branches and tags.

use super::super::context::{CleanUp, TestContext};
use super::super::rule::Rule;
use super::super::verdict::{Cases, Expect, Failure, Verdict, ensure};
use vcs_provider_interface::error::{ErrorKind, Result};
use vcs_provider_interface::records::*;
use vcs_provider_interface::sink::collect;

/// Ends of names that git allows and that break where a name is put into an
/// address, a query, JSON or a shell without care.
const ODD_NAMES: &[&str] = &[
    "deep/er/name",
    "hash#mark",
    "per%20cent%",
    "amp&ersand=1",
    "plus+sign",
    "quote'and\"double",
    "at@sign",
    "comma,semi;colon",
    "dollar$(sub)`tick`",
    "pipe|less<more>",
    "grüße-日本語",
    "{brace}",
    "ends!",
];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "branch.odd-names",
        title: "odd branch names round trip",
        asserts: "A branch with a slash, #, %, &, quotes, @, $, accents and the like in its name \
                  is created, looked up, listed by a filter and deleted under just that name.",
        needs: &["create_branch", "branch", "branches", "delete_branch"],
        check: odd_names_round_trip,
    },
    Rule {
        id: "branch.create-existing",
        title: "creating a branch that exists answers AlreadyExists",
        asserts: "The branch that is there stays as it is.",
        needs: &["create_branch", "branch", "delete_branch"],
        check: existing_branch_stays,
    },
    Rule {
        id: "branch.delete-twice",
        title: "deleting a branch twice succeeds",
        asserts: "After the first deletion the branch is NotFound; the second one succeeds.",
        needs: &["create_branch", "branch", "delete_branch"],
        check: branch_is_deleted_twice,
    },
    Rule {
        id: "tag.create-existing",
        title: "creating a tag that exists answers AlreadyExists",
        asserts: "Tried with a tag that the writable repository has, at another commit where \
                  there is one; the tag stays as it is.",
        needs: &["create_tag", "tags", "tag"],
        check: existing_tag_stays,
    },
];

fn create(test: &TestContext<'_>, repo: &str, name: &str, target: &str) -> Result<Branch> {
    let request = CreateBranchRequest {
        repo: repo.to_owned(),
        name: name.to_owned(),
        target: target.to_owned(),
        ..Default::default()
    };
    test.client.create_branch(&test.context(), request)
}

fn look_up(test: &TestContext<'_>, repo: &str, name: Option<&str>) -> Result<Branch> {
    let request = BranchRequest {
        repo: repo.to_owned(),
        name: name.map(str::to_owned),
        ..Default::default()
    };
    test.client.branch(&test.context(), request)
}

fn delete(test: &TestContext<'_>, repo: &str, name: &str) -> Result<Done> {
    let request = DeleteBranchRequest {
        repo: repo.to_owned(),
        name: name.to_owned(),
        ..Default::default()
    };
    test.client.delete_branch(&test.context(), request)
}

/// The commit at which the writable repository's main branch stands.
pub(super) fn start(test: &TestContext<'_>, repo: &str) -> std::result::Result<String, Failure> {
    test.need("branch")?;
    look_up(test, repo, None)
        .or_skip("the main branch of the writable repository")
        .map(|branch| branch.latest_commit)
}

/// Creates a branch for a rule about something else.
pub(super) fn made_branch<'a>(
    test: &'a TestContext<'_>,
    clean_up: &mut CleanUp<'a>,
    repo: &str,
    name: &str,
    target: &str,
) -> std::result::Result<(), Failure> {
    test.need("create_branch")?;
    test.need("delete_branch")?;
    clean_up.delete_branch(test, repo, name);
    create(test, repo, name, target)
        .or_skip("a new branch")
        .map(drop)
}

/// `branch.odd-names`
pub fn odd_names_round_trip(test: &TestContext<'_>) -> Verdict {
    let repo = test.writable()?;
    let target = start(test, &repo)?;
    let mut cases = Cases::default();
    for odd in ODD_NAMES {
        cases.add(round_trip(test, &repo, &test.unique(odd), &target));
    }
    cases.verdict("nothing to create")
}

fn round_trip(test: &TestContext<'_>, repo: &str, name: &str, target: &str) -> Verdict {
    let mut clean_up = CleanUp::default();
    clean_up.delete_branch(test, repo, name);
    let as_expected = |what: &str, branch: &Branch| {
        ensure(
            branch.display_id == name && branch.latest_commit == target,
            || {
                format!(
                    "{what} {name:?} at {target}: found {:?} at {}",
                    branch.display_id, branch.latest_commit
                )
            },
        )
    };
    let created = create(test, repo, name, target).works(&format!("creating {name:?}"))?;
    as_expected("creating", &created)?;
    let found = look_up(test, repo, Some(name)).works(&format!("looking up {name:?}"))?;
    as_expected("looking up", &found)?;
    let listed = collect(|sink| {
        let request = BranchesRequest {
            repo: repo.to_owned(),
            filter: Some(name.to_owned()),
            ..Default::default()
        };
        test.client.branches(&test.context(), request, sink)
    })
    .works(&format!("listing {name:?}"))?;
    match listed.as_slice() {
        [branch] => as_expected("listing", branch)?,
        _ => {
            return Err(Failure::failed(format!(
                "listing {name:?}: {} branches",
                listed.len()
            )));
        }
    }
    delete(test, repo, name).works(&format!("deleting {name:?}"))?;
    look_up(test, repo, Some(name))
        .fails_with(
            &format!("{name:?} after its deletion"),
            &[ErrorKind::NOT_FOUND],
        )
        .map(drop)
}

/// `branch.create-existing`
pub fn existing_branch_stays(test: &TestContext<'_>) -> Verdict {
    let repo = test.writable()?;
    let target = start(test, &repo)?;
    let name = test.unique("existing");
    let mut clean_up = CleanUp::default();
    made_branch(test, &mut clean_up, &repo, &name, &target)?;
    create(test, &repo, &name, &target).fails_with(
        "creating a branch that exists",
        &[ErrorKind::ALREADY_EXISTS],
    )?;
    let after = look_up(test, &repo, Some(&name)).works("the branch after that")?;
    ensure(after.latest_commit == target, || {
        format!("the branch moved from {target} to {}", after.latest_commit)
    })
}

/// `branch.delete-twice`
pub fn branch_is_deleted_twice(test: &TestContext<'_>) -> Verdict {
    let repo = test.writable()?;
    let target = start(test, &repo)?;
    let name = test.unique("deleted");
    let mut clean_up = CleanUp::default();
    made_branch(test, &mut clean_up, &repo, &name, &target)?;
    delete(test, &repo, &name).works("the first deletion")?;
    look_up(test, &repo, Some(&name))
        .fails_with("the branch after its deletion", &[ErrorKind::NOT_FOUND])?;
    delete(test, &repo, &name)
        .works("the second deletion")
        .map(drop)
}

/// `tag.create-existing`
pub fn existing_tag_stays(test: &TestContext<'_>) -> Verdict {
    let repo = test.writable()?;
    let tags = collect(|sink| {
        let request = TagsRequest {
            repo: repo.clone(),
            limit: Some(1),
            ..Default::default()
        };
        test.client.tags(&test.context(), request, sink)
    })
    .or_skip("the tags of the writable repository")?;
    let Some(present) = tags.into_iter().next() else {
        return Err(Failure::skipped("the writable repository has no tag"));
    };
    let request = TagRequest {
        repo: repo.clone(),
        name: present.tag.clone(),
        ..Default::default()
    };
    let look_up = |when: &str| {
        test.client
            .tag(&test.context(), request.clone())
            .works(&format!("the tag {when}"))
    };
    let before = look_up("before that")?;
    let target = start(test, &repo).unwrap_or_else(|_| present.hash.clone());
    let creation = CreateTagRequest {
        repo,
        name: present.tag,
        target,
        message: Some("conformance".to_owned()),
        ..Default::default()
    };
    test.client
        .create_tag(&test.context(), creation)
        .fails_with("creating a tag that exists", &[ErrorKind::ALREADY_EXISTS])?;
    let after = look_up("after that")?;
    ensure(after.hash == before.hash, || {
        format!("the tag moved from {} to {}", before.hash, after.hash)
    })
}
