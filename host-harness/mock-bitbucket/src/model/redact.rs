//! The form of an `Authorization` header, and what may be shown of it.

/// The token of a Bearer header.
pub(crate) fn read_bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The kind of an `Authorization` header, for recordings: never its content.
pub(crate) fn describe(value: &str) -> &'static str {
    if read_bearer(value).is_some() {
        "Bearer ***"
    } else if value
        .get(..6)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic "))
    {
        "Basic ***"
    } else {
        "***"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_never_holds_the_secret() {
        assert_eq!(describe("Bearer abc"), "Bearer ***");
        assert_eq!(describe("basic YTpi"), "Basic ***");
        assert_eq!(describe("Weird abc"), "***");
    }
}
