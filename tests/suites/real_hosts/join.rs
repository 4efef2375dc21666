//! Clusters whose every node comes from one plan, each by its own `kubeapply install`, and what disturbs them.

use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use kubeplan_bundle::seal::{self, Identities};
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_testhosts::components::Store;
use kubeplan_testhosts::hosts::Rig;
use kubeplan_testsuite::planned::Planned;
use kubeplan_testsuite::tree;

use super::cluster::Role::{ControlPlane, First, Worker};
use super::cluster::{Cluster, etcdctl, expect_voters};
use super::site::{Site, changes};
use super::{Stopwatch, eventually, service_answers, text, wait_for_cluster};

/// Three control planes and two workers from one plan; then one of them loses its power, and one leaves. What CI runs.
pub(super) fn three_and_two(rig: &Rig, store: &Store) -> Result<()> {
    let cluster = Cluster::carry(
        rig,
        store,
        &[First, ControlPlane, ControlPlane, Worker, Worker],
    )?;
    only_control_planes_get_ca_keys(&cluster)?;
    let mut clock = Stopwatch::start();
    let changed = cluster.install_all()?;
    ensure!(
        changed.iter().all(|changes| !changes.is_empty()),
        "{changed:?}"
    );
    clock.lap("five installations at once");
    let first = &cluster.site(1)?.host;
    wait_for_cluster(first, 5)?;
    expect_voters(first, &["host1", "host2", "host3"])?;
    for number in [4, 5] {
        let host = &cluster.site(number)?.host;
        eventually("kube-proxy on a worker", || service_answers(host))?;
    }
    no_token(&cluster)?;
    clock.lap("five nodes and every Pod ready, three voters");

    for changes in cluster.install_all()? {
        ensure!(
            changes.is_empty(),
            "a second installation changed {changes:?}"
        );
    }
    clock.lap("installed again: nothing to change");

    first_dies(&cluster)?;
    clock.lap("the first control plane lost its power and came back");
    control_plane_leaves(&cluster)?;
    clock.lap("a control plane was reset");
    Ok(())
}

/// Nothing that a node brought with it can bring another one in.
fn no_token(cluster: &Cluster) -> Result<()> {
    for (site, _) in &cluster.sites {
        site.host
            .shell("! [ -e /etc/kubernetes/bootstrap-kubelet.conf ]")?;
    }
    // The kubelets' first certificates were in their bundles; those that they use now the cluster signed.
    let requests = text(
        &cluster.site(1)?.host,
        "kubectl get csr --output jsonpath='{range .items[*]}{.spec.signerName} {.spec.username}{\"\\n\"}{end}'",
    )?;
    ensure!(
        !requests.contains("system:bootstrap:"),
        "a kubelet came with a token\n{requests}"
    );
    Ok(())
}

/// What is inside the seal of a worker's bundle is its own: no key that is the cluster's.
fn only_control_planes_get_ca_keys(cluster: &Cluster) -> Result<()> {
    let shared: Vec<(String, Vec<u8>)> = tree::read(&cluster.planned.path("pki"))?
        .into_iter()
        .filter(|(name, _)| name.ends_with(".key") && !name.starts_with("nodes/"))
        .collect();
    ensure!(
        shared.len() == 4,
        "the store has {} shared keys",
        shared.len()
    );
    for (site, role) in &cluster.sites {
        let secrets = unsealed(&cluster.planned, site)?;
        for (name, key) in &shared {
            let encoded = base64::engine::general_purpose::STANDARD.encode(key);
            let found = secrets.iter().any(|secret| {
                [key.as_slice(), encoded.as_bytes()]
                    .iter()
                    .any(|wanted| secret.windows(wanted.len()).any(|part| part == *wanted))
            });
            ensure!(
                found == (*role != Worker),
                "{name} in the bundle of {}: {found}",
                site.host.name()
            );
        }
    }
    Ok(())
}

/// Everything inside the seal of a host's bundle, opened with its SSH key.
fn unsealed(planned: &Planned, site: &Site) -> Result<Vec<Vec<u8>>> {
    let bundle = planned.bundle_of(&site.host.name())?;
    let sealed = Command::new("tar")
        .args(["--extract", "--gzip", "--to-stdout", "--file"])
        .arg(&bundle)
        .arg("sealed.age")
        .output()
        .context("starting tar")?;
    let mut cat = site.host.command("cat")?;
    let key = cat.arg("/etc/ssh/ssh_host_ed25519_key").output()?;
    let identities = Identities::parse(&SecretBytes::new(key.stdout), "the host's SSH key")?;
    let opened = seal::open(&sealed.stdout, &identities)
        .with_context(|| format!("opening {}", bundle.display()))?;
    Ok(opened
        .contents
        .values()
        .map(|secret| secret.expose().to_vec())
        .collect())
}

/// The API stays up without the node that made the cluster, takes changes, and the node comes back with them.
fn first_dies(cluster: &Cluster) -> Result<()> {
    let (first, second) = (&cluster.site(1)?.host, &cluster.site(2)?.host);
    first.power_cut()?;
    eventually("the API without its first control plane", || {
        second
            .shell("kubectl --request-timeout 5s create configmap written --namespace default --from-literal=while=away")
            .map(drop)
    })?;
    first.power_on()?;
    expect_voters(first, &["host1", "host2", "host3"])?;
    eventually("the API server on the first control plane", || {
        let line = "kubectl --server https://192.168.10.11:6443 get configmap written --output jsonpath={.data.while}";
        ensure!(
            text(first, line)? == "away",
            "what was written is not there"
        );
        Ok(())
    })?;
    wait_for_cluster(first, 5)
}

/// A reset takes the node's member out of etcd before it takes the data away.
fn control_plane_leaves(cluster: &Cluster) -> Result<()> {
    let (first, third) = (&cluster.site(1)?.host, cluster.site(3)?);
    third.host.shell("kubeapply reset --yes")?;
    expect_voters(first, &["host1", "host2"])?;
    third
        .host
        .shell("! [ -e /var/lib/etcd/member ] && ! pidof kubelet etcd kube-apiserver")?;
    first.shell("kubectl delete node host3")?;
    wait_for_cluster(first, 4)?;
    // Its bundle brings it in again, as a new member.
    third.install()?;
    wait_for_cluster(first, 5)?;
    expect_voters(first, &["host1", "host2", "host3"])
}

/// Waited for, before the power of a control plane goes that joins: a line for the first control plane's or the host's own shell.
const CUTS: [(&str, Where, &str); 3] = [
    (
        "etcd lists it as a learner",
        Where::First,
        "until etcdctl ENDPOINT member list | grep -q true; do :; done",
    ),
    (
        "its manifest of etcd is there",
        Where::Joining,
        "until [ -e /etc/kubernetes/manifests/etcd.yaml ]; do :; done",
    ),
    (
        "its etcd runs",
        Where::Joining,
        "until pidof etcd; do :; done; sleep 1",
    ),
];

/// Whose shell waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    First,
    Joining,
}

/// After a power cut in the middle of joining etcd the command that `status` names makes the node a voter.
pub(super) fn power_cuts(rig: &Rig, store: &Store) -> Result<()> {
    for (when, place, wait) in CUTS {
        rig.down()?;
        cut_once(rig, store, place, wait).context(when)?;
    }
    Ok(())
}

fn cut_once(rig: &Rig, store: &Store, place: Where, wait: &str) -> Result<()> {
    let cluster = Cluster::carry(rig, store, &[First, ControlPlane])?;
    cluster.install_founder()?;
    let (first, joining) = (cluster.site(1)?, cluster.site(2)?);
    let mut install = joining
        .host
        .command("sh")?
        .args(["-c", &joining.install_line()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let waits = if place == Where::First {
        first
    } else {
        joining
    };
    waits
        .host
        .shell(&wait.replace("etcdctl ENDPOINT", &etcdctl()))?;
    joining.host.power_cut()?;
    ensure!(!install.wait()?.success(), "the power went too late");
    joining.host.power_on()?;
    let next = joining.next()?;
    ensure!(next.starts_with("kubeapply resume"), "status says {next}");
    joining.host.shell(&next)?;
    wait_for_cluster(&first.host, 2)?;
    expect_voters(&first.host, &["host1", "host2"])?;
    let report = joining.install()?;
    ensure!(changes(&report)?.is_empty(), "{report:#}");
    Ok(())
}

/// Five workers at once, while two control planes join at once.
pub(super) fn all_at_once(rig: &Rig, store: &Store) -> Result<()> {
    let cluster = Cluster::carry(
        rig,
        store,
        &[
            First,
            ControlPlane,
            ControlPlane,
            Worker,
            Worker,
            Worker,
            Worker,
            Worker,
        ],
    )?;
    cluster.install_founder()?;
    let mut clock = Stopwatch::start();
    thread::scope(|scope| -> Result<()> {
        let runs: Vec<_> = cluster
            .sites
            .iter()
            .skip(1)
            .map(|(site, _)| scope.spawn(|| site.install().with_context(|| site.host.name())))
            .collect();
        for run in runs {
            run.join()
                .unwrap_or_else(|_| anyhow::bail!("a thread panicked"))?;
        }
        Ok(())
    })?;
    clock.lap("seven installations at once");
    let first = &cluster.site(1)?.host;
    wait_for_cluster(first, 8)?;
    expect_voters(first, &["host1", "host2", "host3"])
}
