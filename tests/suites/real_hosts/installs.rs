//! `kubeapply install` on a running host: what comes of it, what real kubeadm makes of it, and what happens when it is
//! disturbed.

use std::fs;

use anyhow::{Result, ensure};
use kubeplan_testhosts::components::Store;
use kubeplan_testhosts::hosts::{Host, Rig};
use kubeplan_testsuite::planned::Planned;

use super::site::{Site, changes};
use super::{IGNORED, PLANNED, Stopwatch, eventually, service_answers, text, wait_for_cluster};

/// The whole way, from a plan to a workload on a worker that kubeadm joined. What CI runs.
pub(super) fn whole(rig: &Rig, store: &Store) -> Result<()> {
    let mut clock = Stopwatch::start();
    rig.up(2, store, |_| ())?;
    let (first, second) = (rig.host("host1")?, rig.host("host2")?);
    let site = Site::carry(first, Planned::today(PLANNED)?)?;
    clock.lap("two hosts, a bundle carried to one");
    site.preflight()?;
    clock.lap("preflight");
    let report = site.install()?;
    clock.lap("install");
    ensure!(
        changes(&report)?.iter().any(|path| path == "addon/coredns"),
        "{report:#}"
    );
    wait_for_cluster(&site.host, 1)?;
    clock.lap("node and Pods ready");
    let objects = site.expect_planned_objects()?;
    signed(&site.host)?;
    clock.lap(&format!("{objects} objects compared with the plan"));

    join(&site.host, &second)?;
    wait_for_cluster(&site.host, 2)?;
    eventually("kube-proxy on host2", || service_answers(&second))?;
    clock.lap("a worker joined by kubeadm");
    workload(&site.host)?;
    clock.lap("a Deployment found by its Service's name");

    unchanged(&site)?;
    clock.lap("installed again: nothing to change");
    Ok(())
}

/// Installing again changes nothing and says so, and nothing has changed since.
fn unchanged(site: &Site) -> Result<()> {
    let report = site.install()?;
    ensure!(
        report.get("result") == Some(&"unchanged".into()),
        "{report:#}"
    );
    ensure!(changes(&report)?.is_empty(), "{report:#}");
    let said = text(&site.host, &site.install_line())?;
    ensure!(
        said.contains("nothing to change: the host is as planned"),
        "{said}"
    );
    let status = site.status()?;
    let changed: Vec<&str> = status
        .lines()
        .filter(|line| line.starts_with("changed since"))
        .collect();
    // Pointing kubelet.conf at the certificate that the kubelet rotates is a change of the installation's own.
    ensure!(changed.is_empty(), "{status}");
    Ok(())
}

/// The controllers have signed cluster-info with the token.
fn signed(host: &Host) -> Result<()> {
    eventually("the signature of cluster-info", || {
        let data = text(
            host,
            "kubectl --namespace kube-public get configmap cluster-info --output jsonpath={.data}",
        )?;
        ensure!(data.contains("jws-kubeconfig-abcdef"), "{data}");
        Ok(())
    })
}

/// Real kubeadm joins `worker` with a token of its own.
fn join(control_plane: &Host, worker: &Host) -> Result<()> {
    let join = text(control_plane, "kubeadm token create --print-join-command")?;
    worker.shell(&format!("{join} {IGNORED}")).map(drop)
}

/// A server, its Service, and a client that knows nothing but the Service's name in the cluster's DNS. The only image of
/// the hosts with both programs is etcd's.
const WORKLOAD: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: kept, namespace: default}
spec:
  selector: {matchLabels: {app: kept}}
  template:
    metadata: {labels: {app: kept}}
    spec:
      containers:
      - name: etcd
        image: IMAGE
        command: [etcd, --data-dir=/data, "--listen-client-urls=http://0.0.0.0:2379", "--advertise-client-urls=http://kept.default.svc.cluster.local:2379"]
        volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, emptyDir: {}}]
---
apiVersion: v1
kind: Service
metadata: {name: kept, namespace: default}
spec: {selector: {app: kept}, ports: [{port: 80, targetPort: 2379}]}
---
apiVersion: v1
kind: Pod
metadata: {name: asks, namespace: default}
spec:
  restartPolicy: OnFailure
  containers:
  - name: etcdctl
    image: IMAGE
    command: [etcdctl, "--endpoints=http://kept.default.svc.cluster.local:80", put, greeting, hello]
"#;

fn workload(host: &Host) -> Result<()> {
    let image = text(
        host,
        "sed -n 's/^ *image: //p' /etc/kubernetes/manifests/etcd.yaml",
    )?;
    fs::write(
        host.var().join("carried/workload.yaml"),
        WORKLOAD.replace("IMAGE", &image),
    )?;
    host.shell("kubectl apply --filename /var/carried/workload.yaml")?;
    eventually("the client of the Deployment", || {
        let phase = text(
            host,
            "kubectl get pod asks --output jsonpath={.status.phase}",
        )?;
        ensure!(phase == "Succeeded", "the client is {phase}");
        Ok(())
    })?;
    let said = text(host, "kubectl logs asks --tail 1")?;
    ensure!(said == "OK", "{said}");
    Ok(())
}
