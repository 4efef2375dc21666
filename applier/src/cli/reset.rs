//! `kubeapply reset`.

use clap::Args;
use kubeplan_bundle::path::HostPath;
use kubeplan_terminal::{CliError, Format, Io, Report as _};

use super::{FormatArgs, RootArgs};
use crate::host::Surroundings;
use crate::kubeadm::layout;
use crate::reset::phase::Phase;
use crate::reset::report::ResetReport;
use crate::reset::{self, Request};

/// Remove what was installed on this host
///
/// Shows what it will do, asks, and does it: removes the etcd member from its
/// cluster, stops the kubelet and its Pods, and removes the files that kubeapply
/// installed, with what the kubelet and etcd made. Leaves and names all other
/// files. Run it again to continue a reset that was stopped.
#[derive(Debug, Args)]
pub(super) struct ResetArgs {
    #[command(flatten)]
    root: RootArgs,

    /// Do not ask; required without a terminal
    #[arg(long, short = 'f', visible_alias = "force")]
    yes: bool,

    /// Show what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Also remove what `kubeadm reset` removes, even if kubeapply did not install
    /// it: manifests, certificates, kubeconfigs, the kubelet's directory, etcd's
    /// data
    #[arg(long)]
    kubeadm_node: bool,

    /// With --kubeadm-node: the directory of certificates; everything in it is
    /// removed
    #[arg(long, value_name = "PATH", requires = "kubeadm_node")]
    #[arg(default_value = layout::CERTIFICATES, hide_default_value = false)]
    cert_dir: HostPath,

    /// Also remove everything in kubeadm's directory of temporary files, `tmp`
    #[arg(long)]
    cleanup_tmp_dir: bool,

    /// The container runtime's socket, unix:///… [default: the kubelet's, else the
    /// one that answers]
    #[arg(long, value_name = "SOCKET", value_parser = socket)]
    cri_socket: Option<String>,

    /// The kubeconfig to name in the commands that remain to be run
    #[arg(long, value_name = "FILE", default_value = layout::ADMIN)]
    kubeconfig: String,

    /// Skip these phases, or parts of them; may be given as a comma-separated list
    #[arg(long, value_name = "PHASE", value_enum, value_delimiter = ',')]
    skip_phases: Vec<Phase>,

    /// Remove etcd's data even if it is unknown whether the member has left its
    /// cluster; the other members may lose their quorum
    #[arg(long)]
    force_etcd_data: bool,

    #[command(flatten)]
    format: FormatArgs,
}

fn socket(text: &str) -> Result<String, String> {
    match text.strip_prefix("unix://") {
        Some(path) if path.starts_with('/') => Ok(text.to_owned()),
        None if text.starts_with('/') => Ok(format!("unix://{text}")),
        _ => Err("give a socket as unix:///PATH".to_owned()),
    }
}

/// Runs the command.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: ResetArgs, around: &Surroundings, io: &mut Io) -> Result<(), CliError> {
    let root = args.root.open()?;
    let actions = &around.actions;
    let request = Request {
        kubeadm_node: args.kubeadm_node,
        cert_dir: args.kubeadm_node.then_some(args.cert_dir),
        cleanup_tmp: args.cleanup_tmp_dir,
        cri_socket: args.cri_socket,
        kubeconfig: args.kubeconfig,
        skip: args.skip_phases,
        force_etcd_data: args.force_etcd_data,
        dry_run: args.dry_run,
    };
    if !args.yes && !args.dry_run && !io.terminals().stdin {
        return Err(CliError::usage(
            "a reset removes files for good, and there is no terminal to ask on",
        )
        .hint("look at it with --dry-run, then run it with --yes"));
    }
    let mut shown = false;
    let outcome = reset::run(&request, &root, actions, &mut |planned| {
        if args.yes {
            return Ok(true);
        }
        shown = true;
        ask(planned, io)
    });
    if let Some(mut report) = outcome.report {
        // An operator who agreed to the plan on this terminal has read it; machines get the whole.
        report.shown = shown && args.format.format == Format::Text;
        io.report(args.format.format, &report)?;
    }
    outcome.error.map_or(Ok(()), |error| Err(error.into()))
}

/// Shows the plan and asks.
fn ask(planned: &ResetReport, io: &mut Io) -> Result<bool, String> {
    io.tell(&planned.text());
    io.notes(&planned.notes());
    let answer = io.ask("Do this? It cannot be undone.");
    answer.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::socket;

    #[test]
    fn sockets_are_absolute() {
        assert_eq!(socket("unix:///run/a.sock").unwrap(), "unix:///run/a.sock");
        assert_eq!(socket("/run/a.sock").unwrap(), "unix:///run/a.sock");
        for bad in ["", "a.sock", "unix://a.sock", "tcp://1.2.3.4:5"] {
            assert!(socket(bad).is_err(), "{bad}");
        }
    }
}
