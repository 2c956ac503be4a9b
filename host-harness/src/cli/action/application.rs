//! `engine action checkout-application`: an application of the engine's store, or
//! a repository by its name.

use super::{CheckoutApplicationArguments, options_of, report, with_progress};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::session::{Session, config_of};
use vcs_engine::checkout::{Target, checkout_application};
use vcs_engine::config::EngineConfig;
use vcs_engine::open_store::{has_store, open_store};
use vcs_engine::store::{Application, Store, StoreError};
use vcs_provider_interface::error::{ErrorKind, VcsError};

pub(super) fn check_out(
    arguments: CheckoutApplicationArguments,
    output: &Output,
) -> Result<(), Failure> {
    if let Some(api) = arguments.api.clone() {
        return super::worker::check_out(&api, arguments, output);
    }
    let CheckoutApplicationArguments {
        repo,
        target,
        run,
        directory,
        mut server,
        checkout,
        ..
    } = arguments;
    let Some(mut repo) = repo else {
        return Err(Failure::usage(
            "name the application (KEY/APP) or the repository (WS/SLUG)",
        ));
    };
    let format = checkout.output;
    let mut options = options_of(checkout, target);
    let config = config_of(&directory)?;
    let store = config.as_ref().map(store_of).transpose()?.flatten();
    let application = store
        .as_ref()
        .map(|store| application_of(store, &repo))
        .transpose()?
        .flatten();
    match (&store, &application, run) {
        (Some(store), Some(application), run) => {
            tracing::info!(
                repository = application.repo,
                server = application.server,
                "{repo} is an application of the store"
            );
            let mut source = None;
            if let Some(id) = run {
                let run = store.run(id).map_err(VcsError::from)?;
                if run.application != application.id {
                    let message = format!("run {id} is not one of the application {repo}");
                    return Err(VcsError::new(ErrorKind::NOT_FOUND, message).into());
                }
                // A pull request of a fork is built from there.
                source = run.source_repo;
                options.target = Target::Commit {
                    hash: run.hash,
                    branch: Some(run.branch),
                };
                options.build_number.get_or_insert_with(|| id.to_string());
            }
            if !server.choose_a_credential() {
                server.grant = store
                    .project_grant(&application.project, &application.server)
                    .map_err(VcsError::from)?;
            }
            server
                .server
                .get_or_insert_with(|| application.server.clone());
            repo = source.unwrap_or_else(|| application.repo.clone());
        }
        (_, None, Some(_)) => {
            let message =
                format!("--run needs an application of the engine's store, and {repo} is none");
            return Err(Failure::usage(message));
        }
        (_, _, _) => {}
    }
    drop(store);
    let session = Session::open(&directory, &server)?;
    let client = session.client(&server)?;
    let result = with_progress(server.timeout, |context, progress| {
        checkout_application(context, &*client, &repo, &options, progress)
    });
    report(result, format, output)
}

/// The engine's store, where there is one.
fn store_of(config: &EngineConfig) -> Result<Option<Store>, VcsError> {
    if !has_store(&config.store) {
        return Ok(None);
    }
    Ok(Some(open_store(&config.store)?))
}

fn application_of(store: &Store, name: &str) -> Result<Option<Application>, VcsError> {
    let Some((project, application)) = name.split_once('/') else {
        return Ok(None);
    };
    match store.application(project, application) {
        Ok(application) => Ok(Some(application)),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
