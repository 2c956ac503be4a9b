//! Brings the plugins in service in line with a plugin directory.

use super::Shared;
use super::error::SwapError;
use super::health::Rejection;
use crate::loader::Digest;
use crate::plugin_directory::{PluginFile, Role, survey};
use serde::{Serialize, Serializer};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

/// What a reload did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReloadReport {
    /// What became of each plugin of the directory, sorted by file name.
    pub plugins: Vec<PluginOutcome>,
    /// Files that do not belong in a plugin directory.
    #[serde(serialize_with = "as_texts")]
    pub odd_files: Vec<PathBuf>,
    /// Why the directory could not be read, if it could not.
    pub directory: Option<Rejection>,
    /// Why private copies of plugins are made in memory, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staging: Option<Rejection>,
}

/// Names that are not Unicode must not keep the report from being written.
fn as_texts<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}

/// What became of one plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PluginOutcome {
    /// The file.
    #[serde(serialize_with = "crate::loader::as_text")]
    pub path: PathBuf,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It is in service now.
    Loaded {
        /// The provider type.
        provider_type: String,
        /// The digest of the file.
        sha256: Digest,
        /// What the administrator should know of its manifest.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        notices: Vec<String>,
    },
    /// It was in service already.
    Unchanged {
        /// The provider type.
        provider_type: String,
    },
    /// It was left by a rollback and has not changed since.
    RolledBack {
        /// The provider type.
        provider_type: String,
    },
    /// It has the same bytes as another file of the directory, which serves.
    CopyOf {
        /// The other file.
        #[serde(rename = "of", serialize_with = "crate::loader::as_text")]
        path: PathBuf,
    },
    /// It was rejected; what served before goes on.
    Rejected(Rejection),
}

impl ReloadReport {
    /// Whether nothing was rejected.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let is_rejected = |plugin: &PluginOutcome| matches!(plugin.outcome, Outcome::Rejected(_));
        self.directory.is_none() && !self.plugins.iter().any(is_rejected)
    }
}

fn rejection(error: &SwapError) -> Rejection {
    Rejection {
        code: error.code().to_owned(),
        message: error.to_string(),
    }
}

pub(super) fn reload(shared: &Shared, directory: &Path) -> ReloadReport {
    let _reload = shared
        .reloading
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let mut report = ReloadReport {
        plugins: Vec::new(),
        odd_files: Vec::new(),
        directory: None,
        staging: None,
    };
    let files = match survey(&shared.loader, directory) {
        Ok(files) => files,
        Err(error) => {
            report.directory = Some(rejection(&error.into()));
            return report;
        }
    };
    for file in files {
        if shared.loader.stop_switch().is_stopped() {
            break;
        }
        if matches!(file.role, Role::Ignored(_)) {
            report.odd_files.push(file.path);
            continue;
        }
        report.plugins.push(PluginOutcome {
            outcome: reload_one(shared, &file),
            path: file.path,
        });
    }
    let problem = shared.loader.staging_problem();
    report.staging = problem.map(|error| rejection(&error.into()));
    report
}

fn reload_one(shared: &Shared, file: &PluginFile) -> Outcome {
    if let Some(manifest) = &file.manifest {
        let provider_type = manifest.provider_type.clone();
        let serving = shared.plugin(&provider_type);
        if serving.is_some_and(|plugin| plugin.report.sha256 == manifest.sha256) {
            return Outcome::Unchanged { provider_type };
        }
        if shared.was_rolled_back(manifest.sha256) {
            return Outcome::RolledBack { provider_type };
        }
    }
    match &file.role {
        Role::Serves => match shared.load(&file.path) {
            Ok(loaded) => Outcome::Loaded {
                provider_type: loaded.info.provider_type,
                sha256: loaded.sha256,
                notices: loaded.notices,
            },
            Err(error) => Outcome::Rejected(rejection(&error)),
        },
        Role::CopyOf(path) => Outcome::CopyOf { path: path.clone() },
        Role::Rejected(error) => Outcome::Rejected(rejection(&error.clone().into())),
        Role::Ignored(_) => Outcome::Rejected(Rejection {
            code: "not_a_plugin".to_owned(),
            message: format!("{}: it is no plugin", file.path.display()),
        }),
    }
}
