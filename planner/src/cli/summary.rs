//! What `plan` says at its end: what the bundles hold, what was assumed, what to do next.
//!
//! In: what was planned and written. Out: one document for machines, complete for every node; text for people, which is condensed
//! when there are many nodes ([`text`]), and the exact next commands ([`next`]).

mod next;
mod text;

use std::path::Path;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{Content, Entry, Name, NodeRole, Place, SecretClass};
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_review::shown_recipient;
use kubeplan_terminal::Text;
use serde::Serialize;

use super::replaced::Replaced;
use crate::config::Finding;
use crate::config::ValidConfig;
use crate::config::valid::Assumption;
use crate::engine::bundles::Written;
use crate::engine::keys::Keys;
use crate::engine::{EngineError, Session};
use crate::pki::StoreChange;
use crate::pki::certificate::Certificate;
use crate::plan::CertificateRow;

/// The summary of a run; its JSON form is what `plan --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlanSummary {
    cluster: String,
    cluster_id: String,
    /// The CA certificates that a cluster was discovered with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ca_certificates: Vec<Authority>,
    /// For a cluster that was discovered: whether the operator said which cluster is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    compared_with_pin: Option<bool>,
    kubernetes_version: String,
    test_only: bool,
    external_authorities: Vec<String>,
    signer: Option<Signer>,
    store_changes: Vec<StoreChange>,
    warnings: Vec<Finding>,
    /// In the order of the inventory.
    pub(super) nodes: Vec<NodeSummary>,
    /// Nodes of the inventory that are not planned: they join with a bootstrap token.
    join_by_token: Vec<ByToken>,
    next: Vec<String>,
    /// The cluster runs already.
    #[serde(skip)]
    runs: bool,
}

/// A CA certificate that a cluster was discovered with.
#[derive(Debug, Serialize)]
struct Authority {
    subject: String,
    /// `sha256:HEX` of the public key, as `kubeadm join` takes it.
    hash: String,
}

/// A node that is not planned.
#[derive(Debug, Serialize)]
struct ByToken {
    node: String,
    role: String,
}

/// What the summary says of one node.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NodeSummary {
    pub(super) node: Name,
    role: NodeRole,
    /// It joins a cluster; otherwise it makes one.
    joins: bool,
    pub(super) bundle: String,
    /// What the bundle had that was in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replaced: Option<Replaced>,
    plan_digest: Sha256Digest,
    serial: u64,
    created: Timestamp,
    apply_after: Timestamp,
    apply_before: Timestamp,
    public_files: usize,
    sealed_files: usize,
    directories: usize,
    public_objects: usize,
    sealed_objects: usize,
    live_steps: usize,
    left_out_phases: Vec<&'static str>,
    certificates: Vec<CertificateRow>,
    secrets: Vec<Secret>,
    recipients: Vec<String>,
    identity: Option<Identity>,
    assumptions: Vec<Assumption>,
}

/// A secret that the node gets; never what it says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Secret {
    /// Its entry in the bundle.
    entry: String,
    class: SecretClass,
    /// For a private key: kubeadm's name of the certificate it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_of: Option<String>,
}

/// The age identity of a node without recipients.
#[derive(Debug, Serialize)]
pub(super) struct Identity {
    /// Where it is.
    pub file: String,
    /// Whether this run made it.
    pub created: bool,
}

/// Who signed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Signer {
    /// `SHA256:…`.
    pub fingerprint: String,
    /// The public key in OpenSSH's form.
    pub public_key: String,
    /// Where the private key is.
    pub file: String,
    /// Whether this run made it.
    pub created: bool,
}

impl PlanSummary {
    /// The version of its JSON form.
    pub(super) const VERSION: u32 = 2;

    /// What there is to say of a cluster's bundles besides the nodes.
    ///
    /// # Errors
    /// [`EngineError`] if the keys have no CA.
    pub(super) fn of_cluster(
        config: &ValidConfig,
        keys: &mut Keys,
        session: &Session,
    ) -> Result<Self, EngineError> {
        let external = keys.external_authorities().into_iter();
        Ok(Self {
            cluster: config.bundle_cluster_name.to_string(),
            cluster_id: keys.authority()?.spki.to_string(),
            ca_certificates: Vec::new(),
            compared_with_pin: None,
            kubernetes_version: config.version.clone(),
            test_only: keys.test_only(),
            external_authorities: external.map(str::to_owned).collect(),
            signer: None,
            store_changes: keys.take_changes(),
            warnings: session.warnings().findings().to_vec(),
            nodes: Vec::new(),
            join_by_token: session
                .by_token()
                .map(|node| ByToken {
                    node: node.name.to_string(),
                    role: node.role.to_string(),
                })
                .collect(),
            next: Vec::new(),
            runs: false,
        })
    }

    /// The same of a node that joins a cluster that runs; `found` is the CA that was discovered, and whether it was compared with what
    /// the operator knows.
    ///
    /// # Errors
    /// As for [`PlanSummary::of_cluster`].
    pub(super) fn of_join(
        config: &ValidConfig,
        keys: &mut Keys,
        session: &Session,
        found: (&Certificate, bool),
    ) -> Result<Self, EngineError> {
        let rows = found.0.all().map(|one| Authority {
            subject: one.facts.subject.clone(),
            hash: format!("sha256:{}", one.facts.spki),
        });
        Ok(Self {
            ca_certificates: rows.collect(),
            compared_with_pin: Some(found.1),
            runs: true,
            ..Self::of_cluster(config, keys, session)?
        })
    }

    /// What is known once every bundle is in `output`.
    pub(super) fn finish(&mut self, signer: Signer, output: &Path) {
        self.next = next::commands(self, &signer, output);
        self.signer = Some(signer);
    }

    /// For people.
    pub(super) fn text(&self) -> Text {
        text::summary(self)
    }
}

impl NodeSummary {
    /// What there is to say of a bundle that is written, in the place of another.
    pub(super) fn new(
        config: &ValidConfig,
        written: Written,
        bundle: &Path,
        identity: Option<Identity>,
        replaced: Option<Replaced>,
    ) -> Self {
        let index = written.index;
        let recipients = index.sealed.iter().flat_map(|sealed| &sealed.recipients);
        let mut node = Self {
            node: index.node.name,
            role: index.node.role,
            joins: !config.membership.makes_cluster(),
            bundle: bundle.display().to_string(),
            replaced,
            plan_digest: index.plan_digest,
            serial: index.serial,
            created: index.created,
            apply_after: index.apply_after,
            apply_before: index.apply_before,
            public_files: 0,
            sealed_files: 0,
            directories: 0,
            public_objects: 0,
            sealed_objects: 0,
            live_steps: index.steps.iter().filter(|step| step.is_live()).count(),
            left_out_phases: written.left_out,
            certificates: written.certificates,
            secrets: Vec::new(),
            recipients: recipients.map(|text| shown_recipient(text)).collect(),
            identity,
            assumptions: config.assumptions.clone(),
        };
        node.count(&index.entries);
        node
    }

    /// Counts the bundle's entries, and lists those that are sealed.
    fn count(&mut self, entries: &[Entry]) {
        for entry in entries {
            match (&entry.place, &entry.content) {
                (Place::Directory(_), _) => self.directories += 1,
                (Place::Object, Content::Sealed(_)) => self.sealed_objects += 1,
                (Place::Object, _) => self.public_objects += 1,
                (_, Content::Sealed(_)) => self.sealed_files += 1,
                _ => self.public_files += 1,
            }
            if let Content::Sealed(sealed) = &entry.content {
                let mut rows = self.certificates.iter();
                let row = rows.find(|row| Some(row.spki) == sealed.spki);
                self.secrets.push(Secret {
                    entry: entry.name.to_string(),
                    class: sealed.class,
                    key_of: row.map(|row| row.name.clone()),
                });
            }
        }
    }
}
