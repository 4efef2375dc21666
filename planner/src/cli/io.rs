//! Streams of one run, and how much is said on them.
//!
//! Data goes to `out`, everything else to `err`. Tests hand in buffers; a closed pipe is not an error.
//!
//! Text for people is [`Text`] or one line that is escaped here, so that no name, subject or message from outside breaks a
//! line or moves a cursor. Documents for machines are written byte for byte, except to a terminal. No other way leads to a
//! stream: what [`Stream`] wraps is known to this file alone.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Read, Write};
use std::sync::Mutex;
use std::time::SystemTime;

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::{Text, escape_content, escape_json};
use serde::Serialize;

use super::CliError;

/// The streams and surroundings of one run.
pub struct Io {
    /// Data.
    pub out: Stream,
    /// Messages, progress, errors.
    pub err: Stream,
    /// Standard input, for `-f -`.
    pub input: Box<dyn Read + Send>,
    /// Whether data reach a terminal: documents are then escaped.
    pub terminal: bool,
    /// Whether messages reach a person: progress is drawn and passphrases can be asked for.
    pub interactive: bool,
    /// Whether standard input is a terminal: what comes from it is then typed, and is an answer to what was asked.
    pub input_terminal: bool,
    /// The clock, when no `--now` is given.
    pub clock: fn() -> Option<Timestamp>,
    /// `SOURCE_DATE_EPOCH`, in seconds.
    pub source_date_epoch: Option<i64>,
}

/// Where a run writes to; only [`Io`] does so.
pub struct Stream(Box<dyn Write + Send>);

impl Stream {
    /// Writes to `to`.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self(Box::new(to))
    }

    /// Writes everything. A reader that went away is not an error.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.0.write_all(bytes).and_then(|()| self.0.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

impl Io {
    /// The streams of this process.
    #[must_use]
    pub fn process() -> Self {
        Self {
            out: Stream::new(io::stdout()),
            err: Stream::new(io::stderr()),
            input: Box::new(io::stdin()),
            terminal: io::stdout().is_terminal(),
            interactive: io::stderr().is_terminal(),
            input_terminal: io::stdin().is_terminal(),
            clock: system_clock,
            source_date_epoch: std::env::var("SOURCE_DATE_EPOCH")
                .ok()
                .and_then(|text| text.parse().ok()),
        }
    }

    /// Writes a result for people.
    ///
    /// # Errors
    /// Whatever the stream returns; a reader that went away is not an error.
    pub fn print(&mut self, text: &Text) -> io::Result<()> {
        self.out.write(text.as_str().as_bytes())
    }

    /// Writes a result for machines: one JSON document.
    ///
    /// # Errors
    /// [`CliError`] if the value has no JSON form, or the stream fails; a reader that went away is not an error.
    pub(super) fn json(&mut self, document: &impl Serialize) -> Result<(), CliError> {
        let mut text = serde_json::to_string_pretty(document)
            .map_err(|error| CliError::caused(Exit::Failed, "printing the result", error))?;
        text.push('\n');
        Ok(self.out.write(escape_json(&text).as_bytes())?)
    }

    /// Writes the content of a file or a document that other programs read, byte for byte; to a terminal as text in which
    /// what a terminal would act on is escaped.
    ///
    /// # Errors
    /// Whatever the stream returns; a reader that went away is not an error.
    pub fn content(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.terminal {
            let text = String::from_utf8_lossy(bytes);
            return self.out.write(escape_content(&text).as_bytes());
        }
        self.out.write(bytes)
    }

    /// Writes one line for people, whatever is in it; when nothing reads it there is nothing to be done about it.
    pub fn say(&mut self, line: impl Display) {
        self.tell(&Text::of(line));
    }

    /// Writes lines for people; when nothing reads them there is nothing to be done about it.
    pub fn tell(&mut self, text: &Text) {
        let _ = self.err.write(text.as_str().as_bytes());
    }
}

/// A line that is drawn over itself while something countable goes on; silent when nobody watches.
pub(super) struct Progress<'a> {
    inner: Mutex<(&'a mut Io, usize)>,
    label: &'static str,
}

impl<'a> Progress<'a> {
    /// Progress of what `label` names.
    pub(super) fn new(io: &'a mut Io, label: &'static str) -> Self {
        Self {
            inner: Mutex::new((io, 0)),
            label,
        }
    }

    /// Shows that `done` of `total` are done; may be called from any thread, in any order.
    pub(super) fn show(&self, done: usize, total: usize) {
        let Ok(mut inner) = self.inner.lock() else {
            return;
        };
        inner.1 = inner.1.max(done);
        let done = inner.1;
        if inner.0.interactive {
            let line = format!("\r\x1b[K{} {done}/{total}", self.label);
            let _ = inner.0.err.write(line.as_bytes());
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Ok(inner) = self.inner.get_mut()
            && inner.0.interactive
        {
            let _ = inner.0.err.write(b"\r\x1b[K");
        }
    }
}

fn system_clock() -> Option<Timestamp> {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    Timestamp::from_unix_seconds(i64::try_from(since.as_secs()).ok()?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn io(terminal: bool) -> (Io, Buffer, Buffer) {
        let (out, err) = (Buffer::default(), Buffer::default());
        let io = Io {
            out: Stream::new(out.clone()),
            err: Stream::new(err.clone()),
            input: Box::new(io::empty()),
            terminal,
            input_terminal: false,
            interactive: false,
            clock: || None,
            source_date_epoch: None,
        };
        (io, out, err)
    }

    #[test]
    fn content_is_escaped_for_a_terminal_alone() {
        for (terminal, expected) in [
            (false, &b"a: b\r\x1b[2J\n\xff"[..]),
            (true, "a: b\\r\\u{1b}[2J\n\u{fffd}".as_bytes()),
        ] {
            let (mut io, out, _) = io(terminal);
            io.content(b"a: b\r\x1b[2J\n\xff").unwrap();
            assert_eq!(*out.0.lock().unwrap(), expected);
        }
    }

    #[test]
    fn lines_and_json_are_always_escaped() {
        let (mut io, out, err) = io(false);
        io.say("x\ny\u{1b}");
        io.json(&["\u{9b}", "\n"]).unwrap();
        assert_eq!(*err.0.lock().unwrap(), b"x\\ny\\u{1b}\n");
        assert_eq!(*out.0.lock().unwrap(), b"[\n  \"\\u009b\",\n  \"\\n\"\n]\n");
    }
}
