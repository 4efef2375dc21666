//! Reports what is wrong with fields of valid documents: findings that name the field, its file and its line.

use kubeplan_terminal::with_causes;

use super::patch_directory::PatchDirectoryError;
use crate::config::provenance::Origin;
use crate::config::{Finding, NamedDirectory, Report, Severity, ValidConfig};

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
    let (file, line) = place_of(config, path);
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

/// Where the value of `config` at `path` was written: file and line, or the flag.
fn place_of(config: &ValidConfig, path: &str) -> (String, Option<u64>) {
    match config.provenance.of(path) {
        Some(Origin::Written { file, line }) => (file.clone(), Some(*line)),
        Some(Origin::Flag { name }) => (format!("--{name}"), None),
        _ => (String::new(), None),
    }
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

/// The directory of patches that `config` names, with the field that the user wrote.
pub(super) fn patch_directory(config: &ValidConfig) -> Option<NamedDirectory> {
    let directory = config.init.patches.as_ref()?.directory.clone();
    if directory.is_empty() {
        return None;
    }
    let origin = config.provenance.of(PATCHES);
    let same = |(path, known): &(&str, &Origin)| {
        path.ends_with(".patches.directory") && *path != PATCHES && Some(*known) == origin
    };
    let field = config
        .provenance
        .iter()
        .find(same)
        .map_or(PATCHES, |(path, _)| path)
        .to_owned();
    let (file, line) = place_of(config, PATCHES);
    Some(NamedDirectory {
        directory,
        field,
        file,
        line,
    })
}

/// The finding about a directory of patches that cannot be read: it names the field, or the file in the directory that is wrong.
pub(super) fn unread(named: &NamedDirectory, error: &PatchDirectoryError) -> Finding {
    let of_field = match error {
        PatchDirectoryError::Unreadable { directory, source } => {
            let directory = directory.display();
            Some(match source.kind() {
                std::io::ErrorKind::NotFound => {
                    format!("the directory `{directory}` does not exist on this machine")
                }
                _ => format!("the directory `{directory}` cannot be read: {source}"),
            })
        }
        PatchDirectoryError::NotADirectory(directory) => Some(format!(
            "`{}` is not a directory of this machine",
            directory.display()
        )),
        _ => None,
    };
    let of_file = of_field.is_none();
    Finding {
        severity: Severity::Error,
        file: named.file.clone(),
        line: named.line,
        column: None,
        path: named.field.clone(),
        hint: match of_file {
            true => error.hint(),
            false => Some(PLANNERS_MACHINE.to_owned()),
        },
        message: of_field.unwrap_or_else(|| with_causes(error)),
    }
}

/// Whether the error is about a file in the directory, and not about the directory that a field names.
pub(super) const fn is_about_a_file(error: &PatchDirectoryError) -> bool {
    !matches!(
        error,
        PatchDirectoryError::Unreadable { .. } | PatchDirectoryError::NotADirectory(_)
    )
}
