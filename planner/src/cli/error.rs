//! Errors of file operations, with the file's path.

use std::io;
use std::path::Path;

use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::CliError;

use crate::files::Exposed;

/// Turns a failed file operation into an error that names the file.
pub(super) fn io_error<'a>(
    doing: &str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> CliError + use<'a> {
    let message = format!("{doing} {}", path.display());
    move |error| {
        let hint = Exposed::hint_if_denied(&error, path);
        let failed = CliError::caused(Exit::Failed, message, error);
        hint.into_iter().fold(failed, CliError::hint)
    }
}
