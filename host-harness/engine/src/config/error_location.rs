//! Where in the file a provider's complaint about its table belongs.
//!
//! A provider sees its table only, as a text of its own. Its error has the key or
//! the line of that text; the message is for people and not looked into.

use super::key_spans::KeySpans;
use super::{EngineConfig, ServerConfig};
use vcs_provider_interface::error::VcsError;

impl EngineConfig {
    /// Puts the place in the file before a provider's message about its table:
    /// the file, the line and the server.
    #[must_use]
    pub fn locate(&self, server: &ServerConfig, mut error: VcsError) -> VcsError {
        let line = server.line_of_error(&error);
        let line = line.map_or_else(String::new, |line| format!(":{line}"));
        // Where the provider knows the line only, the key that stands there is named.
        let key = match error.config_key() {
            Some(_) => None,
            None => server.key_of_error(&error),
        };
        let key = key.map_or_else(String::new, |key| format!("`{key}`: "));
        error.message = format!(
            "{}{line}: [vcs.servers.{}.{}]: {key}{}",
            self.file_name(),
            server.name,
            server.provider_type,
            error.message,
        );
        error
    }
}

impl ServerConfig {
    /// The line of the file that an error is about; that of the server's table
    /// where the error does not say.
    fn line_of_error(&self, error: &VcsError) -> Option<usize> {
        error
            .config_key()
            .map(str::to_owned)
            .or_else(|| self.key_of_error(error))
            .and_then(|key| self.line_of(&key))
            .or_else(|| self.lines.get("").copied())
    }

    /// The key on the line that an error names, by its path from the server's table.
    fn key_of_error(&self, error: &VcsError) -> Option<String> {
        let line = error.config_line()?;
        KeySpans::of(&self.toml)
            .key_on_line(line)
            .map(str::to_owned)
    }

    /// The line of a key, or of the innermost table of it that is there: a
    /// missing key is complained of as well.
    fn line_of(&self, key: &str) -> Option<usize> {
        if let Some(line) = self.lines.get(key) {
            return Some(*line);
        }
        let (table, _) = key.rsplit_once('.')?;
        self.line_of(table)
    }
}
