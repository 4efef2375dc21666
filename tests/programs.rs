//! Both programs, run inside this process with their streams in memory.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use kubeapply::host::clock::Clock;
use kubeapply::host::durable::Fault;
use kubeplan_bundle::timestamp::Timestamp;

/// The clock of every run in the suites.
pub const NOW: &str = "2026-11-20T10:23:25Z";

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Run {
    /// The exit code.
    pub code: u8,
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error.
    pub err: String,
    /// Durable actions, also the one that failed; of `kubeapply` only.
    pub performed: u64,
}

impl Run {
    /// Standard output as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    /// Fails unless the run ended with `code`; the message holds everything the run said.
    ///
    /// # Errors
    /// If the exit code is another one.
    pub fn expect(self, code: u8) -> anyhow::Result<Self> {
        anyhow::ensure!(
            self.code == code,
            "exit code {} instead of {code}\nstdout: {}\nstderr: {}",
            self.code,
            self.text(),
            self.err
        );
        Ok(self)
    }
}

/// The repository's root folder.
#[must_use]
pub fn repository() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}

/// Runs `kubeplan` with the suites' clock.
pub fn kubeplan<T: Into<OsString> + Clone>(args: &[T]) -> Run {
    run_kubeplan(args, Box::new(io::empty()), false, false)
}

/// Runs `kubeplan` with the suites' clock and a terminal for its data.
pub fn kubeplan_on_a_terminal<T: Into<OsString> + Clone>(args: &[T]) -> Run {
    run_kubeplan(args, Box::new(io::empty()), false, true)
}

/// Runs `kubeplan` at a terminal that types `answer`.
pub fn kubeplan_typed<T: Into<OsString> + Clone>(args: &[T], answer: &'static str) -> Run {
    kubeplan_with(args, Box::new(answer.as_bytes()), true)
}

/// Runs `kubeplan` with the standard input `input`, asking at a terminal or not.
pub fn kubeplan_with<T: Into<OsString> + Clone>(
    args: &[T],
    input: Box<dyn io::Read + Send>,
    asking: bool,
) -> Run {
    run_kubeplan(args, input, asking, false)
}

fn run_kubeplan<T: Into<OsString> + Clone>(
    args: &[T],
    input: Box<dyn io::Read + Send>,
    asking: bool,
    terminal: bool,
) -> Run {
    let (out, err) = (Buffer::default(), Buffer::default());
    let mut io = kubeplan::cli::Io {
        out: kubeplan::cli::Stream::new(out.clone()),
        err: kubeplan::cli::Stream::new(err.clone()),
        input,
        terminal,
        interactive: asking,
        input_terminal: asking,
        clock: || NOW.parse::<Timestamp>().ok(),
        source_date_epoch: None,
    };
    let code = kubeplan::run(named("kubeplan", args), &mut io);
    Run {
        code,
        out: out.take(),
        err: String::from_utf8_lossy(&err.take()).into_owned(),
        performed: 0,
    }
}

fn named<T: Into<OsString> + Clone>(name: &str, args: &[T]) -> Vec<OsString> {
    std::iter::once(name.into())
        .chain(args.iter().cloned().map(Into::into))
        .collect()
}

/// A writer whose bytes can be taken out again.
#[derive(Clone, Default)]
pub struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    /// The bytes written so far.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        self.0
            .lock()
            .map(|mut bytes| std::mem::take(&mut *bytes))
            .unwrap_or_default()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Ok(mut buffer) = self.0.lock() {
            buffer.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs `kubeapply` with the suites' clock.
pub fn kubeapply<T: Into<OsString> + Clone>(args: &[T]) -> Run {
    kubeapply_at(NOW, args)
}

/// Runs `kubeapply` at another time.
pub fn kubeapply_at<T: Into<OsString> + Clone>(now: &str, args: &[T]) -> Run {
    let setting = Setting {
        clock: now.parse().map_or(Clock::System, Clock::Fixed),
        ..Setting::default()
    };
    setting.kubeapply(args)
}

/// What `kubeapply` finds besides its arguments and the host.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// What time it is.
    pub clock: Clock,
    /// What fails.
    pub fault: Fault,
    /// What is typed on the terminal; `None` if there is no terminal.
    pub answer: Option<&'static str>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            clock: Clock::System,
            fault: Fault::None,
            answer: None,
        }
    }
}

impl Setting {
    /// Runs `kubeapply` with it.
    pub fn kubeapply<T: Into<OsString> + Clone>(&self, args: &[T]) -> Run {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut typed = self.answer.unwrap_or_default().as_bytes();
        let terminal = self.answer.is_some();
        let mut io = kubeapply::Io {
            stdin: &mut typed,
            stdout: &mut out,
            stderr: &mut err,
            terminals: kubeapply::Terminals {
                stdin: terminal,
                stdout: terminal,
                stderr: terminal,
            },
            no_color: true,
            clock: self.clock,
            fault: self.fault,
            performed: 0,
        };
        let code = kubeapply::run(named("kubeapply", args), &mut io);
        let performed = io.performed;
        Run {
            code,
            out,
            err: String::from_utf8_lossy(&err).into_owned(),
            performed,
        }
    }
}
