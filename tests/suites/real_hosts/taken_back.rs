//! A newer plan is taken back on a running host: by `rollback`, or because the operator did not confirm it in time.

use anyhow::{Result, ensure};
use kubeplan_testhosts::components::Store;
use kubeplan_testhosts::hosts::{Host, Rig};
use kubeplan_testsuite::planned::Planned;

use super::site::Site;
use super::{PLANNED, eventually, text, wait_for_cluster};

/// What a newer plan changes: a flag of the API server, a setting of the kubelet.
const FLAG: &str = "--profiling=false";
const PODS: u64 = 99;

fn newer() -> String {
    let flagged = PLANNED.replace(
        "networking:",
        "apiServer: {extraArgs: [{name: profiling, value: \"false\"}]}\nnetworking:",
    );
    format!(
        "{flagged}---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: {PODS}\n"
    )
}

const MANIFESTS: &str = "sha256sum /etc/kubernetes/manifests/* /var/lib/kubelet/config.yaml";

pub(super) fn rolled_back(rig: &Rig, store: &Store) -> Result<()> {
    rig.up(1, store, |_| ())?;
    let site = Site::carry(rig.host("host1")?, Planned::today(PLANNED)?)?;
    site.install()?;
    wait_for_cluster(&site.host, 1)?;
    runs_newer(&site.host, false)?;
    let before = text(&site.host, MANIFESTS)?;

    site.plan_again(&newer())?;
    site.install()?;
    runs_newer(&site.host, true)?;
    wait_for_cluster(&site.host, 1)?;

    let said = text(&site.host, "kubeapply rollback --yes")?;
    for part in [
        "restored   /etc/kubernetes/manifests/kube-apiserver.yaml",
        "not taken back: upload-config/kubeadm apply",
        "next: systemctl restart kubelet",
    ] {
        ensure!(said.contains(part), "no `{part}` in\n{said}");
    }
    site.host.shell("systemctl restart kubelet")?;
    ensure!(text(&site.host, MANIFESTS)? == before, "the files differ");
    runs_newer(&site.host, false)?;
    wait_for_cluster(&site.host, 1)?;
    let status = site.status()?;
    ensure!(
        status.contains("installed") && status.contains("serial 1,") && !status.contains("by hand"),
        "{status}"
    );

    // The operator does not confirm, on a host whose init system is not systemd: a process of kubeapply itself brings the files back.
    site.host.shell("rmdir /run/systemd/system")?;
    let install = site
        .install_line()
        .replace("install ", "install --confirm-within 60s ");
    site.host.shell(&install)?;
    runs_newer(&site.host, true)?;
    let next = site.next()?;
    ensure!(next == "kubeapply confirm", "{next}");
    runs_newer(&site.host, false)?;
    ensure!(text(&site.host, MANIFESTS)? == before, "the files differ");
    wait_for_cluster(&site.host, 1)?;
    let status = site.status()?;
    ensure!(status.contains("serial 1,"), "{status}");
    let left = text(&site.host, "pidof kubeapply || true")?;
    ensure!(left.is_empty(), "the supervisor still runs");
    Ok(())
}

/// The API server and the kubelet run as the newer plan says, or as the older one.
fn runs_newer(host: &Host, newer: bool) -> Result<()> {
    eventually("the other plan", || {
        let flags = text(
            host,
            "tr '\\0' ' ' </proc/$(pidof kube-apiserver)/cmdline && kubectl get --raw /readyz",
        )?;
        ensure!(flags.contains(FLAG) == newer, "{flags}");
        let pods = text(
            host,
            "kubectl get node host1 --output jsonpath={.status.capacity.pods}",
        )?;
        ensure!((pods == PODS.to_string()) == newer, "{pods}");
        Ok(())
    })
}
