//! Reports and errors as text or JSON.
//!
//! Data goes to standard output in one piece, everything else to standard error. JSON reports are one object
//! with `version` (1) and `command`. A reader that closes the pipe early is no error.

use std::io::{self, BufRead as _, ErrorKind, Read as _, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::Io;
use crate::error::CliError;
use kubeplan_bundle::exit::Exit;

/// Version of the JSON reports.
pub(crate) const VERSION: u32 = 1;

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

    /// The report for people; lines end with a line feed.
    fn text(&self) -> String;

    /// Remarks that are no data.
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
    let text = match format {
        Format::Text => report.text(),
        Format::Json => {
            let envelope = Envelope {
                version: VERSION,
                command: R::COMMAND,
                report,
            };
            let mut text = serde_json::to_string_pretty(&envelope)
                .map_err(|error| CliError::new(Exit::Failed, error))?;
            text.push('\n');
            text
        }
    };
    write_stdout(io, &text)?;
    for note in report.notes() {
        write_stderr(io, &format!("note: {note}\n"));
    }
    Ok(())
}

/// Writes data.
///
/// # Errors
/// [`CliError`] if standard output cannot be written, unless its reader went away.
pub(crate) fn write_stdout(io: &mut Io<'_>, text: &str) -> Result<(), CliError> {
    match write_all(io.stdout, text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CliError::new(
            Exit::Failed,
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Writes a remark; if that fails there is nobody to tell.
pub(crate) fn write_stderr(io: &mut Io<'_>, text: &str) {
    let _ = write_all(io.stderr, text);
}

/// Asks a question on the terminal; anything but a clear yes is a no.
///
/// # Errors
/// [`CliError`] if the answer cannot be read.
pub(crate) fn ask(io: &mut Io<'_>, question: &str) -> Result<bool, CliError> {
    write_stderr(io, &format!("{question} [y/N] "));
    let mut answer = String::new();
    (&mut *io.stdin)
        .take(64)
        .read_line(&mut answer)
        .map_err(|error| CliError::usage(format!("cannot read the answer: {error}")))?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}

/// Writes an error with its causes and hints.
pub(crate) fn write_error(io: &mut Io<'_>, error: &CliError) {
    let (red, bold, plain) = if io.terminals.stderr && !io.no_color {
        ("\u{1b}[1;31m", "\u{1b}[1m", "\u{1b}[0m")
    } else {
        ("", "", "")
    };
    let mut text = format!("{red}error:{plain} {}\n", printable(&error.to_string()));
    for hint in error.hints() {
        text.push_str(&format!("  {bold}hint:{plain} {}\n", printable(hint)));
    }
    write_stderr(io, &text);
}

fn write_all(to: &mut dyn Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

/// The text with every control character but line feed and tab escaped: names and files come from others, and
/// must not repaint the terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if (character.is_control() && !matches!(character, '\n' | '\t'))
            || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_cannot_repaint_the_terminal() {
        assert_eq!(printable("a\tb\nc"), "a\tb\nc");
        assert_eq!(
            printable("\u{1b}[2J\r\u{202e}"),
            "\\u{1b}[2J\\u{d}\\u{202e}"
        );
    }
}
