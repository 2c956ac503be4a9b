//! The folder of repositories: `WORKSPACE/NAME.git`.

use crate::config::Config;
use crate::git::{Git, check, internal};
use crate::names::is_full_name;
use std::fs;
use std::path::Path;
use vcs_provider_interface::prelude::*;

/// How many records a page holds.
pub(crate) const PAGE: usize = 100;

/// Pushes records in pages until the limit or the sink says stop, and no page
/// of a call that is not wanted any more.
pub(crate) struct Pages<'a, T> {
    context: &'a dyn CallContext,
    sink: &'a mut dyn PageSink<T>,
    page: Vec<T>,
    left: u64,
    is_stopped: bool,
}

impl<'a, T> Pages<'a, T> {
    pub(crate) fn new(
        context: &'a dyn CallContext,
        sink: &'a mut dyn PageSink<T>,
        limit: Option<u64>,
    ) -> Self {
        Self {
            context,
            sink,
            page: Vec::new(),
            left: limit.unwrap_or(u64::MAX),
            is_stopped: false,
        }
    }

    /// Takes a record; says whether another one is wanted.
    pub(crate) fn push(&mut self, item: T) -> Result<bool> {
        if self.left == 0 || self.is_stopped {
            return Ok(false);
        }
        self.page.push(item);
        self.left -= 1;
        if self.page.len() == PAGE {
            self.flush()?;
        }
        Ok(self.left > 0 && !self.is_stopped)
    }

    /// Whether nothing more is wanted.
    pub(crate) fn is_full(&self) -> bool {
        self.left == 0 || self.is_stopped
    }

    /// Pushes what is left.
    pub(crate) fn flush(&mut self) -> Result<()> {
        if self.is_stopped || self.page.is_empty() {
            return Ok(());
        }
        check(self.context)?;
        let page = std::mem::take(&mut self.page);
        self.is_stopped = self.sink.page(page, None)? == Flow::STOP;
        Ok(())
    }
}

/// Opens a repository by its full name.
pub(crate) fn open<'a>(
    context: &'a dyn CallContext,
    config: &Config,
    full_name: &str,
) -> Result<Git<'a>> {
    check(context)?;
    let folder = config.root.join(format!("{full_name}.git"));
    if !is_full_name(full_name) || !folder.join("HEAD").is_file() {
        return Err(VcsError::new(
            ErrorKind::NOT_FOUND,
            format!("there is no repository {full_name:?}"),
        ));
    }
    Ok(Git::new(context, folder))
}

/// The main branch, if it has a commit.
pub(crate) fn main_branch(git: &Git<'_>) -> Result<Option<String>> {
    let head = git.ask(&["symbolic-ref", "--quiet", "HEAD"])?;
    let head = String::from_utf8_lossy(&head.value);
    let Some(name) = head.trim().strip_prefix("refs/heads/") else {
        return Ok(None);
    };
    let full = format!("refs/heads/{name}");
    let present = git.ask(&["show-ref", "--verify", "--quiet", &full])?;
    Ok(present.succeeded.then(|| name.to_owned()))
}

pub(crate) fn repository(git: &Git<'_>, full_name: &str) -> Result<Repository> {
    let slug = full_name.rsplit('/').next().unwrap_or(full_name);
    Ok(Repository {
        id: full_name.to_owned(),
        name: slug.to_owned(),
        slug: slug.to_owned(),
        fullname: full_name.to_owned(),
        http_url: clone_url(git.folder()),
        default_branch: main_branch(git)?,
        ..Default::default()
    })
}

/// The address that `git clone` takes.
pub(crate) fn clone_url(folder: &Path) -> String {
    format!("file://{}", folder.display())
}

pub(crate) fn workspaces(
    context: &dyn CallContext,
    config: &Config,
    request: &WorkspacesRequest,
    sink: &mut dyn PageSink<Workspace>,
) -> Result<()> {
    let mut pages = Pages::new(context, sink, request.limit);
    for name in names_in(&config.root)? {
        check(context)?;
        let workspace = Workspace {
            id: name.clone(),
            slug: name.clone(),
            name,
            ..Default::default()
        };
        if !config.root.join(&workspace.slug).is_dir() {
            continue;
        }
        if !pages.push(workspace)? {
            break;
        }
    }
    pages.flush()
}

pub(crate) fn repositories(
    context: &dyn CallContext,
    config: &Config,
    request: &RepositoriesRequest,
    sink: &mut dyn PageSink<Repository>,
) -> Result<()> {
    let mut pages = Pages::new(context, sink, request.limit);
    let filter = request.filter.as_deref().unwrap_or_default();
    for full_name in full_names(config, request.workspace.as_deref())? {
        if pages.is_full() {
            break;
        }
        if full_name.contains(filter) {
            let git = open(context, config, &full_name)?;
            pages.push(repository(&git, &full_name)?)?;
        }
    }
    pages.flush()
}

/// The full names of all repositories, sorted.
pub(crate) fn full_names(config: &Config, workspace: Option<&str>) -> Result<Vec<String>> {
    let workspaces = match workspace {
        Some(workspace) => vec![workspace.to_owned()],
        None => names_in(&config.root)?,
    };
    let mut found = Vec::new();
    for workspace in workspaces {
        let folder = config.root.join(&workspace);
        if !folder.is_dir() {
            continue;
        }
        for name in names_in(&folder)? {
            let Some(slug) = name.strip_suffix(".git") else {
                continue;
            };
            let full_name = format!("{workspace}/{slug}");
            if is_full_name(&full_name) && folder.join(&name).join("HEAD").is_file() {
                found.push(full_name);
            }
        }
    }
    Ok(found)
}

/// The names in a folder, sorted; a folder that is not there has none.
fn names_in(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(internal(format!("{}: {error}", folder.display()))),
    };
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(|error| internal(format!("{}: {error}", folder.display())))?;
    names.sort();
    Ok(names)
}
