//! Opens a file once, looks at what was opened, and reads it whole.

use super::error::{LoadError, Reason};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Whom the loader trusts to write to plugins, besides their owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Nobody.
    #[default]
    Owner,
    /// The members of the file's and the directory's group as well, for
    /// installations where a group of administrators shares the directory.
    Group,
}

impl Trust {
    /// The write permissions that nobody but the trusted may have.
    fn forbidden(self) -> u32 {
        match self {
            Self::Owner => 0o022,
            Self::Group => 0o002,
        }
    }
}

/// So many bytes are read at once.
const PART: u64 = 256 * 1024;

/// A directory that only trusted users may write to, held open, so that what is
/// opened in it is not looked up a second time.
pub(super) struct Directory(OwnedFd);

/// The bytes of a file that was looked at.
pub(super) struct Source {
    /// All of them.
    pub(super) bytes: Vec<u8>,
    /// The file that they were read from.
    pub(super) file: File,
}

/// The directory that a file stands in.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

impl Directory {
    /// Opens the directory of a file.
    ///
    /// # Errors
    /// `not_found`, `unreadable`, `foreign_owner`, `directory_writable_by_others`.
    pub(super) fn of(path: &Path, trust: Trust) -> Result<Self, LoadError> {
        let directory = directory_of(path);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(directory, flags, Mode::empty())
            .map_err(|errno| open_error(path, errno))?;
        let stat = rustix::fs::fstat(&opened).map_err(|errno| open_error(path, errno))?;
        check_owner(
            &stat,
            path,
            &format!("the directory {}", directory.display()),
        )?;
        if stat.st_mode & trust.forbidden() != 0 {
            return Err(LoadError::new(Reason::DirectoryWritableByOthers, path)
                .expected(format!(
                    "{} without write permission for others",
                    directory.display()
                ))
                .found(format!("mode {:04o}", stat.st_mode & 0o7777))
                .advice(format!("run: chmod go-w {}", directory.display())));
        }
        Ok(Self(opened))
    }
}

impl Source {
    /// Opens and reads a file of a directory. Never waits (a pipe without a
    /// writer is rejected, not waited for) and follows no link.
    ///
    /// # Errors
    /// Every reason of the step `open`.
    pub(super) fn open(
        directory: &Directory,
        path: &Path,
        longest: u64,
        trust: Trust,
    ) -> Result<Self, LoadError> {
        Self::open_with(directory, path, longest, trust, |_| {})
    }

    /// The same, and hands over each part while it is read: what works on it finds
    /// it in the processor's cache.
    ///
    /// # Errors
    /// Every reason of the step `open`.
    pub(super) fn open_with(
        directory: &Directory,
        path: &Path,
        longest: u64,
        trust: Trust,
        each: impl FnMut(&[u8]),
    ) -> Result<Self, LoadError> {
        let Some(name) = path.file_name() else {
            return Err(LoadError::new(Reason::NotAFile, path));
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&directory.0, name, flags, Mode::empty())
            .map_err(|errno| open_error(path, errno))?;
        let stat = rustix::fs::fstat(&opened).map_err(|errno| open_error(path, errno))?;
        let size = check_file(&stat, path, longest, trust)?;
        Self::read(opened, path, size, longest, each)
    }

    fn read(
        opened: OwnedFd,
        path: &Path,
        size: u64,
        longest: u64,
        mut each: impl FnMut(&[u8]),
    ) -> Result<Self, LoadError> {
        let unreadable = |error| LoadError::new(Reason::Unreadable, path).found(error);
        let file = File::from(opened);
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        // The file may grow while it is read; the limit holds all the same.
        let mut left = longest.saturating_add(1);
        loop {
            let begin = bytes.len();
            let part = (&file).take(left.min(PART)).read_to_end(&mut bytes);
            match part.map_err(unreadable)? {
                0 => break,
                read => left = left.saturating_sub(read as u64),
            }
            each(&bytes[begin..]);
        }
        let length = bytes.len() as u64;
        if length > longest {
            return Err(too_large(path, longest, length));
        }
        Ok(Self { bytes, file })
    }
}

fn check_file(stat: &Stat, path: &Path, longest: u64, trust: Trust) -> Result<u64, LoadError> {
    let kind = FileType::from_raw_mode(stat.st_mode);
    if kind != FileType::RegularFile {
        return Err(LoadError::new(Reason::NotAFile, path)
            .expected("a regular file")
            .found(kind_in_words(kind)));
    }
    check_owner(stat, path, "the file")?;
    if stat.st_mode & trust.forbidden() != 0 {
        return Err(LoadError::new(Reason::WritableByOthers, path)
            .expected("no write permission for others")
            .found(format!("mode {:04o}", stat.st_mode & 0o7777))
            .advice(format!("run: chmod go-w {}", path.display())));
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if size > longest {
        return Err(too_large(path, longest, size));
    }
    if size == 0 {
        return Err(LoadError::new(Reason::Empty, path)
            .expected("a shared library")
            .found("0 bytes"));
    }
    Ok(size)
}

fn check_owner(stat: &Stat, path: &Path, what: &str) -> Result<(), LoadError> {
    let us = rustix::process::geteuid().as_raw();
    if stat.st_uid != us && stat.st_uid != 0 {
        return Err(LoadError::new(Reason::ForeignOwner, path)
            .expected(format!("{what} to belong to user {us} or 0"))
            .found(format!("user {}", stat.st_uid)));
    }
    Ok(())
}

fn too_large(path: &Path, longest: u64, found: u64) -> LoadError {
    LoadError::new(Reason::TooLarge, path)
        .expected(format!("at most {longest} bytes"))
        .found(format!("{found} bytes"))
}

fn open_error(path: &Path, errno: Errno) -> LoadError {
    match errno {
        Errno::NOENT | Errno::NOTDIR => LoadError::new(Reason::NotFound, path),
        Errno::LOOP => LoadError::new(Reason::Symlink, path)
            .expected("the file itself")
            .found("a symbolic link")
            .advice("copy the file into the directory"),
        Errno::NXIO => LoadError::new(Reason::NotAFile, path)
            .expected("a regular file")
            .found("a pipe, socket or device"),
        other => LoadError::new(Reason::Unreadable, path).found(other),
    }
}

fn kind_in_words(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "a directory",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "something else",
    }
}
