//! `kubeapply verify`.

use std::fmt::Display;
use std::path::PathBuf;

use clap::Args;
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_terminal::{CliError, Io, Report, Text};
use serde::Serialize;

use super::{FormatArgs, PolicyArgs, RootArgs};
use crate::host::Surroundings;
use crate::install::report::{Signer, signers};
use crate::install::{open_trusted, refuse};

/// Check that a bundle is intact and trusted here
///
/// Exits with 0 if every digest and signature holds and the host's policy is
/// met, with 4 if not.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The bundle, NODE.CLUSTER.tar.gz
    bundle: PathBuf,

    #[command(flatten)]
    root: RootArgs,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifyReport {
    result: &'static str,
    cluster: String,
    cluster_id: String,
    node: String,
    serial: u64,
    plan_digest: String,
    index_sha256: String,
    test_only: bool,
    authors: Vec<Signer>,
    approvals: Vec<Signer>,
}

/// Runs the command.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: &VerifyArgs, around: &Surroundings, io: &mut Io) -> Result<(), CliError> {
    let root = args.root.open()?;
    let mut bundle = open_trusted(
        &args.bundle,
        &root,
        &args.policy.options(),
        super::now(around)?,
    )?;
    bundle
        .check_payloads()
        .map_err(|error| refuse(&args.bundle, error))?;
    let index = bundle.index();
    let report = VerifyReport {
        result: "trusted",
        cluster: index.cluster.name.to_string(),
        cluster_id: index.cluster.id.to_string(),
        node: index.node.name.to_string(),
        serial: index.serial,
        plan_digest: index.plan_digest.to_string(),
        index_sha256: Sha256Digest::of(bundle.index_bytes()).to_string(),
        test_only: index.test_only,
        authors: signers(&bundle.trust().authors),
        approvals: signers(&bundle.trust().approvals),
    };
    io.report(args.format.format, &report)
}

impl Report for VerifyReport {
    const COMMAND: &'static str = "verify";

    fn text(&self) -> Text {
        let mut text = Text::of("TRUSTED");
        let mut line = |name: &str, value: &dyn Display| {
            text.line(format_args!("{name:<13} {value}"));
        };
        line(
            "cluster",
            &format_args!("{} ({})", self.cluster, self.cluster_id),
        );
        line("node", &self.node);
        line("serial", &self.serial);
        line("plan digest", &self.plan_digest);
        line("index SHA-256", &self.index_sha256);
        for signer in &self.authors {
            line("author", &signer.line());
        }
        for signer in &self.approvals {
            line("approval", &signer.line());
        }
        text
    }

    fn notes(&self) -> Vec<String> {
        if self.test_only {
            vec!["made with public test keys (testOnly): not for a real host".to_owned()]
        } else {
            Vec::new()
        }
    }
}
