//! `preflight`: which checks a host has to pass, in kubeadm's order.
//!
//! In: the configuration and what the node is to become. Out: [`Step::Preflight`]s, one for each of kubeadm's runs: a run that
//! fails stops what comes later. [`CHECKS`] is the one table: name, severity, condition and parameters of every check;
//! [`runs`] says which of its groups a command goes through. Nothing is looked at here.
//! Source: kubeadm v1.36.2, `cmd/kubeadm/app/preflight/checks.go` and k8s.io/system-validators v1.12.1.

pub mod answer;
mod join;

pub use join::Join;

use std::net::IpAddr;

use ipnet::IpNet;
use kubeplan_bundle::check::{
    CgroupRequirements, Check, CheckKind, ClientFiles, Images, KernelOption, ParseCheckError,
    PullPolicy, Severity, SystemRequirements,
};
use kubeplan_bundle::step::Step;

use super::PlanError;
use crate::config::ValidConfig;
use crate::config::valid::EndpointHost;
use crate::images;
use crate::layout;
use crate::releases::Span;
use crate::static_pod::images as names;

/// What the node is to become.
#[derive(Clone, Copy, Debug)]
pub enum Command<'a> {
    /// The first control-plane node of a cluster.
    Init,
    /// A worker of a cluster that runs.
    JoinWorker(&'a Join),
    /// One more control-plane node of a cluster that runs.
    JoinControlPlane(&'a Join),
}

/// The groups of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Before everything else.
    Root,
    /// What a joining node must not have yet.
    JoinFiles,
    /// What every control-plane node needs.
    ControlPlane,
    /// What every node needs.
    Common,
    /// What joining needs of the network, and of a worker.
    JoinNetwork,
    /// What only the first node needs of the network.
    InitNetwork,
    /// Where data of the cluster is kept.
    Storage,
    /// kubeplan's own.
    Own,
    /// Images, once everything else is in order.
    Images,
}

/// A row: one of kubeadm's checks.
pub struct CheckDef {
    /// kubeadm's name, with what differs in `<>`.
    pub name: &'static str,
    /// What a finding counts as.
    pub severity: Severity,
    /// Which part of a run it belongs to.
    pub group: Group,
    /// The releases that have it.
    pub span: Span,
    /// When it is made, and what it looks for.
    pub about: &'static str,
    make: fn(&Row<'_>) -> Result<Vec<Check>, PlanError>,
}

/// What a row sees.
struct Row<'a> {
    def: &'a CheckDef,
    config: &'a ValidConfig,
    command: Command<'a>,
}

const fn row(
    group: Group,
    severity: Severity,
    name: &'static str,
    about: &'static str,
    make: fn(&Row<'_>) -> Result<Vec<Check>, PlanError>,
) -> CheckDef {
    CheckDef {
        name,
        severity,
        group,
        span: Span::ALL,
        about,
        make,
    }
}

use Severity::{Error, Warning};

/// Every check, each group in the order in which its checks are made.
#[rustfmt::skip]
pub const CHECKS: &[CheckDef] = &[
    row(Group::Root, Error, "IsPrivilegedUser", "alone and first: the program runs as root", privileged_user),

    row(Group::JoinFiles, Error, "FileAvailable--etc-kubernetes-kubelet.conf", "the file does not exist", kubelet_conf),
    row(Group::JoinFiles, Error, "FileAvailable--etc-kubernetes-bootstrap-kubelet.conf", "the file does not exist", bootstrap_kubelet_conf),

    row(Group::ControlPlane, Error, "NumCPU", "at least 2 CPUs", |row| row.one(CheckKind::CpuCount { minimum: 2 })),
    row(Group::ControlPlane, Error, "Mem", "at least 1700 MiB of memory", |row| row.one(CheckKind::Memory { minimum_mib: 1700 })),
    row(Group::ControlPlane, Warning, "KubernetesVersion", "the planned version is no newer than the release it is planned for", kubernetes_version),
    row(Group::ControlPlane, Warning, "Firewalld", "firewalld does not run; names the API server's port and 10250", firewalld),
    row(Group::ControlPlane, Error, "Port-<bindPort>", "nobody listens", |row| row.port(row.config.bind_port)),
    row(Group::ControlPlane, Error, "Port-10259", "nobody listens (kube-scheduler)", |row| row.port(10259)),
    row(Group::ControlPlane, Error, "Port-10257", "nobody listens (kube-controller-manager)", |row| row.port(10257)),
    row(Group::ControlPlane, Error, "FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml", "the file does not exist", |row| row.manifest("kube-apiserver")),
    row(Group::ControlPlane, Error, "FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml", "the file does not exist", |row| row.manifest("kube-controller-manager")),
    row(Group::ControlPlane, Error, "FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml", "the file does not exist", |row| row.manifest("kube-scheduler")),
    row(Group::ControlPlane, Error, "FileAvailable--etc-kubernetes-manifests-etcd.yaml", "the file does not exist, also with external etcd", |row| row.manifest("etcd")),
    row(Group::ControlPlane, Warning, "HTTPProxy", "the advertised address is reached without a proxy", advertise_address_proxy),
    row(Group::ControlPlane, Warning, "HTTPProxyCIDR", "each network of Services, then of Pods, is reached without a proxy", network_proxies),

    row(Group::Common, Error, "CRI", "the container runtime answers and is ready", |row| row.one(CheckKind::RuntimeReady { socket: row.socket() })),
    CheckDef { span: Span::since(36), ..row(Group::Common, Warning, "ContainerRuntimeVersion", "the container runtime tells its cgroup driver; an error if it does not answer", |row| row.one(CheckKind::RuntimeConfig { socket: row.socket() })) },
    row(Group::Common, Warning, "Swap", "no swap is in use", |row| row.one(CheckKind::NoSwap {})),
    row(Group::Common, Error, "FileExisting-losetup", "the program is in PATH", |row| row.executable("losetup")),
    row(Group::Common, Error, "FileExisting-mount", "the program is in PATH", |row| row.executable("mount")),
    row(Group::Common, Error, "FileExisting-cp", "the program is in PATH", |row| row.executable("cp")),
    row(Group::Common, Error, "SystemVerification", "kernel release, kernel options, cgroup controllers; other kernels and missing optional controllers are warnings", system),
    row(Group::Common, Warning, "Hostname", "the node's name is a DNS name and resolves", hostname),
    row(Group::Common, Error, "KubeletVersion", "the kubelet is at most three minors older, and with init not newer", kubelet_version),
    row(Group::Common, Warning, "Service-kubelet", "the service exists and is enabled", |row| row.one(CheckKind::ServiceEnabled { service: "kubelet".parse()? })),
    row(Group::Common, Error, "Port-10250", "nobody listens (kubelet)", |row| row.port(10250)),

    row(Group::JoinNetwork, Error, "FileAvailable-<caCertPath>", "worker: the file does not exist", ca_certificate),
    row(Group::JoinNetwork, Warning, "HTTPProxy", "token discovery, or planned with the cluster: the API server is reached without a proxy", endpoint_proxy),
    row(Group::JoinNetwork, Error, "FileContent--proc-sys-net-ipv4-ip_forward", "token discovery at an IPv4 address, or planned with a cluster that has an IPv4 network: the file says 1", |row| row.forwarding(IPV4_FORWARDING, row.joins_by_family(false))),
    row(Group::JoinNetwork, Error, "FileContent--proc-sys-net-ipv6-conf-default-forwarding", "token discovery at an IPv6 address, or planned with a cluster that has an IPv6 network: the file says 1", |row| row.forwarding(IPV6_FORWARDING, row.joins_by_family(true))),

    row(Group::InitNetwork, Error, "FileContent--proc-sys-net-ipv4-ip_forward", "a network or the advertised address is IPv4: the file says 1", |row| row.forwarding(IPV4_FORWARDING, row.has_family(false))),
    row(Group::InitNetwork, Error, "FileContent--proc-sys-net-ipv6-conf-default-forwarding", "a network or the advertised address is IPv6: the file says 1", |row| row.forwarding(IPV6_FORWARDING, row.has_family(true))),
    row(Group::InitNetwork, Error, "ExternalEtcdVersion", "external etcd: each server is new enough", external_etcd_version),

    row(Group::Storage, Error, "Port-2379", "local etcd: nobody listens", |row| row.local_etcd(|row| row.port(2379))),
    row(Group::Storage, Error, "Port-2380", "local etcd: nobody listens", |row| row.local_etcd(|row| row.port(2380))),
    row(Group::Storage, Error, "DirAvailable-<dataDir>", "local etcd: the folder is empty or does not exist", data_dir),
    row(Group::Storage, Error, "ExternalEtcdClientCertificates", "external etcd, unless a certificate key fetches them: each client file exists", external_etcd_files),

    row(Group::Own, Error, "SameCluster", "kubeplan's own: certificates and kubeconfigs that are there are of this cluster; cannot be ignored", same_cluster),

    row(Group::Images, Error, "ImagePull", "control plane: each image is in the container runtime's store, or is pulled", image_pull),
];

const IPV4_FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";
const IPV6_FORWARDING: &str = "/proc/sys/net/ipv6/conf/default/forwarding";

/// The groups of each run of `command`. Between the second and the third run of a joining control-plane node the
/// cluster is discovered.
#[must_use]
pub const fn runs(command: Command<'_>) -> &'static [&'static [Group]] {
    use Group as G;
    match command {
        Command::Init => &[
            &[G::Root],
            &[
                G::ControlPlane,
                G::Common,
                G::InitNetwork,
                G::Storage,
                G::Own,
            ],
            &[G::Images],
        ],
        Command::JoinWorker(_) => &[
            &[G::Root],
            &[G::JoinFiles, G::Common, G::JoinNetwork, G::Own],
        ],
        Command::JoinControlPlane(_) => &[
            &[G::Root],
            &[G::JoinFiles, G::Common, G::JoinNetwork, G::Own],
            &[G::ControlPlane, G::Storage],
            &[G::Images],
        ],
    }
}

/// The steps that look at the host of the planned node before it founds or joins its cluster.
///
/// # Errors
/// [`PlanError`] if the configuration names a path that cannot be looked at.
pub fn of_node(config: &ValidConfig) -> Result<Vec<Step>, PlanError> {
    let join = config.joining().map(Join::of);
    let command = match &join {
        None => Command::Init,
        Some(join) if config.is_control_plane() => Command::JoinControlPlane(join),
        Some(join) => Command::JoinWorker(join),
    };
    steps(config, command)
}

/// The steps that look at the host before `command`.
///
/// # Errors
/// [`PlanError`] if the configuration names a path that cannot be looked at.
pub fn steps(config: &ValidConfig, command: Command<'_>) -> Result<Vec<Step>, PlanError> {
    let ignore = config
        .init
        .node_registration
        .ignore_preflight_errors
        .iter()
        .map(|name| name.to_lowercase().parse())
        .collect::<Result<Vec<_>, ParseCheckError>>()?;
    runs(command)
        .iter()
        .map(|groups| {
            let mut checks = Vec::new();
            for group in *groups {
                for def in CHECKS {
                    if def.group == *group && def.span.contains(config.release) {
                        checks.extend((def.make)(&Row {
                            def,
                            config,
                            command,
                        })?);
                    }
                }
            }
            Ok(Step::Preflight {
                phase: "preflight".parse()?,
                checks,
                ignore: ignore.clone(),
            })
        })
        .collect()
}

type Made = Result<Vec<Check>, PlanError>;

impl Row<'_> {
    /// The row's check, under the row's name.
    fn one(&self, look: CheckKind) -> Made {
        self.named(self.def.name, look)
    }

    fn named(&self, name: &str, look: CheckKind) -> Made {
        Ok(vec![Check {
            name: name.parse()?,
            severity: self.def.severity,
            look,
        }])
    }

    /// The row's check under a name that ends in a path: the word of the row's name before the first `-`.
    fn at_path(&self, path: &str, look: fn(kubeplan_bundle::check::LookPath) -> CheckKind) -> Made {
        let path: kubeplan_bundle::check::LookPath = path.parse()?;
        let word = self.def.name.split('-').next().unwrap_or_default();
        self.named(&format!("{word}-{}", path.in_name()), look(path))
    }

    fn absent(&self, path: &str) -> Made {
        self.at_path(path, |path| CheckKind::PathAbsent { path })
    }

    fn manifest(&self, component: &str) -> Made {
        self.absent(&layout::manifest(component))
    }

    fn port(&self, port: u16) -> Made {
        self.named(&format!("Port-{port}"), CheckKind::PortFree { port })
    }

    fn executable(&self, program: &str) -> Made {
        self.one(CheckKind::Executable {
            program: program.to_owned(),
        })
    }

    fn socket(&self) -> String {
        self.config.init.node_registration.cri_socket.clone()
    }

    fn local_etcd(&self, make: impl Fn(&Self) -> Made) -> Made {
        match self.config.cluster.etcd.external {
            None => make(self),
            Some(_) => Ok(Vec::new()),
        }
    }

    fn forwarding(&self, path: &str, wanted: bool) -> Made {
        if !wanted {
            return Ok(Vec::new());
        }
        self.at_path(path, |path| CheckKind::FileBegins {
            path,
            text: "1".to_owned(),
        })
    }

    /// Whether a network or the advertised address is of the family.
    fn has_family(&self, ipv6: bool) -> bool {
        let networks = self
            .config
            .service_cidrs
            .iter()
            .chain(&self.config.pod_cidrs);
        networks
            .map(IpNet::addr)
            .chain([self.config.advertise_address])
            .any(|address| address.is_ipv6() == ipv6)
    }

    fn join(&self) -> Option<&Join> {
        match self.command {
            Command::Init => None,
            Command::JoinWorker(join) | Command::JoinControlPlane(join) => Some(join),
        }
    }

    /// Whether the API server that a token is shown to is named by an address of the family; of a planned node whether a network is.
    fn joins_by_family(&self, ipv6: bool) -> bool {
        match self.join() {
            Some(Join { planned: true, .. }) => self.has_family(ipv6),
            Some(Join {
                token_endpoint: Some(EndpointHost::Address(address)),
                ..
            }) => address.is_ipv6() == ipv6,
            _ => false,
        }
    }

    /// The host of the API server that the node joins by, if it is known.
    fn join_host(&self) -> Option<EndpointHost> {
        let join = self.join()?;
        if !join.planned {
            return join.token_endpoint.clone();
        }
        Some(match &self.config.control_plane_endpoint {
            Some(endpoint) => endpoint.host.clone(),
            None => EndpointHost::Address(self.config.advertise_address),
        })
    }
}

fn privileged_user(row: &Row<'_>) -> Made {
    row.one(CheckKind::PrivilegedUser {})
}

fn kubelet_conf(row: &Row<'_>) -> Made {
    row.absent(&layout::kubeconfig("kubelet.conf"))
}

fn bootstrap_kubelet_conf(row: &Row<'_>) -> Made {
    row.absent(&layout::kubeconfig("bootstrap-kubelet.conf"))
}

fn kubernetes_version(row: &Row<'_>) -> Made {
    row.one(CheckKind::VersionBelow {
        of: "Kubernetes".to_owned(),
        version: row.config.version.clone(),
        limit: format!("1.{}.0-0", row.config.release.minor + 1),
    })
}

fn firewalld(row: &Row<'_>) -> Made {
    row.one(CheckKind::ServiceInactive {
        service: "firewalld".parse()?,
        ports: vec![row.config.bind_port, 10250],
    })
}

/// How Go's proxy rules are asked about an address: with a port if it is IPv6, because only then are there brackets.
fn authority(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]:1234"),
    }
}

fn advertise_address_proxy(row: &Row<'_>) -> Made {
    row.one(CheckKind::DirectConnection {
        authority: authority(row.config.advertise_address),
    })
}

fn endpoint_proxy(row: &Row<'_>) -> Made {
    let authority = match row.join_host() {
        None => return Ok(Vec::new()),
        Some(EndpointHost::Name(name)) => name,
        Some(EndpointHost::Address(address)) => authority(address),
    };
    row.one(CheckKind::DirectConnection { authority })
}

fn network_proxies(row: &Row<'_>) -> Made {
    let mut checks = Vec::new();
    for network in row.config.service_cidrs.iter().chain(&row.config.pod_cidrs) {
        let cidr = network.to_string();
        checks.extend(row.one(CheckKind::DirectNetwork { cidr })?);
    }
    Ok(checks)
}

fn hostname(row: &Row<'_>) -> Made {
    row.one(CheckKind::NodeName {
        node: row.config.node.name.to_string(),
    })
}

/// kubeadm takes kubelets of its own minor and of three before; with init none that is newer than what it deploys.
fn kubelet_version(row: &Row<'_>) -> Made {
    let minor = row.config.release.minor;
    row.one(CheckKind::ProgramVersion {
        program: "kubelet".to_owned(),
        minimum: format!("1.{}.0", minor.saturating_sub(3)),
        newest_minor: match row.command {
            Command::Init => Some(format!("1.{minor}")),
            Command::JoinWorker(_) | Command::JoinControlPlane(_) => None,
        },
    })
}

fn options(names: &[&str]) -> Vec<KernelOption> {
    names
        .iter()
        .map(|name| KernelOption {
            name: (*name).to_owned(),
            aliases: match *name {
                "NETFILTER_XT_TARGET_REDIRECT" => vec!["IP_NF_TARGET_REDIRECT".to_owned()],
                _ => Vec::new(),
            },
        })
        .collect()
}

fn controllers(required: &[&str], optional: &[&str]) -> CgroupRequirements {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    CgroupRequirements {
        required: texts(required),
        optional: texts(optional),
    }
}

fn system(row: &Row<'_>) -> Made {
    let release = row.config.release;
    row.one(CheckKind::System(Box::new(SystemRequirements {
        os: "Linux".to_owned(),
        kernel_series: ["5.4", "5.10", "5.15"].map(str::to_owned).to_vec(),
        kernel_major: 6,
        kernel_severity: release.kernel_release_severity,
        options: options(&[
            "NAMESPACES",
            "NET_NS",
            "PID_NS",
            "IPC_NS",
            "UTS_NS",
            "CPUSETS",
            "MEMCG",
            "INET",
            "EXT4_FS",
            "PROC_FS",
            "NETFILTER_XT_TARGET_REDIRECT",
            "NETFILTER_XT_MATCH_COMMENT",
            "FAIR_GROUP_SCHED",
        ]),
        options_v1: options(&[
            "CGROUPS",
            "CGROUP_CPUACCT",
            "CGROUP_DEVICE",
            "CGROUP_FREEZER",
            "CGROUP_PIDS",
            "CGROUP_SCHED",
        ]),
        options_v2: options(&["CGROUPS", "CGROUP_BPF", "CGROUP_PIDS", "CGROUP_SCHED"]),
        v1: controllers(
            &[
                "cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids",
            ],
            &["hugetlb", "blkio"],
        ),
        v2: controllers(
            &["cpu", "cpuset", "devices", "freezer", "memory", "pids"],
            &["hugetlb", "io"],
        ),
        program: "kubelet".to_owned(),
        v1_error_since: release.cgroup_v1_error_since.map(str::to_owned),
    })))
}

fn ca_certificate(row: &Row<'_>) -> Made {
    match row.command {
        Command::JoinWorker(join) => row.absent(&join.ca_cert_path),
        Command::Init | Command::JoinControlPlane(_) => Ok(Vec::new()),
    }
}

fn external_etcd_version(row: &Row<'_>) -> Made {
    let Some(external) = &row.config.cluster.etcd.external else {
        return Ok(Vec::new());
    };
    let endpoints = if external.http_endpoints.is_empty() {
        external.endpoints.clone()
    } else {
        external.http_endpoints.clone()
    };
    row.one(CheckKind::ServerVersion {
        endpoints,
        document: "/version".to_owned(),
        key: "etcdserver".to_owned(),
        minimum: row.config.release.external_etcd_minimum.to_owned(),
        tls: ClientFiles {
            ca: external.ca_file.clone(),
            certificate: external.cert_file.clone(),
            key: external.key_file.clone(),
        },
    })
}

fn data_dir(row: &Row<'_>) -> Made {
    row.local_etcd(|row| match &row.config.cluster.etcd.local {
        Some(local) => row.at_path(&local.data_dir, |path| CheckKind::DirectoryEmpty { path }),
        None => Ok(Vec::new()),
    })
}

fn external_etcd_files(row: &Row<'_>) -> Made {
    let fetched = matches!(row.command, Command::JoinControlPlane(join) if join.certificate_key);
    let Some(external) = row
        .config
        .cluster
        .etcd
        .external
        .as_ref()
        .filter(|_| !fetched)
    else {
        return Ok(Vec::new());
    };
    let mut checks = Vec::new();
    for file in [&external.ca_file, &external.cert_file, &external.key_file] {
        if !file.is_empty() {
            checks.extend(row.one(CheckKind::PathPresent {
                path: file.parse()?,
            })?);
        }
    }
    Ok(checks)
}

/// A CA or kubeconfig of another cluster: whoever installs over them takes that cluster's node away.
fn same_cluster(row: &Row<'_>) -> Made {
    let certificates_dir = &row.config.cluster.certificates_dir;
    let authority = match row.join() {
        Some(join) => join.ca_cert_path.clone(),
        None => layout::certificate(certificates_dir, "ca"),
    };
    row.one(CheckKind::SameCluster {
        authority: authority.parse()?,
        kubeconfigs: ["kubelet.conf", "admin.conf"]
            .iter()
            .map(|name| layout::kubeconfig(name).parse())
            .collect::<Result<_, ParseCheckError>>()?,
    })
}

fn image_pull(row: &Row<'_>) -> Made {
    let registration = &row.config.init.node_registration;
    row.one(CheckKind::Images(Box::new(Images {
        socket: row.socket(),
        references: images::list(row.config)?,
        policy: match registration.image_pull_policy.as_str() {
            "Always" => PullPolicy::Always,
            "Never" => PullPolicy::Never,
            // Empty in documents that kubeadm has not defaulted.
            _ => PullPolicy::IfNotPresent,
        },
        serial: registration.image_pull_serial.unwrap_or(true),
        sandbox: names::pause(row.config).value,
    })))
}

#[cfg(test)]
mod tests;
