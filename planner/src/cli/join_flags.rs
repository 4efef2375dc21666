//! kubeadm's flags where the configuration is about a node that joins.
//!
//! In: the flags of a command, which are `kubeadm init`'s. Out: the fields of JoinConfiguration they stand for. Flags that `kubeadm join`
//! does not have are refused: they are about the cluster, which has been made.

use super::CliError;
use crate::config::flags::{self, Given};
use crate::config::{self, Options, Report, Source};

/// The flags as `kubeadm join` knows them, and the names of those that have no effect on a worker.
pub(super) fn of_join(
    given: &[Given],
    control_plane: bool,
) -> Result<(Vec<Given>, Vec<&'static str>), CliError> {
    flags::of_join(given, control_plane).map_err(|unknown| {
        let names: Vec<String> = unknown.iter().map(|name| format!("--{name}")).collect();
        CliError::usage(format!(
            "{} cannot be given for a node that joins: the cluster has been made",
            names.join(", ")
        ))
        .hint("change the cluster itself, or leave the flags away")
    })
}

/// Checks a JoinConfiguration with the flags beside it; `None` if there is none.
pub(super) fn check(
    sources: &[Source<'_>],
    options: &Options,
) -> Result<Option<Result<Report, Report>>, CliError> {
    // Without flags first: whether there is such a document at all.
    let plain = config::check_join(sources, &[], options.lenient);
    if matches!(plain, Ok(None)) || options.flags.is_empty() {
        return Ok(plain.transpose());
    }
    let (flags, _) = of_join(&options.flags, true)?;
    Ok(config::check_join(sources, &flags, options.lenient).transpose())
}
