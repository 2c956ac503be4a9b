//! Completion in shells: the values that only the configuration knows.

use clap_complete::engine::CompletionCandidate;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use vcs_engine::config::EngineConfig;

/// The names of the configured servers.
pub(super) fn servers() -> Vec<CompletionCandidate> {
    let words: Vec<OsString> = std::env::args_os().collect();
    let Some(file) = configuration_of(&words, std::env::var_os("ENGINE_CONFIG")) else {
        return Vec::new();
    };
    // What is wrong with the file is said by the command itself.
    let config = EngineConfig::load(&file);
    config.map_or_else(
        |_| Vec::new(),
        |config| {
            let servers = config.vcs.servers.iter();
            servers
                .map(|server| {
                    CompletionCandidate::new(&server.name)
                        .help(Some(server.provider_type.clone().into()))
                })
                .collect()
        },
    )
}

/// The configuration that the words of an unfinished command name.
fn configuration_of(words: &[OsString], environment: Option<OsString>) -> Option<PathBuf> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == OsStr::new("--config") {
            return words.next().map(PathBuf::from);
        }
        if let Some(file) = word
            .to_str()
            .and_then(|word| word.strip_prefix("--config="))
        {
            return Some(file.into());
        }
    }
    environment.map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_found_among_the_words_or_in_the_environment() {
        let found = |words: &[&str], environment: Option<&str>| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            configuration_of(&words, environment.map(OsString::from))
        };
        let file = Some(PathBuf::from("a.toml"));
        assert_eq!(found(&["engine", "vcs", "--config", "a.toml"], None), file);
        assert_eq!(
            found(&["engine", "--config=a.toml", "vcs"], Some("b")),
            file
        );
        assert_eq!(found(&["engine", "vcs"], Some("a.toml")), file);
        assert_eq!(found(&["engine", "vcs"], None), None);
    }
}
