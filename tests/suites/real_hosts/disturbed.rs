//! Installations that something disturbs: the power goes, the API server dies. They go on from where they were.

use std::io::Read as _;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kubeplan_testhosts::components::Store;
use kubeplan_testhosts::hosts::Rig;
use kubeplan_testsuite::planned::Planned;

use super::site::{Site, changes};
use super::{PLANNED, text, wait_for_cluster};

/// Waited for before the power goes: a line for the host's shell, and more milliseconds.
const CUTS: [(&str, &str, u64); 4] = [
    (
        "files are being put in place",
        "until [ -e /etc/kubernetes/pki/ca.crt ]; do :; done",
        0,
    ),
    (
        "files are there and nothing was started",
        "until [ -e /etc/kubernetes/manifests/kube-scheduler.yaml ]; do :; done",
        20,
    ),
    (
        "the control plane starts",
        "until pidof kube-apiserver; do :; done",
        300,
    ),
    (
        "objects are being applied",
        "until kubectl --namespace kube-system get configmap kubeadm-config; do :; done",
        0,
    ),
];

/// After a power cut the command that `status` names brings the cluster up, whatever the instant.
pub(super) fn power_cuts(rig: &Rig, store: &Store) -> Result<()> {
    let planned = || Planned::today(PLANNED);
    for (when, wait, more) in CUTS {
        if let Ok(host) = rig.host("host1") {
            host.remove()?;
        }
        rig.up(1, store, |_| ())?;
        let site = Site::carry(rig.host("host1")?, planned()?)?;
        let mut install = site
            .host
            .command("sh")?
            .args(["-c", &site.install_line()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        site.host.shell(wait).context(when)?;
        thread::sleep(Duration::from_millis(more));
        site.host.power_cut()?;
        let ended = install.wait()?;
        ensure!(!ended.success(), "{when}: the power went too late");
        site.host.power_on()?;
        let next = site.next()?;
        ensure!(
            next.starts_with("kubeapply resume"),
            "{when}: status says {next}"
        );
        site.host.shell(&next).with_context(|| when.to_owned())?;
        wait_for_cluster(&site.host, 1).context(when)?;
        site.expect_planned_objects().context(when)?;
        let report = site.install()?;
        ensure!(changes(&report)?.is_empty(), "{when}: {report:#}");
    }
    Ok(())
}

/// The API server is killed while objects are applied; the kubelet starts it again, and the installation waits for it.
pub(super) fn api_server_dies(rig: &Rig, store: &Store) -> Result<()> {
    rig.up(1, store, |_| ())?;
    let site = Site::carry(rig.host("host1")?, Planned::today(PLANNED)?)?;
    let mut install = site
        .host
        .command("sh")?
        .args(["-c", &format!("{} 2>&1", site.install_line())])
        .stdout(Stdio::piped())
        .spawn()?;
    site.host.shell(
        "until kubectl --namespace kube-system get configmap kubeadm-config; do :; done; \
         kill -KILL $(pidof kube-apiserver)",
    )?;
    let mut said = String::new();
    install
        .stdout
        .take()
        .context("no output")?
        .read_to_string(&mut said)?;
    ensure!(install.wait()?.success(), "{said}");
    wait_for_cluster(&site.host, 1)?;
    site.expect_planned_objects()?;
    let restarts = text(
        &site.host,
        "kubectl --namespace kube-system get pod kube-apiserver-host1 \
         --output jsonpath={.status.containerStatuses[0].restartCount}",
    )?;
    ensure!(restarts != "0", "the API server was not killed");
    Ok(())
}
