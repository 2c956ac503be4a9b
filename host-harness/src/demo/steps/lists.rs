//! Reading: who the credential is, the repository, and lists that must be what
//! git says.

use super::{client, expect};
use crate::demo::DemoError;
use crate::demo::story::{Story, made};
use std::collections::BTreeMap;
use vcs_provider_interface::records::*;
use vcs_provider_interface::sink::collect;

pub(super) fn check_connection(story: &mut Story<'_>) -> Result<(), DemoError> {
    let connection = client(story)?.check_connection(
        story.context,
        ConnectionRequest {
            repo: Some(story.repository_name.clone()),
            ..Default::default()
        },
    )?;
    let account = connection.account.map(|account| account.display_name);
    story.fact("account", account);
    story.fact("credential", connection.credential);
    story.fact("repositories", connection.repositories);
    story.fact("warnings", connection.warnings.clone());
    expect(connection.warnings.is_empty(), || {
        format!(
            "the connection has warnings: {}",
            connection.warnings.join("; ")
        )
    })
}

pub(super) fn link_repository(story: &mut Story<'_>) -> Result<(), DemoError> {
    let name = story.repository_name.clone();
    let workspace = name.split('/').next().map(str::to_owned);
    let client = client(story)?;
    let listed = collect(|sink| {
        let request = RepositoriesRequest {
            workspace,
            ..Default::default()
        };
        client.repos(story.context, request, sink)
    })?;
    expect(listed.iter().any(|found| found.fullname == name), || {
        format!("{name} is not in the list of repositories")
    })?;
    let request = RepositoryRequest {
        repo: name,
        ..Default::default()
    };
    let repository = client.repo_by_fullname(story.context, request)?;
    story.fact("id", repository.id);
    story.fact("default_branch", repository.default_branch.clone());
    let expected = Some(story.main_branch.clone());
    expect(repository.default_branch == expected, || {
        format!(
            "the main branch is {expected:?} in git, {:?} by the provider",
            repository.default_branch
        )
    })
}

pub(super) fn list_branches(story: &mut Story<'_>) -> Result<(), DemoError> {
    let expected = made(story.repository.as_ref(), "a repository")?.branches(story.context)?;
    let client = client(story)?;
    let branches = collect(|sink| {
        let request = BranchesRequest {
            repo: story.repository_name.clone(),
            ..Default::default()
        };
        client.branches(story.context, request, sink)
    })?;
    let found = branches
        .into_iter()
        .map(|branch| (branch.display_id, branch.latest_commit));
    compare_refs(story, "branches", &expected, found.collect())
}

pub(super) fn list_tags(story: &mut Story<'_>) -> Result<(), DemoError> {
    let expected = made(story.repository.as_ref(), "a repository")?.tags(story.context)?;
    let client = client(story)?;
    let tags = collect(|sink| {
        let request = TagsRequest {
            repo: story.repository_name.clone(),
            ..Default::default()
        };
        client.tags(story.context, request, sink)
    })?;
    let found = tags.into_iter().map(|tag| (tag.tag, tag.hash));
    compare_refs(story, "tags", &expected, found.collect())
}

fn compare_refs(
    story: &mut Story<'_>,
    what: &str,
    expected: &BTreeMap<String, String>,
    found: Vec<(String, String)>,
) -> Result<(), DemoError> {
    let count = found.len();
    story.fact(what, count);
    let found: BTreeMap<String, String> = found.into_iter().collect();
    expect(found.len() == count, || {
        format!("the list of {what} names one twice")
    })?;
    let differing = expected
        .iter()
        .find(|(name, hash)| found.get(*name) != Some(hash))
        .or_else(|| found.iter().find(|(name, _)| !expected.contains_key(*name)));
    match differing {
        None => Ok(()),
        Some((name, _)) => Err(DemoError::Check(format!(
            "{what}: git has {} and the provider {count}; they differ at {name:?}: {:?} in git, {:?} by the provider",
            expected.len(),
            expected.get(name),
            found.get(name)
        ))),
    }
}

pub(super) fn list_commits(story: &mut Story<'_>) -> Result<(), DemoError> {
    let branch = story.main_branch.clone();
    let expected =
        made(story.repository.as_ref(), "a repository")?.commits(story.context, &branch)?;
    let client = client(story)?;
    let commits = collect(|sink| {
        let request = CommitsRequest {
            repo: story.repository_name.clone(),
            branch: Some(branch.clone()),
            ..Default::default()
        };
        client.commits(story.context, request, sink)
    })?;
    story.fact("commits", commits.len());
    expect(commits.len() == expected.len(), || {
        format!(
            "git has {} commits, the provider {}",
            expected.len(),
            commits.len()
        )
    })?;
    for (place, (found, expected)) in commits.iter().zip(&expected).enumerate() {
        let is_same = found.id == expected.id
            && found.parents == expected.parents
            && found.author_timestamp == expected.author_timestamp
            && (found.author.display_name == expected.author_name
                || found.author.name == expected.author_name);
        expect(is_same, || {
            format!(
                "the commits differ at place {}: {expected:?} in git, {found:?} by the provider",
                place + 1
            )
        })?;
    }
    Ok(())
}
