//! The operations that change a repository, but for its pull requests.

use super::{Operation, World, context, hook, repo, status};
use crate::bitbucket::REPO;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::changes("create_branch", create_branch, refs),
        Operation::changes("delete_branch", delete_branch, refs),
        Operation::changes("create_tag", create_tag, refs),
        Operation::changes("release", release, refs),
        Operation::changes("upload_release_file", upload_release_file, |_| {
            String::new()
        }),
        Operation::changes("create_hook", create_hook, hooks),
        Operation::changes("update_hook", update_hook, hooks),
        Operation::changes("delete_hook", delete_hook, hooks),
        Operation::changes("reconcile_hook", reconcile_hook, hooks),
        Operation::changes("set_status", set_status, statuses),
        Operation::changes("create_insight_report", create_insight_report, |_| {
            String::new()
        }),
    ]
}

type Client<'a> = &'a dyn AuthorizedClient;

fn refs(world: &World) -> String {
    world
        .bitbucket
        .git
        .git(&["for-each-ref", "--format=%(refname) %(*objectname)"])
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect::<Vec<_>>()
        .join("\n")
}

fn hooks(world: &World) -> String {
    let hooks = world.bitbucket.mock.hooks(REPO).unwrap_or_default();
    let urls: Vec<String> = hooks.into_iter().map(|(_, url)| url).collect();
    urls.join("\n")
}

fn statuses(world: &World) -> String {
    let request = StatusesRequest {
        repo: repo(),
        commit: world.bitbucket.git.hash("main"),
        limit: None,
        ..Default::default()
    };
    let client = world.client(Credential::configured());
    collect(|sink| client.list_statuses(&context(), request, sink))
        .unwrap_or_default()
        .iter()
        .map(|status| format!("{} {}\n", status.key, status.service_state))
        .collect()
}

fn create_branch(world: &World, client: Client<'_>) -> Result<String> {
    let request = CreateBranchRequest {
        repo: repo(),
        name: "new".to_owned(),
        target: world.bitbucket.git.hash("main"),
        ..Default::default()
    };
    let made = client.create_branch(&context(), request)?;
    Ok(format!("{made:?}"))
}

fn delete_branch(_: &World, client: Client<'_>) -> Result<String> {
    let request = DeleteBranchRequest {
        repo: repo(),
        name: "feature/two".to_owned(),
        ..Default::default()
    };
    client.delete_branch(&context(), request)?;
    Ok(String::new())
}

fn create_tag(world: &World, client: Client<'_>) -> Result<String> {
    let request = CreateTagRequest {
        repo: repo(),
        name: "v2.0.0".to_owned(),
        target: world.bitbucket.git.hash("main"),
        message: Some("Two".to_owned()),
        ..Default::default()
    };
    let made = client.create_tag(&context(), request)?;
    Ok(format!(
        "{} {} {}",
        made.tag,
        made.hash,
        made.message.trim()
    ))
}

fn release(world: &World, client: Client<'_>) -> Result<String> {
    let request = ReleaseRequest {
        repo: repo(),
        tag: "v2.0.0".to_owned(),
        commit: Some(world.bitbucket.git.hash("main")),
        title: "Two".to_owned(),
        notes: "What is new".to_owned(),
        ..Default::default()
    };
    let made = client.release(&context(), request)?;
    Ok(format!("{} {} {}", made.tag, made.commit, made.url))
}

fn upload_release_file(_: &World, client: Client<'_>) -> Result<String> {
    let bytes: &[u8] = b"the bytes of the file";
    let request = UploadReleaseFileRequest {
        repo: repo(),
        tag: "v1.0.0".to_owned(),
        name: "file.bin".to_owned(),
        length: Some(bytes.len() as u64),
        ..Default::default()
    };
    let mut source = bytes;
    let made = client.upload_release_file(&context(), request, &mut source)?;
    Ok(format!("{made:?}"))
}

fn create_hook(_: &World, client: Client<'_>) -> Result<String> {
    let request = HookRequest {
        url: "https://ci.example.com/hooks/2".to_owned(),
        ..hook()
    };
    client.create_hook(&context(), request).map(shown)
}

fn update_hook(world: &World, client: Client<'_>) -> Result<String> {
    let request = HookRequest {
        id: Some(world.hook.clone()),
        events: vec!["repo:push".to_owned(), "pullrequest:created".to_owned()],
        ..hook()
    };
    client.update_hook(&context(), request).map(shown)
}

fn delete_hook(world: &World, client: Client<'_>) -> Result<String> {
    let request = DeleteHookRequest {
        repo: repo(),
        id: Some(world.hook.clone()),
        url: None,
        ..Default::default()
    };
    client.delete_hook(&context(), request)?;
    Ok(String::new())
}

fn reconcile_hook(_: &World, client: Client<'_>) -> Result<String> {
    let request = HookRequest {
        url: "https://ci.example.com/hooks/2".to_owned(),
        ..hook()
    };
    client.reconcile_hook(&context(), request).map(shown)
}

/// A hook without its id, which the service chooses, and without what was done:
/// a creation whose answer is lost is found and unchanged.
fn shown(hook: Hook) -> String {
    format!(
        "{} {} {:?} {} {:?}",
        hook.name, hook.url, hook.events, hook.disable, hook.secret_set
    )
}

fn set_status(world: &World, client: Client<'_>) -> Result<String> {
    let commit = world.bitbucket.git.hash("main");
    let set = client.set_status(&context(), status(&commit))?;
    Ok(format!(
        "{} {} {} {} {}",
        set.key, set.service_state, set.url, set.description, set.commit
    ))
}

fn create_insight_report(world: &World, client: Client<'_>) -> Result<String> {
    let request = InsightReportRequest {
        repo: repo(),
        commit: world.bitbucket.git.hash("main"),
        id: "lint".to_owned(),
        title: "Lint".to_owned(),
        details: "What the linter says".to_owned(),
        kind: ReportType::BUG,
        result: Some(ReportResult::PASSED),
        reporter: Some("Linter".to_owned()),
        data: vec![ReportData {
            title: "Findings".to_owned(),
            kind: ReportDataType::NUMBER,
            value: "1".to_owned(),
            ..Default::default()
        }],
        annotations: vec![Annotation {
            id: "one".to_owned(),
            kind: AnnotationType::BUG,
            path: Some("README.md".to_owned()),
            line: Some(1),
            summary: "A finding".to_owned(),
            details: "More of it".to_owned(),
            severity: Severity::HIGH,
            ..Annotation::default()
        }],
        ..InsightReportRequest::default()
    };
    let made = client.create_insight_report(&context(), request)?;
    Ok(format!(
        "{} {} {:?}",
        made.id, made.annotations, made.warnings
    ))
}
