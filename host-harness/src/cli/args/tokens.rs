//! Arguments of `engine tokens`.

use super::{DirectoryArguments, FormArguments};
use clap::{Args, Subcommand};
use std::time::Duration;

/// Tokens of callers.
#[derive(Args, Debug)]
pub struct TokensArguments {
    /// Where the configuration is.
    #[command(flatten)]
    pub directory: DirectoryArguments,
    /// The form of what is printed.
    #[command(flatten)]
    pub form: FormArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: TokensCommand,
}

/// What to do with tokens.
#[derive(Subcommand, Debug)]
pub enum TokensCommand {
    /// Make a token and print it, this once
    Create(CreateTokenArguments),
    /// List the tokens, without those of single runs
    List,
    /// Revoke a token; it opens nothing from then on
    Revoke {
        /// The id that `create` and `list` print.
        id: String,
    },
}

/// A token to make.
#[derive(Args, Debug)]
pub struct CreateTokenArguments {
    /// What its holder may do: admin (everything), project (what belongs to one
    /// project), worker (runs of one project or of all), monitor (read figures and
    /// states), run (read one run and its
    /// checkout, report its state).
    #[arg(long, value_name = "ROLE", value_parser = ["admin", "project", "worker", "monitor", "run"])]
    pub role: String,
    /// The project's key, for the roles project and worker.
    #[arg(long, value_name = "KEY")]
    pub project: Option<String>,
    /// The run's number, for the role run.
    #[arg(long, value_name = "NUMBER")]
    pub run: Option<i64>,
    /// What to call it in lists.
    #[arg(long, value_name = "NAME", default_value = "")]
    pub name: String,
    /// How long it is good, such as 90d, 12h or 30m; without it, until it is
    /// revoked. The token of a run is good for at most 24h.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub expires: Option<Duration>,
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || "use a number with d, h, m or s behind it, such as 90d".to_owned();
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        'd' => 24 * 60 * 60,
        'h' => 60 * 60,
        'm' => 60,
        's' => 1,
        _ => return Err(wrong()),
    };
    let number = &text[..text.len() - unit.len_utf8()];
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match number.checked_mul(seconds) {
        Some(seconds @ 1..=3_153_600_000) => Ok(Duration::from_secs(seconds)),
        _ => Err("use a time between a second and a hundred years".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_and_a_bound() {
        assert_eq!(parse_time("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(parse_time("30m"), Ok(Duration::from_secs(1800)));
        for wrong in [
            "",
            "d",
            "90",
            "0s",
            "-1d",
            "1w",
            "99999999999999d",
            "1 d",
            "é",
        ] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }
}
