//! Rules about files and archives: the streams, and that all ways to look at a
//! commit agree.

use super::super::context::TestContext;
use super::super::rule::Rule;
use super::super::verdict::{Cases, Expect, Failure, Verdict, ensure};
use std::collections::BTreeMap;
use std::io::Read as _;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::records::*;
use vcs_provider_interface::sink::{ByteSink, ChunkFn, Flow, collect, collect_bytes};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "content.agrees",
        title: "the files that are listed can be read",
        asserts: "Of the files listed at the newest commit, the first and the last few have the \
                  listed length; by the branch's name they are the same as by its hash; folders \
                  are listed by their own path, without a slash before it.",
        needs: &["list_content", "get_content"],
        check: files_agree,
    },
    Rule {
        id: "content.archive",
        title: "an archive holds the files that are listed",
        asserts: "A tar.gz of the newest commit holds just the listed files, and the bytes of a \
                  few of them, below the prefix that was asked for.",
        needs: &["list_content", "get_content", "get_archive"],
        check: archive_agrees,
    },
    Rule {
        id: "stream.length",
        title: "a stream says how much it gave",
        asserts: "The length that get_content and get_archive answer is the number of bytes that \
                  they pushed, no chunk is empty, and the commit is a full hash.",
        needs: &["get_content"],
        check: streams_say_their_length,
    },
    Rule {
        id: "stream.stop",
        title: "a sink that has enough ends a stream, and its error comes back as it was",
        asserts: "After Flow::STOP nothing more is pushed and the call succeeds; after an error \
                  of the sink nothing more is pushed and the call returns that error.",
        needs: &["get_content"],
        check: streams_stop,
    },
];

fn entries(test: &TestContext<'_>, path: &str, recursive: bool) -> Result<Vec<Content>> {
    collect(|sink| {
        let request = ListContentRequest {
            repo: test.target.repo.clone(),
            reference: test.head().ok().map(str::to_owned),
            path: path.to_owned(),
            recursive,
            limit: None,
            ..Default::default()
        };
        test.client.list_content(&test.context(), request, sink)
    })
}

fn read(test: &TestContext<'_>, reference: Option<&str>, path: &str) -> Result<Vec<u8>> {
    let request = GetContentRequest {
        repo: test.target.repo.clone(),
        reference: reference.map(str::to_owned),
        path: path.to_owned(),
        ..Default::default()
    };
    collect_bytes(|sink| test.client.get_content(&test.context(), request, sink))
        .map(|(_, bytes)| bytes)
}

fn archive_request(test: &TestContext<'_>, head: &str) -> GetArchiveRequest {
    GetArchiveRequest {
        repo: test.target.repo.clone(),
        reference: Some(head.to_owned()),
        format: ArchiveFormat::TAR_GZ,
        prefix: Some("conformance-prefix".to_owned()),
        ..Default::default()
    }
}

/// Regular files at the newest commit: no links, no subrepositories.
fn files(test: &TestContext<'_>) -> std::result::Result<Vec<Content>, Failure> {
    let mut files = entries(test, "", true).or_skip("the files of the repository")?;
    let special = ["link", "subrepository"];
    files.retain(|entry| {
        entry.is_file
            && !entry
                .extra
                .iter()
                .any(|(key, value)| special.contains(&key.as_str()) && value != "false")
    });
    if files.is_empty() {
        return Err(Failure::skipped("the repository has no file"));
    }
    Ok(files)
}

/// The first two and the last two.
fn a_few(files: &[Content]) -> Vec<&Content> {
    let from = files.len().saturating_sub(2).max(2);
    files
        .iter()
        .take(2)
        .chain(files.iter().skip(from))
        .collect()
}

/// `content.agrees`
pub fn files_agree(test: &TestContext<'_>) -> Verdict {
    let head = test.head()?;
    let branch = test.main_branch()?;
    let files = files(test)?;
    let mut cases = Cases::default();
    for file in a_few(&files) {
        let bytes = read(test, Some(head), &file.path).works(&format!("reading {}", file.path))?;
        cases.add(ensure(
            file.size.is_none_or(|size| size == bytes.len() as u64),
            || {
                format!(
                    "{}: listed with {:?} bytes, read {}",
                    file.path,
                    file.size,
                    bytes.len()
                )
            },
        ));
        cases.add(ensure(
            file.path.rsplit('/').next() == Some(file.name.as_str()),
            || format!("{}: listed under the name {}", file.path, file.name),
        ));
        let by_name = read(test, Some(&branch.display_id), &file.path)
            .works(&format!("reading {} at the main branch", file.path))?;
        cases.add(ensure(by_name == bytes, || {
            format!("{}: not the same by the branch's name", file.path)
        }));
    }
    let root = entries(test, "", false).works("listing the root")?;
    if let Some(folder) = root.iter().find(|entry| entry.is_directory) {
        let inside = entries(test, &folder.path, false).works("listing a folder")?;
        let begin = format!("{}/", folder.path);
        let stray = inside.iter().find(|entry| !entry.path.starts_with(&begin));
        cases.add(ensure(stray.is_none() && !inside.is_empty(), || {
            format!("the folder {}: holds {stray:?}", folder.path)
        }));
    }
    cases.verdict("nothing to read")
}

/// `content.archive`
pub fn archive_agrees(test: &TestContext<'_>) -> Verdict {
    let head = test.head()?;
    let files = files(test)?;
    let (_, bytes) = collect_bytes(|sink| {
        test.client
            .get_archive(&test.context(), archive_request(test, head), sink)
    })
    .works("get_archive")?;
    let unreadable = |error: std::io::Error| {
        Failure::failed(format!("the archive cannot be read as tar.gz: {error}"))
    };
    let mut found = BTreeMap::new();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(unreadable)?;
        match path.strip_prefix("conformance-prefix/") {
            Some(path) => drop(found.insert(path.to_owned(), content)),
            None => {
                return Err(Failure::failed(format!(
                    "{path} does not stand below the prefix that was asked for"
                )));
            }
        }
    }
    let listed: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
    let mut sorted = listed.clone();
    sorted.sort();
    let packed: Vec<String> = found.keys().cloned().collect();
    ensure(packed == sorted, || {
        super::lists::difference("files", "listed", &sorted, "in the archive", &packed)
    })?;
    let mut cases = Cases::default();
    for file in a_few(&files) {
        let bytes = read(test, Some(head), &file.path).or_skip(&file.path)?;
        cases.add(ensure(found.get(&file.path) == Some(&bytes), || {
            format!("{}: not the same in the archive", file.path)
        }));
    }
    cases.verdict("nothing to compare")
}

/// The streams that the provider has.
type Stream<'a> = Box<dyn Fn(&mut dyn ByteSink) -> Result<StreamedContent> + 'a>;

fn streams<'a>(
    test: &'a TestContext<'_>,
) -> std::result::Result<Vec<(&'static str, Stream<'a>)>, Failure> {
    let head = test.head()?;
    test.need("list_content")?;
    let largest = files(test)?
        .into_iter()
        .filter(|file| file.size != Some(0))
        .max_by_key(|file| file.size)
        .ok_or_else(|| Failure::skipped("every file of the repository is empty"))?;
    let mut streams: Vec<(&'static str, Stream<'a>)> = vec![(
        "get_content",
        Box::new(move |sink: &mut dyn ByteSink| {
            let request = GetContentRequest {
                repo: test.target.repo.clone(),
                reference: Some(head.to_owned()),
                path: largest.path.clone(),
                ..Default::default()
            };
            test.client.get_content(&test.context(), request, sink)
        }),
    )];
    if test.can("get_archive") {
        streams.push((
            "get_archive",
            Box::new(move |sink: &mut dyn ByteSink| {
                test.client
                    .get_archive(&test.context(), archive_request(test, head), sink)
            }),
        ));
    }
    Ok(streams)
}

/// `stream.length`
pub fn streams_say_their_length(test: &TestContext<'_>) -> Verdict {
    let mut cases = Cases::default();
    for (name, stream) in streams(test)? {
        let (mut length, mut empty) = (0, 0);
        let answer = stream(&mut ChunkFn(|chunk: &[u8]| {
            length += chunk.len() as u64;
            empty += u32::from(chunk.is_empty());
            Ok(Flow::CONTINUE)
        }))
        .works(name)?;
        cases.add(ensure(answer.length == length && length > 0, || {
            format!("{name}: says {} bytes, gave {length}", answer.length)
        }));
        cases.add(ensure(empty == 0, || {
            format!("{name}: {empty} of its chunks are empty")
        }));
        cases.add(ensure(answer.commit == test.head()?, || {
            format!(
                "{name}: says the commit {:?}, asked for was {:?}",
                answer.commit,
                test.head().unwrap_or_default()
            )
        }));
    }
    cases.verdict("the provider has no stream")
}

/// `stream.stop`
pub fn streams_stop(test: &TestContext<'_>) -> Verdict {
    let own = VcsError::new(ErrorKind::CONFLICT, "the caller's own failure")
        .with_extra("conformance", "kept");
    let mut cases = Cases::default();
    for (name, stream) in streams(test)? {
        let mut chunks = 0;
        let stopped = stream(&mut ChunkFn(|_: &[u8]| {
            chunks += 1;
            Ok(Flow::STOP)
        }));
        cases.add(stopped.works(&format!("{name}, stopped,")).map(drop));
        cases.add(ensure(chunks == 1, || {
            format!("{name}: {chunks} chunks, though the first was enough")
        }));
        let mut chunks = 0;
        let failed = stream(&mut ChunkFn(|_: &[u8]| {
            chunks += 1;
            Err(own.clone())
        }));
        cases.add(ensure(failed.as_ref() == Err(&own), || match &failed {
            Ok(_) => format!("{name}: the sink's error is swallowed"),
            Err(error) => format!("{name}: the sink's error comes back as {error}"),
        }));
        cases.add(ensure(chunks == 1, || {
            format!("{name}: {chunks} chunks, though the sink failed at the first")
        }));
    }
    cases.verdict("the provider has no stream")
}
