//! The socket of one connection, which can be told to end with a reset.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc::Receiver;

/// Says how a connection shall end.
#[derive(Clone, Default)]
pub(crate) struct Ending {
    reset: Arc<AtomicBool>,
}

impl Ending {
    /// From now on, closing means resetting.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::SeqCst);
    }
}

/// A TCP stream that is reset instead of closed if its [`Ending`] says so.
pub(crate) struct Connection {
    stream: TcpStream,
    ending: Ending,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, ending: Ending) -> Self {
        Self { stream, ending }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.ending.reset.load(Ordering::SeqCst) {
            // A socket that is gone already needs no reset.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ending.reset.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// What goes out as the body of a response.
pub(crate) enum OutgoingBody {
    /// All of it, at once.
    Whole(Option<Bytes>),
    /// Chunk by chunk, as they are made.
    Chunks(Receiver<io::Result<Bytes>>),
    /// As much as is left, and then the connection ends, with the declared
    /// length never reached.
    Cut {
        inner: Box<OutgoingBody>,
        left: usize,
        /// One turn is given away before the end, so that what was written is
        /// flushed to the socket.
        flushed: bool,
        ending: Option<Ending>,
    },
}

impl HttpBody for OutgoingBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(
                bytes
                    .take()
                    .filter(|bytes| !bytes.is_empty())
                    .map(|bytes| Ok(Frame::data(bytes))),
            ),
            Self::Chunks(chunks) => chunks
                .poll_recv(context)
                .map(|chunk| chunk.map(|chunk| chunk.map(Frame::data))),
            Self::Cut {
                inner,
                left,
                flushed,
                ending,
            } => {
                if *left > 0 {
                    match Pin::new(inner.as_mut()).poll_frame(context) {
                        Poll::Ready(Some(Ok(frame))) => {
                            if let Ok(mut data) = frame.into_data() {
                                data.truncate(*left);
                                *left -= data.len();
                                return Poll::Ready(Some(Ok(Frame::data(data))));
                            }
                        }
                        Poll::Ready(_) => *left = 0,
                        Poll::Pending => return Poll::Pending,
                    }
                }
                if !*flushed {
                    *flushed = true;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                if let Some(ending) = ending {
                    ending.reset();
                }
                Poll::Ready(Some(Err(io::Error::other("cut by a planned fault"))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64))
            }
            Self::Chunks(_) => SizeHint::default(),
            Self::Cut { inner, .. } => inner.size_hint(),
        }
    }
}
