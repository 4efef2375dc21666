//! Reports what is wrong with fields of valid documents: findings that name the field, its file and its line.

use super::patch_directory::PatchDirectoryError;
use crate::config::provenance::Origin;
use crate::config::{Finding, Report, Severity, ValidConfig};

/// The hint for a directory of patches that is not there.
const PLANNERS_MACHINE: &str = "kubeplan reads patches on the machine that runs it, not on the node's host: copy the directory here, and name its path on this machine";

/// The path of the field that names the node's directory of patches, among those that can.
const PATCHES: &str = "InitConfiguration.patches.directory";

/// A report with one finding about the value of `config` at `path`. The finding names `field`, the field that the user wrote.
fn about(
    config: &ValidConfig,
    path: &str,
    field: &str,
    severity: Severity,
    message: String,
    hint: &str,
) -> Report {
    let (file, line) = match config.provenance.of(path) {
        Some(Origin::Written { file, line }) => (file.clone(), Some(*line)),
        Some(Origin::Flag { name }) => (format!("--{name}"), None),
        _ => (String::new(), None),
    };
    let mut report = Report::default();
    report.push(Finding {
        severity,
        file,
        line,
        column: None,
        path: field.to_owned(),
        message,
        hint: Some(hint.to_owned()),
    });
    report
}

/// The warning about a certificate key without effect, because `config` uploads no certificates. `flag` says whether the command has
/// the flag that uploads them.
pub(super) fn idle_certificate_key(config: &ValidConfig, flag: bool) -> Report {
    let path = "InitConfiguration.certificateKey";
    let message = "it has no effect: the plan does not upload certificates".to_owned();
    let hint = match flag {
        true => "add --upload-certs, or remove the field",
        false => "run `kubeplan plan --upload-certs`, or remove the field",
    };
    about(config, path, path, Severity::Warning, message, hint)
}

/// The findings about the directory of patches that `config` names, if it is not a directory that can be read.
///
/// # Errors
/// `error`, if it is about a file in the directory.
pub(super) fn patch_directory(
    config: &ValidConfig,
    error: PatchDirectoryError,
) -> Result<Report, PatchDirectoryError> {
    let message = match &error {
        PatchDirectoryError::Unreadable { directory, source } => {
            let directory = directory.display();
            match source.kind() {
                std::io::ErrorKind::NotFound => {
                    format!("the directory `{directory}` does not exist on this machine")
                }
                _ => format!("the directory `{directory}` cannot be read: {source}"),
            }
        }
        PatchDirectoryError::NotADirectory(directory) => {
            format!(
                "`{}` is not a directory of this machine",
                directory.display()
            )
        }
        _ => return Err(error),
    };
    let origin = config.provenance.of(PATCHES);
    let same = |(path, known): &(&str, &Origin)| {
        path.ends_with(".patches.directory") && *path != PATCHES && Some(*known) == origin
    };
    let field = config
        .provenance
        .iter()
        .find(same)
        .map_or(PATCHES, |(path, _)| path);
    let severity = Severity::Error;
    Ok(about(
        config,
        PATCHES,
        field,
        severity,
        message,
        PLANNERS_MACHINE,
    ))
}
