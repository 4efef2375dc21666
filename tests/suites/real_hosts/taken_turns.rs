//! `kubeapply` and real kubeadm on one cluster, one after the other: neither is in the other's way, and what kubeadm
//! changed is reported as that.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use kubeplan_testhosts::components::{Store, releases};
use kubeplan_testhosts::hosts::{Host, Rig};
use kubeplan_testsuite::planned::Planned;
use serde_json::Value;

use super::site::{Site, changes};
use super::{IGNORED, PLANNED, text, two_members, wait_for_cluster};

/// Another control plane joins, tokens come and go, certificates are renewed; then the node is reset and installed again.
pub(super) fn kubeadm(rig: &Rig, store: &Store) -> Result<()> {
    rig.up(2, store, |_| ())?;
    let (first, second) = (rig.host("host1")?, rig.host("host2")?);
    let config = PLANNED.replace(
        "networking:",
        "controlPlaneEndpoint: 192.168.10.11:6443\nnetworking:",
    );
    let planned = Planned::today(&config)?;
    planned.plan(&["--upload-certs"])?.expect(0)?;
    let site = Site::carry(first, planned)?;
    site.install()?;
    wait_for_cluster(&site.host, 1)?;

    tokens(&site.host)?;
    joins(&site, &second)?;
    second.shell(&format!("kubeadm reset --force {IGNORED}"))?;
    site.host.shell("kubectl delete node host2")?;
    wait_for_cluster(&site.host, 1)?;

    certificates(&site)?;
    resets(&site)
}

/// `kubeadm upgrade` to the next patch release: manifests differ from the plan by the version alone, and kubeapply leaves
/// them and says whose they are.
pub(super) fn upgrade(rig: &Rig, store: &Store) -> Result<()> {
    rig.up(1, store, |_| ())?;
    let site = Site::carry(rig.host("host1")?, Planned::today(PLANNED)?)?;
    // kubeadm looks for the host's directories of CA certificates when it writes manifests.
    site.plan_with_facts()?;
    site.install()?;
    wait_for_cluster(&site.host, 1)?;
    let [old, new] = releases()?;
    site.host.import_images(new)?;
    let manifests = "cat /etc/kubernetes/manifests/*.yaml";
    let before = text(&site.host, manifests)?;

    let kubeadm = format!("/opt/kubernetes/{new}/bin/kubeadm");
    let plan = text(
        &site.host,
        &format!("{kubeadm} upgrade plan {new} {IGNORED} 2>&1"),
    )?;
    ensure!(plan.contains("kubeadm upgrade apply"), "{plan}");
    site.host
        .shell(&format!("{kubeadm} upgrade apply {new} --yes {IGNORED}"))?;
    wait_for_cluster(&site.host, 1)?;
    let after = text(&site.host, manifests)?;
    ensure!(before != after, "nothing was upgraded");
    ensure!(
        before == after.replace(&new.to_string(), &old.to_string()),
        "the manifests differ by more than the version: {}",
        difference(&before, &after)
    );

    let status = site.status()?;
    for component in [
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
    ] {
        let changed = format!(
            "changed since: /etc/kubernetes/manifests/{component}.yaml (content): it looks like `kubeadm upgrade`"
        );
        ensure!(status.contains(&changed), "{changed}\n{status}");
    }
    let report = site.install()?;
    ensure!(changes(&report)?.is_empty(), "{report:#}");
    let after_install = text(&site.host, manifests)?;
    ensure!(after_install == after, "the upgrade was taken back");
    let drift: Vec<String> = report
        .get("live")
        .and_then(Value::as_array)
        .context("no live steps")?
        .iter()
        .filter_map(|step| step.pointer("/objects/drift")?.as_array())
        .flatten()
        .map(ToString::to_string)
        .collect();
    ensure!(
        drift.iter().any(|object| object.contains("kubeadm-config")),
        "{report:#}"
    );
    Ok(())
}

/// Lines that only one of both has.
fn difference(before: &str, after: &str) -> String {
    let only = |these: &str, those: &str, sign: char| -> String {
        these
            .lines()
            .filter(|line| !those.lines().any(|other| other == *line))
            .map(|line| format!("\n{sign} {line}"))
            .collect()
    };
    only(before, after, '-') + &only(after, before, '+')
}

fn tokens(host: &Host) -> Result<()> {
    let token = text(host, "kubeadm token create --ttl 1h")?;
    let listed = text(host, "kubeadm token list")?;
    for token in [token.as_str(), "abcdef.0123456789abcdef"] {
        ensure!(listed.contains(token), "a token is missing from\n{listed}");
    }
    host.shell(&format!("kubeadm token delete {token} abcdef"))?;
    let listed = text(host, "kubeadm token list")?;
    ensure!(!listed.contains("abcdef."), "{listed}");
    Ok(())
}

/// A control plane joins with the certificates that were uploaded from the plan, and the key that the planner kept.
fn joins(site: &Site, second: &Host) -> Result<()> {
    let index: Value =
        serde_json::from_slice(&fs::read(site.planned.path("pki").join("store.json"))?)?;
    let key = index
        .get("certificateKey")
        .and_then(Value::as_str)
        .context("the key store has no certificate key")?;
    let join = text(&site.host, "kubeadm token create --print-join-command")?;
    second.shell(&format!(
        "{join} --control-plane --certificate-key {key} {IGNORED}"
    ))?;
    wait_for_cluster(&site.host, 2)?;
    two_members(&site.host)
}

fn certificates(site: &Site) -> Result<()> {
    let shown = text(&site.host, "kubeadm certs check-expiration")?;
    ensure!(
        shown.matches("364d").count() == 11 && !shown.contains("MISSING"),
        "{shown}"
    );
    site.host.shell("kubeadm certs renew all")?;
    let status = site.status()?;
    let renewed = status
        .matches("it looks like `kubeadm certs renew`: the same CA issued it anew")
        .count();
    // Seven certificates with their keys, and four kubeconfigs.
    ensure!(renewed == 18, "{renewed} files were renewed\n{status}");
    // The token that an administrator deleted does not come back, and nothing that was renewed is touched.
    let report = site.install()?;
    ensure!(changes(&report)?.is_empty(), "{report:#}");
    let said = text(&site.host, &site.install_line())?;
    ensure!(
        said.contains("nothing to change: files that were changed since are left as they are"),
        "{said}"
    );
    let listed = text(&site.host, "kubeadm token list")?;
    ensure!(!listed.contains("abcdef."), "{listed}");
    Ok(())
}

/// A reset leaves nothing that is in the way of a new installation.
fn resets(site: &Site) -> Result<()> {
    let said = text(&site.host, "kubeapply reset --yes")?;
    let left = text(
        &site.host,
        "crictl pods --quiet; ls -d /etc/kubernetes /var/lib/kubelet /var/lib/etcd 2>/dev/null; \
         grep /var/lib/kubelet /proc/mounts; pidof kubelet etcd kube-apiserver; true",
    )?;
    ensure!(left.is_empty(), "{said}\nleft:\n{left}");
    let status = site.status()?;
    ensure!(status.contains("nothing is installed"), "{status}");
    site.install()?;
    wait_for_cluster(&site.host, 1)
}

/// Real kubeadm takes the node away: `status` says so, and the command that it names makes the cluster again, with its token.
pub(super) fn kubeadm_resets(rig: &Rig, store: &Store) -> Result<()> {
    rig.up(1, store, |_| ())?;
    let site = Site::carry(rig.host("host1")?, Planned::today(PLANNED)?)?;
    site.install()?;
    wait_for_cluster(&site.host, 1)?;
    site.host.shell("kubeadm reset --force")?;
    let status = site.status()?;
    ensure!(
        status.contains("files are missing: it looks like `kubeadm reset`")
            && !status.contains("by hand"),
        "{status}"
    );
    let next = site.next()?;
    ensure!(next.starts_with("kubeapply install /"), "{next}");
    site.host.shell(&next)?;
    wait_for_cluster(&site.host, 1)?;
    site.expect_planned_objects()?;
    let report = site.install()?;
    ensure!(changes(&report)?.is_empty(), "{report:#}");

    // The other command that `status` names: what is left is taken away, and the host remembers no node.
    site.host.shell("kubeadm reset --force")?;
    let said = text(&site.host, "kubeapply reset --yes")?;
    let left = text(
        &site.host,
        "ls -d /etc/kubernetes /var/lib/kubelet /var/lib/etcd 2>/dev/null; pidof kubelet etcd kube-apiserver; true",
    )?;
    ensure!(left.is_empty(), "{said}\nleft:\n{left}");
    let status = site.status()?;
    ensure!(status.contains("nothing is installed"), "{status}");
    site.install()?;
    wait_for_cluster(&site.host, 1)
}
