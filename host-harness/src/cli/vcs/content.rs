//! Files, archives, releases and the checkout.

use super::call::Call;
use crate::cli::args::vcs::ContentOperation;
use crate::cli::failure::Failure;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::*;
use vcs_provider_interface::sink::ByteSource;

pub(super) fn run(call: &Call<'_>, operation: ContentOperation) -> Result<(), Failure> {
    use ContentOperation as Op;
    match operation {
        Op::ListContent {
            at,
            path,
            recursive,
            limit,
        } => call.list("entries", |client, context, sink| {
            let request = ListContentRequest {
                repo: at.repo,
                reference: at.reference,
                path,
                recursive,
                limit,
                ..Default::default()
            };
            client.list_content(context, request, sink)
        }),
        Op::GetContent { at, path, to } => call.bytes(to.as_deref(), |client, context, sink| {
            let request = GetContentRequest {
                repo: at.repo,
                reference: at.reference,
                path,
                ..Default::default()
            };
            client.get_content(context, request, sink)
        }),
        Op::GetArchive {
            at,
            format,
            prefix,
            to,
        } => call.bytes(to.as_deref(), |client, context, sink| {
            let request = GetArchiveRequest {
                repo: at.repo,
                reference: at.reference,
                format,
                prefix,
                ..Default::default()
            };
            client.get_archive(context, request, sink)
        }),
        Op::Release {
            repo,
            tag,
            commit,
            title,
            notes,
        } => call.record(|client, context| {
            let request = ReleaseRequest {
                repo,
                tag,
                commit,
                title,
                notes,
                ..Default::default()
            };
            client.release(context, request)
        }),
        Op::UploadReleaseFile {
            repo,
            tag,
            file,
            name,
        } => {
            let mut source = FileSource::open(&file)?;
            let request = UploadReleaseFileRequest {
                repo,
                tag,
                name: match name {
                    Some(name) => name,
                    None => own_name(&file)?,
                },
                length: source.length,
                ..Default::default()
            };
            call.record(|client, context| client.upload_release_file(context, request, &mut source))
        }
        Op::CheckoutCredentials { repo } => call.record(|client, context| {
            client.checkout_credentials(
                context,
                CheckoutRequest {
                    repo,
                    ..Default::default()
                },
            )
        }),
    }
}

fn own_name(path: &Path) -> Result<String, Failure> {
    path.file_name()
        .and_then(|name| name.to_str())
        .map(str::to_owned)
        .ok_or_else(|| Failure::usage(format!("{}: give it a name with --name", path.display())))
}

/// A file as the source of an upload.
struct FileSource {
    file: File,
    length: Option<u64>,
}

impl FileSource {
    fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| Failure::file(path, &error))?;
        let metadata = file
            .metadata()
            .map_err(|error| Failure::file(path, &error))?;
        Ok(Self {
            file,
            length: metadata.is_file().then_some(metadata.len()),
        })
    }
}

impl ByteSource for FileSource {
    fn read(&mut self, buffer: &mut [u8]) -> vcs_provider_interface::error::Result<usize> {
        self.file.read(buffer).map_err(|error| {
            VcsError::new(
                ErrorKind::INVALID_INPUT,
                format!("the file cannot be read: {error}"),
            )
        })
    }
}
