//! From text to a valid configuration.

use super::documents::{Source, read_documents};
use super::report::Report;
use super::valid::{HostFacts, ValidConfig};
use super::{default, validate};

/// A valid configuration and what the user should know about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: ValidConfig,
    /// Warnings; never errors.
    pub warnings: Report,
}

/// Reads, defaults and validates `sources`.
///
/// `facts` is what is known of the host; [`HostFacts::default`] if nobody looked.
///
/// # Errors
/// The [`Report`] with every finding, if any of them is an error.
pub fn load(sources: &[Source<'_>], facts: HostFacts) -> Result<Loaded, Report> {
    let mut draft = read_documents(sources);
    // A file that cannot be read, or a document that was refused, may hold what later stages would miss.
    if draft
        .report
        .findings()
        .iter()
        .any(|finding| !finding.path.contains('.'))
    {
        return Err(draft.report);
    }
    let assumptions = default::apply(&mut draft, &facts);
    let config = validate::validate(&mut draft, facts, assumptions);
    match config {
        Some(config) if !draft.report.has_errors() => Ok(Loaded {
            config,
            warnings: draft.report,
        }),
        _ => Err(draft.report),
    }
}

#[cfg(test)]
mod tests;
