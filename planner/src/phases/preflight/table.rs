//! The table of checks: name, severity, condition and parameters of each.

use kubeplan_bundle::check::{
    CpuCount, Memory, RuntimeConfig, RuntimeReady, ServiceEnabled, Severity,
};

use super::etcd::{data_dir, external_etcd_files, external_etcd_version};
use super::files::{
    bootstrap_kubelet_conf, ca_certificate, kubelet_conf, node_certificate, same_cluster,
};
use super::leftovers::{
    bootstrap_kubeconfig, cpu_manager, memory_manager, network_configuration, service_flags,
    serving_certificate, static_pods,
};
use super::machine::{
    image_pull, kubelet_version, kubernetes_version, privileged_user, swap, system,
};
use super::reachability::{
    IPV4_FORWARDING, IPV6_FORWARDING, advertise_address_proxy, endpoint_proxy, firewalld, hostname,
    network_proxies,
};
use super::row::{Made, Row};
use crate::kubeadm::releases::Span;

pub use super::row::{CheckDef, Group};

const fn row(
    group: Group,
    severity: Severity,
    name: &'static str,
    about: &'static str,
    make: fn(&Row<'_>) -> Made,
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

impl CheckDef {
    /// The same row, for `1.<minor>` and later.
    const fn since(self, minor: u64) -> Self {
        Self {
            span: Span::since(minor),
            ..self
        }
    }
}

use Severity::{Error, Warning};

/// Every check, each group in the order in which its checks are made.
#[rustfmt::skip]
pub const CHECKS: &[CheckDef] = &[
    row(Group::Root, Error, "IsPrivilegedUser", "alone and first: the program runs as root", privileged_user),

    row(Group::JoinFiles, Error, "FileAvailable--etc-kubernetes-kubelet.conf", "the file does not exist", kubelet_conf),
    row(Group::JoinFiles, Error, "FileAvailable--etc-kubernetes-bootstrap-kubelet.conf", "the file does not exist", bootstrap_kubelet_conf),

    row(Group::ControlPlane, Error, "NumCPU", "at least 2 CPUs", |row| row.one(CpuCount { minimum: 2 })),
    row(Group::ControlPlane, Error, "Mem", "at least 1700 MiB of memory", |row| row.one(Memory { minimum_mib: 1700 })),
    row(Group::ControlPlane, Warning, "KubernetesVersion", "the planned version is no newer than the release it is planned for", kubernetes_version),
    row(Group::ControlPlane, Warning, "Firewalld", "firewalld does not run; names the API server's port and the kubelet's", firewalld),
    row(Group::ControlPlane, Error, "Port-<bindPort>", "no program listens", |row| row.port(row.config.bind_port)),
    row(Group::ControlPlane, Error, "Port-10259", "no program listens (kube-scheduler)", |row| row.port(10259)),
    row(Group::ControlPlane, Error, "Port-10257", "no program listens (kube-controller-manager)", |row| row.port(10257)),
    row(Group::ControlPlane, Error, "FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml", "the file does not exist", |row| row.manifest("kube-apiserver")),
    row(Group::ControlPlane, Error, "FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml", "the file does not exist", |row| row.manifest("kube-controller-manager")),
    row(Group::ControlPlane, Error, "FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml", "the file does not exist", |row| row.manifest("kube-scheduler")),
    row(Group::ControlPlane, Error, "FileAvailable--etc-kubernetes-manifests-etcd.yaml", "the file does not exist, also with external etcd", |row| row.manifest("etcd")),
    row(Group::ControlPlane, Warning, "HTTPProxy", "the advertised address is reached without a proxy", advertise_address_proxy),
    row(Group::ControlPlane, Warning, "HTTPProxyCIDR", "each network of Services, then of Pods, is reached without a proxy", network_proxies),

    row(Group::Common, Error, "CRI", "the container runtime answers and is ready", |row| row.one(RuntimeReady { socket: row.socket() })),
    row(Group::Common, Warning, "ContainerRuntimeVersion", "the container runtime tells its cgroup driver; an error if it does not answer", |row| row.one(RuntimeConfig { socket: row.socket() })).since(36),
    row(Group::Common, Warning, "Swap", "no swap is in use; with `failSwapOn: false`: if it is, the host has cgroups v2", swap),
    row(Group::Common, Error, "FileExisting-losetup", "the program is in PATH", |row| row.executable("losetup")),
    row(Group::Common, Error, "FileExisting-mount", "the program is in PATH", |row| row.executable("mount")),
    row(Group::Common, Error, "FileExisting-cp", "the program is in PATH", |row| row.executable("cp")),
    row(Group::Common, Error, "SystemVerification", "kernel release, kernel options, cgroup controllers; other kernels and missing optional controllers are warnings", system),
    row(Group::Common, Warning, "Hostname", "the node's name is a DNS name and resolves", hostname),
    row(Group::Common, Error, "KubeletVersion", "the kubelet is at most three minors older, and with init not newer", kubelet_version),
    row(Group::Common, Warning, "Service-kubelet", "the service exists and is enabled", |row| row.one(ServiceEnabled { service: "kubelet".parse()? })),
    row(Group::Common, Error, "Port-<port>", "no program listens on the kubelet's port, 10250 by default", |row| row.port(row.kubelet.port())),

    row(Group::JoinNetwork, Error, "FileAvailable-<caCertPath>", "worker: the file does not exist", ca_certificate),
    row(Group::JoinNetwork, Warning, "HTTPProxy", "token discovery, or planned with the cluster: the API server is reached without a proxy", endpoint_proxy),
    row(Group::JoinNetwork, Error, "FileContent--proc-sys-net-ipv4-ip_forward", "token discovery at an IPv4 address, or planned with a cluster that has an IPv4 network: the file says 1", |row| row.forwarding(IPV4_FORWARDING, row.joins_by_family(false))),
    row(Group::JoinNetwork, Error, "FileContent--proc-sys-net-ipv6-conf-default-forwarding", "token discovery at an IPv6 address, or planned with a cluster that has an IPv6 network: the file says 1", |row| row.forwarding(IPV6_FORWARDING, row.joins_by_family(true))),

    row(Group::InitNetwork, Error, "FileContent--proc-sys-net-ipv4-ip_forward", "a network or the advertised address is IPv4: the file says 1", |row| row.forwarding(IPV4_FORWARDING, row.has_family(false))),
    row(Group::InitNetwork, Error, "FileContent--proc-sys-net-ipv6-conf-default-forwarding", "a network or the advertised address is IPv6: the file says 1", |row| row.forwarding(IPV6_FORWARDING, row.has_family(true))),
    row(Group::InitNetwork, Error, "ExternalEtcdVersion", "external etcd: each server is new enough", external_etcd_version),

    row(Group::Storage, Error, "Port-2379", "local etcd: no program listens", |row| row.local_etcd(|row| row.port(2379))),
    row(Group::Storage, Error, "Port-2380", "local etcd: no program listens", |row| row.local_etcd(|row| row.port(2380))),
    row(Group::Storage, Error, "DirAvailable-<dataDir>", "local etcd: the directory is empty or does not exist", data_dir),
    row(Group::Storage, Error, "ExternalEtcdClientCertificates", "external etcd, unless a certificate key fetches them: each client file exists", external_etcd_files),

    row(Group::Own, Error, "SameCluster", "kubeplan's own: certificates and kubeconfigs on the host belong to this cluster; cannot be ignored", same_cluster),
    row(Group::Own, Error, "KubeletClientCertificate", "kubeplan's own: a client certificate that the kubelet finds is this node's, from the CA of this cluster; cannot be ignored", node_certificate),
    row(Group::Own, Warning, "LeftoverStaticPods", "kubeplan's own: the directory of static Pods has no files but those of the plan", static_pods),
    row(Group::Own, Warning, "LeftoverServingCertificate", "kubeplan's own: a new node has no certificate that its kubelet would serve with", serving_certificate),
    row(Group::Own, Warning, "LeftoverNetworkConfiguration", "kubeplan's own: `/etc/cni/net.d` of a new node has no network configuration", network_configuration),
    row(Group::Own, Warning, "LeftoverCPUManagerState", "kubeplan's own: the kubelet's recorded policy for CPUs is the planned one", cpu_manager),
    row(Group::Own, Warning, "LeftoverMemoryManagerState", "kubeplan's own: the kubelet's recorded policy for memory is the planned one", memory_manager),
    row(Group::Own, Warning, "KubeletServiceFlags", "kubeplan's own: neither drop-ins of the kubelet's unit nor files of variables set flags beside the plan", service_flags),
    row(Group::InitOwn, Warning, "LeftoverBootstrapKubeconfig", "kubeplan's own: there is no `bootstrap-kubelet.conf`", bootstrap_kubeconfig),

    row(Group::Images, Error, "ImagePull", "control plane: each image is in the container runtime's store, or is pulled", image_pull),
];
