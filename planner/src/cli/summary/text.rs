//! The summary for people: everything of one node, or a condensed table of many.

use std::collections::{BTreeMap, BTreeSet};

use kubeplan_bundle::index::SecretClass;
use kubeplan_terminal::{self as terminal, MAX_CELL, Text, cell};

use super::{NodeSummary, PlanSummary};
use crate::cli::reading::count;
use crate::cli::table;
use crate::engine::listed;
use crate::pki::StoreChangeKind;
use crate::plan::CertificateRow;

/// How many rows of a table are shown; JSON has all of them.
const ROWS: usize = 50;

/// The whole text.
pub(super) fn summary(plan: &PlanSummary) -> Text {
    let mut text = match plan.nodes.as_slice() {
        [node] => one(plan, node),
        nodes => many(plan, nodes),
    };
    section(&mut text, "Key store", changes(plan));
    section(&mut text, "Assumed", assumptions(&plan.nodes));
    text.line("Next");
    text.extend(plan.next.iter().map(|line| format!("  {line}")));
    text
}

fn one(plan: &PlanSummary, node: &NodeSummary) -> Text {
    let mut text = Text::of(format_args!(
        "Planned {} {} of cluster {}, Kubernetes {}",
        node.role, node.node, plan.cluster, plan.kubernetes_version
    ));
    text.line(format_args!("  bundle       {}", node.bundle));
    text.line(format_args!("  plan digest  {}", node.plan_digest));
    text.line(format_args!("  serial       {}", node.serial));
    text.line(format_args!(
        "  apply        after {}, before {}",
        node.apply_after, node.apply_before
    ));
    text.line(format_args!(
        "  holds        {}, {}, {}",
        count(node.public_files, "public file"),
        count(node.sealed_files, "sealed file"),
        count(node.directories, "directory")
    ));
    text.line(format_args!(
        "  objects      {}, {}, in {} that need a running cluster",
        count(node.public_objects, "public object"),
        count(node.sealed_objects, "sealed object"),
        count(node.live_steps, "step")
    ));
    if !node.left_out_phases.is_empty() {
        text.line(format_args!(
            "  left out     phases {}",
            node.left_out_phases.join(", ")
        ));
    }
    let recipients = node.recipients.iter();
    text.extend(recipients.map(|recipient| format!("  sealed for   {recipient}")));
    text.append(&of_all(plan));
    text.blank();
    text.line(format_args!("Certificates ({})", node.certificates.len()));
    text.append(&table::certificates(&node.certificates));
    text.blank();
    text
}

fn many(plan: &PlanSummary, nodes: &[NodeSummary]) -> Text {
    let mut text = Text::of(format_args!(
        "Planned {} of cluster {}, Kubernetes {}",
        count(nodes.len(), "node"),
        plan.cluster,
        plan.kubernetes_version
    ));
    text.line(format_args!(
        "  apply        after {}, before {}",
        nodes
            .iter()
            .map(|node| node.apply_after)
            .max()
            .map_or_else(String::new, |time| time.to_string()),
        nodes
            .iter()
            .map(|node| node.apply_before)
            .min()
            .map_or_else(String::new, |time| time.to_string())
    ));
    text.append(&of_all(plan));
    text.blank();
    text.line(format_args!("Nodes ({})", nodes.len()));
    let rows = nodes.iter().map(|node| {
        vec![
            node.node.to_string(),
            node.role.to_string(),
            if node.joins { "joins" } else { "makes it" }.to_owned(),
            node.serial.to_string(),
            (node.public_files + node.sealed_files).to_string(),
            (node.public_objects + node.sealed_objects).to_string(),
            node.live_steps.to_string(),
            node.bundle.clone(),
            node.recipients.join(", "),
        ]
    });
    text.append(&limited(
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
    text.blank();
    let mut left_out: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for node in nodes.iter().filter(|node| !node.left_out_phases.is_empty()) {
        let phases = node.left_out_phases.join(", ");
        left_out.entry(phases).or_default().push(node.node.as_str());
    }
    let left_out = left_out.into_iter();
    section(
        &mut text,
        "Phases left out",
        left_out.map(|(phases, nodes)| format!("{}: {phases}", listed(nodes))),
    );
    section(&mut text, "Secrets", secrets(nodes));
    text.line("Certificates");
    text.append(&certificates(nodes));
    text.blank();
    text
}

/// Lines that are true of the whole run.
fn of_all(plan: &PlanSummary) -> Text {
    let mut text = Text::new();
    if let Some(compared) = plan.compared_with_pin {
        text.line(format_args!("  cluster id   {}", plan.cluster_id));
        for authority in &plan.ca_certificates {
            text.line(format_args!(
                "  CA           {} ({})",
                authority.hash,
                cell(&authority.subject, MAX_CELL)
            ));
        }
        if !compared {
            text.line(
                "               NOT COMPARED with a pin: the join facts alone say which cluster this is; compare the hash with a \
                 control-plane node, or give --discovery-token-ca-cert-hash or --cluster-id",
            );
        }
    }
    if let Some(signer) = &plan.signer {
        text.line(format_args!(
            "  signed by    {} ({})",
            signer.fingerprint, signer.file
        ));
    }
    if plan.test_only {
        text.line("  TEST ONLY    made with public test keys; kubeapply refuses it on a real host");
    }
    if !plan.external_authorities.is_empty() {
        text.line(format_args!(
            "  external CA  {}: the key is kept elsewhere, nothing is signed here and no host gets it",
            plan.external_authorities.join(", ")
        ));
    }
    if plan.external_authorities.iter().any(|name| name == "ca") {
        text.line(
            "               kube-controller-manager signs nothing: other nodes' TLS bootstrap and the rotation of kubelet \
             certificates need another signer",
        );
    }
    text
}

/// The first rows of a table, and how many there are besides.
fn limited(headings: &[&str], mut rows: impl Iterator<Item = Vec<String>>) -> Text {
    let shown: Vec<_> = rows.by_ref().take(ROWS).collect();
    let mut text = terminal::table_with_open_end(headings, &shown);
    let left = rows.count();
    if left > 0 {
        text.line(format_args!(
            "  … and {left} more: `--format json` lists all of them"
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
            Some((_, nodes)) => nodes.push(node.node.as_str()),
            None => lines.push((text, vec![node.node.as_str()])),
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
fn certificates(nodes: &[NodeSummary]) -> Text {
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
    terminal::table(&["NAME", "SIGNER", "KEY", "NODES", "FIRST ENDS"], &rows)
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
                Some((_, nodes)) => nodes.push(node.node.as_str()),
                None => lines.push((text, vec![node.node.as_str()])),
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

fn section(text: &mut Text, title: &'static str, rows: impl IntoIterator<Item = String>) {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_some() {
        text.line(title);
        text.extend(rows.map(|row| format!("  {row}")));
        text.blank();
    }
}
