//! What the engine says, on a terminal: its errors as exit codes, messages and hints, its notices as lines.

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::Name;
use kubeplan_terminal::{CliError, Io, Progress};

use super::reading::count;
use crate::config::{Report, Severity};
use crate::engine::discovered::JoinError;
use crate::engine::{self, EngineError, NodeError, NodeFailures, Notice, Observer, listed};
use crate::pki::PkiError;

/// How many nodes' errors are said.
const ERRORS: usize = 20;

impl Observer for Io {
    fn findings(&mut self, findings: &Report) {
        self.tell(&findings.text());
    }

    fn notice(&mut self, notice: &Notice) {
        self.say(notice);
    }

    fn progress<'a>(&'a mut self, label: &'static str) -> Box<dyn engine::Progress + 'a> {
        Box::new(Progress::new(self, label))
    }
}

impl engine::Progress for Progress<'_> {
    fn show(&self, done: usize, total: usize) {
        Progress::show(self, done, total);
    }
}

/// The engine's error for the user; of several nodes, all but the sum is said at once.
pub(super) fn failed(error: EngineError, io: &mut Io) -> CliError {
    match error {
        EngineError::Invalid(report) => refused(&report, io),
        EngineError::Nodes(failures) => several(failures, io),
        EngineError::NoSuchNode { ref known, .. } => {
            let known = listed(known.iter().map(Name::as_str));
            CliError::usage(format!("--node: {error}")).hint(format!("it has {known}"))
        }
        EngineError::Phase(unknown) => {
            CliError::usage(format!("--phase: {unknown}")).hint(unknown.hint)
        }
        EngineError::KeyStore(error) => unfit(error),
        EngineError::Join(error) => of_join(error),
        EngineError::Patches(error) => {
            let hint = error.hint();
            let error = CliError::new(Exit::Usage, error);
            hint.into_iter().fold(error, CliError::hint)
        }
        EngineError::NoNodes | EngineError::JoinFlags(_) | EngineError::NothingLeft { .. } => {
            let hint = error.hint().map(str::to_owned);
            let error = CliError::usage(error);
            hint.into_iter().fold(error, CliError::hint)
        }
        EngineError::Incomplete(_) | EngineError::StandIn(_) => CliError::new(Exit::Failed, error),
        EngineError::Render(error) => CliError::caused(Exit::Failed, "rendering the plan", error),
    }
}

/// Of one node its error; of several each of the first, and the sum as the answer.
pub(super) fn several<E: Into<CliError>>(failures: NodeFailures<E>, io: &mut Io) -> CliError {
    let (count, total) = (failures.failed.len(), failures.total);
    let mut failed = failures.failed.into_iter().map(|(node, error)| {
        let error: CliError = error.into();
        match node {
            Some(node) => error.about(format_args!("node {node}")),
            None => error,
        }
    });
    match failed.next() {
        Some(only) if count == 1 => only,
        first => {
            let exit = first.as_ref().map_or(Exit::Failed, CliError::exit);
            for error in first.into_iter().chain(failed).take(ERRORS) {
                io.error(&error);
            }
            CliError::new(exit, format!("{count} of {total} nodes cannot be planned"))
        }
    }
}

impl From<NodeError> for CliError {
    fn from(error: NodeError) -> Self {
        let exit = if error.is_of_configuration() {
            Exit::Usage
        } else {
            Exit::Failed
        };
        let field = error.field().map(str::to_owned);
        let error = Self::new(exit, error);
        field.into_iter().fold(error, Self::about)
    }
}

/// A key store that does not fit, and what helps when an external CA has to issue something.
fn unfit(error: PkiError) -> CliError {
    let awaits = error.awaits_external_ca();
    let error = CliError::caused(
        Exit::Usage,
        "the key store cannot serve this configuration",
        error,
    );
    if awaits {
        error.hint(
            "`kubeplan certs generate-csr`, with the same -f and --pki, writes keys and requests for the CA to sign; put \
             each signed certificate beside its key as .crt and run this again",
        )
    } else {
        error
    }
}

/// A node that cannot join.
pub(super) fn of_join(error: JoinError) -> CliError {
    let exit = if error.is_refusal() {
        Exit::Refused
    } else {
        Exit::Usage
    };
    let hints = error.hints();
    let error = CliError::new(exit, error);
    hints.into_iter().fold(error, CliError::hint)
}

/// Prints every finding and returns the error that ends the run.
pub(super) fn refused(report: &Report, io: &mut Io) -> CliError {
    io.tell(&report.text());
    let errors = count(number(report, Severity::Error), "error");
    CliError::usage(format!("the configuration is not valid ({errors})"))
}

/// Counts the findings of `severity`.
pub(super) fn number(report: &Report, severity: Severity) -> usize {
    report
        .findings()
        .iter()
        .filter(|finding| finding.severity == severity)
        .count()
}
