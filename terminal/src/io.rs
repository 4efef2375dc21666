//! The streams of one run, and the ways to write to them.
//!
//! Data goes to standard output, everything else to standard error. A reader that closes the pipe early is not an error.
//!
//! Text for people is [`Text`] or one line that is escaped here, so that no name, subject or message from outside breaks a
//! line or moves a cursor. Documents for machines are written byte for byte, except to a terminal. Only this
//! file writes to what [`Stream`] wraps, and only this file writes colours.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal as _, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::secret::SecretBytes;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::error::CliError;
use crate::escape::{Escaped, escape, escape_content};
use crate::json::escape_json;
use crate::table::cell;
use crate::text::Text;

/// The longest line of an error, in characters: what it cites may be as long as a bundle allows.
const MAX_LINE: usize = 8000;

/// The longest line of progress on a terminal, in characters, so that the next one can be written over it.
const MAX_PROGRESS: usize = 118;

/// The longest secret that is typed where it is read from the input of [`Io::new`], in bytes.
const MAX_SECRET: usize = 4096;

/// The longest answer to a question, in bytes.
const MAX_ANSWER: usize = 64;

/// The streams of one run.
pub struct Io {
    out: Stream,
    err: Stream,
    input: Box<dyn Read + Send>,
    terminals: Terminals,
    no_color: bool,
    /// Secrets are typed on the terminal of the process, whatever its streams are.
    types_secrets: bool,
}

/// Which of the standard streams are terminals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terminals {
    /// Standard input: a person types it, so a question can be asked.
    pub stdin: bool,
    /// Standard output: documents are escaped.
    pub stdout: bool,
    /// Standard error: progress is drawn over itself.
    pub stderr: bool,
}

impl Terminals {
    /// All of them.
    pub const ALL: Self = Self {
        stdin: true,
        stdout: true,
        stderr: true,
    };
}

/// Where a run writes to; only [`Io`] does so.
pub struct Stream(Box<dyn Write + Send>);

impl Stream {
    /// Writes to `to`.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self(Box::new(to))
    }

    /// Writes everything. A reader that closed the stream is not an error.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.0.write_all(bytes).and_then(|()| self.0.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

/// A stream that is kept in memory. Clones share what was written.
#[derive(Clone, Debug, Default)]
pub struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    /// Takes out the bytes that were written so far.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes out what was written so far as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn take_text(&self) -> String {
        String::from_utf8_lossy(&self.take()).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Io {
    /// The streams of this process; colours unless `NO_COLOR` says otherwise (<https://no-color.org>).
    #[must_use]
    pub fn process() -> Self {
        Self {
            out: Stream::new(io::stdout()),
            err: Stream::new(io::stderr()),
            input: Box::new(io::stdin()),
            terminals: Terminals {
                stdin: io::stdin().is_terminal(),
                stdout: io::stdout().is_terminal(),
                stderr: io::stderr().is_terminal(),
            },
            no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            types_secrets: true,
        }
    }

    /// Other streams: input, output, messages. Nothing is coloured.
    #[must_use]
    pub fn new(
        input: impl Read + Send + 'static,
        out: Stream,
        err: Stream,
        terminals: Terminals,
    ) -> Self {
        Self {
            out,
            err,
            input: Box::new(input),
            terminals,
            no_color: true,
            types_secrets: false,
        }
    }

    /// The same streams, with colours on those that are terminals.
    #[must_use]
    pub fn coloured(self) -> Self {
        Self {
            no_color: false,
            ..self
        }
    }

    /// Which of the streams are terminals.
    #[must_use]
    pub const fn terminals(&self) -> Terminals {
        self.terminals
    }

    /// Standard input.
    pub fn input(&mut self) -> &mut dyn Read {
        &mut *self.input
    }

    /// Writes a result for people.
    ///
    /// # Errors
    /// [`CliError`] if the stream fails. A reader that closed it is not an error.
    pub fn print(&mut self, text: &Text) -> Result<(), CliError> {
        self.data(text.as_str().as_bytes())
    }

    /// Writes the content of a file or a document that other programs read, byte for byte; to a terminal as text in which
    /// what a terminal would act on is escaped.
    ///
    /// # Errors
    /// [`CliError`] if the stream fails. A reader that closed it is not an error.
    pub fn content(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        if self.terminals.stdout {
            let text = String::from_utf8_lossy(bytes);
            return self.data(escape_content(&text).as_bytes());
        }
        self.data(bytes)
    }

    /// Writes a JSON text. Its value stays the same; characters that a terminal would act on are written as JSON escapes.
    ///
    /// # Errors
    /// [`CliError`] if the stream fails. A reader that closed it is not an error.
    pub fn json(&mut self, json: &str) -> Result<(), CliError> {
        self.data(escape_json(json).as_bytes())
    }

    /// Writes one line for people. Errors of the stream are ignored.
    pub fn say(&mut self, line: impl Display) {
        self.tell(&Text::of(line));
    }

    /// Writes lines for people. Errors of the stream are ignored.
    pub fn tell(&mut self, text: &Text) {
        self.remark(text.as_str());
    }

    /// Writes a remark of one line.
    pub fn note(&mut self, note: impl Display) {
        self.say(format_args!("note: {note}"));
    }

    /// Writes remarks, a line each.
    pub fn notes(&mut self, notes: &[String]) {
        for note in notes {
            self.note(note);
        }
    }

    /// Asks for a line on standard error, which stays open for the answer.
    pub fn prompt(&mut self, prompt: impl Display) {
        self.remark(&Escaped(prompt).to_string());
    }

    /// Asks a question. Any answer other than `y` or `yes` is a no.
    ///
    /// # Errors
    /// [`CliError`] if the answer cannot be read.
    pub fn ask(&mut self, question: impl Display) -> Result<bool, CliError> {
        self.prompt(format_args!("{question} [y/N] "));
        let answer = self.answer(MAX_ANSWER)?;
        Ok(matches!(
            answer.trim().to_ascii_lowercase().as_str(),
            "y" | "yes"
        ))
    }

    /// Asks for a secret, which is not shown while it is typed: on the terminal of the process, or, for streams of [`Io::new`], as one
    /// line of its input. Callers check beforehand that there is a terminal.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn secret(&mut self, prompt: impl Display) -> io::Result<SecretBytes> {
        let prompt = format!("{}: ", Escaped(prompt));
        if self.types_secrets {
            return rpassword::prompt_password(prompt).map(SecretBytes::from_text);
        }
        self.remark(&prompt);
        // As large as it can get, so that no copy is left behind by growing.
        let mut line = Zeroizing::new(Vec::with_capacity(MAX_SECRET));
        self.read_line_into(&mut line, MAX_SECRET)?;
        let end = line.strip_suffix(b"\n").map_or(line.len(), <[u8]>::len);
        line.truncate(end);
        Ok(SecretBytes::take(&mut line))
    }

    /// A line of at most `limit` bytes from standard input; what follows it stays unread.
    ///
    /// # Errors
    /// [`CliError`] if it cannot be read, or is not text.
    pub fn answer(&mut self, limit: usize) -> Result<String, CliError> {
        let read = self.read_line(limit);
        read.map_err(|error| CliError::usage(format!("cannot read the answer: {error}")))
    }

    fn read_line(&mut self, limit: usize) -> io::Result<String> {
        let mut line = Vec::new();
        self.read_line_into(&mut line, limit)?;
        String::from_utf8(line).map_err(|_| {
            io::Error::new(ErrorKind::InvalidData, "stream did not contain valid UTF-8")
        })
    }

    /// Adds to `line` what is read up to a line feed, with it.
    fn read_line_into(&mut self, line: &mut Vec<u8>, limit: usize) -> io::Result<()> {
        let mut byte = [0];
        while line.len() < limit {
            match self.input.read(&mut byte) {
                Ok(0) => break,
                Ok(_) => line.extend(byte),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            if byte == [b'\n'] {
                break;
            }
        }
        Ok(())
    }

    /// Writes an error with its causes, details and hints.
    pub fn error(&mut self, error: &CliError) {
        let colour = self.colour();
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
        self.remark(&text);
    }

    /// Writes a line of progress. On a terminal it is written over the one before it, unless that one was to stay.
    pub fn progress(&mut self, stays: bool, line: &str) {
        let text = match (self.terminals.stderr, stays) {
            (false, _) => format!("{}\n", escape(line)),
            (true, true) => format!("\r\u{1b}[K{}\n", escape(line)),
            (true, false) => format!("\r\u{1b}[K{}", cell(line, MAX_PROGRESS)),
        };
        self.remark(&text);
    }

    /// Writes a line of progress for machines: one JSON object.
    pub fn event(&mut self, json: &impl Serialize) {
        if let Ok(json) = serde_json::to_string(json) {
            self.remark(&format!("{}\n", escape_json(&json)));
        }
    }

    /// Clears a line of progress that does not stay.
    pub(crate) fn clear_progress(&mut self) {
        if self.terminals.stderr {
            self.remark("\r\u{1b}[K");
        }
    }

    /// Writes help that was asked for. All of it is the program's own text.
    pub(crate) fn help(&mut self, help: &clap::builder::StyledStr) -> Result<(), CliError> {
        if self.terminals.stdout && !self.no_color {
            self.data(help.ansi().to_string().as_bytes())
        } else {
            self.data(help.to_string().as_bytes())
        }
    }

    /// Writes what is wrong with the arguments: lines, the first of which may begin with `error:`.
    pub(crate) fn misuse(&mut self, text: &Text) {
        let colour = self.colour();
        match text.as_str().strip_prefix("error:") {
            Some(rest) => self.remark(&format!("{}error:{}{rest}", colour.red, colour.plain)),
            None => self.tell(text),
        }
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.out.write(bytes).map_err(|error| {
            CliError::new(
                Exit::Failed,
                format!("cannot write to standard output: {error}"),
            )
        })
    }

    fn remark(&mut self, text: &str) {
        let _ = self.err.write(text.as_bytes());
    }

    /// What standard error takes.
    const fn colour(&self) -> Colour {
        if self.terminals.stderr && !self.no_color {
            Colour {
                red: "\u{1b}[1;31m",
                bold: "\u{1b}[1m",
                plain: "\u{1b}[0m",
            }
        } else {
            Colour {
                red: "",
                bold: "",
                plain: "",
            }
        }
    }
}

struct Colour {
    red: &'static str,
    bold: &'static str,
    plain: &'static str,
}

#[cfg(test)]
mod tests;
