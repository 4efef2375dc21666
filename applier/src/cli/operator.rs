//! The operator at the command line: is asked before anything is written, and sees on standard error how live steps go.
//!
//! In: a report to agree to, events. Out: an answer; a line for each step that ends and each new reason to wait; on a terminal the
//! line of a step that waits is written over. For machines one JSON object per line, with the same version as reports.

use std::error::Error;
use std::time::Duration;

use kubeplan_terminal::{Format, Io, Report as _};
use serde::Serialize;

use crate::install::Operator;
use crate::install::report::InstallReport;
use crate::steps::{Event, Observer, State};

/// The operator, on the process's own streams.
pub(super) struct Console<'a> {
    io: &'a mut Io,
    /// Consent was given on the command line.
    yes: bool,
    progress: LiveProgress,
}

/// Shows progress while a cluster is looked at; asks nothing.
pub(super) struct Watcher<'a> {
    io: &'a mut Io,
    progress: LiveProgress,
}

/// How live steps are told.
struct LiveProgress {
    /// What lines for machines call what they tell.
    name: &'static str,
    format: Format,
    /// What was said last: the step, why it waits, and when.
    last: Option<(usize, String, Duration)>,
}

/// How often a reason to wait is repeated where lines stay.
const REPEATED: Duration = Duration::from_secs(30);

/// Version of the lines for machines.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    event: &'static str,
    #[serde(flatten)]
    content: &'a Event,
}

impl<'a> Console<'a> {
    pub(super) fn new(io: &'a mut Io, format: Format, yes: bool) -> Self {
        Self {
            progress: LiveProgress {
                name: "live-step",
                format,
                last: None,
            },
            io,
            yes,
        }
    }
}

impl<'a> Watcher<'a> {
    pub(super) fn new(io: &'a mut Io, format: Format, name: &'static str) -> Self {
        let progress = LiveProgress {
            name,
            format,
            last: None,
        };
        Self { io, progress }
    }
}

impl Observer for Watcher<'_> {
    fn event(&mut self, event: &Event) {
        self.progress.tell(event, self.io);
    }

    fn completed(&mut self, _: usize, _: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}

impl Operator for Console<'_> {
    fn agrees(&mut self, report: &InstallReport) -> Result<bool, String> {
        if self.yes || !self.io.terminals().stdin {
            return Ok(true);
        }
        self.io.tell(&report.text());
        self.io.notes(&report.notes());
        let answer = self.io.ask("Install this?");
        answer.map_err(|error| error.to_string())
    }

    fn event(&mut self, event: &Event) {
        self.progress.tell(event, self.io);
    }
}

impl LiveProgress {
    /// Whether the event only says again what still stands there to be read.
    fn is_repeated(&mut self, event: &Event, terminal: bool) -> bool {
        let State::Waiting { detail } = &event.state else {
            self.last = None;
            return false;
        };
        let repeated = self.last.as_ref().is_some_and(|(step, said, at)| {
            *step == event.step && said == detail && event.elapsed < *at + REPEATED
        });
        let repeated = repeated && self.format == Format::Text && !terminal;
        if !repeated {
            self.last = Some((event.step, detail.clone(), event.elapsed));
        }
        repeated
    }

    fn tell(&mut self, event: &Event, io: &mut Io) {
        let terminal = io.terminals().stderr;
        if self.is_repeated(event, terminal) {
            return;
        }
        if self.format == Format::Json {
            let line = Line {
                version: VERSION,
                event: self.name,
                content: event,
            };
            io.event(&line);
            return;
        }
        let (said, stays) = match &event.state {
            State::Started if terminal => (event.what.clone(), false),
            State::Started => return,
            State::Waiting { detail } => (format!("waiting: {detail}"), false),
            State::Done { outcome } => (format!("{}: {outcome}", event.what), true),
            // Why is told at the end, with what to do.
            State::Failed { .. } => (format!("{}: stopped", event.what), true),
        };
        let line = format!("[{}] {said} ({})", event.phase, time(event.elapsed));
        io.progress(stays, &line);
    }
}

/// `0.4 s`, `1m05s`.
fn time(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    if seconds < 60 {
        format!("{:.1} s", elapsed.as_secs_f64())
    } else {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use kubeplan_terminal::{Buffer, Stream, Terminals};

    use super::*;

    fn lines(format: Format, terminal: bool) -> String {
        let err = Buffer::default();
        let terminals = Terminals {
            stderr: terminal,
            ..Terminals::default()
        };
        let streams = (Stream::new(std::io::sink()), Stream::new(err.clone()));
        let mut io = Io::new(std::io::empty(), streams.0, streams.1, terminals);
        let mut progress = LiveProgress {
            name: "live-step",
            format,
            last: None,
        };
        for (state, seconds) in [
            (State::Started, 0),
            (
                State::Waiting {
                    detail: "scheduler: refused\u{1b}[2J".into(),
                },
                3,
            ),
            (
                State::Waiting {
                    detail: "scheduler: refused\u{1b}[2J".into(),
                },
                8,
            ),
            (
                State::Done {
                    outcome: "healthy".into(),
                },
                65,
            ),
        ] {
            progress.tell(
                &Event {
                    step: 4,
                    phase: "wait".into(),
                    what: "wait for scheduler".into(),
                    state,
                    elapsed: Duration::from_secs(seconds),
                },
                &mut io,
            );
        }
        err.take_text()
    }

    #[test]
    fn a_step_has_a_line_for_each_reason_and_one_for_its_end() {
        assert_eq!(
            lines(Format::Text, false),
            "[wait] waiting: scheduler: refused\\u{1b}[2J (3.0 s)\n\
             [wait] wait for scheduler: healthy (1m05s)\n"
        );
    }

    #[test]
    fn on_a_terminal_the_last_line_is_the_end_of_the_step() {
        let text = lines(Format::Text, true);
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert!(
            text.ends_with("\r\u{1b}[K[wait] wait for scheduler: healthy (1m05s)\n"),
            "{text}"
        );
    }

    #[test]
    fn machines_read_one_object_per_line() {
        let text = lines(Format::Json, true);
        let states: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(states.len(), 4);
        assert_eq!(states[1]["state"], "waiting");
        assert_eq!(states[1]["event"], "live-step");
        assert_eq!(states[3]["elapsedMilliseconds"], 65_000);
    }
}
