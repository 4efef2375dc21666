//! Nodes that join running clusters: ours a cluster of kubeadm, kubeadm's a cluster of ours, and joins that are attacked.

use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use kubeplan_testhosts::components::Store;
use kubeplan_testhosts::hosts::{Host, Rig};

use super::cluster::Role::{ControlPlane, First};
use super::cluster::{Cluster, expect_voters};
use super::newcomer::{Invitation, Newcomer};
use super::{IGNORED, Stopwatch, eventually, service_answers, text, wait_for_cluster};

/// Real kubeadm makes a cluster on `host1`.
fn kubeadm_init(rig: &Rig) -> Result<Host> {
    let first = rig.host("host1")?;
    first.shell(&format!(
        "kubeadm init --config /opt/kubernetes/init.yaml {IGNORED}"
    ))?;
    Ok(first)
}

/// A control plane and a worker join a cluster of kubeadm, and real kubeadm takes them for its own.
pub(super) fn ours_join_kubeadm(rig: &Rig, store: &Store) -> Result<()> {
    let mut clock = Stopwatch::start();
    rig.up(3, store, |_| ())?;
    let first = kubeadm_init(rig)?;
    clock.lap("kubeadm init");
    let second = Newcomer::prepare(rig.host("host2")?)?;
    second.join(&Invitation::of_control_plane(&first)?)?;
    clock.lap("a control plane joined by kubeapply");
    let third = Newcomer::prepare(rig.host("host3")?)?;
    third.join(&Invitation::of(&first)?)?;
    clock.lap("a worker joined by kubeapply");
    wait_for_cluster(&first, 3)?;
    expect_voters(&first, &["host1", "host2"])?;
    eventually("kube-proxy on host3", || service_answers(&third.host))?;
    // The identity each came with is gone, and the kubelet has one of its own.
    for host in [&second.host, &third.host] {
        host.shell(
            "! [ -e /etc/kubernetes/bootstrap-kubelet.conf ] && [ -e /var/lib/kubelet/pki/kubelet-client-current.pem ]",
        )?;
        let status = text(host, "kubeapply status")?;
        ensure!(!status.contains("changed since"), "{status}");
    }
    let expiry = text(&second.host, "kubeadm certs check-expiration")?;
    // Only the node that made the cluster has super-admin.conf.
    let missing: Vec<&str> = expiry
        .lines()
        .filter(|line| line.contains("MISSING"))
        .collect();
    ensure!(
        matches!(missing[..], [line] if line.contains("super-admin.conf")),
        "{expiry}"
    );
    clock.lap("everything ready");

    second.host.shell("kubeapply reset --yes")?;
    expect_voters(&first, &["host1"])?;
    first.shell("kubectl delete node host2")?;
    third
        .host
        .shell(&format!("kubeadm reset --force {IGNORED}"))?;
    first.shell("kubectl delete node host3")?;
    wait_for_cluster(&first, 1)
}

/// Real kubeadm joins a control plane and a worker to a cluster whose two control planes came from a plan.
pub(super) fn kubeadm_joins_ours(rig: &Rig, store: &Store) -> Result<()> {
    rig.up(4, store, |_| ())?;
    let cluster = Cluster::carry(rig, store, &[First, ControlPlane])?;
    cluster.install_all()?;
    let first = &cluster.site(1)?.host;
    wait_for_cluster(first, 2)?;
    let (third, fourth) = (rig.host("host3")?, rig.host("host4")?);
    let join = text(first, "kubeadm token create --print-join-command")?;
    let key = text(
        first,
        "kubeadm init phase upload-certs --upload-certs | tail -n 1",
    )?;
    third.shell(&format!(
        "{join} --control-plane --certificate-key {key} {IGNORED}"
    ))?;
    fourth.shell(&format!("{join} {IGNORED}"))?;
    wait_for_cluster(first, 4)?;
    expect_voters(first, &["host1", "host2", "host3"])?;
    eventually("kube-proxy on host4", || service_answers(&fourth))?;
    // kubeadm resets what it joined, and what kubeapply joined.
    third.shell(&format!("kubeadm reset --force {IGNORED}"))?;
    first.shell("kubectl delete node host3")?;
    expect_voters(first, &["host1", "host2"])?;
    wait_for_cluster(first, 3)
}

/// Five workers join at once, by one token.
pub(super) fn five_workers(rig: &Rig, store: &Store) -> Result<()> {
    rig.up(6, store, |_| ())?;
    let first = kubeadm_init(rig)?;
    let invitation = Invitation::of(&first)?;
    let workers: Result<Vec<Newcomer>> = (2..=6)
        .map(|number| Newcomer::prepare(rig.host(&format!("host{number}"))?))
        .collect();
    let workers = workers?;
    let mut clock = Stopwatch::start();
    thread::scope(|scope| -> Result<()> {
        let runs: Vec<_> = workers
            .iter()
            .map(|worker| scope.spawn(|| worker.join(&invitation)))
            .collect();
        for run in runs {
            run.join().unwrap_or_else(|_| bail!("a thread panicked"))?;
        }
        Ok(())
    })?;
    clock.lap("five workers at once");
    wait_for_cluster(&first, 6)
}

/// Where the attacker listens, on a host of his own.
const IN_THE_MIDDLE: &str = "192.168.10.13:6443";

/// A host that joins refuses false answers, says what is wrong with them, and stays as it was.
pub(super) fn attacks(rig: &Rig, store: &Store) -> Result<()> {
    rig.up(3, store, |_| ())?;
    let first = kubeadm_init(rig)?;
    wait_for_cluster(&first, 1)?;
    let right = Invitation::of(&first)?;
    eventually("the signature of cluster-info", || {
        let signed = text(
            &first,
            "kubectl --namespace kube-public get configmap cluster-info --output jsonpath={.data}",
        )?;
        let (id, _) = right.token.split_once('.').context("a token has a dot")?;
        ensure!(signed.contains(&format!("jws-kubeconfig-{id}")), "{signed}");
        Ok(())
    })?;
    let secure = rig.host("host2")?;
    let newcomer = Newcomer::without_policy(secure.clone())?;
    newcomer
        .is_refused(&right, "", 4, &["liveJoin: allow"])
        .context("a host whose policy allows no live join")?;
    let newcomer = Newcomer::prepare(secure)?;

    let wrong_pin = Invitation {
        pin: format!("sha256:{}", "0123456789abcdef".repeat(4)),
        ..right.clone()
    };
    newcomer
        .is_refused(&wrong_pin, "", 4, &["pin", "0123456789abcdef"])
        .context("a wrong pin")?;

    // The right id with another secret.
    let (id, secret) = right.token.split_once('.').context("a token has a dot")?;
    let mistyped: String = secret.chars().rev().collect();
    let wrong_token = Invitation {
        token: format!("{id}.{mistyped}"),
        ..right.clone()
    };
    newcomer
        .is_refused(&wrong_token, "", 4, &["not signed with the token", id])
        .context("a wrong token")?;

    let short = text(&first, "kubeadm token create --ttl 2s")?;
    let expired = Invitation {
        token: short.clone(),
        ..right.clone()
    };
    eventually("the end of a token", || {
        let listed = text(&first, "kubeadm token list")?;
        let (id, _) = short.split_once('.').context("a token has a dot")?;
        ensure!(!listed.contains(id), "{listed}");
        Ok(())
    })?;
    newcomer
        .is_refused(&expired, " --discovery-timeout 10s", 4, &["expired"])
        .context("a token that has expired")?;

    in_the_middle(rig, &newcomer, &right)?;

    tampered(&first, &newcomer, &right)?;

    // All this has not closed the door to a right join.
    newcomer.join(&right).context("a right join")?;
    wait_for_cluster(&first, 2)
}

/// An attacker who may write to the cluster's description, but cannot sign it: the signer is away.
fn tampered(first: &Host, newcomer: &Newcomer, right: &Invitation) -> Result<()> {
    first.shell(
        "kubectl --namespace kube-public get configmap cluster-info --output yaml >/tmp/described && \
         mv /etc/kubernetes/manifests/kube-controller-manager.yaml /tmp/",
    )?;
    eventually("the end of the signer", || {
        first.shell("! pidof kube-controller-manager").map(drop)
    })?;
    first.shell("sed s/host1:6443/host3:6443/ /tmp/described | kubectl replace --filename -")?;
    newcomer
        .is_refused(right, "", 4, &["not signed with the token"])
        .context("the changed cluster-info")?;
    first
        .shell(
            "sed /resourceVersion/d /tmp/described | kubectl replace --filename - && \
             mv /tmp/kube-controller-manager.yaml /etc/kubernetes/manifests/",
        )
        .map(drop)
}

/// A TLS proxy with a certificate of its own, from a CA of its own, in front of the real API server.
fn in_the_middle(rig: &Rig, newcomer: &Newcomer, right: &Invitation) -> Result<()> {
    let attacker = rig.host("host3")?;
    attacker.shell(
        "cd /tmp && openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=kubernetes -days 2 && \
         openssl req -newkey rsa:2048 -nodes -keyout proxy.key -out proxy.csr -subj /CN=kube-apiserver && \
         printf 'subjectAltName=IP:192.168.10.13,DNS:host1' >san && \
         openssl x509 -req -in proxy.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out proxy.crt -days 2 -extfile san && \
         cat proxy.key proxy.crt ca.crt >proxy.pem && \
         (setsid socat -v OPENSSL-LISTEN:6443,reuseaddr,fork,cert=proxy.pem,verify=0 OPENSSL:192.168.10.11:6443,verify=0 </dev/null >socat.log 2>&1 &)",
    )?;
    let lured = Invitation {
        endpoint: IN_THE_MIDDLE.to_owned(),
        ..right.clone()
    };
    eventually("the attacker", || {
        newcomer
            .host
            .shell("socat /dev/null TCP:192.168.10.13:6443,connect-timeout=2")
            .map(drop)
    })?;
    newcomer
        .is_refused(
            &lured,
            " --discovery-timeout 10s",
            4,
            &["192.168.10.13:6443", "does not prove"],
        )
        .context("a TLS proxy with a CA of its own")?;
    // It read everything that went through, and that was no token.
    let (_, secret) = right.token.split_once('.').context("a token has a dot")?;
    attacker.shell(&format!(
        "grep -q configmaps/cluster-info /tmp/socat.log && ! grep -q {secret} /tmp/socat.log && pkill -x socat"
    ))?;
    Ok(())
}

/// A bundle that is for another host is refused, and nothing of it is left.
pub(super) fn another_hosts_bundle(rig: &Rig, store: &Store) -> Result<()> {
    let cluster = Cluster::carry(rig, store, &[First, super::cluster::Role::Worker])?;
    let second = cluster.site(2)?;
    let foreign = cluster.planned.bundle_of("host1")?;
    std::fs::copy(foreign, second.carried("foreign.tar.gz"))?;
    let newcomer = Newcomer {
        host: second.host.clone(),
    };
    let install = format!("kubeapply install --yes {IGNORED} /var/carried/foreign.tar.gz");
    newcomer.refuses(&install, 4, &["host1", "host2"])?;
    // With --as-node the host still cannot open it.
    let insisted = install.replace("--yes", "--yes --as-node host1");
    newcomer.refuses(&insisted, 4, &["opens the sealed part"])
}
