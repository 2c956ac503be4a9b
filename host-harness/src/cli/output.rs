//! What goes to standard output, and how a failure is reported.

use super::args::{GlobalArguments, OutputForm};
use super::failure::Failure;
use super::render::{self, Row};
use super::terminal;
use serde::Serialize;
use serde_json::Value;
use std::io::{Read, Seek, SeekFrom, Write};
use std::process::ExitCode;
use tempfile::SpooledTempFile;

/// Up to this length a list waits in memory for its end, above in a temporary file.
const LIST_IN_MEMORY: usize = 1 << 20;

/// How to write.
pub(super) struct Output {
    form: OutputForm,
}

impl Output {
    /// The form that the command's own arguments choose, or that of `--json`.
    pub(super) fn new(arguments: &GlobalArguments, chosen: Option<OutputForm>) -> Self {
        let form = match (chosen, arguments.json) {
            (Some(form), _) => form,
            (None, true) => OutputForm::Json,
            (None, false) => OutputForm::Table,
        };
        Self { form }
    }

    /// Whether standard output is for programs: JSON in either form.
    pub(super) fn is_json(&self) -> bool {
        self.form != OutputForm::Table
    }

    /// The same, writing one JSON document.
    pub(super) fn as_json(&self) -> Self {
        Self {
            form: OutputForm::Json,
        }
    }

    /// Names the command that is useful next, to a person at a terminal only.
    pub(super) fn hint(&self, next: &str) {
        if !self.is_json() && terminal::is_a_person_there() {
            print_error(&format!("\x1b[1mnext\x1b[0m: {next}"));
        }
    }

    fn document(&self, document: &Value) -> Result<(), Failure> {
        print_document(document, self.form)
    }

    /// Prints one record: as JSON, or as lines of name and value.
    pub(super) fn record(&self, record: &impl Serialize) -> Result<(), Failure> {
        let value = serde_json::to_value(record).map_err(not_serialisable)?;
        if self.is_json() {
            self.document(&value)
        } else {
            print_text(&render::facts(&value))
        }
    }

    /// Says that a call without a result is done.
    pub(super) fn done(&self) -> Result<(), Failure> {
        if self.is_json() {
            self.document(&serde_json::json!({ "ok": true }))
        } else {
            Ok(())
        }
    }

    /// Prints a JSON document, or these lines.
    pub(super) fn either(
        &self,
        document: impl FnOnce() -> Value,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.is_json() {
            self.document(&document())
        } else {
            print_text(&text())
        }
    }

    /// Says that a program is ready which runs on: as one line of JSON, for whoever
    /// waits for it, or as these lines.
    pub(super) fn announcement(
        &self,
        document: impl FnOnce() -> Value,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.is_json() {
            print_text(&format!("{}\n", document()))
        } else {
            print_text(&text())
        }
    }

    /// Begins a list.
    pub(super) fn list(&self) -> ListOutput {
        ListOutput {
            form: self.form,
            room: terminal::columns(),
            count: 0,
            widths: Vec::new(),
            kept: SpooledTempFile::new(LIST_IN_MEMORY),
        }
    }

    /// Reports a failure and gives the exit code.
    pub(super) fn report(&self, failure: &Failure) -> ExitCode {
        if failure.is_broken_pipe() {
            return super::exit::SUCCESS.into();
        }
        if self.is_json() {
            print_error_document(failure, self.form);
        }
        print_error(&format!(
            "\x1b[1;31merror\x1b[0m: {}",
            render::one_line(&failure.to_string())
        ));
        if let Some(advice) = failure.advice() {
            print_error(&format!("\x1b[1mhint\x1b[0m: {advice}"));
        }
        failure.exit().into()
    }
}

/// A list on its way to standard output. It is written only when it is whole, so
/// that a reader never takes a part for the whole; until then it waits in a
/// temporary file, so that memory holds no more than a page.
pub(super) struct ListOutput {
    form: OutputForm,
    /// How many columns a terminal has; text for anything else is not cut.
    room: Option<usize>,
    count: u64,
    widths: Vec<usize>,
    kept: SpooledTempFile,
}

impl ListOutput {
    /// Takes a page.
    pub(super) fn page<T: Row + Serialize>(&mut self, items: &[T]) -> std::io::Result<()> {
        match self.form {
            OutputForm::Table => {
                let text = render::table(items, &mut self.widths, self.count == 0, self.room);
                self.kept.write_all(text.as_bytes())?;
                self.count += items.len() as u64;
            }
            OutputForm::Json => {
                for item in items {
                    let start = if self.count == 0 { "[\n" } else { ",\n" };
                    self.kept.write_all(start.as_bytes())?;
                    serde_json::to_writer(&mut self.kept, item)?;
                    self.count += 1;
                }
            }
            OutputForm::Jsonl => {
                for item in items {
                    serde_json::to_writer(&mut self.kept, item)?;
                    self.kept.write_all(b"\n")?;
                }
            }
        }
        Ok(())
    }

    /// Writes the whole list.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        if self.form == OutputForm::Json {
            let end: &[u8] = if self.count == 0 { b"[]\n" } else { b"\n]\n" };
            self.kept
                .write_all(end)
                .map_err(|error| kept_failed(&error))?;
        }
        self.kept
            .seek(SeekFrom::Start(0))
            .map_err(|error| kept_failed(&error))?;
        let mut buffer = vec![0; 64 * 1024];
        // The text goes through anstream, which drops colours where they are not wanted.
        let mut target: Box<dyn Write> = if self.form != OutputForm::Table {
            Box::new(std::io::stdout())
        } else {
            Box::new(anstream::stdout())
        };
        loop {
            let count = self
                .kept
                .read(&mut buffer)
                .map_err(|error| kept_failed(&error))?;
            if count == 0 {
                break;
            }
            target
                .write_all(&buffer[..count])
                .map_err(|error| Failure::standard_output(&error))?;
        }
        target
            .flush()
            .map_err(|error| Failure::standard_output(&error))
    }
}

fn kept_failed(error: &std::io::Error) -> Failure {
    Failure::new(
        super::exit::FAILURE,
        format!("the list cannot be kept in a temporary file: {error}"),
    )
}

fn not_serialisable(error: serde_json::Error) -> Failure {
    Failure::new(
        super::exit::FAILURE,
        format!("no JSON can be made: {error}"),
    )
}

/// Prints text, in colours only where they are wanted.
pub(super) fn print_text(text: &str) -> Result<(), Failure> {
    let mut target = anstream::stdout();
    target
        .write_all(text.as_bytes())
        .and_then(|()| target.flush())
        .map_err(|error| Failure::standard_output(&error))
}

/// Prints a line on standard error. The exit code says the same, so a standard
/// error that is closed or full changes nothing.
fn print_error(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

fn print_document(document: &Value, form: OutputForm) -> Result<(), Failure> {
    let mut text = match form {
        OutputForm::Jsonl => serde_json::to_string(document),
        _ => serde_json::to_string_pretty(document),
    }
    .map_err(not_serialisable)?;
    text.push('\n');
    let mut target = std::io::stdout();
    target
        .write_all(text.as_bytes())
        .and_then(|()| target.flush())
        .map_err(|error| Failure::standard_output(&error))
}

/// Prints the JSON document of a failure.
pub(super) fn print_error_document(failure: &Failure, form: OutputForm) {
    // The failure is reported on standard error as well, so a closed standard
    // output loses nothing.
    let _ = print_document(&failure.document(), form);
}
