//! A file as `multipart/form-data`, read while it is sent.

use std::io::{self, Read};
use vcs_provider_interface::prelude::*;

/// One file in a multipart body.
pub(super) struct Multipart<'a> {
    boundary: String,
    head: Vec<u8>,
    tail: Vec<u8>,
    /// How much of `head`, or after the source of `tail`, was read.
    position: usize,
    stage: Stage,
    source: &'a mut dyn ByteSource,
    declared: Option<u64>,
    from_source: u64,
    failure: Option<VcsError>,
}

#[derive(Clone, Copy)]
enum Stage {
    ResponseHead,
    Source,
    Tail,
}

impl<'a> Multipart<'a> {
    /// A body with the bytes of the source as the file of this name. `length`
    /// is that of the source, where known.
    ///
    /// # Errors
    /// `Internal` if the system gives no random numbers.
    pub(super) fn new(
        name: &str,
        length: Option<u64>,
        source: &'a mut dyn ByteSource,
    ) -> Result<Self> {
        let mut random = [0u8; 24];
        getrandom::fill(&mut random).map_err(|error| {
            VcsError::new(
                ErrorKind::INTERNAL,
                format!("the system gives no random numbers: {error}"),
            )
        })?;
        // Too random to occur in the file.
        let boundary = format!("vcs-{}", hex::encode(random));
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            escaped(name)
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        Ok(Self {
            boundary,
            head: head.into_bytes(),
            tail: tail.into_bytes(),
            position: 0,
            stage: Stage::ResponseHead,
            source,
            declared: length,
            from_source: 0,
            failure: None,
        })
    }

    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The length of the whole body, where that of the source is known.
    pub(super) fn length(&self) -> Option<u64> {
        let around = (self.head.len() + self.tail.len()) as u64;
        self.declared?.checked_add(around)
    }

    /// How many bytes the source gave.
    pub(super) fn read_from_source(&self) -> u64 {
        self.from_source
    }

    /// Why the source could not be read to its end, if so.
    pub(super) fn take_failure(&mut self) -> Option<VcsError> {
        self.failure.take()
    }

    fn fail(&mut self, failure: VcsError) -> io::Error {
        let error = io::Error::other(failure.message.clone());
        self.failure = Some(failure);
        error
    }

    fn read_source(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = match self.source.read(buffer) {
            Ok(length) => length.min(buffer.len()),
            Err(failure) => return Err(self.fail(failure)),
        };
        self.from_source += length as u64;
        let wrong = self.declared.is_some_and(|declared| {
            self.from_source > declared || (length == 0 && self.from_source < declared)
        });
        if wrong {
            let declared = self.declared.unwrap_or_default();
            return Err(self.fail(VcsError::new(
                ErrorKind::INVALID_INPUT,
                format!("the file was said to have {declared} bytes, but has not"),
            )));
        }
        Ok(length)
    }
}

fn copy(bytes: &[u8], position: &mut usize, buffer: &mut [u8]) -> usize {
    let rest = bytes.get(*position..).unwrap_or_default();
    let length = rest.len().min(buffer.len());
    for (to, from) in buffer.iter_mut().zip(rest) {
        *to = *from;
    }
    *position += length;
    length
}

impl Read for Multipart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let (length, next) = match self.stage {
                Stage::ResponseHead => {
                    (copy(&self.head, &mut self.position, buffer), Stage::Source)
                }
                Stage::Source => (self.read_source(buffer)?, Stage::Tail),
                Stage::Tail => return Ok(copy(&self.tail, &mut self.position, buffer)),
            };
            if length > 0 {
                return Ok(length);
            }
            self.stage = next;
            self.position = 0;
        }
    }
}

/// A file name within quotes, as browsers write it (HTML, multipart form data).
fn escaped(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(
        name: &str,
        declared: Option<u64>,
        mut source: &[u8],
    ) -> (io::Result<String>, Option<u64>, Option<VcsError>) {
        let mut body = Multipart::new(name, declared, &mut source).expect("a body");
        let length = body.length();
        let mut text = String::new();
        let read = body.read_to_string(&mut text).map(|_| text);
        (read, length, body.take_failure())
    }

    #[test]
    fn the_file_stands_between_its_boundaries_and_the_length_is_right() {
        let (text, length, failure) = whole("a \"b\"\r\n.txt", Some(5), b"hello");
        let text = text.expect("a body");
        assert_eq!(Some(text.len() as u64), length);
        assert_eq!(failure, None);
        assert!(text.starts_with("--vcs-"), "{text}");
        assert!(
            text.contains("filename=\"a %22b%22%0D%0A.txt\"\r\n"),
            "{text}"
        );
        assert!(text.contains("\r\n\r\nhello\r\n--vcs-"), "{text}");
        assert!(text.ends_with("--\r\n"), "{text}");
    }

    #[test]
    fn an_unknown_length_stays_unknown() {
        let (text, length, _) = whole("a", None, b"");
        assert_eq!(length, None);
        assert!(text.expect("a body").contains("\r\n\r\n\r\n--vcs-"));
    }

    #[test]
    fn a_source_of_another_length_is_rejected() {
        for source in [b"hell".as_slice(), b"hello!"] {
            let (text, _, failure) = whole("a", Some(5), source);
            assert!(text.is_err());
            let failure = failure.expect("a failure");
            assert_eq!(failure.kind, ErrorKind::INVALID_INPUT);
        }
    }
}
