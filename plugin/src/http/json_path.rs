//! Where in a JSON text a place is, as a path such as `values[1].name`.
//!
//! Found by reading the text again up to the place, once for all types: keeping
//! the path while reading would make a second reader of every wire type.

/// Names of fields that are longer are not shown.
const LONGEST_NAME: usize = 60;

/// What the reader is inside of.
enum Inside<'a> {
    Object { field: Option<&'a [u8]> },
    Array { index: usize },
}

/// The path of the value at this line and column, both from 1 as `serde_json`
/// counts them. The text up to there is well-formed JSON; of any other text the
/// result means nothing, but it is a result.
pub(super) fn path_at(text: &[u8], line: usize, column: usize) -> String {
    let begin = text
        .split_inclusive(|byte| *byte == b'\n')
        .take(line.saturating_sub(1))
        .map(<[u8]>::len)
        .sum::<usize>();
    let end = begin.saturating_add(column).min(text.len());
    let mut rest = &text[..end];
    let mut stack: Vec<Inside<'_>> = Vec::new();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' => stack.push(Inside::Object { field: None }),
            b'[' => stack.push(Inside::Array { index: 0 }),
            b'}' | b']' => drop(stack.pop()),
            b',' => match stack.last_mut() {
                Some(Inside::Object { field }) => *field = None,
                Some(Inside::Array { index }) => *index += 1,
                None => {}
            },
            b'"' => {
                let length = string_length(rest);
                let (string, after) = rest.split_at(length);
                rest = after.get(1..).unwrap_or_default();
                if let Some(Inside::Object { field }) = stack.last_mut() {
                    field.get_or_insert(string);
                }
            }
            _ => {}
        }
    }
    shown(&stack)
}

/// The length of a string without its quotes, from behind the opening one.
fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    text.iter()
        .position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        })
        .unwrap_or(text.len())
}

fn shown(stack: &[Inside<'_>]) -> String {
    let mut path = String::new();
    for inside in stack {
        match inside {
            Inside::Array { index } => path.push_str(&format!("[{index}]")),
            Inside::Object { field: Some(name) } => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(shown_name(name));
            }
            Inside::Object { field: None } => {}
        }
    }
    if path.is_empty() {
        ".".to_owned()
    } else {
        path
    }
}

/// A name as it may be shown: the service's own are plain words.
fn shown_name(name: &[u8]) -> &str {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    std::str::from_utf8(name)
        .ok()
        .filter(|text| text.len() <= LONGEST_NAME && text.as_bytes().iter().all(is_plain))
        .unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_leads_to_the_value_at_the_place() {
        let text = br#"{"a": {"b": 1}, "list": [{"x": "\"}"}, {"y": "here"}]}"#;
        let at = |needle: &str| {
            let text = std::str::from_utf8(text).expect("text");
            path_at(text.as_bytes(), 1, text.find(needle).expect("a place") + 1)
        };
        assert_eq!(at("1}"), "a.b");
        assert_eq!(at("\"here"), "list[1].y");
        assert_eq!(at("[{"), "list[0]");
        assert_eq!(path_at(text, 1, text.len()), ".");
    }

    #[test]
    fn lines_are_counted() {
        assert_eq!(path_at(b"{\n\"a\":\n [1,\n 2]}", 4, 2), "a[1]");
    }

    #[test]
    fn odd_names_and_places_beyond_the_text_do_no_harm() {
        assert_eq!(path_at(br#"{"a b<": 1"#, 1, 10), "?");
        assert_eq!(path_at(b"]]}}\"", 9, 9), ".");
        assert_eq!(path_at(b"", 0, 0), ".");
    }
}
