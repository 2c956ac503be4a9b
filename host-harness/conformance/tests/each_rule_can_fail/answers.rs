//! What the model answers, made from its repositories and its history.

use crate::defect::Defect;
use crate::history::{self, MAIN};
use crate::world::{Repo, World, not_found};
use std::collections::{BTreeMap, BTreeSet};
use vcs_provider_interface::prelude::*;

pub(crate) fn repository(world: &World, fullname: &str, main: Option<&str>) -> Repository {
    let user = if world.has(Defect::UserInRepositoryAddress) {
        "ada@"
    } else {
        ""
    };
    Repository {
        id: format!("id of {fullname}"),
        fullname: fullname.to_owned(),
        http_url: format!("https://{user}model.example.org/{fullname}.git"),
        default_branch: main.map(str::to_owned),
        ..Default::default()
    }
}

pub(crate) fn branch(name: &str, hash: &str) -> Branch {
    Branch {
        id: format!("refs/heads/{name}"),
        display_id: name.to_owned(),
        latest_commit: hash.to_owned(),
        default: Some(name == MAIN),
        parents: Vec::new(),
        ..Default::default()
    }
}

pub(crate) fn branches(
    world: &World,
    repo: &Repo,
    request: &BranchesRequest,
) -> Result<Vec<Branch>> {
    if repo.branches.is_empty() && world.has(Defect::EmptyRepositoryFails) {
        return Err(not_found("branch"));
    }
    let mut branches: Vec<Branch> = repo
        .branches
        .iter()
        .map(|(name, hash)| branch(name, hash))
        .collect();
    if let Some(filter) = &request.filter {
        branches.retain(|branch| branch.display_id.contains(filter));
    }
    if world.has(Defect::BranchMissing) {
        branches.retain(|branch| branch.display_id != "gamma");
    }
    if world.has(Defect::MainBranchNotMarked) {
        branches
            .iter_mut()
            .for_each(|branch| branch.default = Some(false));
    }
    let age = |branch: &Branch| world.history.back_from(&branch.latest_commit).len();
    match request.sort {
        _ if world.has(Defect::SortIgnored) => {}
        BranchSort::NAME_DESCENDING => branches.reverse(),
        BranchSort::LATEST_FIRST => branches.sort_by_key(|branch| usize::MAX - age(branch)),
        _ => {}
    }
    Ok(branches)
}

pub(crate) fn tag(name: &str, tag: &history::Tag) -> Tag {
    Tag {
        tag: name.to_owned(),
        hash: tag.commit.clone(),
        sha: tag.object.clone(),
        ..Default::default()
    }
}

pub(crate) fn commit(commit: &history::Commit) -> Commit {
    Commit {
        id: commit.hash.clone(),
        author_timestamp: Some(commit.seconds * 1000),
        message: commit.message.clone(),
        parents: commit.parents.clone(),
        ..Default::default()
    }
}

/// The commit that a branch, tag or hash names; the main branch's without one.
pub(crate) fn resolve<'a>(
    world: &'a World,
    repo: &Repo,
    name: Option<&str>,
) -> Result<&'a history::Commit> {
    let name = name.unwrap_or(MAIN);
    let hash = repo
        .branches
        .get(name)
        .or_else(|| repo.tags.get(name).map(|tag| &tag.commit))
        .map_or(name, String::as_str);
    world
        .history
        .commit(hash)
        .ok_or_else(|| not_found(format_args!("ref {name:?}")))
}

pub(crate) fn commits(world: &World, repo: &Repo, request: &CommitsRequest) -> Result<Vec<Commit>> {
    if request.branch.is_some() && world.has(Defect::UnknownBranchHasNoCommits) {
        let name = request.branch.as_deref();
        if resolve(world, repo, name).is_err() {
            return Ok(Vec::new());
        }
    }
    let start = request.until.as_deref().or(request.branch.as_deref());
    let head = resolve(world, repo, start)?;
    let mut commits = world.history.back_from(&head.hash);
    if let Some(since) = &request.since {
        let more = usize::from(world.has(Defect::RangeHoldsItsBase));
        let end = commits
            .iter()
            .position(|commit| commit.hash == *since)
            .map_or(commits.len(), |place| place + more);
        commits.truncate(end);
    } else if world.has(Defect::CommitMissing) {
        commits.pop();
    } else if world.has(Defect::ParentBeforeChild) {
        let count = commits.len();
        commits.swap(count - 1, count - 2);
    }
    Ok(commits.into_iter().map(commit).collect())
}

pub(crate) fn between(world: &World, repo: &Repo, base: &str, head: &str) -> Result<Vec<Commit>> {
    let base = resolve(world, repo, Some(base))?;
    let head = resolve(world, repo, Some(head))?;
    let commits = world.history.back_from(&head.hash).into_iter();
    Ok(commits
        .take_while(|commit| commit.hash != base.hash)
        .map(commit)
        .collect())
}

pub(crate) fn changed_files(
    world: &World,
    repo: &Repo,
    base: &str,
    head: &str,
) -> Result<Vec<ChangedFile>> {
    let base = resolve(world, repo, Some(base))?;
    let head = resolve(world, repo, Some(head))?;
    let paths: BTreeSet<&String> = base.tree.keys().chain(head.tree.keys()).collect();
    let mut files = Vec::new();
    for path in paths {
        let change = match (base.tree.get(path), head.tree.get(path)) {
            (None, _) => FileChange::ADDED,
            (Some(_), None) if world.has(Defect::RemovedFileCalledModified) => FileChange::MODIFIED,
            (Some(_), None) => FileChange::REMOVED,
            (before, after) if before == after => continue,
            _ => FileChange::MODIFIED,
        };
        files.push(ChangedFile {
            path: path.clone(),
            change,
            ..Default::default()
        });
    }
    Ok(files)
}

fn shown_tree<'a>(world: &World, commit: &'a history::Commit) -> BTreeMap<&'a String, &'a Vec<u8>> {
    let mut tree: BTreeMap<_, _> = commit.tree.iter().collect();
    if world.has(Defect::FileMissing) {
        tree.retain(|path, _| *path != "notes/2.txt");
    }
    tree
}

pub(crate) fn folder(
    world: &World,
    repo: &Repo,
    request: &ListContentRequest,
) -> Result<Vec<Content>> {
    let commit = resolve(world, repo, request.reference.as_deref())?;
    let begin = if request.path.is_empty() {
        String::new()
    } else {
        format!("{}/", request.path)
    };
    let mut folders = BTreeSet::new();
    let mut entries = Vec::new();
    for (path, bytes) in shown_tree(world, commit) {
        let Some(rest) = path.strip_prefix(&begin) else {
            continue;
        };
        if let Some((folder, _)) = rest.split_once('/') {
            folders.insert(format!("{begin}{folder}"));
            if !request.recursive {
                continue;
            }
        }
        let more = u64::from(world.has(Defect::SizeWrong));
        entries.push(Content {
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            path: path.clone(),
            is_file: true,
            size: Some(bytes.len() as u64 + more),
            ..Default::default()
        });
    }
    entries.extend(folders.into_iter().map(|path| Content {
        name: path.rsplit('/').next().unwrap_or_default().to_owned(),
        path,
        is_directory: true,
        ..Default::default()
    }));
    if entries.is_empty() {
        return Err(not_found(format_args!("folder {:?}", request.path)));
    }
    Ok(entries)
}

pub(crate) fn archive(world: &World, commit: &history::Commit, prefix: &str) -> Vec<u8> {
    let packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(packer);
    for (path, bytes) in shown_tree(world, commit) {
        if world.has(Defect::ArchiveIncomplete) && path == "README.md" {
            continue;
        }
        let path = if world.has(Defect::ArchiveWithoutPrefix) {
            path.clone()
        } else {
            format!("{prefix}/{path}")
        };
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, path, bytes.as_slice())
            .unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

pub(crate) fn pull_request(repo: &mut Repo, id: u64) -> Result<&mut PullRequest> {
    let mut all = repo.pull_requests.iter_mut();
    all.find(|pull_request| pull_request.id == id)
        .ok_or_else(|| not_found(format_args!("pull request {id}")))
}

pub(crate) fn create_pull_request(
    repo: &mut Repo,
    request: &CreatePullRequestRequest,
    number: u64,
    overwrites: bool,
) -> Result<PullRequest> {
    let destination = request.destination_branch.as_deref().unwrap_or(MAIN);
    let end = |name: &str| -> Result<PullRequestEnd> {
        let hash = repo.branches.get(name);
        let hash = hash.ok_or_else(|| not_found(format_args!("branch {name:?}")))?;
        Ok(PullRequestEnd {
            repo: Some(request.repo.clone()),
            branch: branch(name, hash),
            clone_url: String::new(),
            ..Default::default()
        })
    };
    let made = PullRequest {
        id: number,
        title: request.title.clone(),
        description: request.description.clone().unwrap_or_default(),
        head: end(&request.source_branch)?,
        base: end(destination)?,
        ..Default::default()
    };
    let same = repo
        .pull_requests
        .iter_mut()
        .find(|present| !present.closed && present.head == made.head && present.base == made.base);
    match same {
        Some(present) if overwrites => {
            present.title = made.title;
            Ok(present.clone())
        }
        Some(_) => Err(VcsError::new(
            ErrorKind::ALREADY_EXISTS,
            "there is a pull request of these branches",
        )),
        None => {
            repo.pull_requests.push(made.clone());
            Ok(made)
        }
    }
}

/// Moves the destination to the source, which is what a fast forward does.
pub(crate) fn merge_pull_request(
    world: &World,
    repo: &mut Repo,
    request: &MergePullRequestRequest,
) -> Result<PullRequest> {
    let found = pull_request(repo, request.id)?;
    let head = found.head.branch.latest_commit.clone();
    let moved = request
        .expected_head
        .as_ref()
        .is_some_and(|expected| *expected != head);
    if moved && !world.has(Defect::MovedSourceIsMerged) {
        return Err(VcsError::new(ErrorKind::CONFLICT, "the source has moved"));
    }
    if !world.has(Defect::MergedStaysOpen) {
        found.state = PullRequestState::MERGED;
        found.closed = true;
    }
    found.merged = true;
    found.merge_commit = Some(head.clone());
    let answer = found.clone();
    repo.branches
        .insert(answer.base.branch.display_id.clone(), head);
    Ok(answer)
}

pub(crate) fn create_hook(repo: &mut Repo, request: &HookRequest, number: u64) -> Hook {
    let hook = Hook {
        id: number.to_string(),
        name: request.name.clone(),
        url: request.url.clone(),
        events: vec!["repo:push".to_owned()],
        secret_set: Some(request.secret.is_some()),
        ..Default::default()
    };
    repo.hooks.push(hook.clone());
    hook
}

pub(crate) fn hook<'a>(repo: &'a mut Repo, url: &str, slash_counts: bool) -> Option<&'a mut Hook> {
    let plain = |url: &str| {
        if slash_counts {
            url.to_owned()
        } else {
            url.trim_end_matches('/').to_owned()
        }
    };
    let mut hooks = repo.hooks.iter_mut();
    hooks.find(|hook| plain(&hook.url) == plain(url))
}

pub(crate) fn reconcile_hook(
    world: &World,
    repo: &mut Repo,
    request: &HookRequest,
    number: u64,
) -> Hook {
    let slash_counts = world.has(Defect::SlashCounts);
    let present = hook(repo, &request.url, slash_counts)
        .filter(|_| !world.has(Defect::ReconcileAlwaysCreates));
    let (mut answer, mut action) = match present {
        Some(present) if present.name == request.name => (present.clone(), "unchanged"),
        Some(present) => {
            present.name.clone_from(&request.name);
            (present.clone(), "updated")
        }
        None => (create_hook(repo, request, number), "created"),
    };
    if action == "unchanged" && world.has(Defect::ReconcileAlwaysUpdates) {
        action = "updated";
    }
    answer.extra.insert(keys::ACTION, action);
    answer
}

pub(crate) fn set_status(world: &World, repo: &mut Repo, request: &StatusRequest) -> Status {
    let mut key = request.key.clone();
    if world.has(Defect::KeysCutOff) {
        key.truncate(40);
    }
    let state = match request.state {
        BuildState::SKIPPED if world.has(Defect::SkippedStaysPending) => BuildState::BUILDING,
        state => state,
    };
    let status = Status {
        key,
        state,
        commit: request.commit.clone(),
        ..Default::default()
    };
    if !world.has(Defect::StatusesPileUp) {
        repo.statuses
            .retain(|present| (&present.key, &present.commit) != (&status.key, &status.commit));
    }
    repo.statuses.push(status.clone());
    status
}

type Refs = BTreeMap<String, String>;

/// The branches as an opaque text whose length shows whether it is whole.
fn cursor_of(branches: &Refs) -> String {
    let text = serde_json::to_string(branches).unwrap();
    format!("{}:{text}", text.len())
}

fn branches_of(cursor: &str) -> Option<Refs> {
    let (length, text) = cursor.split_once(':')?;
    let is_whole = length.parse() == Ok(text.len());
    serde_json::from_str(text).ok().filter(|_| is_whole)
}

pub(crate) fn poll(
    world: &World,
    repo: &Repo,
    request: &PollEventsRequest,
) -> Result<PolledEvents> {
    let now = &repo.branches;
    let before = match &request.cursor {
        None if world.has(Defect::FirstPollTellsAll) => Refs::new(),
        None => now.clone(),
        Some(cursor) => match branches_of(cursor) {
            Some(before) => before,
            None if world.has(Defect::BrokenCursorBeginsAnew) => now.clone(),
            None => {
                return Err(VcsError::new(
                    ErrorKind::INVALID_INPUT,
                    "the cursor is not one of this provider",
                ));
            }
        },
    };
    let mut events = Vec::new();
    for (name, hash) in now.iter().filter(|(name, _)| !before.contains_key(*name)) {
        events.push(event(EventKind::REF_CREATED, name, None, Some(hash)));
        if world.has(Defect::NewBranchTwice) {
            events.push(event(EventKind::REF_CREATED, name, None, Some(hash)));
        }
    }
    for (name, hash) in before.iter().filter(|(name, _)| !now.contains_key(*name)) {
        if !world.has(Defect::DeletedBranchMissed) {
            events.push(event(EventKind::REF_DELETED, name, Some(hash), None));
        }
    }
    if request.cursor.is_some() && world.has(Defect::PollRepeats) {
        let main = now.get(MAIN);
        events.push(event(EventKind::REF_UPDATED, MAIN, main, main));
    }
    events.retain(|event| request.kinds.is_empty() || request.kinds.contains(&event.kind));
    Ok(PolledEvents {
        events,
        cursor: cursor_of(now),
        requests: 1,
        ..Default::default()
    })
}

fn event(kind: EventKind, name: &str, old: Option<&String>, new: Option<&String>) -> Event {
    Event {
        kind,
        change: Some(RefChange {
            kind: RefKind::BRANCH,
            name: name.to_owned(),
            old_hash: old.cloned(),
            new_hash: new.cloned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}
