//! Both programs, run inside this process with their streams in memory.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;

use kubeapply::host::clock::Clock;
use kubeapply::host::durable::Actions;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::{Buffer, Io, Stream, Terminals};
use kubeplan_testkit::{Fault, Faults};

/// The clock of every run in the suites.
pub const NOW: &str = "2026-11-20T10:23:25Z";

/// The result of a run.
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

/// The repository's root directory.
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
    let terminals = Terminals {
        stdin: asking,
        stdout: terminal,
        stderr: asking,
    };
    let streams = (Stream::new(out.clone()), Stream::new(err.clone()));
    let mut io = Io::new(input, streams.0, streams.1, terminals);
    let around = kubeplan::Surroundings {
        clock: || NOW.parse::<Timestamp>().ok(),
        source_date_epoch: kubeplan::Epoch::Unset,
    };
    let code = kubeplan::run(named("kubeplan", args), &around, &mut io);
    Run {
        code,
        out: out.take(),
        err: err.take_text(),
        performed: 0,
    }
}

fn named<T: Into<OsString> + Clone>(name: &str, args: &[T]) -> Vec<OsString> {
    std::iter::once(name.into())
        .chain(args.iter().cloned().map(Into::into))
        .collect()
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
        let (out, err) = (Buffer::default(), Buffer::default());
        let terminals = match self.answer {
            Some(_) => Terminals::ALL,
            None => Terminals::default(),
        };
        let typed = self.answer.unwrap_or_default().as_bytes();
        let streams = (Stream::new(out.clone()), Stream::new(err.clone()));
        let mut io = Io::new(typed, streams.0, streams.1, terminals);
        let faults = Faults::new(self.fault);
        let around = kubeapply::Surroundings {
            clock: self.clock,
            actions: Actions::observed(Rc::new(faults.clone())),
        };
        let code = kubeapply::run(named("kubeapply", args), &around, &mut io);
        Run {
            code,
            out: out.take(),
            err: err.take_text(),
            performed: faults.performed(),
        }
    }
}
