//! How services deliver their webhooks: one file of data for each service.
//!
//! A further service is a file in `dialects/` and a line here, or a file that
//! `--webhook-dialect` names.

use crate::cli::failure::Failure;
use std::path::Path;
use vcs_conformance::WebhookDialect;

const DIALECTS: &[&str] = &[include_str!("dialects/bitbucket-cloud.toml")];

/// The dialect of a provider type; `None` if it is not known.
pub(super) fn of(provider_type: &str) -> Option<WebhookDialect> {
    DIALECTS
        .iter()
        .filter_map(|text| WebhookDialect::from_toml(text).ok())
        .find(|dialect| dialect.provider_type == provider_type)
}

/// Reads a dialect from a file.
pub(super) fn read(file: &Path) -> Result<WebhookDialect, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?;
    WebhookDialect::from_toml(&text)
        .map_err(|message| Failure::usage(format!("{}: {message}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_data_is_a_dialect() {
        for text in DIALECTS {
            let dialect = WebhookDialect::from_toml(text).unwrap();
            assert_eq!(of(&dialect.provider_type), Some(dialect));
        }
        assert_eq!(of("no-such-type"), None);
    }

    #[test]
    fn a_file_that_is_no_dialect_is_named_with_its_key() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "event_haeder = \"X\"").unwrap();
        let message = read(file.path()).unwrap_err().to_string();
        assert!(message.contains("event_haeder"), "{message}");
        let name = file.path().display().to_string();
        assert!(message.contains(&name), "{message}");
    }
}
