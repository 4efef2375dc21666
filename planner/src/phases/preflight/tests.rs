//! The table against kubeadm's lists.

use kubeplan_bundle::check::{
    CheckKind, CheckName, DirectConnection, ProgramVersion, PullPolicy, ServerVersion, Severity,
    SwapAllowed,
};
use kubeplan_bundle::step::Preflight;

use super::*;
use crate::config::valid::EndpointHost;
use crate::testing::{default_config, ha_config};

/// Names with `?` behind those that only warn.
fn names(step: &Step) -> Vec<String> {
    let Step::Preflight(Preflight { checks, .. }) = step else {
        panic!("{step:?}")
    };
    let mark = |severity| match severity {
        Severity::Warning => "?",
        Severity::Error => "",
    };
    checks
        .iter()
        .map(|check| format!("{}{}", check.name, mark(check.severity)))
        .collect()
}

fn lists(config: &ValidConfig, command: Command<'_>) -> Vec<Vec<String>> {
    steps(config, command).unwrap().iter().map(names).collect()
}

fn look<'a>(steps: &'a [Step], name: &str) -> &'a CheckKind {
    steps
        .iter()
        .flat_map(|step| match step {
            Step::Preflight(Preflight { checks, .. }) => checks.as_slice(),
            _ => &[],
        })
        .find(|check| check.name.as_str() == name)
        .map(|check| &check.look)
        .unwrap_or_else(|| panic!("{name}"))
}

const CONTROL_PLANE: &[&str] = &[
    "NumCPU",
    "Mem",
    "KubernetesVersion?",
    "Firewalld?",
    "Port-6443",
    "Port-10259",
    "Port-10257",
    "FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml",
    "FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml",
    "FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml",
    "FileAvailable--etc-kubernetes-manifests-etcd.yaml",
    "HTTPProxy?",
    "HTTPProxyCIDR?",
];

const COMMON: &[&str] = &[
    "CRI",
    "ContainerRuntimeVersion?",
    "Swap?",
    "FileExisting-losetup",
    "FileExisting-mount",
    "FileExisting-cp",
    "SystemVerification",
    "Hostname?",
    "KubeletVersion",
    "Service-kubelet?",
    "Port-10250",
];

const STORAGE: &[&str] = &["Port-2379", "Port-2380", "DirAvailable--var-lib-etcd"];

const JOIN: &[&str] = &[
    "FileAvailable--etc-kubernetes-kubelet.conf",
    "FileAvailable--etc-kubernetes-bootstrap-kubelet.conf",
];

const IPV4: &str = "FileContent--proc-sys-net-ipv4-ip_forward";
const OWN: &[&str] = &[
    "SameCluster",
    "KubeletClientCertificate",
    "LeftoverStaticPods?",
    "LeftoverServingCertificate?",
    "LeftoverNetworkConfiguration?",
    "LeftoverCPUManagerState?",
    "LeftoverMemoryManagerState?",
    "KubeletServiceFlags?",
];

/// kubeadm's own check looks for the bootstrap kubeconfig of a joining node.
const INIT_OWN: &[&str] = &["LeftoverBootstrapKubeconfig?"];
const IPV6: &str = "FileContent--proc-sys-net-ipv6-conf-default-forwarding";

fn joined(parts: &[&[&str]]) -> Vec<String> {
    parts.concat().into_iter().map(str::to_owned).collect()
}

#[test]
fn init_has_kubeadms_list() {
    assert_eq!(
        lists(&default_config(), Command::INIT),
        [
            joined(&[&["IsPrivilegedUser"]]),
            joined(&[CONTROL_PLANE, COMMON, &[IPV4], STORAGE, OWN, INIT_OWN]),
            joined(&[&["ImagePull"]]),
        ]
    );
}

#[test]
fn external_etcd_families_and_networks_change_the_list() {
    let mut config = default_config();
    config.bind_port = 7443;
    config.cluster.etcd.local = None;
    config.cluster.etcd.external = Some(crate::config::kubeadm::ExternalEtcd {
        endpoints: vec!["https://a:2379".into(), "https://b:2379".into()],
        ca_file: "/pki/ca.crt".into(),
        cert_file: "/pki/c.crt".into(),
        key_file: "/pki/c.key".into(),
        ..Default::default()
    });
    config.advertise_address = "fd00::1".parse().unwrap();
    config.pod_cidrs = vec![
        "10.244.0.0/16".parse().unwrap(),
        "fd01::/48".parse().unwrap(),
    ];
    let list = lists(&config, Command::INIT).remove(1);
    let has = |name: &str| list.iter().filter(|found| *found == name).count();
    assert_eq!((has("Port-7443"), has("Port-6443")), (1, 0));
    assert_eq!(has("HTTPProxyCIDR?"), 3);
    let last = [
        IPV4,
        IPV6,
        "ExternalEtcdVersion",
        "ExternalEtcdClientCertificates",
        "ExternalEtcdClientCertificates",
        "ExternalEtcdClientCertificates",
    ];
    assert!(list.ends_with(&joined(&[&last, OWN, INIT_OWN])), "{list:?}");
    assert_eq!(has("Port-2379") + has("DirAvailable--var-lib-etcd"), 0);
    assert_eq!(
        has("FileAvailable--etc-kubernetes-manifests-etcd.yaml"),
        1,
        "also with external etcd"
    );
    let steps = steps(&config, Command::INIT).unwrap();
    let CheckKind::ServerVersion(ServerVersion {
        endpoints, minimum, ..
    }) = look(&steps, "ExternalEtcdVersion")
    else {
        panic!()
    };
    assert_eq!((endpoints.len(), minimum.as_str()), (2, "3.5.24-0"));
    assert_eq!(
        look(&steps, "HTTPProxy"),
        &CheckKind::from(DirectConnection {
            authority: "[fd00::1]:1234".into()
        })
    );
    let external = config.cluster.etcd.external.as_mut().unwrap();
    external.http_endpoints = vec!["http://m:2381".into()];
    (external.ca_file, external.cert_file) = Default::default();
    external.key_file = String::new();
    let steps = super::steps(&config, Command::INIT).unwrap();
    assert!(matches!(
        look(&steps, "ExternalEtcdVersion"),
        CheckKind::ServerVersion(ServerVersion { endpoints, .. }) if endpoints == &["http://m:2381"]
    ));
    assert!(!names(&steps[1]).contains(&"ExternalEtcdClientCertificates".to_owned()));
    // IPv6 alone.
    let mut config = default_config();
    config.advertise_address = "fd00::1".parse().unwrap();
    config.service_cidrs = vec!["fd01::/112".parse().unwrap()];
    let list = lists(&config, Command::INIT).remove(1);
    assert!(list.contains(&IPV6.to_owned()) && !list.contains(&IPV4.to_owned()));
}

fn by(endpoint: Option<&str>) -> Join {
    Join {
        token_endpoint: endpoint.map(|text| {
            text.parse()
                .map_or_else(|_| EndpointHost::Name(text.into()), EndpointHost::Address)
        }),
        certificate_key: false,
        planned: false,
    }
}

#[test]
fn join_of_a_worker_has_kubeadms_list() {
    let ca = "FileAvailable--etc-kubernetes-pki-ca.crt";
    for (endpoint, network) in [
        (Some("10.0.0.1"), &[ca, "HTTPProxy?", IPV4][..]),
        (Some("fd00::1"), &[ca, "HTTPProxy?", IPV6]),
        (Some("api.example.com"), &[ca, "HTTPProxy?"]),
        (None, &[ca]),
    ] {
        assert_eq!(
            lists(&default_config(), Command::join_worker(&by(endpoint))),
            [
                joined(&[&["IsPrivilegedUser"]]),
                joined(&[JOIN, COMMON, network, OWN]),
            ],
            "{endpoint:?}"
        );
    }
}

#[test]
fn join_of_a_control_plane_node_has_kubeadms_list() {
    let join = by(Some("10.0.0.1"));
    let expected = |last: &[&str]| {
        [
            joined(&[&["IsPrivilegedUser"]]),
            joined(&[JOIN, COMMON, &["HTTPProxy?", IPV4], OWN]),
            joined(&[CONTROL_PLANE, last]),
            joined(&[&["ImagePull"]]),
        ]
    };
    let mut config = default_config();
    assert_eq!(
        lists(&config, Command::join_control_plane(&join)),
        expected(STORAGE)
    );
    config.cluster.etcd.local = None;
    config.cluster.etcd.external = Some(crate::config::kubeadm::ExternalEtcd {
        endpoints: vec!["https://a:2379".into()],
        ca_file: "/pki/ca.crt".into(),
        ..Default::default()
    });
    assert_eq!(
        lists(&config, Command::join_control_plane(&join)),
        expected(&["ExternalEtcdClientCertificates"])
    );
    let join = Join {
        certificate_key: true,
        ..join
    };
    assert_eq!(
        lists(&config, Command::join_control_plane(&join)),
        expected(&[])
    );
}

#[test]
fn parameters_follow_release_and_configuration() {
    let config = default_config();
    let init = steps(&config, Command::INIT).unwrap();
    assert_eq!(
        look(&init, "KubeletVersion"),
        &CheckKind::from(ProgramVersion {
            program: "kubelet".into(),
            minimum: "1.33.0".into(),
            newest_minor: Some("1.36".into()),
        })
    );
    let join = steps(&config, Command::join_worker(&by(None))).unwrap();
    assert!(matches!(
        look(&join, "KubeletVersion"),
        CheckKind::ProgramVersion(ProgramVersion {
            newest_minor: None,
            ..
        })
    ));
    let CheckKind::Images(images) = look(&init, "ImagePull") else {
        panic!()
    };
    assert_eq!(images.references.len(), 7);
    assert_eq!(images.sandbox, "registry.k8s.io/pause:3.10.2");
    assert_eq!(
        (images.policy, images.serial),
        (PullPolicy::IfNotPresent, true)
    );
    let CheckKind::System(system) = look(&init, "SystemVerification") else {
        panic!()
    };
    assert_eq!(system.kernel_severity, Severity::Warning);
    assert_eq!(system.v1_error_since.as_deref(), Some("1.35.0-0"));

    let mut old = ha_config();
    old.release = crate::kubeadm::releases::find(33).unwrap();
    old.cluster.proxy.disabled = true;
    let registration = &mut old.init.node_registration;
    registration.image_pull_policy = "Never".into();
    registration.image_pull_serial = Some(false);
    registration.ignore_preflight_errors = vec!["NumCPU".into(), "swap".into()];
    let init = steps(&old, Command::INIT).unwrap();
    assert!(!names(&init[1]).contains(&"ContainerRuntimeVersion?".to_owned()));
    let CheckKind::System(system) = look(&init, "SystemVerification") else {
        panic!()
    };
    assert_eq!(system.kernel_severity, Severity::Error);
    assert_eq!(system.v1_error_since, None);
    let CheckKind::Images(images) = look(&init, "ImagePull") else {
        panic!()
    };
    assert_eq!((images.policy, images.serial), (PullPolicy::Never, false));
    assert!(
        !images
            .references
            .iter()
            .any(|image| image.contains("kube-proxy"))
    );
    for step in &init {
        let Step::Preflight(Preflight { ignore, .. }) = step else {
            panic!()
        };
        let texts: Vec<&str> = ignore.iter().map(CheckName::as_str).collect();
        assert_eq!(texts, ["numcpu", "swap"]);
    }
}

#[test]
fn rows_are_told_apart_and_described() {
    for (at, def) in CHECKS.iter().enumerate() {
        assert!(!def.about.is_empty(), "{}", def.name);
        let twice = CHECKS[..at]
            .iter()
            .any(|other| (other.name, other.group) == (def.name, def.group));
        assert!(!twice, "{}", def.name);
    }
}

/// The checks follow the kubelet of the plan, wherever it is configured ([`crate::config::kubelet`] tests each place).
#[test]
fn checks_follow_the_kubelet_that_is_planned() {
    use crate::config::kubeadm::Arg;
    use crate::patches::{PatchFile, Patches};
    let mut config = default_config();
    let text =
        "port: 10350\nfailSwapOn: false\nauthentication: {x509: {clientCAFile: /a/ca.crt}}\n";
    let file = PatchFile::read("kubeletconfiguration.yaml", text).unwrap();
    config.patches = Patches::new(vec![file.unwrap()]).into();
    let flags = &mut config.init.node_registration.kubelet_extra_args;
    for (name, value) in [("fail-cgroupv1", "false"), ("cert-dir", "/b/")] {
        flags.push(Arg {
            name: name.into(),
            value: value.into(),
        });
    }
    let names = lists(&config, Command::INIT).remove(1);
    assert!(names.contains(&"Port-10350".to_owned()), "{names:?}");
    assert!(!names.contains(&"Port-10250".to_owned()), "{names:?}");
    let init = steps(&config, Command::INIT).unwrap();
    assert_eq!(look(&init, "Swap"), &CheckKind::from(SwapAllowed {}));
    let CheckKind::ServiceInactive(firewalld) = look(&init, "Firewalld") else {
        panic!()
    };
    assert_eq!(firewalld.ports, [6443, 10350]);
    let cgroups_v1 = |config: &ValidConfig| {
        let init = steps(config, Command::INIT).unwrap();
        match look(&init, "SystemVerification") {
            CheckKind::System(system) => system.v1_error_since.clone(),
            _ => panic!(),
        }
    };
    assert_eq!(cgroups_v1(&config), None);
    let default = default_config();
    assert_eq!(cgroups_v1(&default).as_deref(), Some("1.35.0-0"));
    let mut strict = default;
    strict.release = crate::kubeadm::releases::find(33).unwrap();
    assert_eq!(cgroups_v1(&strict), None);
    strict.kubelet.value["failCgroupV1"] = true.into();
    assert_eq!(cgroups_v1(&strict).as_deref(), Some("1.31.0-0"));
    let CheckKind::NodeCertificate(own) = look(&init, "KubeletClientCertificate") else {
        panic!()
    };
    assert_eq!(own.certificate.as_str(), "/b/kubelet-client-current.pem");
    let authorities: Vec<&str> = init
        .iter()
        .flat_map(Step::checks)
        .filter_map(|check| match &check.look {
            CheckKind::SameCluster(same) => Some(same.authority.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(authorities, ["/etc/kubernetes/pki/ca.crt", "/a/ca.crt"]);
}

/// What the kubelet would find depends on where it looks, and on what it is configured to do.
#[test]
fn leftovers_are_looked_for_where_the_planned_kubelet_looks() {
    use crate::config::kubeadm::Arg;
    use kubeplan_bundle::check::{LeftoverFiles, RecordedValue};
    let files = |config: &ValidConfig, name: &str| -> Option<LeftoverFiles> {
        let init = steps(config, Command::INIT).unwrap();
        let mut checks = init.iter().flat_map(Step::checks);
        let found = checks.find(|check| check.name.as_str() == name)?;
        assert_eq!(found.severity, Severity::Warning);
        match &found.look {
            CheckKind::LeftoverFiles(look) => Some(look.clone()),
            other => panic!("{other:?}"),
        }
    };
    let value = |config: &ValidConfig, name: &str| -> RecordedValue {
        let init = steps(config, Command::INIT).unwrap();
        match look(&init, name) {
            CheckKind::RecordedValue(look) => look.clone(),
            other => panic!("{other:?}"),
        }
    };
    let mut config = default_config();
    let pods = files(&config, "LeftoverStaticPods").unwrap();
    assert_eq!(pods.directory.as_str(), "/etc/kubernetes/manifests");
    assert!(!pods.until_installed);
    let serving = files(&config, "LeftoverServingCertificate").unwrap();
    assert_eq!(serving.directory.as_str(), "/var/lib/kubelet/pki");
    assert_eq!(serving.names, ["kubelet.crt", "kubelet.key"]);
    let cpus = value(&config, "LeftoverCPUManagerState");
    assert_eq!(cpus.path.as_str(), "/var/lib/kubelet/cpu_manager_state");
    assert_eq!(
        (cpus.field.as_str(), cpus.value.as_str()),
        ("policyName", "none")
    );
    assert_eq!(value(&config, "LeftoverMemoryManagerState").value, "None");

    config.kubelet.value["staticPodPath"] = "/pods/./".into();
    config.kubelet.value["serverTLSBootstrap"] = true.into();
    config.kubelet.value["cpuManagerPolicy"] = "static".into();
    config.kubelet.value["memoryManagerPolicy"] = "Static".into();
    let flags = &mut config.init.node_registration.kubelet_extra_args;
    for (name, value) in [("root-dir", "/data/kubelet"), ("cert-dir", "/b/")] {
        flags.push(Arg {
            name: name.into(),
            value: value.into(),
        });
    }
    let pods = files(&config, "LeftoverStaticPods").unwrap();
    assert_eq!(pods.directory.as_str(), "/pods");
    let serving = files(&config, "LeftoverServingCertificate").unwrap();
    assert_eq!(serving.directory.as_str(), "/b");
    assert_eq!(serving.names, ["kubelet-server-current.pem"]);
    let cpus = value(&config, "LeftoverCPUManagerState");
    assert_eq!(cpus.path.as_str(), "/data/kubelet/cpu_manager_state");
    assert_eq!(cpus.value, "static");
    assert_eq!(value(&config, "LeftoverMemoryManagerState").value, "Static");

    config.kubelet.value["serverTLSBootstrap"] = false.into();
    config.kubelet.value["tlsCertFile"] = "/own.crt".into();
    assert_eq!(files(&config, "LeftoverServingCertificate"), None);
    config.kubelet.value["staticPodPath"] = "".into();
    assert_eq!(files(&config, "LeftoverStaticPods"), None);
}
