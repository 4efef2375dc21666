//! The test hosts themselves: real kubeadm makes a cluster of three on them, and nothing of them stays.
//!
//! Takes a minute and some GiB of memory, so it runs only when the variable `KUBEPLAN_HOSTS` is set; and needs root, and
//! everything that `cargo xtask components` builds, in its cache or where `KUBEPLAN_COMPONENTS` says.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kubeplan_testhosts::components::{COMPONENTS_VARIABLE, Store};
use kubeplan_testhosts::hosts::{Host, Rig, ScratchRig};
use kubeplan_testsuite::programs::repository;
use libtest_mimic::Trial;
use serde_json::Value;

use super::case;

const HOSTS_VARIABLE: &str = "KUBEPLAN_HOSTS";

pub fn cases() -> Vec<Trial> {
    let name = "real_hosts::kubeadm_makes_a_cluster_of_three_that_survives_a_power_cut";
    let store = match std::env::var_os(COMPONENTS_VARIABLE) {
        Some(folder) => Ok(Store::at(Path::new(&folder))),
        None => Store::in_cache(),
    };
    let obstacle = obstacle(&store);
    if let Some(obstacle) = &obstacle {
        eprintln!("ignored: {name}: {obstacle}");
    }
    let ignored = obstacle.is_some();
    vec![case(name, move || cluster(&store?)).with_ignored_flag(ignored)]
}

/// Why there can be no hosts, in one line.
fn obstacle(store: &Result<Store>) -> Option<String> {
    if std::env::var_os(HOSTS_VARIABLE).is_none() {
        return Some(format!(
            "needs the variable {HOSTS_VARIABLE}, for it takes a minute"
        ));
    }
    if let Err(error) = Rig::check_machine() {
        return Some(error.to_string());
    }
    match store.as_ref().map(Store::is_complete) {
        Ok(Ok(true)) => None,
        Ok(Ok(false)) => Some("needs the programs that `cargo xtask components` builds".to_owned()),
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

fn cluster(store: &Store) -> Result<()> {
    let folder: PathBuf = repository().join("target/hosts");
    let rig = ScratchRig::at(&folder)?;
    rig.up(3, store, |_| ())?;
    let [first, second, third] = ["host1", "host2", "host3"].map(|name| rig.host(name));
    let (first, second, third) = (first?, second?, third?);

    let ignored = "--ignore-preflight-errors=SystemVerification";
    first.shell(&format!(
        "kubeadm init --config /opt/kubernetes/init.yaml --upload-certs {ignored}"
    ))?;
    let join = text(&first, "kubeadm token create --print-join-command")?;
    let key = text(
        &first,
        "kubeadm init phase upload-certs --upload-certs | tail -n 1",
    )?;
    second.shell(&format!(
        "{join} --control-plane --certificate-key {key} {ignored}"
    ))?;
    third.shell(&format!("{join} {ignored}"))?;
    wait_for_cluster(&first, 3)?;

    two_members(&first)?;
    service_answers(&third)?;

    third.power_cut()?;
    ensure!(
        third.command("true").is_err(),
        "a host without power takes commands"
    );
    third.power_on()?;
    second.power_cut()?;
    second.power_on()?;
    // Nodes stay Ready for a while after they are gone, so what runs on them has to answer.
    eventually("etcd on host2", || two_members(&second))?;
    eventually("kube-proxy on host3", || service_answers(&third))?;
    let healthz = "kubectl get --raw /api/v1/nodes/host3/proxy/healthz";
    eventually("the kubelet on host3", || first.shell(healthz).map(drop))?;
    wait_for_cluster(&first, 3)?;

    let inits: Vec<_> = rig.hosts()?.iter().filter_map(Host::init).collect();
    ensure!(inits.len() == 3, "{inits:?}");
    drop(rig);
    ensure!(
        !inits.iter().any(|init| init.is_alive()),
        "a host outlives its rig"
    );
    ensure!(!folder.exists(), "{} outlives its rig", folder.display());
    Ok(())
}

fn text(host: &Host, line: &str) -> Result<String> {
    Ok(String::from_utf8(host.shell(line)?.stdout)?
        .trim_end()
        .to_owned())
}

/// Both control planes have a member of etcd that this host reaches.
fn two_members(host: &Host) -> Result<()> {
    let line = format!(
        "kubectl --namespace kube-system exec etcd-{} -- etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt \
         --cert /etc/kubernetes/pki/etcd/peer.crt --key /etc/kubernetes/pki/etcd/peer.key endpoint health --cluster",
        host.name()
    );
    let health = text(host, &format!("{line} 2>&1"))?;
    ensure!(health.matches(" is healthy").count() == 2, "{health}");
    Ok(())
}

/// A Service, through the packet filter of this host, reaches CoreDNS on another one.
fn service_answers(host: &Host) -> Result<()> {
    let get = "printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' | socat -t 5 - TCP:10.96.0.10:9153,connect-timeout=5";
    let metrics = text(host, get)?;
    ensure!(
        metrics.contains("coredns_build_info"),
        "kube-dns does not answer\n{metrics}"
    );
    Ok(())
}

fn eventually(what: &str, check: impl Fn() -> Result<()>) -> Result<()> {
    let begin = Instant::now();
    loop {
        match check() {
            Ok(()) => return Ok(()),
            Err(error) if begin.elapsed() > Duration::from_secs(180) => {
                return Err(error.context(format!("{what} did not come up")));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(500)),
        }
    }
}

/// Waits until `count` nodes are ready and every container of kube-system runs.
fn wait_for_cluster(host: &Host, count: usize) -> Result<()> {
    eventually("the cluster", || {
        let waiting = not_ready(host, count)?;
        ensure!(waiting.is_empty(), "still waiting for {waiting}");
        Ok(())
    })
}

/// What is not there yet, in words; empty if all is.
fn not_ready(host: &Host, count: usize) -> Result<String> {
    let list = |what: &str| -> Result<Vec<Value>> {
        let listed: Value =
            serde_json::from_str(&text(host, &format!("kubectl get {what} --output json"))?)?;
        Ok(listed
            .get("items")
            .and_then(Value::as_array)
            .context("no list")?
            .clone())
    };
    let nodes = list("nodes")?;
    if nodes.len() != count {
        return Ok(format!("{count} nodes, there are {}", nodes.len()));
    }
    let pods = list("pods --namespace kube-system")?;
    let waiting: Vec<String> = nodes
        .iter()
        .chain(&pods)
        .filter(|object| !is_ready(object))
        .filter_map(|object| Some(object.pointer("/metadata/name")?.as_str()?.to_owned()))
        .collect();
    Ok(waiting.join(", "))
}

/// Whether the condition `Ready` of a Node or Pod holds.
fn is_ready(object: &Value) -> bool {
    let conditions = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    conditions.is_some_and(|conditions| {
        conditions.iter().any(|condition| {
            condition.get("type").and_then(Value::as_str) == Some("Ready")
                && condition.get("status").and_then(Value::as_str) == Some("True")
        })
    })
}
