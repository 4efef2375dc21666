//! Checks a configuration of which something could not be read.
//!
//! In: a draft whose report says what could not be read, and the checks. Out: the report, with what is wrong besides. One wrong
//! document does not hide what is wrong with the others, and is not the cause of findings that are not true.

use super::draft::Draft;
use super::provenance::Provenance;
use super::report::{Report, Severity};

/// Fields whose checks depend on other documents.
const ACROSS_DOCUMENTS: [&str; 1] = ["Cluster.credentials.minRemaining"];

/// Checks the draft. If a file or document could not be read, reports that, and what is wrong with the values that the user wrote in
/// the others.
pub(super) fn checked<T>(
    draft: Draft,
    check: impl FnOnce(Draft) -> Result<T, Report>,
) -> Result<T, Report> {
    if !draft.has_unreadable() {
        return check(draft);
    }
    let written = draft.provenance.clone();
    wrong_values(draft, &written, check)
}

/// Checks a draft that lacks something, which its report says. Of the findings keeps errors about the values of `written`, because
/// what is missing, and every warning, may follow from what the draft lacks.
pub(super) fn wrong_values<T>(
    draft: Draft,
    written: &Provenance,
    check: impl FnOnce(Draft) -> Result<T, Report>,
) -> Result<T, Report> {
    let mut report = draft.report.clone();
    let found = check(draft).err().unwrap_or_default();
    for finding in found.findings() {
        let path = finding.path.as_str();
        let is_value = path.contains('.') && !ACROSS_DOCUMENTS.contains(&path);
        if finding.severity == Severity::Error
            && is_value
            && written.at(path).is_some()
            && !report.findings().contains(finding)
        {
            report.push(finding.clone());
        }
    }
    Err(report)
}
