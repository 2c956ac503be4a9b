//! Reading a `multipart/form-data` body that is in memory.

use hyper::body::Bytes;

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
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameter(parameters, "boundary").filter(|boundary| !boundary.is_empty())
}

/// The parts of a body; `None` when it is not what its boundary promises.
pub(crate) fn parse(body: &Bytes, boundary: &str) -> Option<Vec<Part>> {
    let first = format!("--{boundary}");
    let between = format!("\r\n--{boundary}");
    if !body.starts_with(first.as_bytes()) {
        return None;
    }
    let mut parts = Vec::new();
    let mut start = first.len();
    loop {
        let rest = &body[start..];
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        if !rest.starts_with(b"\r\n") {
            return None;
        }
        let head = start + 2;
        let split = find(&body[head..], b"\r\n\r\n")?;
        let content = head + split + 4;
        let length = find(&body[content..], between.as_bytes())?;
        let headers = String::from_utf8_lossy(&body[head..head + split]).into_owned();
        parts.push(part(&headers, body.slice(content..content + length))?);
        start = content + length + between.len();
    }
}

fn part(headers: &str, content: Bytes) -> Option<Part> {
    let disposition = headers.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    let (kind, parameters) = disposition.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    Some(Part {
        name: parameter(parameters, "name")?,
        file_name: parameter(parameters, "filename"),
        content,
    })
}

/// A parameter of a header, quoted or not. Browsers write quotes inside as `%22`.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([';', ' ', '\t']);
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = next;
    }
    None
}

/// The text up to the closing quote, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((position, character)) = characters.next() {
        match character {
            '"' => {
                let value = value
                    .replace("%22", "\"")
                    .replace("%0D", "\r")
                    .replace("%0A", "\n");
                return Some((value, &text[position + 1..]));
            }
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// Where `needle`, which begins with a carriage return, stands first.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(step) = haystack[from..].iter().position(|byte| *byte == b'\r') {
        let candidate = from + step;
        if haystack[candidate..].starts_with(needle) {
            return Some(candidate);
        }
        from = candidate + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_every_byte_of_their_files() {
        let body = Bytes::from_static(
            b"--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a;\\\"b%22.txt\"\r\nContent-Type: text/plain\r\n\r\nline\r\n--not it\r\n\x00\r\n--b\r\ncontent-disposition: form-data; name=note\r\n\r\n\r\n--b--\r\n",
        );
        let parts = parse(&body, "b").expect("parts");
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
    fn a_body_that_is_cut_off_is_refused() {
        let body = Bytes::from_static(
            b"--b\r\nContent-Disposition: form-data; name=\"files\"\r\n\r\nline\r\n",
        );
        assert_eq!(parse(&body, "b"), None);
        assert_eq!(parse(&Bytes::new(), "b"), None);
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
