//! A report as JUnit XML, which CI engines show.

use super::report::{Counts, Outcome, Report, RuleReport};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use std::io::{self, Write};

/// Writes the report: one test suite, one case for each rule.
///
/// # Errors
/// When the output cannot be written.
pub fn write(report: &Report, output: impl Write) -> io::Result<()> {
    let Counts {
        failed, skipped, ..
    } = report.counts();
    let tests = report.rules.len().to_string();
    let seconds: f64 = report.rules.iter().map(|rule| rule.seconds).sum();
    let mut writer = Writer::new_with_indent(output, b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let name = format!("conformance of {}", report.provider.provider_type);
    writer
        .create_element("testsuites")
        .write_inner_content(|writer| {
            writer
                .create_element("testsuite")
                .with_attribute(("name", allowed(&name).as_str()))
                .with_attribute(("tests", tests.as_str()))
                .with_attribute(("failures", failed.to_string().as_str()))
                .with_attribute(("errors", "0"))
                .with_attribute(("skipped", skipped.to_string().as_str()))
                .with_attribute(("time", time(seconds).as_str()))
                .write_inner_content(|writer| {
                    report.rules.iter().try_for_each(|rule| case(writer, rule))
                })?;
            Ok(())
        })?;
    writer.into_inner().write_all(b"\n")
}

fn case<W: Write>(writer: &mut Writer<W>, rule: &RuleReport) -> io::Result<()> {
    let (class, name) = rule.id.split_once('.').unwrap_or(("rule", &rule.id));
    let element = writer
        .create_element("testcase")
        .with_attribute(("classname", allowed(class).as_str()))
        .with_attribute(("name", allowed(&format!("{name}: {}", rule.title)).as_str()))
        .with_attribute(("time", time(rule.seconds).as_str()));
    match &rule.outcome {
        Outcome::Passed => {
            element.write_empty()?;
        }
        Outcome::Failed { findings } => {
            let first = findings.first().map_or("failed", String::as_str);
            element.write_inner_content(|writer| {
                writer
                    .create_element("failure")
                    .with_attribute(("message", allowed(first).as_str()))
                    .write_text_content(BytesText::new(&allowed(&findings.join("\n"))))?;
                Ok(())
            })?;
        }
        Outcome::Skipped { reason } => {
            element.write_inner_content(|writer| {
                writer
                    .create_element("skipped")
                    .with_attribute(("message", allowed(reason).as_str()))
                    .write_empty()?;
                Ok(())
            })?;
        }
    }
    Ok(())
}

fn time(seconds: f64) -> String {
    format!("{seconds:.3}")
}

/// The text without the characters that XML 1.0 cannot hold in any form.
fn allowed(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' | '\n' | '\r' => c,
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            _ => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::report::sample;
    use super::*;
    use quick_xml::Reader;

    fn written() -> String {
        let mut bytes = Vec::new();
        assert!(write(&sample(), &mut bytes).is_ok());
        String::from_utf8(bytes).unwrap_or_default()
    }

    #[test]
    fn the_document_is_well_formed_and_says_what_failed() {
        let text = written();
        let mut reader = Reader::from_str(&text);
        let mut names = Vec::new();
        let mut message = None;
        loop {
            match reader.read_event() {
                Ok(Event::Eof) => break,
                Ok(Event::Start(element) | Event::Empty(element)) => {
                    let name = String::from_utf8_lossy(element.name().as_ref()).into_owned();
                    if name == "failure" {
                        message = element
                            .try_get_attribute("message")
                            .ok()
                            .flatten()
                            .and_then(|value| value.unescape_value().ok())
                            .map(std::borrow::Cow::into_owned);
                    }
                    names.push(name);
                }
                Ok(_) => {}
                Err(error) => panic!("{error}\n{text}"),
            }
        }
        assert_eq!(
            names,
            [
                "testsuites",
                "testsuite",
                "testcase",
                "testcase",
                "failure",
                "testcase",
                "skipped"
            ]
        );
        assert_eq!(message.as_deref(), Some("branches: \"<&>\u{fffd}"));
    }

    #[test]
    fn the_suite_counts_what_came_out_how() {
        let text = written();
        assert!(
            text.contains(r#"tests="3" failures="1" errors="0" skipped="1" time="0.750""#),
            "{text}"
        );
        assert!(text.contains(r#"classname="list" name="stop: "#), "{text}");
    }
}
