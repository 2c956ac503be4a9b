//! Bitbucket's times in the interface's milliseconds.

/// Reads RFC 3339, with or without fractions, with an offset or `Z`. What
/// cannot be read counts as absent.
pub(crate) fn milliseconds(text: Option<&str>) -> Option<i64> {
    text?
        .trim()
        .parse::<jiff::Timestamp>()
        .ok()
        .map(|time| time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Situation `timestamps`.
    #[test]
    fn times_are_read_in_every_shape() {
        for text in [
            "2023-06-01T23:33:41+00:00",
            "2023-06-01T23:33:41Z",
            "2023-06-01T23:33:41.000000+00:00",
            "2023-06-02T01:33:41+02:00",
            " 2023-06-01T23:33:41.0Z ",
        ] {
            assert_eq!(milliseconds(Some(text)), Some(1_685_662_421_000), "{text}");
        }
        assert_eq!(
            milliseconds(Some("2023-06-01T23:33:41.123456+00:00")),
            Some(1_685_662_421_123)
        );
        for text in ["", "yesterday", "2023-06-01", "2023-13-01T00:00:00Z"] {
            assert_eq!(milliseconds(Some(text)), None);
        }
        assert_eq!(milliseconds(None), None);
    }
}
