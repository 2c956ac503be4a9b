//! Where in the file a provider's complaint about its table belongs.
//!
//! A provider sees its table only, as a text of its own. It names a key, at the
//! beginning of its message or in backticks, or a line of that text.

use super::key_spans::KeySpans;
use super::{EngineConfig, ServerConfig};
use vcs_provider_interface::error::VcsError;

impl EngineConfig {
    /// Puts the place in the file before a provider's message about its table:
    /// the file, the line and the server.
    #[must_use]
    pub fn locate(&self, server: &ServerConfig, mut error: VcsError) -> VcsError {
        let (line, message) = server.place(&error.message);
        let line = line.map_or_else(String::new, |line| format!(":{line}"));
        error.message = format!(
            "{}{line}: [vcs.servers.{}.{}]: {message}",
            self.file_name(),
            server.name,
            server.provider_type,
        );
        error
    }
}

impl ServerConfig {
    /// The line of the file that a message is about, and the message without the
    /// line of the provider's own text.
    fn place<'m>(&self, message: &'m str) -> (Option<usize>, &'m str) {
        let table = self.lines.get("").copied();
        if let Some((own_line, rest)) = own_line(message) {
            let text = KeySpans::of(&self.toml);
            let line = text
                .key_on_line(own_line)
                .and_then(|key| self.line_of(key))
                .or(table);
            return (line, rest);
        }
        let named_first = message.split(": ").next().unwrap_or_default();
        let quoted = message.split('`').skip(1).step_by(2);
        let line = std::iter::once(named_first)
            .chain(quoted)
            .find_map(|key| self.line_of(key))
            .or(table);
        (line, message)
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

/// `line 3: words` taken apart.
fn own_line(message: &str) -> Option<(usize, &str)> {
    let (number, rest) = message.strip_prefix("line ")?.split_once(": ")?;
    Some((number.parse().ok()?, rest))
}
