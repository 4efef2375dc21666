//! What `plan` says at its end: what the bundles hold, what was assumed, what to do next.
//!
//! In: what was planned and written. Out: one document for machines, complete for every node; text for people, which is condensed
//! when there are many nodes ([`text`]), and the exact next commands ([`next`]).

mod next;
mod text;

use std::path::Path;

use kubeplan_bundle::index::{Content, Index, Place, SecretClass};
use kubeplan_bundle::seal::Recipient;
use kubeplan_terminal::Text;
use serde::Serialize;

use super::nodes::Nodes;
use super::plan::Replaced;
use crate::config::Finding;
use crate::config::ValidConfig;
use crate::config::valid::Assumption;
use crate::pki::certificate::Certificate;
use crate::pki::{Materials, StoreChange};
use crate::plan::{CertificateRow, NodePlan};

/// The summary of a run; its JSON form is what `plan --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlanSummary {
    version: u32,
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
    pub(super) node: String,
    role: String,
    /// It joins a cluster; otherwise it makes one.
    joins: bool,
    pub(super) bundle: String,
    /// What the bundle had that was in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replaced: Option<Replaced>,
    plan_digest: String,
    serial: u64,
    created: String,
    apply_after: String,
    apply_before: String,
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
    /// What is known before a node is planned.
    pub(super) fn of_cluster(
        config: &ValidConfig,
        materials: &Materials,
        changes: Vec<StoreChange>,
        nodes: &Nodes,
    ) -> Self {
        let external = materials.external_authorities().into_iter();
        let authority = materials.authority("ca");
        Self {
            version: 2,
            cluster: config.bundle_cluster_name.to_string(),
            cluster_id: authority
                .map(|row| row.spki.to_string())
                .unwrap_or_default(),
            ca_certificates: Vec::new(),
            compared_with_pin: None,
            kubernetes_version: config.version.clone(),
            test_only: materials.test_only(),
            external_authorities: external.map(str::to_owned).collect(),
            signer: None,
            store_changes: changes,
            warnings: nodes.warnings().findings().to_vec(),
            nodes: Vec::new(),
            join_by_token: nodes
                .by_token()
                .map(|node| ByToken {
                    node: node.name.to_string(),
                    role: node.role.to_string(),
                })
                .collect(),
            next: Vec::new(),
            runs: false,
        }
    }

    /// What is known before a node is planned that joins a cluster that runs.
    pub(super) fn of_join(
        config: &ValidConfig,
        authority: &CertificateRow,
        changes: Vec<StoreChange>,
        nodes: &Nodes,
        test_only: bool,
    ) -> Self {
        Self {
            version: 2,
            cluster: config.bundle_cluster_name.to_string(),
            cluster_id: authority.spki.to_string(),
            ca_certificates: Vec::new(),
            compared_with_pin: None,
            kubernetes_version: config.version.clone(),
            test_only,
            external_authorities: Vec::new(),
            signer: None,
            store_changes: changes,
            warnings: nodes.warnings().findings().to_vec(),
            nodes: Vec::new(),
            join_by_token: Vec::new(),
            next: Vec::new(),
            runs: true,
        }
    }

    /// Adds the CA certificates that the cluster was discovered with, and whether they were compared with what the operator knows.
    pub(super) fn discovered(&mut self, found: &Certificate, compared: bool) {
        let rows = found.all().map(|one| Authority {
            subject: one.facts.subject.clone(),
            hash: format!("sha256:{}", one.facts.spki),
        });
        self.ca_certificates = rows.collect();
        self.compared_with_pin = Some(compared);
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
    /// What is known before the bundle is written.
    pub(super) fn of_plan(config: &ValidConfig, plan: &NodePlan) -> Self {
        Self {
            node: plan.name.to_string(),
            role: plan.role.to_string(),
            joins: config.joining().is_some(),
            bundle: String::new(),
            replaced: None,
            plan_digest: String::new(),
            serial: 0,
            created: String::new(),
            apply_after: String::new(),
            apply_before: String::new(),
            public_files: 0,
            sealed_files: 0,
            directories: 0,
            public_objects: 0,
            sealed_objects: 0,
            live_steps: 0,
            left_out_phases: plan.left_out.clone(),
            certificates: plan.certificates.clone(),
            secrets: Vec::new(),
            recipients: Vec::new(),
            identity: None,
            assumptions: config.assumptions.clone(),
        }
    }

    /// What the written bundle adds.
    pub(super) fn finish(&mut self, index: &Index, bundle: &Path, identity: Option<Identity>) {
        self.bundle = bundle.display().to_string();
        self.plan_digest = index.plan_digest.to_string();
        self.serial = index.serial;
        self.created = index.created.to_string();
        self.apply_after = index.apply_after.to_string();
        self.apply_before = index.apply_before.to_string();
        for entry in &index.entries {
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
        self.live_steps = index.steps.iter().filter(|step| step.is_live()).count();
        let recipients = index.sealed.iter().flat_map(|sealed| &sealed.recipients);
        self.recipients = recipients.map(|text| shown_recipient(text)).collect();
        self.identity = identity;
    }
}

/// A recipient with the fingerprint people compare.
pub(super) fn shown_recipient(text: &str) -> String {
    match Recipient::parse(text) {
        Ok(recipient) if recipient.fingerprint() != text => {
            format!("{} ({})", recipient.fingerprint(), kind(text))
        }
        _ => text.to_owned(),
    }
}

fn kind(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}
