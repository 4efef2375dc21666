//! Streams of one run, and how much is said on them.
//!
//! Data goes to `out`, everything else to `err`. Tests hand in buffers; a closed pipe is not an error.

use std::io::{self, IsTerminal as _, Read, Write};
use std::sync::Mutex;
use std::time::SystemTime;

use kubeplan_bundle::timestamp::Timestamp;

/// The streams and surroundings of one run.
pub struct Io {
    /// Data.
    pub out: Box<dyn Write + Send>,
    /// Messages, progress, errors.
    pub err: Box<dyn Write + Send>,
    /// Standard input, for `-f -`.
    pub input: Box<dyn Read + Send>,
    /// Whether messages reach a person: progress is drawn and passphrases can be asked for.
    pub interactive: bool,
    /// Whether standard input is a terminal: what comes from it is then typed, and is an answer to what was asked.
    pub input_terminal: bool,
    /// The clock, when no `--now` is given.
    pub clock: fn() -> Option<Timestamp>,
    /// `SOURCE_DATE_EPOCH`, in seconds.
    pub source_date_epoch: Option<i64>,
}

impl Io {
    /// The streams of this process.
    #[must_use]
    pub fn process() -> Self {
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            input: Box::new(io::stdin()),
            interactive: io::stderr().is_terminal(),
            input_terminal: io::stdin().is_terminal(),
            clock: system_clock,
            source_date_epoch: std::env::var("SOURCE_DATE_EPOCH")
                .ok()
                .and_then(|text| text.parse().ok()),
        }
    }

    /// Writes data. A reader that went away is not an error.
    ///
    /// # Errors
    /// Whatever else the stream returns.
    pub fn data(&mut self, text: &str) -> io::Result<()> {
        self.bytes(text.as_bytes())
    }

    /// Writes data bytes. A reader that went away is not an error.
    ///
    /// # Errors
    /// Whatever else the stream returns.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.out.write_all(bytes).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Writes one line for people; when nobody listens there is nothing to be done about it.
    pub fn say(&mut self, line: &str) {
        let _ = writeln!(self.err, "{line}");
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
            let _ = write!(inner.0.err, "\r\x1b[K{} {done}/{total}", self.label);
            let _ = inner.0.err.flush();
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Ok(inner) = self.inner.get_mut()
            && inner.0.interactive
        {
            let _ = write!(inner.0.err, "\r\x1b[K");
            let _ = inner.0.err.flush();
        }
    }
}

fn system_clock() -> Option<Timestamp> {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    Timestamp::from_unix_seconds(i64::try_from(since.as_secs()).ok()?)
}
