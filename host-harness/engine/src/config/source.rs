//! The file and where its keys stand: makes the messages, and checks the values
//! that need more than a type.

use super::key_spans::{KeySpans, segment};
use super::{ConfigError, ServerConfig};
use std::collections::BTreeMap;
use std::path::Path;
use url::Url;

/// The file and where its keys stand, for messages.
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    pub(super) lines: KeySpans,
}

impl Source<'_> {
    pub(super) fn error(&self, key: &str, message: impl Into<String>) -> ConfigError {
        ConfigError {
            file: self.file.to_owned(),
            line: self.lines.of_key(key),
            key: Some(key.to_owned()),
            message: message.into(),
        }
    }

    pub(super) fn toml_error(&self, error: &toml::de::Error) -> ConfigError {
        let start = error.span().map(|span| span.start);
        ConfigError {
            file: self.file.to_owned(),
            line: start.map(|start| self.lines.of_offset(start)),
            key: start
                .and_then(|start| self.lines.key_at(start))
                .map(str::to_owned),
            // Not the error's own display, which quotes the line of the file.
            message: without_value(error.message()),
        }
    }

    /// Secrets in files (`{ file = "PATH" }`, the same for every provider) begin at
    /// the directory of the configuration, as all other paths do.
    fn make_secret_files_absolute(&self, table: &mut toml::Table) {
        let directory = self.file.parent().unwrap_or(Path::new(""));
        for (_, value) in table.iter_mut() {
            let Some(inner) = value.as_table_mut() else {
                continue;
            };
            match secret_file(inner) {
                Some(path) => {
                    let path = directory.join(path).display().to_string();
                    inner.insert("file".to_owned(), toml::Value::String(path));
                }
                None => self.make_secret_files_absolute(inner),
            }
        }
    }

    pub(super) fn base_url(&self, key: &str, text: &str) -> Result<String, ConfigError> {
        let url =
            Url::parse(text).map_err(|error| self.error(key, format!("is no address: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(self.error(key, "must begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.error(key, "must not hold a user name or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(self.error(key, "must not hold a query or a fragment"));
        }
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }

    pub(super) fn servers(
        &self,
        tables: BTreeMap<String, toml::Table>,
    ) -> Result<Vec<ServerConfig>, ConfigError> {
        let mut servers = Vec::new();
        for (name, mut types) in tables {
            // Whatever order the keys have: the provider's table comes first.
            let others: toml::Table = types
                .iter()
                .filter(|(_, value)| !value.is_table())
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            types.retain(|_, value| value.is_table());
            let types = types.into_iter().chain(others);
            let key = format!("vcs.servers.{}", segment(&name));
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty() || !name.chars().all(is_plain) {
                let message = "a server's name stands in addresses: only letters, digits, `-`, `_` and `.` are possible";
                return Err(self.error(&key, message));
            }
            let mut types = types;
            let Some((provider_type, value)) = types.next() else {
                let message =
                    format!("is empty; add the provider's table, such as [{key}.bitbucketcloud]");
                return Err(self.error(&key, message));
            };
            let key_of_type = format!("{key}.{}", segment(&provider_type));
            let toml::Value::Table(table) = value else {
                let message = format!(
                    "stands where the provider's type is expected; write it below a table such as [{key}.bitbucketcloud]"
                );
                return Err(self.error(&key_of_type, message));
            };
            if let Some((second, value)) = types.next() {
                let message = if value.is_table() {
                    format!(
                        "the server has the type {provider_type:?} already; give the other one a name of its own"
                    )
                } else {
                    format!(
                        "stands beside the provider's table, where nothing reads it (CDS keeps a service's address there); remove it, or move it into [{key_of_type}] if the provider has such a key"
                    )
                };
                let second = format!("{key}.{}", segment(&second));
                return Err(self.error(&second, message));
            }
            let mut table = table;
            self.make_secret_files_absolute(&mut table);
            let toml = toml::to_string(&table)
                .map_err(|error| self.error(&key_of_type, format!("cannot be read: {error}")))?;
            servers.push(ServerConfig {
                lines: self.lines.below(&key_of_type),
                name,
                provider_type,
                toml,
            });
        }
        Ok(servers)
    }
}

/// A message of serde without the value that it quotes: `invalid type: string
/// "s3cret", expected a boolean` keeps only what was expected.
fn without_value(message: &str) -> String {
    let quotes_value = ["invalid type: ", "invalid value: "]
        .iter()
        .any(|start| message.starts_with(start));
    match message.rfind(", expected ") {
        Some(expected) if quotes_value => format!("wrong value{}", &message[expected..]),
        _ => message.trim().replace('\n', "; "),
    }
}

/// The path of a secret in a file, if this table is one.
pub(super) fn secret_file(table: &toml::Table) -> Option<&str> {
    match (table.len(), table.get("file")) {
        (1, Some(toml::Value::String(path))) => Some(path),
        _ => None,
    }
}
