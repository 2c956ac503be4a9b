//! Bodies of requests: read whole, within a time, a length, and one bound on the
//! bytes of all requests together.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a body may take to arrive. Bitbucket gives up after ten seconds.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// What a body may hold without counting against the bound of all: bounded by the
/// number of connections. Nearly every delivery is smaller.
const UNCOUNTED: usize = 16 * 1024;

/// The bytes of all bodies beyond the uncounted ones: some sixty of the largest
/// deliveries at once.
const ALL_BODIES: usize = 16 * 1024 * 1024;

/// The unit that the bound is counted in.
const UNIT: usize = 1024;

/// What is read and thrown away of a body that nobody wants, so that whoever is
/// still sending sees the response.
const THROWN_AWAY: usize = 256 * 1024;

/// How long that may take.
const THROWING_AWAY: Duration = Duration::from_secs(2);

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// The client went away.
    CutOff,
    /// It has more bytes than the route takes.
    TooLarge,
    /// It did not arrive in time.
    TooSlow,
    /// Other requests hold all the memory that there is for bodies.
    NoRoom,
}

impl BodyError {
    /// The status and the sentence for the client.
    pub(super) fn response(self) -> (StatusCode, &'static str) {
        match self {
            Self::CutOff => (StatusCode::BAD_REQUEST, "the body was cut off"),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is larger than this address takes",
            ),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body took too long"),
            Self::NoRoom => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too many large requests are under way; try again",
            ),
        }
    }
}

/// A body in memory; counts against the bound until it is dropped.
pub(super) struct ReadBody {
    bytes: Vec<u8>,
    counted: Option<OwnedSemaphorePermit>,
}

impl ReadBody {
    /// The bytes, and what counts them until it is dropped.
    pub(super) fn into_parts(self) -> (Vec<u8>, Option<OwnedSemaphorePermit>) {
        (self.bytes, self.counted)
    }
}

/// The memory for bodies.
pub(super) struct Bodies {
    room: Arc<Semaphore>,
}

impl Bodies {
    pub(super) fn new() -> Self {
        Self {
            room: Arc::new(Semaphore::new(ALL_BODIES / UNIT)),
        }
    }

    /// Reads a body of at most `limit` bytes.
    ///
    /// # Errors
    /// See [`BodyError`].
    pub(super) async fn read(
        &self,
        headers: &HeaderMap,
        mut body: Body,
        limit: usize,
    ) -> Result<ReadBody, BodyError> {
        if announced(headers) > limit {
            throw_away(body).await;
            return Err(BodyError::TooLarge);
        }
        let reading = async {
            let mut bytes = Vec::new();
            let mut counted: Option<OwnedSemaphorePermit> = None;
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|_| BodyError::CutOff)?;
                let Some(data) = frame.data_ref() else {
                    continue;
                };
                if bytes.len() + data.len() > limit {
                    return Err(BodyError::TooLarge);
                }
                bytes.extend_from_slice(data);
                let beyond = bytes.len().saturating_sub(UNCOUNTED).div_ceil(UNIT);
                let have = counted
                    .as_ref()
                    .map_or(0, OwnedSemaphorePermit::num_permits);
                if beyond > have {
                    let more = u32::try_from(beyond - have).map_err(|_| BodyError::NoRoom)?;
                    let more = Arc::clone(&self.room)
                        .try_acquire_many_owned(more)
                        .map_err(|_| BodyError::NoRoom)?;
                    match &mut counted {
                        Some(counted) => counted.merge(more),
                        None => counted = Some(more),
                    }
                }
            }
            Ok(ReadBody { bytes, counted })
        };
        let read = tokio::time::timeout(BODY_LIMIT, reading).await;
        let error = match read {
            Ok(Ok(read)) => return Ok(read),
            Ok(Err(error)) => error,
            Err(_) => return Err(BodyError::TooSlow),
        };
        if error != BodyError::CutOff {
            throw_away(body).await;
        }
        Err(error)
    }
}

/// Reads a body that nobody wants, keeping nothing, within narrow bounds.
pub(super) async fn throw_away(mut body: Body) {
    let reading = async {
        let mut length = 0;
        while let Some(Ok(frame)) = body.frame().await {
            length += frame.data_ref().map_or(0, |data| data.len());
            if length > THROWN_AWAY {
                break;
            }
        }
    };
    // Whoever is slower may see a closed connection in place of the response.
    let _ = tokio::time::timeout(THROWING_AWAY, reading).await;
}

fn announced(headers: &HeaderMap) -> usize {
    headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bodies: &Bodies, length: usize, limit: usize) -> Result<ReadBody, BodyError> {
        let body = Body::from(vec![7; length]);
        bodies.read(&HeaderMap::new(), body, limit).await
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let bodies = Bodies::new();
        assert_eq!(read(&bodies, 100, 100).await.unwrap().bytes.len(), 100);
        let error = read(&bodies, 101, 100).await.err();
        assert_eq!(error, Some(BodyError::TooLarge));
    }

    #[tokio::test]
    async fn all_bodies_together_have_a_bound_and_give_their_room_back() {
        let bodies = Bodies::new();
        let large = 256 * 1024;
        let mut held = Vec::new();
        let error = loop {
            match read(&bodies, large, large).await {
                Ok(body) => held.push(body),
                Err(error) => break error,
            }
        };
        assert_eq!(error, BodyError::NoRoom);
        assert!(held.len() * large <= ALL_BODIES + held.len() * UNCOUNTED);
        // What most deliveries are is read all the same.
        assert!(read(&bodies, UNCOUNTED, large).await.is_ok());
        held.pop();
        assert!(read(&bodies, large, large).await.is_ok());
    }
}
