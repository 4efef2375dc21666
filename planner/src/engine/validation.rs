//! Finds everything that is wrong with documents, except what only keys or a running cluster can tell.
//!
//! In: documents, flags, facts. Out: a [`Verdict`]. Documents that are valid here can be planned with new keys: every node is planned
//! without keys, with its phases and patches, and checked as the bundle that it would be.

use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::with_causes;

use super::error::EngineError;
use super::notice::Notice;
use super::observer::{Observer, Progress, Silent};
use super::outlines::Prospect;
use super::session::{Choices, PatchDirectories, Session, flags_of_join};
use crate::config::{self, Finding, Options, Report, Severity, Source};

/// The findings about documents.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Errors and warnings.
    pub report: Report,
    /// Notes, which are not findings.
    pub notes: Vec<String>,
}

impl Verdict {
    /// Whether the documents can be planned.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !self.report.has_errors()
    }

    fn find(&mut self, severity: Severity, path: String, message: String, hint: Option<&str>) {
        self.report.push(Finding {
            severity,
            file: String::new(),
            line: None,
            column: None,
            path,
            message,
            hint: hint.map(str::to_owned),
        });
    }

    fn refuse(&mut self, error: EngineError) {
        match error {
            EngineError::Invalid(report) => self.report.extend(report),
            EngineError::Nodes(failures) => {
                for (node, error) in failures.failed {
                    let node = node.map(|node| format!("node {node}: "));
                    let message = format!("{}{}", node.unwrap_or_default(), with_causes(&error));
                    let field = error.field().unwrap_or_default().to_owned();
                    self.find(Severity::Error, field, message, None);
                }
            }
            EngineError::Patches(error) => {
                let (message, hint) = (with_causes(&error), error.hint());
                self.find(Severity::Error, String::new(), message, hint.as_deref());
            }
            other => {
                let message = with_causes(&other);
                self.find(Severity::Error, String::new(), message, other.hint());
            }
        }
    }
}

impl Observer for Verdict {
    fn findings(&mut self, findings: &Report) {
        self.report.extend(findings.clone());
    }

    fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Warning(text) => {
                self.find(Severity::Warning, String::new(), text.clone(), None);
            }
            Notice::Note(_) => self.notes.push(notice.to_string()),
        }
    }

    fn progress<'a>(&'a mut self, _: &'static str) -> Box<dyn Progress + 'a> {
        Box::new(Silent)
    }
}

/// Checks documents of a cluster, or of a node that joins one.
///
/// # Errors
/// [`EngineError::JoinFlags`] if flags are given that no document of the kind can take.
pub fn validate(
    sources: &[Source<'_>],
    options: Options,
    directories: &dyn PatchDirectories,
    now: Timestamp,
) -> Result<Verdict, EngineError> {
    let mut verdict = Verdict::default();
    match check_join(sources, &options)? {
        Some(Ok(report)) => {
            verdict.report = report;
            verdict.notes.push(
                "note: the rest is checked when the node is planned: `kubeapply discover` on the host learns what the cluster is, then `kubeplan plan --join FACTS`"
                    .to_owned(),
            );
        }
        Some(Err(report)) => verdict.report = report,
        None => {
            let opened = Session::open(
                sources,
                options,
                &Choices::default(),
                directories,
                &mut verdict,
            );
            let planned = opened.and_then(|mut session| {
                let notices = session.refuse_unplannable(Prospect::of_new_keys(now))?;
                notices.say(session.several(), &mut verdict);
                Ok(())
            });
            if let Err(error) = planned {
                verdict.refuse(error);
            }
        }
    }
    Ok(verdict)
}

/// Checks a JoinConfiguration with its flags. Returns `None` if the documents have none.
fn check_join(
    sources: &[Source<'_>],
    options: &Options,
) -> Result<Option<Result<Report, Report>>, EngineError> {
    // Without flags first, to see whether there is such a document.
    let plain = config::check_join(sources, &[], options.lenient);
    if matches!(plain, Ok(None)) || options.flags.is_empty() {
        return Ok(plain.transpose());
    }
    let (flags, _) = flags_of_join(&options.flags, true)?;
    Ok(config::check_join(sources, &flags, options.lenient).transpose())
}

#[cfg(test)]
mod tests;
