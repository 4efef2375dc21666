//! Whole clusters on test hosts: their configuration, the installation of every node, and what etcd says of its members.

use std::fmt::Write as _;
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use kubeplan_testhosts::components::Store;
use kubeplan_testhosts::hosts::{Host, Rig};
use kubeplan_testsuite::planned::Planned;
use serde_json::Value;

use super::balancer::{Balancer, ENDPOINT};
use super::keys::host_key;
use super::site::{Site, changes};
use super::{Stopwatch, eventually, text};

/// The cluster's name in the names of bundles.
pub(super) const NAME: &str = "rig";

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The control plane that makes the cluster.
    First,
    /// A control plane that joins.
    ControlPlane,
    /// A worker.
    Worker,
}

/// The configuration of a cluster of these hosts, each of which opens its bundle with its own SSH key.
pub(super) fn configuration(hosts: &[(Host, Role)], endpoint: &str) -> Result<String> {
    let mut text = format!(
        "apiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nmetadata: {{name: {NAME}}}\nnodes:\n"
    );
    for (host, role) in hosts {
        let role = match role {
            Role::First | Role::ControlPlane => "control-plane",
            Role::Worker => "worker",
        };
        writeln!(
            text,
            "- {{name: {0}, role: {role}, address: {1}, match: {{hostname: {0}}}, recipients: [{2}]}}",
            host.name(),
            host.number().address(),
            host_key(host)?
        )?;
    }
    write!(
        text,
        "---\n\
         apiVersion: kubeadm.k8s.io/v1beta4\n\
         kind: ClusterConfiguration\n\
         kubernetesVersion: v1.36.2\n\
         controlPlaneEndpoint: {endpoint}\n\
         networking: {{podSubnet: 10.244.0.0/16}}\n\
         ---\n\
         apiVersion: kubeproxy.config.k8s.io/v1alpha1\n\
         kind: KubeProxyConfiguration\n\
         mode: nftables\n\
         conntrack: {{maxPerCore: 0, min: 0}}\n"
    )?;
    Ok(text)
}

/// Hosts of a new rig, `host1` first, with these roles.
pub(super) fn hosts(rig: &Rig, store: &Store, roles: &[Role]) -> Result<Vec<(Host, Role)>> {
    rig.up(u8::try_from(roles.len())?, store, |_| ())?;
    let named = roles.iter().zip(1..);
    named
        .map(|(role, number)| Ok((rig.host(&format!("host{number}"))?, *role)))
        .collect()
}

/// A planned cluster behind a load balancer, every bundle on its host.
pub(super) struct Cluster {
    pub(super) planned: Arc<Planned>,
    pub(super) sites: Vec<(Site, Role)>,
    _balancer: Balancer,
}

impl Cluster {
    /// Plans the cluster once, and carries the bundles.
    pub(super) fn carry(rig: &Rig, store: &Store, roles: &[Role]) -> Result<Self> {
        Self::carry_planned(rig, store, roles, &[])
    }

    /// Like [`Cluster::carry`], with more arguments of `kubeplan plan`.
    pub(super) fn carry_planned(
        rig: &Rig,
        store: &Store,
        roles: &[Role],
        more: &[&str],
    ) -> Result<Self> {
        let mut clock = Stopwatch::start();
        let hosts = hosts(rig, store, roles)?;
        clock.lap(&format!("{} hosts", hosts.len()));
        let servers: Vec<Host> = hosts
            .iter()
            .filter(|(_, role)| *role != Role::Worker)
            .map(|(host, _)| host.clone())
            .collect();
        let balancer = Balancer::start(rig, &servers)?;
        let planned = Arc::new(Planned::cluster_today(&configuration(&hosts, ENDPOINT)?)?);
        if !more.is_empty() {
            planned.plan(more)?.expect(0)?;
        }
        clock.lap("planned");
        let sites: Result<Vec<_>> = hosts
            .into_iter()
            .map(|(host, role)| Ok((Site::of_cluster(host, &planned)?, role)))
            .collect();
        clock.lap("bundles carried");
        Ok(Self {
            planned,
            sites: sites?,
            _balancer: balancer,
        })
    }

    /// The host `number`, from 1.
    pub(super) fn site(&self, number: usize) -> Result<&Site> {
        let site = number.checked_sub(1).and_then(|at| self.sites.get(at));
        Ok(&site.with_context(|| format!("there is no host{number}"))?.0)
    }

    /// Installs every bundle at once, whatever the order; what each report says was changed.
    pub(super) fn install_all(&self) -> Result<Vec<Vec<String>>> {
        thread::scope(|scope| {
            // Those that have to wait begin first.
            let runs: Vec<_> = self
                .sites
                .iter()
                .rev()
                .map(|(site, _)| {
                    scope.spawn(|| {
                        let mut clock = Stopwatch::start();
                        let report = site.install().with_context(|| site.host.name())?;
                        clock.lap(&format!("install on {}", site.host.name()));
                        changes(&report)
                    })
                })
                .collect();
            runs.into_iter()
                .map(|run| run.join().unwrap_or_else(|_| bail!("a thread panicked")))
                .collect()
        })
    }

    /// Installs the first control plane's bundle, then those of all others at once.
    pub(super) fn install_founder(&self) -> Result<()> {
        self.site(1)?.install().map(drop)
    }
}

/// A member of etcd.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    /// Empty before it started.
    pub(super) name: String,
    pub(super) learner: bool,
}

/// The members of etcd, by the one on `host`.
pub(super) fn members(host: &Host) -> Result<Vec<Member>> {
    let said = text(host, &format!("{} member list -w json", etcdctl()))?;
    let listed: Value = serde_json::from_str(&said)?;
    let listed = listed
        .get("members")
        .and_then(Value::as_array)
        .context("no members")?;
    let mut members: Vec<Member> = listed
        .iter()
        .map(|member| Member {
            name: member
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            learner: member.get("isLearner") == Some(&Value::Bool(true)),
        })
        .collect();
    members.sort();
    Ok(members)
}

/// `etcdctl` for the member of the host it runs on.
pub(super) fn etcdctl() -> String {
    "etcdctl --endpoints https://127.0.0.1:2379 --cacert /etc/kubernetes/pki/etcd/ca.crt \
     --cert /etc/kubernetes/pki/etcd/peer.crt --key /etc/kubernetes/pki/etcd/peer.key"
        .to_owned()
}

/// Waits until etcd, asked on `host`, has exactly these members, all of them started voters that are well.
pub(super) fn expect_voters(host: &Host, names: &[&str]) -> Result<()> {
    let wanted: Vec<Member> = names
        .iter()
        .map(|name| Member {
            name: (*name).to_owned(),
            learner: false,
        })
        .collect();
    eventually("the members of etcd", || {
        let found = members(host)?;
        ensure!(found == wanted, "etcd has {found:?}");
        let health = text(
            host,
            &format!("{} endpoint health --cluster 2>&1", etcdctl()),
        )?;
        ensure!(
            health.matches(" is healthy").count() == wanted.len(),
            "{health}"
        );
        Ok(())
    })
}
