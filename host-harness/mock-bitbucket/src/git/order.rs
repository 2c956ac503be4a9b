//! The order in which names are listed.

use std::cmp::Ordering;

/// Orders text so that numbers inside it count as numbers: `v9` before `v10`.
pub(crate) fn natural_order(left: &str, right: &str) -> Ordering {
    let (mut left_rest, mut right_rest) = (left, right);
    loop {
        let (Some(left_char), Some(right_char)) =
            (left_rest.chars().next(), right_rest.chars().next())
        else {
            return left_rest
                .len()
                .cmp(&right_rest.len())
                .then_with(|| left.cmp(right));
        };
        if left_char.is_ascii_digit() && right_char.is_ascii_digit() {
            let (left_number, left_after) = split_number(left_rest);
            let (right_number, right_after) = split_number(right_rest);
            let order = left_number
                .len()
                .cmp(&right_number.len())
                .then_with(|| left_number.cmp(right_number));
            if order != Ordering::Equal {
                return order;
            }
            (left_rest, right_rest) = (left_after, right_after);
        } else {
            if left_char != right_char {
                return left_char.cmp(&right_char);
            }
            left_rest = &left_rest[left_char.len_utf8()..];
            right_rest = &right_rest[right_char.len_utf8()..];
        }
    }
}

/// The digits in front, without leading zeros, and what follows them.
fn split_number(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_knows_numbers_inside_names() {
        let mut names = ["v10", "v9", "v1", "a"];
        names.sort_by(|left, right| natural_order(left, right));
        assert_eq!(names, ["a", "v1", "v9", "v10"]);
    }
}
