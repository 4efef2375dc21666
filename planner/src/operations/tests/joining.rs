//! Plans of nodes that join: the four kinds, against what kubeadm v1.36.2 did on real hosts.

mod certificates;
mod control_plane;
mod phases;
mod steps;
mod worker;

use std::collections::BTreeMap;

use kubeplan_bundle::index::{Hole, NodeRole};
use kubeplan_bundle::step::Step;

use super::*;
use crate::config::kubeadm::Arg;
use crate::kubeadm::phase_tree;
use crate::phases::preflight::Join;
use crate::pki::profiles;

/// Files of `plan` with their modes.
fn files(plan: &NodePlan) -> Vec<String> {
    plan.entries
        .iter()
        .filter(|entry| !matches!(entry.content, PlannedContent::Directory))
        .map(|entry| format!("{} {}", entry.placement.mode, entry.placement.path))
        .collect()
}

fn text(entry: &PlannedEntry) -> String {
    let bytes = match &entry.content {
        PlannedContent::Public(bytes) => bytes.as_slice(),
        PlannedContent::Secret { bytes, .. } => bytes.expose(),
        PlannedContent::Directory => panic!("a directory"),
    };
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Phase and first word of every step, commits with their transaction.
fn steps(plan: &NodePlan) -> Vec<String> {
    let live = plan.live.steps.iter().map(|step| {
        let value = serde_json::to_value(step).unwrap();
        format!("{} {}", step.phase(), value["do"].as_str().unwrap())
    });
    live.collect()
}

fn transactions(plan: &NodePlan) -> Vec<String> {
    let all = plan.transactions.iter();
    all.map(|it| format!("{} {}", it.phase, it.name)).collect()
}
