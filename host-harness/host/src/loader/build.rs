//! What a library says of its build and of itself, compared with its manifest.

use super::deadline::{NoResult, StopSwitch, within};
use super::error::{LoadError, Reason};
use super::manifest::Manifest;
use std::path::Path;
use std::time::Duration;
use vcs_provider_interface::abi::{HostProvider, ProviderModuleRef};
use vcs_provider_interface::info::{ProviderInfo, TARGET};

/// Looks at how the library was built, as data, before any call but the one
/// that made its module.
///
/// # Errors
/// `panic_aborts`, `build_mismatch`.
pub(super) fn check(
    plugin: &Path,
    module: ProviderModuleRef,
    manifest: Option<&Manifest>,
) -> Result<ProviderModuleRef, LoadError> {
    let build = module.build();
    if build.panic_strategy.as_str() != "unwind" {
        return Err(LoadError::new(Reason::PanicAborts, plugin)
            .expected("panic strategy unwind")
            .found(build.panic_strategy.as_str())
            .advice("build the plugin with panic = \"unwind\" in its profile"));
    }
    let pinned = manifest.map(|manifest| manifest.interface_version.as_str());
    let interface = build.interface_version.as_str();
    if pinned.is_some_and(|pinned| pinned != interface) {
        return Err(LoadError::new(Reason::BuildMismatch, plugin)
            .expected(format!("interface {}", pinned.unwrap_or_default()))
            .found(format!("interface {interface}")));
    }
    if build.target.as_str() != TARGET {
        return Err(LoadError::new(Reason::BuildMismatch, plugin)
            .expected(TARGET)
            .found(build.target.as_str()));
    }
    Ok(module)
}

/// Asks the provider what it is.
///
/// # Errors
/// Every reason of the step `info`.
pub(super) fn info(
    plugin: &Path,
    module: ProviderModuleRef,
    limit: Duration,
    stop: &StopSwitch,
    manifest: Option<&Manifest>,
) -> Result<ProviderInfo, LoadError> {
    let failed = || LoadError::new(Reason::InfoFailed, plugin);
    let provider = HostProvider::new(module);
    let info = within(limit, stop, "provider-info", move || provider.info())
        .map_err(|no_result| match no_result {
            NoResult::TimedOut => LoadError::new(Reason::InfoTimedOut, plugin)
                .expected(format!("a response within {limit:?}"))
                .found("none"),
            NoResult::Stopped => failed().found("that the host stops"),
            NoResult::Failed => failed().found("there is no thread to ask it"),
        })?
        .map_err(|error| failed().found(error))?;
    if !is_provider_type(&info.provider_type) {
        return Err(LoadError::new(Reason::InfoInvalid, plugin)
            .expected("a provider type of lower-case letters, digits and dashes")
            .found(format!("{:?}", info.provider_type)));
    }
    let interface = module.build().interface_version;
    if info.interface_version != interface.as_str() {
        return Err(LoadError::new(Reason::InfoInvalid, plugin)
            .expected(format!("interface {interface}, as its build says"))
            .found(format!("interface {}", info.interface_version)));
    }
    match manifest {
        Some(manifest) if info.provider_type != manifest.provider_type => {
            Err(LoadError::new(Reason::TypeMismatch, plugin)
                .expected(&manifest.provider_type)
                .found(&info.provider_type))
        }
        Some(manifest) if info.version != manifest.version => {
            Err(LoadError::new(Reason::VersionDiffers, plugin)
                .expected(&manifest.version)
                .found(&info.version))
        }
        _ => Ok(info),
    }
}

fn is_provider_type(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(is_allowed)
}
