//! The steps of the story, in their order.

use super::receiver::HookReceiver;
use super::repository::{DemoRepository, commit_all, write};
use super::story::{PushedCommit, Story, made};
use super::{DemoError, Step};
use crate::engine::checkout::{CheckoutOptions, Target, checkout_application};
use crate::engine::config::EngineConfig;
use crate::engine::git::{Git, Remote};
use crate::engine::host_services::EngineServices;
use crate::loader::{FoundKind, Loader, scan};
use crate::mock_bitbucket::{MockBitbucket, command::write_config};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vcs_provider_interface::provider::{AuthorizedClient, VcsServer};
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

macro_rules! steps {
    ($( $function:ident, $name:literal, $title:literal; )*) => {
        /// The steps, in their order.
        pub const STEPS: &[Step] = &[
            $( Step { name: $name, title: $title, run: $function }, )*
        ];
    };
}

steps! {
    prepare_repository, "repository", "Takes a git repository";
    stage_plugin, "stage", "Puts the plugin into a plugin directory, with a manifest";
    start_mock, "mock", "Serves the repository as Bitbucket Cloud would";
    load_plugin, "load", "Finds, checks and loads the plugin";
    check_connection, "connection", "Asks who the credential is and what it sees";
    link_repository, "link", "Links the repository";
    list_branches, "branches", "Lists the branches and compares them with git";
    list_tags, "tags", "Lists the tags and compares them with git";
    list_commits, "commits", "Lists the commits and compares them with git";
    create_hook, "hook", "Creates a webhook that leads to a listener";
    push_commit, "push", "Pushes a commit with git over HTTP";
    receive_delivery, "delivery", "Receives the delivery and verifies its signature";
    check_out, "checkout", "Clones the pushed commit with the provider's credential";
    set_statuses, "status", "Sets the build status to in progress, then successful";
    delete_hook, "cleanup", "Deletes the webhook";
}

fn prepare_repository(story: &mut Story<'_>) -> Result<(), DemoError> {
    let context = story.context;
    let (repository, slug) = match &story.options.repository {
        Some(path) => (
            DemoRepository::clone_of(context, path, story.folder())?,
            slug_of(path),
        ),
        None => (
            DemoRepository::sample(context, story.folder())?,
            "sample".to_owned(),
        ),
    };
    story.main_branch = repository.main_branch(context)?;
    story.repository_name = format!("demo/{slug}");
    story.fact("full_name", story.repository_name.clone());
    story.fact("main_branch", story.main_branch.clone());
    story.repository = Some(repository);
    Ok(())
}

/// A folder's name as the slug of a repository.
fn slug_of(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let slug: String = name
        .trim_end_matches(".git")
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') {
                c
            } else {
                '-'
            }
        })
        .collect();
    let slug = slug.trim_matches('-');
    if slug.is_empty() {
        "repository".to_owned()
    } else {
        slug.to_owned()
    }
}

fn stage_plugin(story: &mut Story<'_>) -> Result<(), DemoError> {
    let source = &story.options.plugin;
    let directory = story.folder().join("plugins");
    let failed = |error| DemoError::System(source.display().to_string(), error);
    std::fs::create_dir(&directory).map_err(failed)?;
    let name = source
        .file_name()
        .ok_or_else(|| DemoError::Check(format!("{}: is no file", source.display())))?;
    let staged = directory.join(name);
    std::fs::copy(source, &staged).map_err(failed)?;
    only_owner_writes(&staged).map_err(failed)?;
    let manifest = Loader::default().write_manifest(&staged)?;
    story.fact("file", manifest.name);
    story.fact("sha256", manifest.sha256.to_string());
    story.fact("size", manifest.size);
    story.plugin = Some(directory);
    Ok(())
}

fn only_owner_writes(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

fn start_mock(story: &mut Story<'_>) -> Result<(), DemoError> {
    let repository = made(story.repository.as_ref(), "a repository")?;
    let mock = MockBitbucket::builder()
        .repo(story.repository_name.clone(), repository.path())
        .start()?;
    let file = story.folder().join("config.toml");
    write_config(&mock, &file)
        .map_err(|error| DemoError::System(file.display().to_string(), error))?;
    let config = EngineConfig::load(&file).map_err(|error| DemoError::Check(error.to_string()))?;
    story.fact("api_url", mock.api_url());
    story.mock = Some(mock);
    story.config = Some(config);
    Ok(())
}

fn load_plugin(story: &mut Story<'_>) -> Result<(), DemoError> {
    let directory = made(story.plugin.as_ref(), "a plugin directory")?;
    let config = made(story.config.as_ref(), "a configuration")?;
    let server_config = config.server(None)?;
    let plugin = scan(directory)?
        .into_iter()
        .find(|found| found.kind == FoundKind::Plugin)
        .ok_or_else(|| DemoError::Check("the plugin directory holds no plugin".to_owned()))?;
    let loaded = Loader::default().load(&plugin.path)?;
    if loaded.info.provider_type != server_config.provider_type {
        return Err(DemoError::Check(format!(
            "the configuration wants the type {:?}, the plugin is {:?}",
            server_config.provider_type, loaded.info.provider_type
        )));
    }
    let server = loaded
        .provider
        .new_server(
            &server_config.toml,
            Arc::new(EngineServices::without_grants(&server_config.name)),
        )
        .map_err(|error| config.locate(server_config, error))?;
    let client = server.authorized_client(Credential::configured())?;
    story.fact("type", loaded.info.provider_type.clone());
    story.fact("version", loaded.info.version.clone());
    story.fact("interface", loaded.info.interface_version.clone());
    story.fact("capabilities", loaded.info.capabilities.len());
    story.provider = Some(loaded);
    story.server = Some(server);
    story.client = Some(client);
    Ok(())
}

fn client<'s>(story: &'s Story<'_>) -> Result<&'s dyn AuthorizedClient, DemoError> {
    made(story.client.as_deref(), "a client")
}

fn check_connection(story: &mut Story<'_>) -> Result<(), DemoError> {
    let connection = client(story)?.check_connection(
        story.context,
        ConnectionRequest {
            repo: Some(story.repository_name.clone()),
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

fn link_repository(story: &mut Story<'_>) -> Result<(), DemoError> {
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
    let request = RepositoryRequest { repo: name };
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

fn list_branches(story: &mut Story<'_>) -> Result<(), DemoError> {
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

fn list_tags(story: &mut Story<'_>) -> Result<(), DemoError> {
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

fn list_commits(story: &mut Story<'_>) -> Result<(), DemoError> {
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

fn create_hook(story: &mut Story<'_>) -> Result<(), DemoError> {
    let receiver = HookReceiver::start()
        .map_err(|error| DemoError::System("the listener".to_owned(), error))?;
    let secret = Secret::from(uuid::Uuid::new_v4().simple().to_string());
    let request = HookRequest {
        repo: story.repository_name.clone(),
        name: "engine demo".to_owned(),
        url: receiver.url(),
        events: vec!["repo:push".to_owned()],
        secret: Some(secret.clone()),
        ..Default::default()
    };
    let url = request.url.clone();
    let hook = client(story)?.create_hook(story.context, request)?;
    let wanted = GetHookRequest {
        repo: story.repository_name.clone(),
        url: url.clone(),
    };
    let found = client(story)?.get_hook(story.context, wanted)?;
    expect(found.id == hook.id, || {
        "the hook is not found again".to_owned()
    })?;
    story.fact("id", hook.id.clone());
    story.fact("url", url);
    story.fact("secret_set", hook.secret_set);
    story.receiver = Some(receiver);
    story.hook_secret = Some(secret);
    story.hook = Some(hook);
    Ok(())
}

fn push_commit(story: &mut Story<'_>) -> Result<(), DemoError> {
    let context = story.context;
    let work = story.folder().join("pushing");
    let options = CheckoutOptions {
        directory: work.clone(),
        target: Target::Branch(story.main_branch.clone()),
        depth: Some(1),
        sparse: Vec::new(),
        submodules: false,
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
    let credentials =
        client(story)?.checkout_credentials(context, RepositoryRequest { repo: name })?;
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

fn receive_delivery(story: &mut Story<'_>) -> Result<(), DemoError> {
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

fn check_out(story: &mut Story<'_>) -> Result<(), DemoError> {
    let pushed = made(story.pushed.as_ref(), "a push")?.clone();
    let options = CheckoutOptions {
        directory: story.folder().join("checkout"),
        target: Target::Commit {
            hash: pushed.hash.clone(),
            branch: Some(pushed.branch),
        },
        depth: None,
        sparse: Vec::new(),
        submodules: false,
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

fn set_statuses(story: &mut Story<'_>) -> Result<(), DemoError> {
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
        };
        client(story)?.set_status(story.context, request)?;
        let client = client(story)?;
        let statuses = collect(|sink| {
            let request = StatusesRequest {
                repo: story.repository_name.clone(),
                commit: pushed.hash.clone(),
                limit: None,
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

fn delete_hook(story: &mut Story<'_>) -> Result<(), DemoError> {
    let hook = made(story.hook.as_ref(), "a hook")?;
    let request = DeleteHookRequest {
        repo: story.repository_name.clone(),
        id: Some(hook.id.clone()),
        url: None,
    };
    client(story)?.delete_hook(story.context, request)?;
    let left = made(story.mock.as_ref(), "a mock")?.hooks(&story.repository_name)?;
    story.fact("hooks_left", left.len());
    expect(left.is_empty(), || "the hook is still there".to_owned())
}

fn expect(holds: bool, message: impl FnOnce() -> String) -> Result<(), DemoError> {
    if holds {
        Ok(())
    } else {
        Err(DemoError::Check(message()))
    }
}
