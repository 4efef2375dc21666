//! `kubeapply discover`.

use std::path::PathBuf;

use clap::Args;
use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::{CliError, Io, Report, Text, quote};
use serde::Serialize;

use super::cluster::ClusterArgs;
use super::{FormatArgs, RootArgs};
use crate::discovery::pins;
use crate::host::{Surroundings, local};

/// Learn from a running cluster what a plan to join it needs
///
/// Verifies the cluster by a bootstrap token and a pin of its CA, or by a discovery
/// file, before it sends a token. Writes one file for `kubeplan plan --join`, in
/// which the token and the shared certificates are sealed, for this host unless
/// --recipient names another key. Changes nothing in the cluster or on the host,
/// and writes nothing if the cluster cannot be verified.
#[derive(Debug, Args)]
pub(super) struct DiscoverArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Seal the secrets for this age or SSH key instead of the host's own SSH
    /// key; may be repeated
    #[arg(long = "recipient", value_name = "KEY")]
    recipients: Vec<String>,

    #[command(flatten)]
    root: RootArgs,

    /// File to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DiscoverReport {
    file: String,
    server: String,
    ca_cert_hashes: Vec<String>,
    node: String,
    control_plane: bool,
    shared_certificates: usize,
    recipients: Vec<String>,
    notes: Vec<String>,
    next: String,
}

/// Runs the command.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: &DiscoverArgs, around: &Surroundings, io: &mut Io) -> Result<(), CliError> {
    let root = args.root.open()?;
    let format = args.format.format;
    let found = args
        .cluster
        .discover(&root, &args.recipients, format, around, io)?;
    let facts = &found.discovered.facts;
    let text = facts
        .to_json()
        .map_err(|error| CliError::new(Exit::Failed, error))?;
    let name = format!("{}.join.json", found.settings.node);
    let written = local::write(&args.output, &name, text.as_bytes())?;
    let file = written.display().to_string();
    let pins = pins(&facts.ca_certificates);
    let report = DiscoverReport {
        next: pins.iter().fold(
            format!("kubeplan plan --join {} -o bundles", quote(&file)),
            |line, pin| format!("{line} --discovery-token-ca-cert-hash {}", quote(pin)),
        ),
        file,
        server: facts.server.clone(),
        ca_cert_hashes: pins,
        node: found.settings.node.to_string(),
        control_plane: facts.control_plane,
        shared_certificates: found.discovered.shared,
        recipients: facts.sealed.recipients.clone(),
        notes: found.discovered.notes.clone(),
    };
    io.report(format, &report)
}

impl Report for DiscoverReport {
    const COMMAND: &'static str = "discover";

    fn text(&self) -> Text {
        let mut text = Text::new();
        let role = if self.control_plane {
            "control plane"
        } else {
            "worker"
        };
        text.line(format_args!("cluster at {}", self.server));
        for pin in &self.ca_cert_hashes {
            text.line(format_args!("  CA {pin}"));
        }
        text.line(format_args!("this host joins as {role} {}", self.node));
        if self.shared_certificates > 0 {
            text.line(format_args!(
                "{} shared certificates and keys",
                self.shared_certificates
            ));
        }
        for recipient in &self.recipients {
            text.line(format_args!("sealed for {recipient}"));
        }
        text.line(format_args!("wrote {}", self.file));
        text.line(format_args!("next: {}", self.next));
        text
    }
}

#[cfg(test)]
mod tests;
