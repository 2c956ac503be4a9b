//! `engine conformance`: runs the kit on a provider and reports.

mod dialects;
mod setup;

use super::args::conformance::ConformanceArguments;
use super::exit;
use super::failure::Failure;
use super::interrupt;
use super::output::{Output, print_text};
use super::render::one_line;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use setup::Setup;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;
use vcs_conformance::{Report, Rule, Run, junit, rules};

/// Lists the rules, or runs them.
pub(super) fn run(arguments: &ConformanceArguments, output: &Output) -> Result<(), Failure> {
    let rules = chosen(&arguments.rules)?;
    if arguments.list {
        return output.either(|| document(&rules), || listing(&rules));
    }
    let setup = Setup::new(arguments)?;
    let cancellation = interrupt::cancellation();
    let run = Run::new(setup.server, setup.info, setup.target)
        .only(|rule| rules.iter().any(|chosen| chosen.id == rule.id))
        .with_rule_limit(Duration::from_secs(arguments.timeout) * 10)
        .cancelled_by(cancellation.clone());
    let progress = progress();
    let report = run.run(|number, count, rule| {
        progress.set_length(count as u64);
        progress.set_position(number as u64);
        progress.set_message(rule.id);
    });
    progress.finish_and_clear();
    // Kept until here: a mocked service ends with it.
    drop(setup.service);
    let report = report?;
    if let Some(path) = &arguments.junit {
        write_junit(&report, path)?;
    }
    if cancellation.is_cancelled() {
        let failure = Failure::new(exit::CANCELLED, "the run was interrupted");
        return Err(failure.with_fact("report", json!(report)));
    }
    answer(&report, output)
}

fn answer(report: &Report, output: &Output) -> Result<(), Failure> {
    if report.conforms() {
        return output.either(|| json!(report), || coloured(report));
    }
    if !output.is_json() {
        print_text(&coloured(report))?;
    }
    let counts = report.counts();
    let message = match counts.failed {
        0 => "no rule could be checked".to_owned(),
        1 => format!("the rule {} failed", report.failed().join(", ")),
        failed => format!("{failed} rules failed: {}", report.failed().join(", ")),
    };
    Err(Failure::new(exit::CHECK_FAILED, message).with_fact("report", json!(report)))
}

fn progress() -> ProgressBar {
    let progress = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} {msg}") {
        progress.set_style(style);
    }
    progress.enable_steady_tick(Duration::from_millis(200));
    progress
}

fn write_junit(report: &Report, path: &Path) -> Result<(), Failure> {
    let file = std::fs::File::create(path).map_err(|error| Failure::file(path, &error))?;
    junit::write(report, std::io::BufWriter::new(file)).map_err(|error| Failure::file(path, &error))
}

/// The rules that are named by id or by what stands before the dot; all if none is.
fn chosen(names: &[String]) -> Result<Vec<Rule>, Failure> {
    let fits = |rule: &Rule, name: &String| {
        rule.id == name
            || rule
                .id
                .split_once('.')
                .is_some_and(|(group, _)| group == name)
    };
    let all = rules::all();
    for name in names {
        if !all.iter().any(|rule| fits(rule, name)) {
            return Err(Failure::usage(format!(
                "there is no rule {name:?}; see engine conformance --list"
            )));
        }
    }
    let is_chosen = |rule: &Rule| names.is_empty() || names.iter().any(|name| fits(rule, name));
    Ok(all.into_iter().filter(is_chosen).collect())
}

fn document(rules: &[Rule]) -> Value {
    let rule = |rule: &Rule| {
        json!({
            "id": rule.id,
            "title": rule.title,
            "asserts": rule.asserts,
            "needs": rule.needs,
        })
    };
    rules.iter().map(rule).collect()
}

fn listing(rules: &[Rule]) -> String {
    let mut text = String::new();
    for rule in rules {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\x1b[1m{}\x1b[0m: {}\n    {}",
            rule.id, rule.title, rule.asserts
        );
        if !rule.needs.is_empty() {
            let _ = writeln!(text, "    Needs {}.", rule.needs.join(", "));
        }
    }
    text
}

/// The report with colours; what the provider said cannot steer the terminal.
fn coloured(report: &Report) -> String {
    let mut text = String::new();
    for line in report.text().lines() {
        let line = one_line(line);
        let words = [("ok ", "32"), ("FAILED ", "1;31"), ("skipped ", "33")];
        let colour = words.iter().find(|(word, _)| line.starts_with(word));
        let _ = match colour
            .and_then(|(word, colour)| Some((line.split_once(word)?.1, word, colour)))
        {
            Some((rest, word, colour)) => {
                writeln!(text, "\x1b[{colour}m{word}\x1b[0m{rest}")
            }
            None => writeln!(text, "{line}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_chosen_by_id_or_group_and_unknown_ones_are_named() {
        let count = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            chosen(&names).map(|rules| rules.len())
        };
        assert_eq!(count(&[]).ok(), Some(rules::all().len()));
        assert_eq!(count(&["list.stop", "list.limit"]).ok(), Some(2));
        assert!(count(&["webhook"]).is_ok_and(|count| count > 2));
        let failure = count(&["list.stop", "lisst"]).err();
        assert!(failure.is_some_and(|failure| failure.to_string().contains("\"lisst\"")));
    }

    #[test]
    fn the_list_says_what_each_rule_asserts() {
        let rules = chosen(&["branch.delete-twice".to_owned()]).unwrap_or_default();
        let text = listing(&rules);
        assert!(
            text.contains("branch.delete-twice") && text.contains("Needs create_branch"),
            "{text}"
        );
        assert_eq!(document(&rules)[0]["needs"][0], "create_branch");
    }
}
