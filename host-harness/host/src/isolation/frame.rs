//! Frames on a socket between two processes: a length, a kind, a payload.

use crate::interface::wire::{Malformed, Wire, WireBuffer};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The longest frame. A page of 100 pull requests has some 200 KiB.
const LONGEST: usize = 64 * 1024 * 1024;

/// Length and kind.
const HEAD: usize = 5;

/// So many bytes are read at once.
const CHUNK: usize = 16 * 1024;

/// How long a read waits before it asks whether it is still worth it.
const NOTICE: Duration = Duration::from_millis(20);

/// Why nothing can be read or written any more.
#[derive(Debug)]
pub(super) enum Broken {
    /// The other process has closed its end, most likely by ending.
    Closed,
    /// Whoever reads no longer waits.
    GivenUp,
    /// What came is not what the protocol says.
    Malformed,
    /// The operating system.
    System(io::Error),
}

impl From<Malformed> for Broken {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => {
                Self::Closed
            }
            _ => Self::System(error),
        }
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => formatter.write_str("it has ended"),
            Self::GivenUp => formatter.write_str("it gave no response in time"),
            Self::Malformed => formatter.write_str("it does not keep to the protocol"),
            Self::System(error) => error.fmt(formatter),
        }
    }
}

/// A frame to send.
pub(super) struct Frame(WireBuffer);

impl Frame {
    pub(super) fn new(kind: u8) -> Self {
        let mut buffer = WireBuffer::new();
        buffer.extend(&[0, 0, 0, 0, kind]);
        Self(buffer)
    }

    pub(super) fn with(mut self, value: &impl Wire) -> Self {
        value.write(&mut self.0);
        self
    }

    /// The same with bytes up to the end of the frame.
    pub(super) fn with_rest(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub(super) fn with_result<T: Wire, E: Wire>(mut self, result: &Result<T, E>) -> Self {
        result.write(&mut self.0);
        self
    }

    pub(super) fn send(mut self, mut stream: &UnixStream) -> Result<(), Broken> {
        let length = self.0.as_slice().len() - HEAD;
        if length > LONGEST {
            return Err(Broken::Malformed);
        }
        let length = u32::try_from(length).map_err(|_| Broken::Malformed)?;
        self.0.overwrite(0, &length.to_le_bytes());
        stream.write_all(self.0.as_slice())?;
        Ok(())
    }
}

/// Reads frames from a socket. What it read is wiped with it.
#[derive(Default)]
pub(super) struct Frames {
    buffer: WireBuffer,
    begin: usize,
}

impl Frames {
    /// Waits for a frame. Where reads of the socket time out, asks every now and
    /// then whether to go on.
    pub(super) fn next(
        &mut self,
        mut stream: &UnixStream,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<(u8, WireBuffer), Broken> {
        let mut chunk = [0; CHUNK];
        let length = loop {
            if let Some(length) = self.whole()? {
                break length;
            }
            match stream.read(&mut chunk) {
                Ok(0) => return Err(Broken::Closed),
                Ok(count) => {
                    if self.begin == self.buffer.as_slice().len() {
                        self.buffer = WireBuffer::new();
                        self.begin = 0;
                    }
                    self.buffer.extend(&chunk[..count]);
                    // The chunk may have held a secret.
                    chunk[..count].fill(0);
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut if go_on() => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Err(Broken::GivenUp),
                    _ => return Err(error.into()),
                },
            }
        };
        let (begin, end) = (self.begin, self.begin + HEAD + length);
        self.begin = end;
        let frame = &self.buffer.as_slice()[begin..end];
        let mut payload = WireBuffer::new();
        payload.extend(&frame[HEAD..]);
        Ok((frame[HEAD - 1], payload))
    }

    /// The length of the payload of the next frame, once all of it is there.
    fn whole(&self) -> Result<Option<usize>, Broken> {
        let present = &self.buffer.as_slice()[self.begin..];
        let Some(head) = present.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*head) as usize;
        if length > LONGEST {
            return Err(Broken::Malformed);
        }
        Ok((present.len() >= HEAD + length).then_some(length))
    }
}

/// Lets reads of a socket ask every now and then whether to go on.
pub(super) fn with_notice(stream: &UnixStream) -> io::Result<()> {
    stream.set_read_timeout(Some(NOTICE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::wire::WireReader;

    #[test]
    fn frames_arrive_whole_and_in_order_however_they_are_cut() {
        let (near, far) = UnixStream::pair().unwrap();
        let texts: Vec<String> = [0, 1, 5, 100_000]
            .iter()
            .map(|length| "x".repeat(*length))
            .collect();
        let sent = texts.clone();
        let sending = std::thread::spawn(move || {
            for text in &sent {
                Frame::new(7).with(text).send(&near).unwrap();
            }
        });
        let mut frames = Frames::default();
        for text in texts {
            let (kind, payload) = frames.next(&far, || true).unwrap();
            assert_eq!(kind, 7);
            assert_eq!(
                String::read(&mut WireReader::new(payload.as_slice())),
                Ok(text)
            );
        }
        sending.join().unwrap();
        assert!(matches!(frames.next(&far, || true), Err(Broken::Closed)));
    }

    #[test]
    fn a_length_that_nobody_sends_is_malformed_and_reserves_nothing() {
        let (near, far) = UnixStream::pair().unwrap();
        (&near).write_all(&[255; 8]).unwrap();
        assert!(matches!(
            Frames::default().next(&far, || true),
            Err(Broken::Malformed)
        ));
    }
}
