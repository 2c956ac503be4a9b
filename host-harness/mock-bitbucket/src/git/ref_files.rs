//! Refs as git keeps them in files: loose ones, and those packed into one file.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::git::objects::is_full_hash;

/// What a ref names, and for a packed tag also what that comes to in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawRef {
    pub(crate) object: String,
    /// Known from the packed refs: `Some(None)` for an object that is no tag.
    pub(crate) peeled: Option<Option<String>>,
}

/// Whether the refs of a repository are kept in files that can be read here, and
/// not in another format or shared with another work tree.
pub(crate) fn are_readable(git_dir: &Path) -> bool {
    !git_dir.join("commondir").exists() && !git_dir.join("reftable").exists()
}

/// All refs whose full name begins with `prefix`, such as `refs/heads/`, by full
/// name, in git's order.
///
/// # Errors
///
/// When a file or directory cannot be read.
pub(crate) fn read(git_dir: &Path, prefix: &str) -> io::Result<BTreeMap<String, RawRef>> {
    // Loose ones first: git packs a ref before it removes the loose file.
    let mut loose = BTreeMap::new();
    let start = prefix.trim_end_matches('/');
    read_directory(&git_dir.join(start), start, &mut loose)?;
    let packed = read_packed(git_dir)?;
    let mut refs: BTreeMap<String, RawRef> = packed
        .range(prefix.to_owned()..)
        .take_while(|(name, _)| name.starts_with(prefix))
        .map(|(name, found)| (name.clone(), found.clone()))
        .collect();
    for (name, content) in loose {
        match resolve(git_dir, &packed, &content, 0) {
            Some(found) => refs.insert(name, found),
            None => refs.remove(&name),
        };
    }
    Ok(refs)
}

/// The branch that HEAD names, whether or not it exists yet.
///
/// # Errors
///
/// When HEAD cannot be read.
pub(crate) fn head_branch(git_dir: &Path) -> io::Result<Option<String>> {
    let head = fs::read_to_string(git_dir.join("HEAD"))?;
    Ok(head
        .trim_end()
        .strip_prefix("ref:")
        .map(str::trim)
        .and_then(|name| name.strip_prefix("refs/heads/"))
        .map(str::to_owned))
}

fn read_directory(
    directory: &Path,
    name: &str,
    refs: &mut BTreeMap<String, String>,
) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let below = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read_directory(&entry.path(), &below, refs)?;
        } else if !below.ends_with(".lock") {
            match fs::read_to_string(entry.path()) {
                Ok(content) => drop(refs.insert(below, content)),
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Files and directories come and go while they are read.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidData
    )
}

fn read_packed(git_dir: &Path) -> io::Result<BTreeMap<String, RawRef>> {
    match fs::read(git_dir.join("packed-refs")) {
        Ok(content) => Ok(parse_packed(&String::from_utf8_lossy(&content))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

fn parse_packed(text: &str) -> BTreeMap<String, RawRef> {
    let mut refs: BTreeMap<String, RawRef> = BTreeMap::new();
    let mut fully_peeled = false;
    let mut newest: Option<String> = None;
    for line in text.lines() {
        if let Some(traits) = line.strip_prefix("# pack-refs with:") {
            fully_peeled = traits.split(' ').any(|one| one == "fully-peeled");
        } else if let Some(peeled) = line.strip_prefix('^') {
            if let Some(found) = newest.as_ref().and_then(|name| refs.get_mut(name)) {
                found.peeled = Some(Some(peeled.to_owned()));
            }
        } else if let Some((object, name)) = line.split_once(' ') {
            if is_full_hash(object) {
                let found = RawRef {
                    object: object.to_owned(),
                    peeled: fully_peeled.then_some(None),
                };
                refs.insert(name.to_owned(), found);
                newest = Some(name.to_owned());
            }
        }
    }
    refs
}

/// What the content of a loose ref comes to; `None` when that is not there.
fn resolve(
    git_dir: &Path,
    packed: &BTreeMap<String, RawRef>,
    content: &str,
    depth: u8,
) -> Option<RawRef> {
    let content = content.trim_end();
    let Some(target) = content.strip_prefix("ref:").map(str::trim) else {
        return is_full_hash(content).then(|| RawRef {
            object: content.to_owned(),
            peeled: None,
        });
    };
    if depth > 5 || target.split('/').any(|part| part == "..") {
        return None;
    }
    match fs::read_to_string(git_dir.join(target)) {
        Ok(content) => resolve(git_dir, packed, &content, depth + 1),
        Err(_) => packed.get(target).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    fn names(git_dir: &Path, prefix: &str) -> Vec<(String, String)> {
        read(git_dir, prefix)
            .expect("refs")
            .into_iter()
            .map(|(name, found)| (name, found.object))
            .collect()
    }

    #[test]
    fn a_loose_ref_wins_over_a_packed_one_and_symbolic_ones_are_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        let heads = directory.path().join("refs/heads");
        fs::create_dir_all(heads.join("topic")).expect("directories");
        let packed = format!(
            "# pack-refs with: peeled fully-peeled sorted \n{ONE} refs/heads/main\n{ONE} refs/heads/old\n{ONE} refs/tags/v1\n^{TWO}\n"
        );
        fs::write(directory.path().join("packed-refs"), packed).expect("packed refs");
        fs::write(heads.join("main"), format!("{TWO}\n")).expect("a ref");
        fs::write(heads.join("main.lock"), "").expect("a lock");
        fs::write(heads.join("topic/alias"), "ref: refs/heads/old\n").expect("a ref");
        fs::write(heads.join("broken"), "ref: refs/heads/nowhere\n").expect("a ref");
        let found = [("main", TWO), ("old", ONE), ("topic/alias", ONE)]
            .map(|(name, hash)| (format!("refs/heads/{name}"), hash.to_owned()));
        assert_eq!(names(directory.path(), "refs/heads/"), found);
        let tags = read(directory.path(), "refs/tags/").expect("refs");
        assert_eq!(tags["refs/tags/v1"].peeled, Some(Some(TWO.to_owned())));
    }
}
