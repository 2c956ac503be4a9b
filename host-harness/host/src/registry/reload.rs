//! Brings the plugins in service in line with a plugin folder.

use super::Shared;
use super::error::SwapError;
use super::health::Refusal;
use crate::loader::{Digest, FoundKind, Manifest, scan};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a reload did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReloadReport {
    /// What became of each plugin of the folder, sorted by file name.
    pub plugins: Vec<PluginOutcome>,
    /// Files that do not belong into a plugin folder.
    #[serde(serialize_with = "as_texts")]
    pub odd_files: Vec<PathBuf>,
    /// Why the folder could not be read, if it could not.
    pub folder: Option<Refusal>,
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
    /// It was refused; what served before goes on.
    Refused(Refusal),
}

impl ReloadReport {
    /// Whether nothing was refused.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let is_refused = |plugin: &PluginOutcome| matches!(plugin.outcome, Outcome::Refused(_));
        self.folder.is_none() && !self.plugins.iter().any(is_refused)
    }
}

fn refusal(error: &SwapError) -> Refusal {
    Refusal {
        code: error.code().to_owned(),
        message: error.to_string(),
    }
}

pub(super) fn reload(shared: &Shared, folder: &Path) -> ReloadReport {
    let mut report = ReloadReport {
        plugins: Vec::new(),
        odd_files: Vec::new(),
        folder: None,
    };
    let found = match scan(folder) {
        Ok(found) => found,
        Err(error) => {
            report.folder = Some(refusal(&error.into()));
            return report;
        }
    };
    let mut examined: Vec<(PathBuf, Result<Manifest, SwapError>)> = Vec::new();
    for file in found {
        match file.kind {
            FoundKind::Plugin | FoundKind::WithoutManifest => {
                let manifest = shared.loader.examine(&file.path).map_err(SwapError::from);
                examined.push((file.path, manifest));
            }
            FoundKind::WithoutPlugin | FoundKind::Odd => report.odd_files.push(file.path),
        }
    }
    let files_of_type = files_of_type(&examined);
    for (path, manifest) in examined {
        let outcome = match manifest {
            Ok(manifest) => reload_one(shared, &path, manifest, &files_of_type),
            Err(error) => Outcome::Refused(refusal(&error)),
        };
        report.plugins.push(PluginOutcome { path, outcome });
    }
    report
}

fn files_of_type(
    examined: &[(PathBuf, Result<Manifest, SwapError>)],
) -> BTreeMap<String, Vec<String>> {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for manifest in examined
        .iter()
        .filter_map(|(_, manifest)| manifest.as_ref().ok())
    {
        files
            .entry(manifest.provider_type.clone())
            .or_default()
            .push(manifest.name.clone());
    }
    files
}

fn reload_one(
    shared: &Shared,
    path: &Path,
    manifest: Manifest,
    files_of_type: &BTreeMap<String, Vec<String>>,
) -> Outcome {
    let provider_type = manifest.provider_type;
    let serving = shared.plugin(&provider_type);
    if serving.is_some_and(|plugin| plugin.digest == manifest.sha256) {
        return Outcome::Unchanged { provider_type };
    }
    if let Some(files) = files_of_type
        .get(&provider_type)
        .filter(|files| files.len() > 1)
    {
        // Which of them is meant is a guess that nobody should make.
        return Outcome::Refused(refusal(&SwapError::DuplicateType {
            provider_type,
            files: files.join(" and "),
        }));
    }
    if shared.was_rolled_back(manifest.sha256) {
        return Outcome::RolledBack { provider_type };
    }
    match shared.load(path) {
        Ok(loaded) => Outcome::Loaded {
            provider_type: loaded.info.provider_type,
            sha256: loaded.sha256,
        },
        Err(error) => Outcome::Refused(refusal(&error)),
    }
}
