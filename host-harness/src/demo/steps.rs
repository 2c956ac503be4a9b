//! The steps of the story, in their order.

mod build;
mod consent;
mod lists;

use super::repository::DemoRepository;
use super::story::{Story, made};
use super::{DemoError, Step};
use crate::demo::receiver::PublicAddress;
use build::{check_out, create_hook, delete_hook, push_commit, receive_delivery, set_statuses};
use consent::{engine_of, link_account, open_store};
use lists::{check_connection, link_repository, list_branches, list_commits, list_tags};
use mock_bitbucket::{MockBitbucket, command::write_config};
use std::path::Path;
use std::sync::Arc;
use vcs_engine::config::EngineConfig;
use vcs_engine::host_services::EngineServices;
use vcs_plugin_host::loader::{FoundKind, Loader, scan};
use vcs_provider_interface::provider::AuthorizedClient;

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
    link_account, "consent", "Links an account through the service's consent page";
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
    let manifest = Loader::new(story.options.loader.clone()).write_manifest(&staged)?;
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
    let receiver = PublicAddress::start()
        .map_err(|error| DemoError::System("the listener".to_owned(), error))?;
    let mock = MockBitbucket::builder()
        .repo(story.repository_name.clone(), repository.path())
        .callback_url(receiver.callback_url())
        .start()?;
    let file = story.folder().join("config.toml");
    write_config(&mock, &file)
        .map_err(|error| DemoError::System(file.display().to_string(), error))?;
    let mut config =
        EngineConfig::load(&file).map_err(|error| DemoError::Check(error.to_string()))?;
    config.api.url = receiver.url();
    config.api.development = true;
    story.fact("api_url", mock.api_url());
    story.receiver = Some(receiver);
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
    let loaded = Loader::new(story.options.loader.clone()).load(&plugin.path)?;
    if loaded.info.provider_type != server_config.provider_type {
        return Err(DemoError::Check(format!(
            "the configuration wants the type {:?}, the plugin is {:?}",
            server_config.provider_type, loaded.info.provider_type
        )));
    }
    let (store, grants) = open_store(config)?;
    let services = EngineServices::new(&server_config.name, Arc::clone(&grants));
    let server = loaded
        .provider
        .new_server(&server_config.toml, Arc::new(services))
        .map_err(|error| config.locate(server_config, error))?;
    let server = Arc::new(server);
    story.engine = Some(engine_of(config, &server, store, grants)?);
    story.fact("type", loaded.info.provider_type.clone());
    story.fact("version", loaded.info.version.clone());
    story.fact("interface", loaded.info.interface_version.clone());
    story.fact("capabilities", loaded.info.capabilities.len());
    story.provider = Some(loaded);
    story.server = Some(server);
    Ok(())
}

fn client<'s>(story: &'s Story<'_>) -> Result<&'s dyn AuthorizedClient, DemoError> {
    made(story.client.as_deref(), "a client")
}

fn expect(holds: bool, message: impl FnOnce() -> String) -> Result<(), DemoError> {
    if holds {
        Ok(())
    } else {
        Err(DemoError::Check(message()))
    }
}
