//! Every node's bundle, on all cores, each written to a stage as soon as it is complete.
//!
//! In: configurations one at a time, key material, serials, recipients, the author's key. Out: one [`Written`] per node, in the
//! order of the nodes. Whichever core is first, the bytes of a plan are the same; a plan lives no longer than its bundle is written.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::Name;
use kubeplan_bundle::seal::CommitSalt;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;

use super::Args;
use super::replaced::Replaced;
use super::sealing::{Sealing, TakenRecipients};
use super::signing_key::TakenKey;
use crate::assemble::{self, Circumstances};
use crate::cli::error::io_error;
use crate::cli::io::Progress;
use crate::cli::nodes::{Nodes, nothing_rendered, unplanned};
use crate::cli::summary::NodeSummary;
use crate::cli::{CliError, Io};
use crate::config::ValidConfig;
use crate::output::Stage;
use crate::phases::{self, MaterialSource};
use crate::pki::Materials;
use crate::pki::store::{NodeRecord, StoreIndex};
use crate::plan::NodePlan;
use kubeplan_bundle::digest::Sha256Digest;

/// What writing a bundle takes besides its node.
pub(super) struct Bundles<'a> {
    nodes: &'a Nodes,
    materials: &'a Materials,
    index: &'a StoreIndex,
    sealing: &'a [Sealing],
    signer: &'a TakenKey,
    now: Timestamp,
    args: &'a Args,
    cluster_id: Sha256Digest,
    salt: SecretBytes,
    stage: Stage,
}

/// A bundle on the stage.
pub(super) struct Written {
    /// What the summary says of it.
    pub(super) node: NodeSummary,
    /// The node and its serial, for the key store.
    pub(super) record: (Name, NodeRecord),
    /// What is to be said of the node.
    pub(super) notices: Vec<String>,
    /// The identity that was made for it.
    pub(super) identity: Option<(PathBuf, SecretBytes)>,
}

impl<'a> Bundles<'a> {
    /// Opens the stage.
    pub(super) fn begin(
        nodes: &'a Nodes,
        materials: &'a Materials,
        index: &'a StoreIndex,
        sealing: &'a [Sealing],
        signer: &'a TakenKey,
        now: Timestamp,
        args: &'a Args,
    ) -> Result<Self, CliError> {
        let authority = materials
            .authority("ca")
            .ok_or_else(|| CliError::new(Exit::Failed, "the key store has no cluster CA"))?;
        Ok(Self {
            nodes,
            materials,
            index,
            sealing,
            signer,
            now,
            args,
            cluster_id: authority.spki,
            salt: index.salt_bytes().ok_or_else(unusable_salt)?,
            stage: Stage::of(&args.output)
                .map_err(io_error("creating output folder", &args.output))?,
        })
    }

    /// Writes every node's bundle to the stage.
    pub(super) fn write_all(&self, io: &mut Io) -> Vec<Result<Written, CliError>> {
        let progress = Progress::new(io, "writing bundles");
        let total = self.nodes.count();
        let done = AtomicUsize::new(0);
        self.nodes.each(|at, config| {
            let written = self.write(at, &config);
            progress.show(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            written
        })
    }

    /// The stage, to be committed.
    pub(super) fn finish(self) -> Stage {
        self.stage
    }

    fn write(&self, at: usize, config: &ValidConfig) -> Result<Written, CliError> {
        let (Some(material), Some(sealing)) = (self.materials.of(at), self.sealing.get(at)) else {
            return Err(CliError::new(
                Exit::Failed,
                "the key store lacks what the node needs",
            ));
        };
        let issued = MaterialSource::Issued(&material);
        let plan = phases::plan_node(config, issued).map_err(unplanned)?;
        let mut notices = nothing_rendered(config, issued, &plan);
        notices.extend(outliving(&plan));
        let mut node = NodeSummary::of_plan(config, &plan);
        let circumstances = Circumstances {
            cluster_id: self.cluster_id,
            now: self.now,
            test_only: material.test_only,
            salt: CommitSalt::new(self.salt.clone()).map_err(|_| unusable_salt())?,
        };
        let prepared = assemble::draft(config, plan, circumstances)
            .map_err(|error| CliError::caused(Exit::Usage, "the plan has no time window", error))?
            .prepare()
            .map_err(|error| CliError::caused(Exit::Failed, "preparing the bundle", error))?;
        let name = &config.node.name;
        let record = self.index.next_record(name, prepared.plan_digest());
        let recipients = if prepared.has_secrets() {
            sealing.take()
        } else {
            TakenRecipients::none()
        };
        let file = format!("{name}.{}.tar.gz", config.bundle_cluster_name);
        let bundle = self.args.output.join(&file);
        node.replaced = Replaced::at(&bundle, &self.signer.key().public());
        let mut written = None;
        self.stage
            .write(&file, 0o644, |out| -> Result<(), CliError> {
                let authors = [self.signer.key()];
                let bundle = prepared.write(record.serial, &recipients.recipients, &authors, out);
                let failed = |error| CliError::caused(Exit::Failed, "writing the bundle", error);
                written = Some(bundle.map_err(failed)?);
                Ok(())
            })?;
        let Some(written) = written else {
            return Err(CliError::new(Exit::Failed, "the bundle was not written"));
        };
        node.finish(&written.index, &bundle, recipients.identity);
        Ok(Written {
            node,
            record: (name.clone(), record),
            notices,
            identity: recipients.new,
        })
    }
}

fn unusable_salt() -> CliError {
    CliError::new(Exit::Failed, "the key store has no usable salt")
}

/// Certificates that stop being accepted before they end.
pub(super) fn outliving(plan: &NodePlan) -> Vec<String> {
    plan.outliving_their_signer()
        .map(|(row, signer)| {
            format!(
                "warning: certificate {} ends {}, after its CA {} ({}): it stops being accepted then",
                row.name, row.not_after, signer.name, signer.not_after
            )
        })
        .collect()
}
