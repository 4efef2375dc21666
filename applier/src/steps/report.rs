//! What live steps say while they run and when they are done.
//!
//! Events are for the operator who waits; the report is what came of every step. Both name objects and endpoints, never a value of
//! a secret; the one exception is the text that says how other nodes join, which is asked for and is data.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::committer::Committer;
use crate::net::client::FieldConflict;

/// Something happened to a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    /// The position of the step in the index, from 0.
    pub(crate) step: usize,
    /// Its phase.
    pub(crate) phase: String,
    /// What it does.
    pub(crate) what: String,
    /// What happened.
    #[serde(flatten)]
    pub(crate) state: State,
    /// Time since the step began, in milliseconds.
    #[serde(rename = "elapsedMilliseconds", serialize_with = "milliseconds")]
    pub(crate) elapsed: Duration,
}

/// Where a step is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(crate) enum State {
    /// It began.
    Started,
    /// It waits, or tries again.
    Waiting {
        /// For what, or why.
        detail: String,
    },
    /// It is done.
    Done {
        /// What came of it.
        outcome: String,
    },
    /// It stopped.
    Failed {
        /// Why.
        error: String,
    },
}

/// Who is told how steps go.
pub(crate) trait Observer {
    /// Something happened.
    fn event(&mut self, event: &Event);

    /// The step at `position` of the index is done, with this outcome.
    ///
    /// # Errors
    /// If that cannot be recorded; no further step is begun then.
    fn completed(
        &mut self,
        position: usize,
        outcome: &str,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;

    /// The installation that the steps belong to; `None` if there is none whose files a step could commit.
    fn files(&mut self) -> Option<&mut dyn Committer> {
        None
    }
}

/// What came of live steps.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LiveReport {
    /// The steps that were run, in order.
    pub(crate) steps: Vec<StepReport>,
}

impl LiveReport {
    /// Whether a step changed the host or the API.
    pub(crate) fn changed(&self) -> bool {
        self.steps.iter().any(|step| step.result.changed)
    }
}

/// What came of one step.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StepReport {
    /// The position in the index, from 0.
    pub(crate) step: usize,
    /// The phase.
    pub(crate) phase: String,
    /// What the step does.
    pub(crate) what: String,
    /// How long it took.
    #[serde(rename = "elapsedMilliseconds", serialize_with = "milliseconds")]
    pub(crate) elapsed: Duration,
    /// What came of it.
    #[serde(flatten)]
    pub(crate) result: StepResult,
}

/// What came of a step, by its own account.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StepResult {
    /// Whether the host or the API was changed.
    pub(crate) changed: bool,
    /// In one line.
    pub(crate) outcome: String,
    /// Objects that were applied.
    #[serde(skip_serializing_if = "Objects::is_empty")]
    pub(crate) objects: Objects,
    /// Remarks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// What the step was to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<Text>,
}

impl StepResult {
    /// A step that changed something.
    pub(crate) fn changed(outcome: impl Into<String>) -> Self {
        Self {
            changed: true,
            outcome: outcome.into(),
            ..Self::default()
        }
    }

    /// A step that had nothing to change.
    pub(crate) fn unchanged(outcome: impl Into<String>) -> Self {
        Self {
            outcome: outcome.into(),
            ..Self::default()
        }
    }
}

/// Objects by what was done with them, each as `Kind namespace/name`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Objects {
    /// Did not exist before.
    pub(crate) created: Vec<String>,
    /// Existed, and was not as planned.
    pub(crate) changed: Vec<String>,
    /// Was as planned.
    pub(crate) unchanged: Vec<String>,
    /// Others changed it; left as it is.
    pub(crate) drift: Vec<Drift>,
    /// Applied by an earlier run; not again, because it has a life of its own.
    pub(crate) not_applied: Vec<String>,
}

/// An object that others changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Drift {
    /// The object.
    pub(crate) object: String,
    /// Its entry of the bundle.
    pub(crate) entry: String,
    /// What is not as planned, and who set it.
    pub(crate) fields: Vec<FieldConflict>,
}

impl Objects {
    fn is_empty(&self) -> bool {
        self.counts().iter().all(|(count, _)| *count == 0)
    }

    const fn counts(&self) -> [(usize, &'static str); 5] {
        [
            (self.created.len(), "created"),
            (self.changed.len(), "changed"),
            (self.unchanged.len(), "as planned"),
            (self.drift.len(), "changed since and left"),
            (self.not_applied.len(), "not applied again"),
        ]
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        let parts: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        f.write_str(&parts.join(", "))
    }
}

/// A text that holds tokens: it is written to standard output and nowhere else.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub(crate) struct Text(pub(crate) String);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text(<{} bytes>)", self.0.len())
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

/// How often the same detail is told again.
const AGAIN: Duration = Duration::from_secs(5);

/// Tells how one step goes.
pub(crate) struct Progress<'a> {
    observer: &'a mut dyn Observer,
    step: usize,
    phase: String,
    what: String,
    since: Instant,
    last: Option<(String, Instant)>,
}

impl<'a> Progress<'a> {
    /// The step begins.
    pub(crate) fn begin(
        observer: &'a mut dyn Observer,
        step: usize,
        phase: &str,
        what: String,
    ) -> Self {
        let mut progress = Self {
            observer,
            step,
            phase: phase.to_owned(),
            what,
            since: Instant::now(),
            last: None,
        };
        progress.tell(State::Started);
        progress
    }

    /// The step waits. The same detail is told again only after some seconds.
    pub(crate) fn waiting(&mut self, detail: impl Into<String>) {
        let detail = detail.into();
        let told = self
            .last
            .as_ref()
            .is_some_and(|(last, at)| *last == detail && at.elapsed() < AGAIN);
        if !told {
            self.last = Some((detail.clone(), Instant::now()));
            self.tell(State::Waiting { detail });
        }
    }

    /// The installation that the step belongs to; `None` if there is none whose files it could commit.
    pub(crate) fn files(&mut self) -> Option<&mut dyn Committer> {
        self.observer.files()
    }

    /// The step's position in the index, from 0.
    pub(crate) const fn position(&self) -> usize {
        self.step
    }

    /// The step is done.
    ///
    /// # Errors
    /// Those of [`Observer::completed`].
    pub(crate) fn done(
        mut self,
        result: StepResult,
    ) -> Result<StepReport, Box<dyn std::error::Error + Send + Sync>> {
        self.observer.completed(self.step, &result.outcome)?;
        self.tell(State::Done {
            outcome: result.outcome.clone(),
        });
        Ok(StepReport {
            step: self.step,
            phase: self.phase,
            what: self.what,
            elapsed: self.since.elapsed(),
            result,
        })
    }

    /// The step stopped.
    pub(crate) fn failed(mut self, error: &str) {
        self.tell(State::Failed {
            error: error.to_owned(),
        });
    }

    fn tell(&mut self, state: State) {
        self.observer.event(&Event {
            step: self.step,
            phase: self.phase.clone(),
            what: self.what.clone(),
            state,
            elapsed: self.since.elapsed(),
        });
    }
}

fn milliseconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
