//! The arguments as they are typed. What they mean is decided where they are used.

pub mod action;
pub mod config;
pub mod conformance;
mod examples;
pub mod grants;
pub mod plugins;
pub mod store;
pub mod tokens;
pub mod vcs;

use super::{completion, exit};
use clap::{Args, Parser, Subcommand};
use clap_complete::engine::ArgValueCandidates;
use mock_bitbucket::command::MockArguments;
use std::path::PathBuf;

/// Loads VCS providers and does an engine's work with them.
#[derive(Parser, Debug)]
#[command(name = "engine", version, after_help = after_help(), propagate_version = true)]
pub struct Arguments {
    /// What counts for every command.
    #[command(flatten)]
    pub global: GlobalArguments,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What counts for every command.
#[derive(Args, Debug)]
pub struct GlobalArguments {
    /// Print one JSON document on standard output, and nothing else there; also
    /// for a failure: {"error": {"kind", "message", "exit_code", …}}.
    #[arg(long, global = true)]
    pub json: bool,
    /// What goes to the log on standard error: off, error, warn, info, debug or
    /// trace for the engine and its providers, or directives such as
    /// `warn,provider=debug`, which may name libraries as well (`notify=trace`).
    /// Without it: warn, and info for the services.
    #[arg(long, global = true, value_name = "LEVEL", env = "ENGINE_LOG")]
    pub log_level: Option<String>,
    /// The form of log lines: text for people, json for collectors (one object a
    /// line).
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        env = "ENGINE_LOG_FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,
    /// When to use colours; NO_COLOR is honoured.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", value_parser = parse_colour)]
    pub color: anstream::ColorChoice,
}

/// The form of what a command prints.
#[derive(Args, Debug)]
pub struct FormArguments {
    /// The form of the output: a table for people, one JSON document (as with
    /// --json), or one JSON object a line.
    #[arg(long, global = true, value_name = "FORM")]
    pub output: Option<OutputForm>,
}

/// The form of what a command prints.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputForm {
    /// Lines and columns for people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
}

/// The form of log lines.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the end-to-end demo on a real git repository, against the mock
    #[command(after_help = examples::DEMO)]
    Demo(DemoArguments),
    /// Worker actions: clone and check out
    #[command(subcommand, after_help = examples::ACTION)]
    Action(action::ActionCommand),
    /// Run the engine's services
    #[command(after_help = examples::START)]
    Start(StartArguments),
    /// Print a configuration to begin with, or check one
    #[command(after_help = examples::CONFIG)]
    Config(config::ConfigArguments),
    /// Make, list and revoke tokens of callers
    #[command(after_help = examples::TOKENS)]
    Tokens(tokens::TokensArguments),
    /// List and revoke what projects have consented to
    #[command(after_help = examples::GRANTS)]
    Grants(grants::GrantsArguments),
    /// Look at, migrate, copy and back up what the engine keeps
    #[command(after_help = examples::STORE)]
    Store(store::StoreArguments),
    /// Look at plugins, install them, or begin a new one
    #[command(after_help = examples::PLUGINS)]
    Plugins(plugins::PluginsArguments),
    /// Call one method of a provider
    #[command(after_help = examples::VCS)]
    Vcs(Box<vcs::VcsArguments>),
    /// Inspect webhook deliveries
    #[command(subcommand, after_help = examples::WEBHOOK)]
    Webhook(WebhookCommand),
    /// Run a mocked service
    #[command(subcommand, after_help = examples::MOCK)]
    Mock(MockCommand),
    /// Run the conformance suite on a provider
    Conformance(Box<conformance::ConformanceArguments>),
    /// Print the script that completes commands, operations and servers in a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// The shell.
        shell: ShellName,
    },
    /// Write a manual page for each command
    #[command(hide = true)]
    Man {
        /// The directory to write them to.
        directory: PathBuf,
    },
}

/// A shell that can complete the command.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShellName {
    /// GNU Bash.
    Bash,
    /// Z shell.
    Zsh,
    /// fish.
    Fish,
}

impl ShellName {
    /// Its name in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }
}

fn after_help() -> String {
    format!("{}\n\n{}", examples::ROOT, exit::help())
}

impl Command {
    /// The form that the command's own arguments choose.
    #[must_use]
    pub fn form(&self) -> Option<OutputForm> {
        match self {
            Self::Vcs(arguments) => arguments.form.output,
            Self::Plugins(arguments) => arguments.form.output,
            Self::Tokens(arguments) => arguments.form.output,
            Self::Grants(arguments) => arguments.form.output,
            _ => None,
        }
    }
}

/// Run the end-to-end demo.
#[derive(Args, Debug)]
pub struct DemoArguments {
    /// The git repository to use, bare or not; it is only read. Default: a small
    /// one is made.
    #[arg(long, value_name = "PATH")]
    pub repo: Option<PathBuf>,
    /// The plugin. Default: the one beside the executable.
    #[arg(long, value_name = "FILE")]
    pub plugin: Option<PathBuf>,
    /// Time limit of the whole demo.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 600,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub timeout: u64,
}

/// Run the engine's services until SIGTERM or SIGINT; SIGHUP reloads the plugins.
#[derive(Args, Debug)]
pub struct StartArguments {
    /// The services: `vcs` for calls to providers; `api` for projects, consent,
    /// linking and webhooks, with the work that follows from them.
    #[arg(required = true, value_name = "SERVICE")]
    pub services: Vec<ServiceName>,
    /// Where the configuration and the plugins are.
    #[command(flatten)]
    pub directory: DirectoryArguments,
    /// Let callers with the token move the engine's clock forward, for tests.
    #[arg(long, hide = true)]
    pub movable_clock: bool,
}

/// A service.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceName {
    /// Projects, consent, linking, webhooks.
    Api,
    /// Calls to providers.
    Vcs,
}

/// Where the plugin directory is.
#[derive(Args, Debug)]
pub struct DirectoryArguments {
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE", env = "ENGINE_CONFIG")]
    pub config: Option<PathBuf>,
    /// The plugin directory. Without it: the configuration's, otherwise
    /// `plugins` beside the executable, or `../lib/engine/plugins` from there.
    #[arg(long, global = true, value_name = "DIR", env = "ENGINE_PLUGIN_DIR")]
    pub plugin_dir: Option<PathBuf>,
}

/// Inspect webhook deliveries.
#[derive(Subcommand, Debug)]
pub enum WebhookCommand {
    /// Verify a delivery and show what it says
    Parse(WebhookParseArguments),
}

/// A delivery to parse.
#[derive(Args, Debug)]
pub struct WebhookParseArguments {
    /// Where plugins are.
    #[command(flatten)]
    pub directory: DirectoryArguments,
    /// The configured server whose deliveries these are. May be left out if there
    /// is only one, or one of the --type.
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(completion::servers))]
    pub server: Option<String>,
    /// The provider type that picks the plugin; not needed with a configuration.
    #[arg(long = "type", value_name = "TYPE")]
    pub provider_type: Option<String>,
    /// The value of the header that names the event, such as `repo:push`.
    #[arg(long, value_name = "KEY")]
    pub event: String,
    /// The value of the signature's header, such as `sha256=…`.
    #[arg(long, value_name = "HEADER")]
    pub signature: Option<String>,
    /// A file that holds the hook's secret.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["secret", "secret_env"])]
    pub secret_file: Option<PathBuf>,
    /// The environment variable that holds the hook's secret.
    #[arg(long, value_name = "NAME", conflicts_with = "secret")]
    pub secret_env: Option<String>,
    /// The hook's secret itself. Other users of this machine can see it here:
    /// prefer --secret-file or --secret-env.
    #[arg(long, value_name = "SECRET")]
    pub secret: Option<HiddenText>,
    /// A further header of the delivery; may be repeated.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    pub headers: Vec<(String, String)>,
    /// The body exactly as it arrived; `-` reads standard input.
    pub file: PathBuf,
}

/// Run a mocked service.
#[derive(Subcommand, Debug)]
pub enum MockCommand {
    /// Serve git repositories as Bitbucket Cloud would, until SIGTERM
    Bitbucket(MockArguments),
}

/// A text that is not shown when the arguments are.
#[derive(Clone)]
pub struct HiddenText(pub String);

impl std::fmt::Debug for HiddenText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[redacted]")
    }
}

impl std::str::FromStr for HiddenText {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

fn parse_colour(text: &str) -> Result<anstream::ColorChoice, String> {
    match text {
        "auto" => Ok(anstream::ColorChoice::Auto),
        "always" => Ok(anstream::ColorChoice::Always),
        "never" => Ok(anstream::ColorChoice::Never),
        _ => Err("use auto, always or never".to_owned()),
    }
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| "use NAME: VALUE".to_owned())?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_contradict_themselves_nowhere() {
        Arguments::command().debug_assert();
    }

    /// The lines of examples on a command's page.
    fn examples_of(command: &mut clap::Command) -> Vec<String> {
        let page = command.render_long_help().to_string();
        let examples = page
            .split_once("Examples:")
            .map_or(&*page, |(_, rest)| rest);
        let lines = examples.lines().map(str::trim);
        lines
            .filter(|line| line.starts_with("engine "))
            .map(|line| line.trim_end_matches('\\').trim().to_owned())
            .collect()
    }

    #[test]
    fn every_command_has_examples_that_it_accepts() {
        let mut root = Arguments::command();
        let mut examples = examples_of(&mut root);
        // `help` is clap's own.
        let ours = |one: &&mut clap::Command| !one.is_hide_set() && one.get_name() != "help";
        for command in root.get_subcommands_mut().filter(ours) {
            let own = examples_of(command);
            assert!(!own.is_empty(), "engine {} --help", command.get_name());
            // The examples of the kit go over several lines.
            if command.get_name() != "conformance" {
                examples.extend(own);
            }
        }
        assert!(examples.len() > 25, "{examples:?}");
        for example in examples {
            let words = example.split(" > ").next().unwrap_or_default();
            let parsed = Arguments::try_parse_from(words.split(' '));
            assert!(parsed.is_ok(), "{example}: {:?}", parsed.err());
        }
    }

    #[test]
    fn help_names_the_exit_codes() {
        let help = Arguments::command().render_long_help().to_string();
        assert!(help.contains("45  NotFound"), "{help}");
    }
}
