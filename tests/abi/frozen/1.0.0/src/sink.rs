//! Where lists and bytes go: the provider pushes pages and chunks, the caller
//! says after each whether it wants more.

use crate::error::Result;
use crate::open_enum::open_enum;

open_enum! {
    /// The caller's answer to a page or a chunk.
    pub enum Flow {
        /// More, please.
        CONTINUE = 0 => "Continue",
        /// Enough: the provider fetches nothing more and returns success.
        STOP = 1 => "Stop",
    }
}

/// Receives a list page by page, in the order of the list.
///
/// Used on the calling thread only. After [`Flow::STOP`] or an error nothing
/// more is pushed.
pub trait PageSink<T> {
    /// Takes one page. `total` is the length of the whole list where the
    /// service says it; it is a hint for progress and not a promise.
    ///
    /// # Errors
    /// The caller's own failure, which ends the call and is returned by it.
    fn page(&mut self, items: Vec<T>, total: Option<u64>) -> Result<Flow>;
}

/// Receives bytes in chunks, in order, on the calling thread only.
pub trait ByteSink {
    /// Takes one chunk, of any length above zero.
    ///
    /// # Errors
    /// The caller's own failure, which ends the call and is returned by it.
    fn chunk(&mut self, bytes: &[u8]) -> Result<Flow>;
}

/// Gives bytes to upload, on the calling thread only.
pub trait ByteSource {
    /// Fills the beginning of the buffer and says how many bytes it wrote;
    /// zero means the end.
    ///
    /// # Errors
    /// The caller's own failure, which ends the call and is returned by it.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize>;
}

/// A [`PageSink`] made of a closure.
pub struct PageFn<F>(pub F);

impl<T, F: FnMut(Vec<T>, Option<u64>) -> Result<Flow>> PageSink<T> for PageFn<F> {
    fn page(&mut self, items: Vec<T>, total: Option<u64>) -> Result<Flow> {
        (self.0)(items, total)
    }
}

/// A [`ByteSink`] made of a closure.
pub struct ChunkFn<F>(pub F);

impl<F: FnMut(&[u8]) -> Result<Flow>> ByteSink for ChunkFn<F> {
    fn chunk(&mut self, bytes: &[u8]) -> Result<Flow> {
        (self.0)(bytes)
    }
}

/// A [`ByteSource`] over bytes in memory.
impl ByteSource for &[u8] {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let length = buffer.len().min(self.len());
        let (taken, rest) = self.split_at(length);
        buffer[..length].copy_from_slice(taken);
        *self = rest;
        Ok(length)
    }
}

/// Collects a whole list in memory, for callers that need it at once.
///
/// ```
/// use vcs_provider_interface::sink::{collect, PageSink};
///
/// let numbers = collect(|sink: &mut dyn PageSink<u64>| {
///     sink.page(vec![1, 2], Some(3))?;
///     sink.page(vec![3], Some(3))?;
///     Ok(())
/// });
/// assert_eq!(numbers, Ok(vec![1, 2, 3]));
/// ```
///
/// # Errors
/// Whatever `list` returns; what had arrived by then is dropped, so a partial
/// list is never taken for a whole one.
pub fn collect<T>(list: impl FnOnce(&mut dyn PageSink<T>) -> Result<()>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    list(&mut PageFn(|mut items: Vec<T>, _total| {
        if all.is_empty() {
            all = items;
        } else {
            all.append(&mut items);
        }
        Ok(Flow::CONTINUE)
    }))?;
    Ok(all)
}

/// Collects a byte stream in memory.
///
/// # Errors
/// Whatever `read` returns.
pub fn collect_bytes<R>(read: impl FnOnce(&mut dyn ByteSink) -> Result<R>) -> Result<(R, Vec<u8>)> {
    let mut all = Vec::new();
    let result = read(&mut ChunkFn(|bytes: &[u8]| {
        all.extend_from_slice(bytes);
        Ok(Flow::CONTINUE)
    }))?;
    Ok((result, all))
}
