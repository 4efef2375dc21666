//! kubeadm's own end-to-end tests (`test/e2e_kubeadm` of the same release) on a cluster that a plan made.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use kubeplan_testhosts::components::{E2E_KUBEADM, Store};
use kubeplan_testhosts::hosts::Rig;
use serde_json::Value;

use super::cluster::Cluster;
use super::cluster::Role::{ControlPlane, First, Worker};
use super::{Stopwatch, wait_for_cluster};

/// The tests of Kubernetes 1.36.2 that are for every cluster with two control planes and uploaded certificates.
const PASSED: usize = 35;
/// The only other test: it asks for a cluster with two address families.
const SKIPPED: &str = "dual-stack podSubnet";

/// Every one of the tests passes on two control planes and a worker, with the certificates uploaded. What CI runs.
pub(super) fn kubeadms_own(rig: &Rig, store: &Store) -> Result<()> {
    let mut clock = Stopwatch::start();
    let roles = [First, ControlPlane, Worker];
    let cluster = Cluster::carry_planned(rig, store, &roles, &["--upload-certs"])?;
    cluster.install_all()?;
    let site = cluster.site(1)?;
    wait_for_cluster(&site.host, roles.len())?;
    clock.lap("three nodes and every Pod ready");

    let log = site.carried("end-to-end.log");
    let ran = site
        .host
        .command("sh")?
        .arg("-c")
        .arg(format!(
            "{E2E_KUBEADM} --kubeconfig /etc/kubernetes/admin.conf --ginkgo.no-color \
         --ginkgo.json-report /var/carried/end-to-end.json > /var/carried/end-to-end.log 2>&1"
        ))
        .status()?;
    clock.lap("kubeadm's own tests");
    let report = fs::read_to_string(site.carried("end-to-end.json"))
        .with_context(|| format!("no report; {}", tail(&log)))?;
    let states = states(&serde_json::from_str(&report)?)?;
    let skipped = states.get("skipped").map(Vec::as_slice);
    ensure!(
        ran.success()
            && states
                .get("passed")
                .is_some_and(|passed| passed.len() == PASSED)
            && matches!(skipped, Some([one]) if one.contains(SKIPPED))
            && states.len() == 2,
        "not {PASSED} passed: {states:#?}\n{}",
        tail(&log)
    );
    Ok(())
}

/// The names of the tests by how they ended.
fn states(report: &Value) -> Result<BTreeMap<String, Vec<String>>> {
    let specs = report
        .pointer("/0/SpecReports")
        .and_then(Value::as_array)
        .context("the report has no tests")?;
    let mut states = BTreeMap::<String, Vec<String>>::new();
    for spec in specs {
        let field = |name: &str| spec.get(name).and_then(Value::as_str).unwrap_or_default();
        // Nodes that prepare others are in the report, too.
        if field("LeafNodeType") == "It" {
            let names = states.entry(field("State").to_owned()).or_default();
            let around = spec
                .get("ContainerHierarchyTexts")
                .and_then(Value::as_array);
            let around = around.into_iter().flatten().filter_map(Value::as_str);
            let name: Vec<&str> = around.chain([field("LeafNodeText")]).collect();
            names.push(name.join(" "));
        }
    }
    Ok(states)
}

fn tail(log: &std::path::Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(60);
    lines.get(from..).unwrap_or_default().join("\n")
}
