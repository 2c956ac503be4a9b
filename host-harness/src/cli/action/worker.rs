//! `engine action checkout-application --api URL --run ID`: the checkout of a
//! worker that has neither store nor plugins.

use super::{CheckoutApplicationArguments, options_of, report, with_progress};
use crate::cli::failure::Failure;
use crate::cli::input::secret_from;
use crate::cli::output::Output;
use vcs_engine::checkout::{fetch_order, git_clone};

pub(super) fn check_out(
    api: &str,
    arguments: CheckoutApplicationArguments,
    output: &Output,
) -> Result<(), Failure> {
    let Some(run) = arguments.run else {
        return Err(Failure::usage("--api needs the run: --run ID"));
    };
    let token = secret_from(None, arguments.server.token_env.as_deref())?
        .ok_or_else(|| Failure::usage("--api needs the token of the run: --token-env NAME"))?;
    // The service knows which repository the run is of.
    let directory = match (arguments.repo, arguments.target) {
        (Some(directory), None) => Some(directory.into()),
        (None, target) => target,
        (Some(_), Some(_)) => {
            let message = "with --api the run says what is checked out; name the directory alone";
            return Err(Failure::usage(message));
        }
    };
    let order = fetch_order(api, run, &token, arguments.api_ca_file.as_deref())?;
    let format = arguments.checkout.output;
    let mut options = options_of(arguments.checkout, directory);
    options.target = order.target();
    options.build_number.get_or_insert_with(|| run.to_string());
    let remote = order.remote()?;
    let result = with_progress(arguments.server.timeout, |context, progress| {
        git_clone(context, &remote, &options, progress)
    });
    report(result, format, output)
}
