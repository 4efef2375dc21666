//! A real API server with its etcd, and hosts that join it.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use kubeplan_testhosts::command;
use kubeplan_testhosts::components::Programs;
use kubeplan_testhosts::control_plane::{ControlPlane, User};
use kubeplan_testsuite::planned::{Planned, text};
use serde_json::{Value, json};

/// The node that is there first.
const FIRST: &str = "192.168.10.11";

const CONFIG: &str = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.168.10.11}
nodeRegistration: {name: cp1}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
";

/// The annotation with the URLs, and the labels, of etcd's Pods.
pub(super) const ANNOTATION: &str = "kubeadm.kubernetes.io/etcd.advertise-client-urls";
pub(super) const LABELS: [(&str, &str); 2] = [("component", "etcd"), ("tier", "control-plane")];

/// A member as etcdctl lists it.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) url: String,
    pub(super) is_learner: bool,
}

pub(super) struct Site {
    pub(super) planned: Planned,
    plane: ControlPlane,
    network: File,
    etcd: std::path::PathBuf,
    etcdctl: std::path::PathBuf,
}

impl Site {
    /// One control-plane node.
    pub(super) fn start(programs: &Programs) -> Result<Self> {
        let planned = Planned::today(CONFIG)?;
        planned.install(&[])?.expect(0)?;
        let plane = ControlPlane::start(&planned.root(), programs)?;
        let network = plane.in_network(|| Ok(File::open("/proc/thread-self/ns/net")?))?;
        let site = Self {
            planned,
            plane,
            network,
            etcd: programs.path("etcd")?,
            etcdctl: programs.path("etcdctl")?,
        };
        site.add_pod("cp1", FIRST)?;
        Ok(site)
    }

    /// A file of the first node.
    pub(super) fn read(&self, path: &str) -> Result<String> {
        let path = self.planned.root().join(path);
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }

    /// A command in the network of all nodes.
    pub(super) fn command(&self, program: &Path) -> Result<Command> {
        let mut command = Command::new("nsenter");
        let network = format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            self.network.as_raw_fd()
        );
        command
            .arg(format!("--net={network}"))
            .arg("--")
            .arg(text(program)?);
        Ok(command)
    }

    pub(super) fn etcd(&self) -> &Path {
        &self.etcd
    }

    /// Gives the network another address.
    pub(super) fn add_address(&self, address: &str) -> Result<()> {
        let mut ip = self.command(Path::new("ip"))?;
        command::run(ip.args(["address", "replace", &format!("{address}/32"), "dev", "lo"]))?;
        Ok(())
    }

    /// The mirror of a static Pod of etcd, as the kubelet would make it.
    pub(super) fn add_pod(&self, name: &str, address: &str) -> Result<()> {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": format!("etcd-{name}"), "namespace": "kube-system",
                "labels": LABELS.iter().copied().collect::<std::collections::BTreeMap<_, _>>(),
                "annotations": {ANNOTATION: format!("https://{address}:2379")},
            },
            "spec": {
                "automountServiceAccountToken": false,
                "containers": [{"name": "etcd", "image": "example.com/etcd"}],
            },
        });
        let begin = Instant::now();
        loop {
            // Until the controller manager has made the ServiceAccount of the namespace.
            let applied =
                self.plane
                    .kubectl(User::SuperAdmin, &["apply", "-f", "-"], &pod.to_string())?;
            if applied.status.success() {
                return Ok(());
            }
            ensure!(
                begin.elapsed() < Duration::from_secs(60),
                "{}",
                String::from_utf8_lossy(&applied.stderr)
            );
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// What etcdctl prints.
    pub(super) fn etcdctl(&self, arguments: &[&str]) -> Result<String> {
        let pki = self.planned.root().join("etc/kubernetes/pki/etcd");
        let mut etcdctl = self.command(&self.etcdctl)?;
        for (flag, file) in [
            ("--cacert", "ca.crt"),
            ("--cert", "healthcheck-client.crt"),
            ("--key", "healthcheck-client.key"),
        ] {
            etcdctl.arg(flag).arg(pki.join(file));
        }
        etcdctl.arg(format!("--endpoints=https://{FIRST}:2379"));
        command::text(etcdctl.args(arguments))
    }

    /// The members.
    pub(super) fn members(&self) -> Result<Vec<Listed>> {
        let list: Value =
            serde_json::from_str(&self.etcdctl(&["member", "list", "--write-out=json"])?)?;
        let members = list["members"].as_array().context("no members")?;
        Ok(members
            .iter()
            .map(|member| Listed {
                id: format!("{:x}", member["ID"].as_u64().unwrap_or_default()),
                name: member["name"].as_str().unwrap_or_default().to_owned(),
                url: member["peerURLs"][0]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                is_learner: member["isLearner"] == true,
            })
            .collect())
    }

    /// Fails unless exactly these vote, and no other member is listed.
    pub(super) fn expect_voters(&self, names: &[&str]) -> Result<()> {
        let members = self.members()?;
        let mut found: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        found.sort_unstable();
        if found != names || members.iter().any(|member| member.is_learner) {
            bail!("{names:?} should vote: {members:?}");
        }
        Ok(())
    }
}
