//! The streams: reports and errors as text or JSON, questions, remarks, progress.
//!
//! Data goes to standard output in one piece, everything else to standard error. JSON reports are one object
//! with `version` (1) and `command`. A reader that closes the pipe early is no error.
//!
//! This is the only module that writes to a stream. It takes [`Text`], or a line that it escapes as a whole, or JSON, so no
//! foreign text breaks a line or reaches a terminal as a control character. Colour is written here and nowhere else.

use std::fmt::Display;
use std::io::{self, BufRead as _, ErrorKind, Read as _, Write};

use clap::ValueEnum;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind as ClapKind};
use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::{Escaped, Text, cell, escape, escape_json};
use serde::Serialize;

use crate::Io;
use crate::error::CliError;

/// Version of the JSON reports.
pub(crate) const VERSION: u32 = 1;

/// The longest line of an error, in characters: what it cites may be as long as a bundle allows.
const MAX_LINE: usize = 8000;

/// The longest line of progress on a terminal, in characters, so that the next one can be written over it.
const MAX_PROGRESS: usize = 118;

/// How reports are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For machines: one JSON object with a version field
    Json,
}

/// What a command has to say.
pub(crate) trait Report: Serialize {
    /// The command's name.
    const COMMAND: &'static str;

    /// The report for people.
    fn text(&self) -> Text;

    /// Remarks that are no data, a line each.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

#[derive(Serialize)]
struct Envelope<'a, R> {
    version: u32,
    command: &'static str,
    #[serde(flatten)]
    report: &'a R,
}

/// Writes a report and its remarks.
///
/// # Errors
/// [`CliError`] if standard output cannot be written, unless its reader went away.
pub(crate) fn write_report<R: Report>(
    io: &mut Io<'_>,
    format: Format,
    report: &R,
) -> Result<(), CliError> {
    match format {
        Format::Text => write_stdout(io, &report.text())?,
        Format::Json => {
            let envelope = Envelope {
                version: VERSION,
                command: R::COMMAND,
                report,
            };
            let mut json = serde_json::to_string_pretty(&envelope)
                .map_err(|error| CliError::new(Exit::Failed, error))?;
            json.push('\n');
            write_json(io, &json)?;
        }
    }
    write_notes(io, &report.notes());
    Ok(())
}

/// Writes data for people.
///
/// # Errors
/// [`CliError`] if standard output cannot be written, unless its reader went away.
pub(crate) fn write_stdout(io: &mut Io<'_>, text: &Text) -> Result<(), CliError> {
    data(io, text.as_str())
}

/// Writes a JSON document. Its value stays the same; characters that a terminal would act on are written as JSON escapes.
///
/// # Errors
/// [`CliError`] if standard output cannot be written, unless its reader went away.
pub(crate) fn write_json(io: &mut Io<'_>, json: &str) -> Result<(), CliError> {
    data(io, &escape_json(json))
}

/// Writes remarks, a line each.
pub(crate) fn write_notes(io: &mut Io<'_>, notes: &[String]) {
    for note in notes {
        write_note(io, note);
    }
}

/// Writes a remark of one line.
pub(crate) fn write_note(io: &mut Io<'_>, note: impl Display) {
    write_stderr(io, &Text::of(format_args!("note: {note}")));
}

/// Writes what is no data; if that fails there is no other place to say so.
pub(crate) fn write_stderr(io: &mut Io<'_>, text: &Text) {
    remark(io, text.as_str());
}

/// Asks for a line on standard error, which stays open for the answer.
pub(crate) fn write_prompt(io: &mut Io<'_>, prompt: impl Display) {
    remark(io, &Escaped(prompt).to_string());
}

/// Asks a question on the terminal; anything but a clear yes is a no.
///
/// # Errors
/// [`CliError`] if the answer cannot be read.
pub(crate) fn ask(io: &mut Io<'_>, question: impl Display) -> Result<bool, CliError> {
    write_prompt(io, format_args!("{question} [y/N] "));
    let answer = read_answer(io, 64)?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}

/// A line of at most `limit` bytes from standard input.
///
/// # Errors
/// [`CliError`] if it cannot be read.
pub(crate) fn read_answer(io: &mut Io<'_>, limit: u64) -> Result<String, CliError> {
    let mut answer = String::new();
    (&mut *io.stdin)
        .take(limit)
        .read_line(&mut answer)
        .map_err(|error| CliError::usage(format!("cannot read the answer: {error}")))?;
    Ok(answer)
}

/// Writes an error with its causes, what belongs to it, and hints.
pub(crate) fn write_error(io: &mut Io<'_>, error: &CliError) {
    let colour = Colour::of(io);
    let line = |line: &str| cell(line, MAX_LINE).into_owned();
    let mut text = format!(
        "{}error:{} {}",
        colour.red,
        colour.plain,
        line(&error.to_string())
    );
    if !error.details().is_empty() {
        text.push(':');
    }
    text.push('\n');
    text.push_str(error.details().as_str());
    for hint in error.hints() {
        text.push_str(&format!(
            "  {}hint:{} {}\n{}",
            colour.bold,
            colour.plain,
            line(hint),
            hint.lines().as_str()
        ));
    }
    remark(io, &text);
}

/// Writes what is wrong with the arguments, or the help that was asked for; returns whether that was it.
///
/// # Errors
/// [`CliError`] if standard output cannot be written, unless its reader went away.
pub(crate) fn write_usage(io: &mut Io<'_>, error: &clap::Error) -> Result<bool, CliError> {
    let rendered = error.render();
    if matches!(
        error.kind(),
        ClapKind::DisplayHelp | ClapKind::DisplayVersion
    ) {
        // Nothing in it comes from outside of the program.
        let help = if io.terminals.stdout && !io.no_color {
            rendered.ansi().to_string()
        } else {
            rendered.to_string()
        };
        data(io, &help)?;
        return Ok(true);
    }
    let mut said = rendered.to_string();
    // Arguments are cited as they are, and a file name among them may have been chosen by another user.
    for (kind, value) in error.context() {
        if matches!(kind, ContextKind::Usage) {
            continue;
        }
        let words = match value {
            ContextValue::String(word) => std::slice::from_ref(word),
            ContextValue::Strings(words) => words,
            _ => continue,
        };
        for word in words {
            // What clap takes for a style is gone from its text.
            let cited = StyledStr::from(word).to_string();
            if !cited.is_empty() && (cited.contains('\n') || cited != *word) {
                said = said.replace(&cited, &escape(word));
            }
        }
    }
    let mut text = Text::new();
    text.content(&said);
    let colour = Colour::of(io);
    match text.as_str().strip_prefix("error:") {
        Some(rest) => remark(io, &format!("{}error:{}{rest}", colour.red, colour.plain)),
        None => remark(io, text.as_str()),
    }
    Ok(false)
}

/// Writes a line of progress. On a terminal it is written over the one before it, unless that one was to stay.
pub(crate) fn write_progress(io: &mut Io<'_>, stays: bool, line: &str) {
    let text = match (io.terminals.stderr, stays) {
        (false, _) => format!("{}\n", escape(line)),
        (true, true) => format!("\r\u{1b}[K{}\n", escape(line)),
        (true, false) => format!("\r\u{1b}[K{}", cell(line, MAX_PROGRESS)),
    };
    remark(io, &text);
}

/// Writes a line of progress for machines: one JSON object.
pub(crate) fn write_progress_json(io: &mut Io<'_>, json: &impl Serialize) {
    if let Ok(json) = serde_json::to_string(json) {
        remark(io, &format!("{}\n", escape_json(&json)));
    }
}

struct Colour {
    red: &'static str,
    bold: &'static str,
    plain: &'static str,
}

impl Colour {
    /// What standard error takes.
    const fn of(io: &Io<'_>) -> Self {
        if io.terminals.stderr && !io.no_color {
            Self {
                red: "\u{1b}[1;31m",
                bold: "\u{1b}[1m",
                plain: "\u{1b}[0m",
            }
        } else {
            Self {
                red: "",
                bold: "",
                plain: "",
            }
        }
    }
}

fn data(io: &mut Io<'_>, text: &str) -> Result<(), CliError> {
    match write_all(io.stdout, text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CliError::new(
            Exit::Failed,
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

fn remark(io: &mut Io<'_>, text: &str) {
    let _ = write_all(io.stderr, text);
}

fn write_all(to: &mut dyn Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

#[cfg(test)]
mod tests;
