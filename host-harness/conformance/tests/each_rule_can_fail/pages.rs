//! How the model gives lists and bytes, and what can be wrong with that.

use crate::defect::Defect;
use crate::world::{Place, World};
use vcs_provider_interface::prelude::*;

const PAGE: usize = 4;

/// Gives a list page by page, one request each. The first page's request has
/// been made.
pub(crate) fn push<T: Clone>(
    world: &World,
    context: &dyn CallContext,
    mut items: Vec<T>,
    limit: Option<u64>,
    sink: &mut dyn PageSink<T>,
) -> Result<()> {
    let total = items.len() as u64;
    if let Some(limit) = limit.filter(|_| !world.has(Defect::LimitIgnored)) {
        if world.has(Defect::LimitFetchesAll) {
            for _ in 1..items.len().div_ceil(PAGE) {
                world.request(context, Place::Later)?;
            }
        }
        let more = u64::from(world.has(Defect::LimitOffByOne));
        items.truncate(usize::try_from(limit + more).unwrap());
    }
    for (number, page) in items.chunks(PAGE).enumerate() {
        if number > 0 {
            let next = world.request(context, Place::Later);
            let is_fault = matches!(&next, Err(error) if error.kind == ErrorKind::UNAVAILABLE);
            if is_fault && world.has(Defect::PartialList) {
                return Ok(());
            }
            next?;
        }
        match sink.page(page.to_vec(), Some(total)) {
            Ok(flow) if flow == Flow::STOP => {
                if world.has(Defect::StopIsAnError) {
                    return Err(VcsError::new(ErrorKind::CANCELLED, "the sink has enough"));
                }
                if !world.has(Defect::StopIgnored) {
                    return Ok(());
                }
            }
            Ok(_) => {}
            Err(_) if world.has(Defect::SinkErrorSwallowed) => return Ok(()),
            Err(error) if world.has(Defect::SinkErrorReworded) => {
                return Err(VcsError::new(ErrorKind::INTERNAL, error.message));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Gives bytes in chunks.
pub(crate) fn stream(
    world: &World,
    bytes: &[u8],
    commit: &str,
    sink: &mut dyn ByteSink,
) -> Result<StreamedContent> {
    let mut length = 0;
    for chunk in bytes.chunks(64) {
        length += chunk.len() as u64;
        let flow = sink.chunk(chunk)?;
        if flow == Flow::STOP && !world.has(Defect::StreamStopIgnored) {
            return Ok(streamed(commit, length));
        }
    }
    if world.has(Defect::EmptyChunk) {
        sink.chunk(b"")?;
    }
    if world.has(Defect::LengthWrong) {
        length += 1;
    }
    Ok(streamed(commit, length))
}

fn streamed(commit: &str, length: u64) -> StreamedContent {
    StreamedContent {
        commit: commit.to_owned(),
        length,
        ..Default::default()
    }
}
