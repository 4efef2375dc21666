//! The summary for people: everything of one node, or a condensed table of many.

use std::collections::{BTreeMap, BTreeSet};

use kubeplan_bundle::index::SecretClass;

use super::{NodeSummary, PlanSummary};
use crate::cli::input::count;
use crate::cli::nodes::listed;
use crate::cli::table;
use crate::pki::ensure::StoreChangeKind;
use crate::plan::CertificateRow;

/// How many rows of a table are shown; JSON has all of them.
const ROWS: usize = 50;

/// The whole text.
pub(super) fn summary(plan: &PlanSummary) -> String {
    let mut lines = match plan.nodes.as_slice() {
        [node] => one(plan, node),
        nodes => many(plan, nodes),
    };
    section(&mut lines, "Key store", changes(plan).into_iter());
    section(&mut lines, "Assumed", assumptions(&plan.nodes).into_iter());
    lines.push("Next".into());
    lines.extend(plan.next.iter().map(|line| format!("  {line}")));
    lines.join("\n") + "\n"
}

fn one(plan: &PlanSummary, node: &NodeSummary) -> Vec<String> {
    let mut lines = vec![
        format!(
            "Planned {} {} of cluster {}, Kubernetes {}",
            node.role, node.node, plan.cluster, plan.kubernetes_version
        ),
        format!("  bundle       {}", node.bundle),
        format!("  plan digest  {}", node.plan_digest),
        format!("  serial       {}", node.serial),
        format!(
            "  apply        after {}, before {}",
            node.apply_after, node.apply_before
        ),
        format!(
            "  holds        {}, {}, {}",
            count(node.public_files, "public file"),
            count(node.sealed_files, "sealed file"),
            count(node.directories, "folder")
        ),
        format!(
            "  objects      {}, {}, in {} that need a running cluster",
            count(node.public_objects, "public object"),
            count(node.sealed_objects, "sealed object"),
            count(node.live_steps, "step")
        ),
    ];
    if !node.left_out_phases.is_empty() {
        lines.push(format!(
            "  left out     phases {}",
            node.left_out_phases.join(", ")
        ));
    }
    let recipients = node.recipients.iter();
    lines.extend(recipients.map(|recipient| format!("  sealed for   {recipient}")));
    lines.extend(of_all(plan));
    lines.push(String::new());
    lines.push(format!("Certificates ({})", node.certificates.len()));
    lines.push(table::certificates(&node.certificates));
    lines
}

fn many(plan: &PlanSummary, nodes: &[NodeSummary]) -> Vec<String> {
    let mut lines = vec![
        format!(
            "Planned {} of cluster {}, Kubernetes {}",
            count(nodes.len(), "node"),
            plan.cluster,
            plan.kubernetes_version
        ),
        format!(
            "  apply        after {}, before {}",
            nodes
                .iter()
                .map(|node| node.apply_after.as_str())
                .max()
                .unwrap_or_default(),
            nodes
                .iter()
                .map(|node| node.apply_before.as_str())
                .min()
                .unwrap_or_default()
        ),
    ];
    lines.extend(of_all(plan));
    lines.push(String::new());
    lines.push(format!("Nodes ({})", nodes.len()));
    let rows = nodes.iter().map(|node| {
        vec![
            node.node.clone(),
            node.role.clone(),
            if node.joins { "joins" } else { "makes it" }.to_owned(),
            node.serial.to_string(),
            (node.public_files + node.sealed_files).to_string(),
            (node.public_objects + node.sealed_objects).to_string(),
            node.live_steps.to_string(),
            node.bundle.clone(),
            node.recipients.join(", "),
        ]
    });
    lines.push(limited(
        &[
            "NODE",
            "ROLE",
            "CLUSTER",
            "SERIAL",
            "FILES",
            "OBJECTS",
            "STEPS",
            "BUNDLE",
            "SEALED FOR",
        ],
        rows,
    ));
    let mut left_out: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for node in nodes.iter().filter(|node| !node.left_out_phases.is_empty()) {
        let phases = node.left_out_phases.join(", ");
        left_out.entry(phases).or_default().push(&node.node);
    }
    section(
        &mut lines,
        "Phases left out",
        left_out
            .into_iter()
            .map(|(phases, nodes)| format!("{}: {phases}", listed(nodes))),
    );
    section(&mut lines, "Secrets", secrets(nodes).into_iter());
    lines.push("Certificates".into());
    lines.push(certificates(nodes));
    lines
}

/// Lines that are true of the whole run.
fn of_all(plan: &PlanSummary) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(signer) = &plan.signer {
        lines.push(format!(
            "  signed by    {} ({})",
            signer.fingerprint, signer.file
        ));
    }
    if plan.test_only {
        lines.push(
            "  TEST ONLY    made with public test keys; kubeapply refuses it on a real host".into(),
        );
    }
    if !plan.external_authorities.is_empty() {
        lines.push(format!(
            "  external CA  {}: the key is kept elsewhere, nothing is signed here and no host gets it",
            plan.external_authorities.join(", ")
        ));
    }
    if plan.external_authorities.iter().any(|name| name == "ca") {
        lines.push(
            "               kube-controller-manager signs nothing: other nodes' TLS bootstrap and the rotation of kubelet \
             certificates need another signer"
                .into(),
        );
    }
    lines
}

/// The first rows of a table, and how many there are besides.
fn limited(headings: &[&str], mut rows: impl Iterator<Item = Vec<String>>) -> String {
    let shown: Vec<_> = rows.by_ref().take(ROWS).collect();
    let mut text = table::table(headings, &shown);
    let left = rows.count();
    if left > 0 {
        text.push_str(&format!(
            "  … and {left} more: `--format json` lists all of them\n"
        ));
    }
    text
}

/// Which classes of secrets go where, one line for all nodes that get the same.
fn secrets(nodes: &[NodeSummary]) -> Vec<String> {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for node in nodes {
        let text = secrets_of(node);
        match lines.iter_mut().find(|(known, _)| *known == text) {
            Some((_, nodes)) => nodes.push(&node.node),
            None => lines.push((text, vec![&node.node])),
        }
    }
    lines
        .into_iter()
        .map(|(text, nodes)| format!("{}: {text}", listed(nodes)))
        .collect()
}

fn secrets_of(node: &NodeSummary) -> String {
    let classes = [
        (SecretClass::Kubeconfig, "kubeconfig"),
        (SecretClass::PrivateKey, "private key"),
        (SecretClass::SecretObject, "Secret object"),
        (SecretClass::EncryptionConfig, "encryption configuration"),
        (SecretClass::RegistryAuth, "file of registry credentials"),
    ];
    let counted = classes.into_iter().filter_map(|(class, noun)| {
        let secrets = node.secrets.iter();
        let number = secrets.filter(|secret| secret.class == class).count();
        (number > 0).then(|| count(number, noun))
    });
    let text = counted.collect::<Vec<_>>().join(", ");
    let authorities: Vec<&str> = node
        .secrets
        .iter()
        .filter_map(|secret| secret.key_of.as_deref())
        .filter(|name| node.certificates.iter().any(|row| is_authority(row, name)))
        .collect();
    match (text.is_empty(), authorities.is_empty()) {
        (true, _) => "none".to_owned(),
        (false, true) => format!("{text}; no key of a CA"),
        (false, false) => format!(
            "{text}, with the keys of the CAs {}",
            authorities.join(", ")
        ),
    }
}

/// Whether `row` is the CA called `name`: it signs itself, or an issuer that has no name here signed it.
fn is_authority(row: &CertificateRow, name: &str) -> bool {
    row.name == name && (row.signer == name || row.usages.is_empty())
}

/// One row for each certificate by name, with the number of nodes that have one and the first of them to end.
fn certificates(nodes: &[NodeSummary]) -> String {
    let mut order: Vec<&str> = Vec::new();
    let mut by_name: BTreeMap<&str, Vec<&CertificateRow>> = BTreeMap::new();
    for row in nodes.iter().flat_map(|node| &node.certificates) {
        let rows = by_name.entry(&row.name).or_default();
        if rows.is_empty() {
            order.push(&row.name);
        }
        rows.push(row);
    }
    let rows: Vec<Vec<String>> = order
        .iter()
        .filter_map(|name| by_name.get(name))
        .filter_map(|rows| {
            let first = rows.iter().min_by_key(|row| row.not_after)?;
            let keys: BTreeSet<&str> = rows.iter().map(|row| row.key.as_str()).collect();
            let signer = if first.signer == first.name {
                "(self)"
            } else {
                &first.signer
            };
            Some(vec![
                first.name.clone(),
                signer.to_owned(),
                keys.into_iter().collect::<Vec<_>>().join(", "),
                rows.len().to_string(),
                first.not_after.to_string(),
            ])
        })
        .collect();
    table::table(&["NAME", "SIGNER", "KEY", "NODES", "FIRST ENDS"], &rows)
}

/// What was made in the key store: each change if one node is planned, else together what was made for the same reason.
fn changes(plan: &PlanSummary) -> Vec<String> {
    let changes = &plan.store_changes;
    if plan.nodes.len() == 1 {
        return changes.iter().map(ToString::to_string).collect();
    }
    let mut groups: Vec<(StoreChangeKind, &str, Vec<&str>)> = Vec::new();
    for change in changes {
        let same = groups
            .iter_mut()
            .find(|(kind, why, _)| *kind == change.kind && *why == change.why);
        match same {
            Some((_, _, paths)) => paths.push(&change.path),
            None => groups.push((change.kind, &change.why, vec![&change.path])),
        }
    }
    groups
        .into_iter()
        .map(|(kind, why, paths)| format!("{kind} {}: {why}", listed(paths)))
        .collect()
}

/// Each assumption once, with the nodes it is made for if there are several.
fn assumptions(nodes: &[NodeSummary]) -> Vec<String> {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for node in nodes {
        for assumption in &node.assumptions {
            let text = format!(
                "{}: {} ({})",
                assumption.about, assumption.assumed, assumption.instead
            );
            match lines.iter_mut().find(|(known, _)| *known == text) {
                Some((_, nodes)) => nodes.push(&node.node),
                None => lines.push((text, vec![&node.node])),
            }
        }
    }
    let several = nodes.len() > 1;
    lines
        .into_iter()
        .map(|(text, nodes)| {
            if several {
                format!("{text} [{}]", listed(nodes))
            } else {
                text
            }
        })
        .collect()
}

fn section(lines: &mut Vec<String>, title: &str, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.map(|row| format!("  {row}")).collect();
    if !rows.is_empty() {
        lines.push(title.into());
        lines.extend(rows);
        lines.push(String::new());
    }
}
