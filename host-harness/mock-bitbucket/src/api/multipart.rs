//! Reading a `multipart/form-data` body that is in memory.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use tokio::runtime::Handle;

/// One part of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// Present for files.
    pub(crate) file_name: Option<String>,
    pub(crate) content: Bytes,
}

/// The boundary that a content type names.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    multer::parse_boundary(content_type).ok()
}

/// The parts of a body; `None` when it is not what its boundary promises.
/// Blocking: to be called outside of the server's event loop.
pub(crate) fn parse(body: &Bytes, boundary: &str) -> Option<Vec<Part>> {
    Handle::current()
        .block_on(read(body.clone(), boundary))
        .ok()
}

async fn read(body: Bytes, boundary: &str) -> multer::Result<Vec<Part>> {
    let stream = Full::new(body).into_data_stream();
    let mut form = multer::Multipart::new(stream, boundary);
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await? {
        parts.push(Part {
            name: field.name().unwrap_or_default().to_owned(),
            file_name: field.file_name().map(unescape),
            content: field.bytes().await?,
        });
    }
    Ok(parts)
}

/// Browsers write quotes and line breaks inside of a file name as `%22` and so on.
fn unescape(name: &str) -> String {
    name.replace("%22", "\"")
        .replace("%0D", "\r")
        .replace("%0A", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(body: &Bytes) -> Option<Vec<Part>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(read(body.clone(), "b")).ok()
    }

    #[test]
    fn parts_keep_every_byte_of_their_files() {
        let body = Bytes::from_static(
            b"--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a;\\\"b%22.txt\"\r\nContent-Type: text/plain\r\n\r\nline\r\n--not it\r\n\x00\r\n--b\r\ncontent-disposition: form-data; name=note\r\n\r\n\r\n--b--\r\n",
        );
        let parts = parts(&body).expect("parts");
        assert_eq!(
            parts,
            [
                Part {
                    name: "files".into(),
                    file_name: Some("a;\"b\".txt".into()),
                    content: Bytes::from_static(b"line\r\n--not it\r\n\x00"),
                },
                Part {
                    name: "note".into(),
                    file_name: None,
                    content: Bytes::new(),
                },
            ]
        );
    }

    #[test]
    fn a_body_that_is_cut_off_is_rejected() {
        let body = Bytes::from_static(
            b"--b\r\nContent-Disposition: form-data; name=\"files\"\r\n\r\nline\r\n",
        );
        assert_eq!(parts(&body), None);
        assert_eq!(parts(&Bytes::new()), None);
    }

    #[test]
    fn the_boundary_may_be_quoted() {
        assert_eq!(
            boundary("multipart/form-data; boundary=\"x y\"").as_deref(),
            Some("x y")
        );
        assert_eq!(
            boundary("multipart/form-data; charset=utf-8; boundary=xy").as_deref(),
            Some("xy")
        );
        assert_eq!(boundary("application/json"), None);
    }
}
