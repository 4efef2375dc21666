//! What `plan` says at its end: what the bundle holds, what was assumed, what to do next.

use std::path::Path;

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::{Content, Index, Place};
use kubeplan_bundle::seal::Recipient;
use serde::Serialize;

use super::input::count;
use super::{CliError, table};
use crate::config::ValidConfig;
use crate::config::valid::Assumption;
use crate::config::{Finding, Report};
use crate::pki::{Material, StoreChange};
use crate::plan::{CertificateRow, NodePlan};

/// The summary of one planned node; its JSON form is what `plan --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlanSummary {
    version: u32,
    cluster: String,
    node: String,
    role: String,
    kubernetes_version: String,
    bundle: String,
    cluster_id: String,
    plan_digest: String,
    serial: u64,
    created: String,
    apply_after: String,
    apply_before: String,
    test_only: bool,
    public_files: usize,
    sealed_files: usize,
    directories: usize,
    public_objects: usize,
    sealed_objects: usize,
    live_steps: usize,
    left_out_phases: Vec<&'static str>,
    certificates: Vec<CertificateRow>,
    external_authorities: Vec<String>,
    recipients: Vec<String>,
    identity: Option<Identity>,
    signer: Option<Signer>,
    store_changes: Vec<StoreChange>,
    assumptions: Vec<Assumption>,
    warnings: Vec<Finding>,
    next: Vec<String>,
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
    /// What is known before the bundle is written.
    pub(super) fn of_plan(
        config: &ValidConfig,
        plan: &NodePlan,
        changes: &[StoreChange],
        warnings: &Report,
    ) -> Self {
        Self {
            version: 1,
            cluster: config.bundle_cluster_name.to_string(),
            node: plan.name.to_string(),
            role: plan.role.to_string(),
            kubernetes_version: config.version.clone(),
            bundle: String::new(),
            cluster_id: String::new(),
            plan_digest: String::new(),
            serial: 0,
            created: String::new(),
            apply_after: String::new(),
            apply_before: String::new(),
            test_only: false,
            public_files: 0,
            sealed_files: 0,
            directories: 0,
            public_objects: 0,
            sealed_objects: 0,
            live_steps: 0,
            left_out_phases: plan.left_out.clone(),
            certificates: plan.certificates.clone(),
            external_authorities: Vec::new(),
            recipients: Vec::new(),
            identity: None,
            signer: None,
            store_changes: changes.to_vec(),
            assumptions: config.assumptions.clone(),
            warnings: warnings.findings().to_vec(),
            next: Vec::new(),
        }
    }

    /// Names the CAs whose keys are kept elsewhere.
    pub(super) fn external_authorities(&mut self, material: &Material) {
        let names = material.external_authorities();
        self.external_authorities = names.into_iter().map(str::to_owned).collect();
    }

    /// What the written bundle adds.
    pub(super) fn finish(
        &mut self,
        index: &Index,
        bundle: &Path,
        signer: Signer,
        identity: Option<Identity>,
    ) {
        self.bundle = bundle.display().to_string();
        self.cluster_id = index.cluster.id.to_string();
        self.plan_digest = index.plan_digest.to_string();
        self.serial = index.serial;
        self.created = index.created.to_string();
        self.apply_after = index.apply_after.to_string();
        self.apply_before = index.apply_before.to_string();
        self.test_only = index.test_only;
        for entry in &index.entries {
            match (&entry.place, &entry.content) {
                (Place::Directory(_), _) => self.directories += 1,
                (Place::Object, Content::Sealed(_)) => self.sealed_objects += 1,
                (Place::Object, _) => self.public_objects += 1,
                (_, Content::Sealed(_)) => self.sealed_files += 1,
                _ => self.public_files += 1,
            }
        }
        self.live_steps = index.steps.iter().filter(|step| step.is_live()).count();
        let recipients = index.sealed.iter().flat_map(|sealed| &sealed.recipients);
        self.recipients = recipients.map(|text| shown_recipient(text)).collect();
        self.next = next_commands(self, bundle, &signer, identity.as_ref());
        self.signer = Some(signer);
        self.identity = identity;
    }

    /// For machines.
    pub(super) fn to_json(&self) -> Result<String, CliError> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| CliError::caused(Exit::Failed, "printing the summary", error))
    }

    /// For people.
    pub(super) fn to_text(&self) -> String {
        let mut lines = vec![
            format!(
                "Planned {} {} of cluster {}, Kubernetes {}",
                self.role, self.node, self.cluster, self.kubernetes_version
            ),
            format!("  bundle       {}", self.bundle),
            format!("  plan digest  {}", self.plan_digest),
            format!("  serial       {}", self.serial),
            format!(
                "  apply        after {}, before {}",
                self.apply_after, self.apply_before
            ),
            format!(
                "  holds        {}, {}, {}",
                count(self.public_files, "public file"),
                count(self.sealed_files, "sealed file"),
                count(self.directories, "folder")
            ),
            format!(
                "  objects      {}, {}, in {} that need a running cluster",
                count(self.public_objects, "public object"),
                count(self.sealed_objects, "sealed object"),
                count(self.live_steps, "step")
            ),
        ];
        if !self.left_out_phases.is_empty() {
            lines.push(format!(
                "  left out     phases {}",
                self.left_out_phases.join(", ")
            ));
        }
        lines.extend(
            self.recipients
                .iter()
                .map(|recipient| format!("  sealed for   {recipient}")),
        );
        if let Some(signer) = &self.signer {
            lines.push(format!(
                "  signed by    {} ({})",
                signer.fingerprint, signer.file
            ));
        }
        if self.test_only {
            lines.push(
                "  TEST ONLY    made with public test keys; kubeapply refuses it on a real host"
                    .into(),
            );
        }
        if !self.external_authorities.is_empty() {
            lines.push(format!(
                "  external CA  {}: the key is kept elsewhere, nothing is signed here and no host gets it",
                self.external_authorities.join(", ")
            ));
        }
        if self.external_authorities.iter().any(|name| name == "ca") {
            lines.push(
                "               kube-controller-manager signs nothing: other nodes' TLS bootstrap and the rotation of kubelet \
                 certificates need another signer"
                    .into(),
            );
        }
        lines.push(String::new());
        lines.push(format!("Certificates ({})", self.certificates.len()));
        lines.push(table::certificates(&self.certificates));
        section(
            &mut lines,
            "Key store",
            self.store_changes.iter().map(ToString::to_string),
        );
        section(
            &mut lines,
            "Assumed",
            self.assumptions
                .iter()
                .map(|a| format!("{}: {} ({})", a.about, a.assumed, a.instead)),
        );
        lines.push("Next".into());
        lines.extend(self.next.iter().map(|line| format!("  {line}")));
        lines.join("\n") + "\n"
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

fn section(lines: &mut Vec<String>, title: &str, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.map(|row| format!("  {row}")).collect();
    if !rows.is_empty() {
        lines.push(title.into());
        lines.extend(rows);
        lines.push(String::new());
    }
}

/// The exact commands that bring the bundle onto its host.
fn next_commands(
    summary: &PlanSummary,
    bundle: &Path,
    signer: &Signer,
    identity: Option<&Identity>,
) -> Vec<String> {
    let file = bundle
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut lines = vec![
        format!("kubeplan show {}", bundle.display()),
        format!(
            "# carry {} and {}.pub to the host, then there:",
            bundle.display(),
            signer.file
        ),
        format!(
            "kubeapply trust add --root / --principal {}-author --fingerprint {} {}",
            summary.cluster,
            signer.fingerprint,
            Path::new(&format!("{}.pub", signer.file))
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
        ),
    ];
    let mut options = String::from("--root /");
    if let Some(identity) = identity {
        lines.push(format!(
            "# the node has no recipient: carry {} another way than the bundle",
            identity.file
        ));
        let name = Path::new(&identity.file)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        options.push_str(&format!(" --identity {name}"));
    }
    if summary.test_only {
        options = options.replace("--root /", "--root DIR --allow-test-only");
    }
    lines.push(format!("kubeapply install {options} --dry-run {file}"));
    lines.push(format!("kubeapply install {options} {file}"));
    lines
}
