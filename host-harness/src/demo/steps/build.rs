//! From a push to a build status: hook, delivery, checkout, statuses.

use super::{client, expect};
use crate::demo::DemoError;
use crate::demo::repository::{commit_all, write};
use crate::demo::story::{PushedCommit, Story, made};
use serde_json::json;
use std::time::Duration;
use vcs_engine::checkout::{CheckoutOptions, Target, checkout_application};
use vcs_engine::git::{Git, Remote};
use vcs_provider_interface::provider::VcsServer;
use vcs_provider_interface::records::*;
use vcs_provider_interface::secret::Secret;
use vcs_provider_interface::sink::collect;

/// How long a delivery may take: the service answers a push at once and
/// delivers afterwards.
const LONGEST_DELIVERY: Duration = Duration::from_secs(30);

/// Where the build statuses of the demo lead.
const BUILD_URL: &str = "https://ci.example.com/project/DEMO/run/1";
/// What tells the demo's build from others of the commit.
const BUILD_KEY: &str = "DEMO-build";

pub(super) fn create_hook(story: &mut Story<'_>) -> Result<(), DemoError> {
    let receiver = made(story.receiver.as_ref(), "a listener")?;
    let secret = Secret::from(uuid::Uuid::new_v4().simple().to_string());
    let request = HookRequest {
        repo: story.repository_name.clone(),
        name: "engine demo".to_owned(),
        url: receiver.hook_url(),
        events: vec!["repo:push".to_owned()],
        secret: Some(secret.clone()),
        ..Default::default()
    };
    let url = request.url.clone();
    let hook = client(story)?.create_hook(story.context, request)?;
    let wanted = GetHookRequest {
        repo: story.repository_name.clone(),
        url: url.clone(),
        ..Default::default()
    };
    let found = client(story)?.get_hook(story.context, wanted)?;
    expect(found.id == hook.id, || {
        "the hook is not found again".to_owned()
    })?;
    story.fact("id", hook.id.clone());
    story.fact("url", url);
    story.fact("secret_set", hook.secret_set);
    story.hook_secret = Some(secret);
    story.hook = Some(hook);
    Ok(())
}

pub(super) fn push_commit(story: &mut Story<'_>) -> Result<(), DemoError> {
    let context = story.context;
    let work = story.folder().join("pushing");
    let options = CheckoutOptions {
        depth: Some(1),
        submodules: false,
        ..CheckoutOptions::new(&work, Target::Branch(story.main_branch.clone()))
    };
    let name = story.repository_name.clone();
    checkout_application(context, client(story)?, &name, &options, &mut |_| {})?;
    let number = uuid::Uuid::new_v4().simple().to_string();
    let branch = format!("engine-demo/{}", &number[..8]);
    write(
        &work.join("engine-demo.txt"),
        &format!("Pushed by the demo {number}.\n"),
    )?;
    commit_all(context, &work, "Show the engine a push")?;
    let hash = Git::new(&work).run(context, ["rev-parse", "HEAD"])?;
    let credentials = client(story)?.checkout_credentials(
        context,
        CheckoutRequest {
            repo: name,
            ..Default::default()
        },
    )?;
    let remote = Remote::of(credentials)?;
    let refspec = format!("HEAD:refs/heads/{branch}");
    Git::new(&work)
        .with_remote(&remote)
        .run(context, ["push", "--quiet", "origin", &refspec])?;
    let pushed = PushedCommit {
        branch,
        hash: hash.trim().to_owned(),
    };
    story.fact("branch", pushed.branch.clone());
    story.fact("commit", pushed.hash.clone());
    story.pushed = Some(pushed);
    Ok(())
}

pub(super) fn receive_delivery(story: &mut Story<'_>) -> Result<(), DemoError> {
    let receiver = made(story.receiver.as_ref(), "a listener")?;
    let secret = made(story.hook_secret.as_ref(), "a hook")?;
    let server = made(story.server.as_ref(), "a server")?;
    let pushed = made(story.pushed.as_ref(), "a push")?;
    let request = receiver
        .next(story.context, secret, LONGEST_DELIVERY)
        .ok_or_else(|| DemoError::Check("no delivery came".to_owned()))?;
    let mut forged = request.clone();
    forged.body.0.push(b' ');
    expect(server.parse_webhook(story.context, forged).is_err(), || {
        "a delivery with a changed body was accepted".to_owned()
    })?;
    let delivery = server.parse_webhook(story.context, request)?;
    expect(delivery.verified, || {
        "the signature was not verified".to_owned()
    })?;
    let change = delivery
        .events
        .iter()
        .filter_map(|event| event.change.as_ref())
        .find(|change| change.name == pushed.branch)
        .ok_or_else(|| {
            DemoError::Check(format!("no event tells of the branch {:?}", pushed.branch))
        })?;
    expect(change.new_hash.as_ref() == Some(&pushed.hash), || {
        format!(
            "the event tells of the commit {:?}, {} was pushed",
            change.new_hash, pushed.hash
        )
    })?;
    let facts = json!({
        "event": delivery.event_key,
        "id": delivery.id,
        "verified": delivery.verified,
        "branch": change.name,
        "commit": change.new_hash,
    });
    if let serde_json::Value::Object(facts) = facts {
        for (name, value) in facts {
            story.fact(&name, value);
        }
    }
    Ok(())
}

pub(super) fn check_out(story: &mut Story<'_>) -> Result<(), DemoError> {
    let pushed = made(story.pushed.as_ref(), "a push")?.clone();
    let target = Target::Commit {
        hash: pushed.hash.clone(),
        branch: Some(pushed.branch),
    };
    let options = CheckoutOptions {
        submodules: false,
        ..CheckoutOptions::new(story.folder().join("checkout"), target)
    };
    let name = story.repository_name.clone();
    let checkout =
        checkout_application(story.context, client(story)?, &name, &options, &mut |_| {})?;
    expect(checkout.commit == pushed.hash, || {
        format!(
            "{} was checked out instead of {}",
            checkout.commit, pushed.hash
        )
    })?;
    expect(options.directory.join("engine-demo.txt").is_file(), || {
        "the pushed file is not in the checkout".to_owned()
    })?;
    story.fact("commit", checkout.commit);
    Ok(())
}

pub(super) fn set_statuses(story: &mut Story<'_>) -> Result<(), DemoError> {
    let pushed = made(story.pushed.as_ref(), "a push")?.clone();
    for (state, expected) in [
        (BuildState::BUILDING, "INPROGRESS"),
        (BuildState::SUCCESS, "SUCCESSFUL"),
    ] {
        let request = StatusRequest {
            repo: story.repository_name.clone(),
            commit: pushed.hash.clone(),
            key: BUILD_KEY.to_owned(),
            name: "Demo build".to_owned(),
            state,
            url: BUILD_URL.to_owned(),
            description: format!("The demo's build: {state}"),
            ref_name: None,
            pull_request: None,
            ..Default::default()
        };
        client(story)?.set_status(story.context, request)?;
        let client = client(story)?;
        let statuses = collect(|sink| {
            let request = StatusesRequest {
                repo: story.repository_name.clone(),
                commit: pushed.hash.clone(),
                limit: None,
                ..Default::default()
            };
            client.list_statuses(story.context, request, sink)
        })?;
        let states: Vec<&str> = statuses
            .iter()
            .map(|status| status.service_state.as_str())
            .collect();
        expect(states == [expected], || {
            format!("one status {expected} was expected, there is {states:?}")
        })?;
        story.fact(&state.to_string(), expected);
    }
    Ok(())
}

pub(super) fn delete_hook(story: &mut Story<'_>) -> Result<(), DemoError> {
    let hook = made(story.hook.as_ref(), "a hook")?;
    let request = DeleteHookRequest {
        repo: story.repository_name.clone(),
        id: Some(hook.id.clone()),
        url: None,
        ..Default::default()
    };
    client(story)?.delete_hook(story.context, request)?;
    let left = made(story.mock.as_ref(), "a mock")?.hooks(&story.repository_name)?;
    story.fact("hooks_left", left.len());
    expect(left.is_empty(), || "the hook is still there".to_owned())
}
