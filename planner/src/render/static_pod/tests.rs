//! Manifests against kubeadm's own, and kubeadm's quirks, one test each.

use serde_json::json;

use super::*;
use crate::config::kubeadm::{Arg, HostPathMount};
use crate::testing;

fn context(config: &ValidConfig) -> PodContext<'_> {
    PodContext::of_addresses(config)
}

fn etcd_pod(config: &ValidConfig) -> StaticPod {
    let local = config.cluster.etcd.local.as_ref().unwrap();
    etcd::pod(&context(config), local).unwrap()
}

/// Every Pod; etcd's comes first where it runs on the node.
fn all(config: &ValidConfig) -> Vec<StaticPod> {
    let context = context(config);
    let local = config.cluster.etcd.local.as_ref();
    let mut pods: Vec<StaticPod> = local.map(|_| etcd_pod(config)).into_iter().collect();
    pods.extend([
        kube_apiserver::pod(&context).unwrap(),
        kube_controller_manager::pod(&context).unwrap(),
        kube_scheduler::pod(&context).unwrap(),
    ]);
    pods
}

fn document(pod: &StaticPod) -> Value {
    serde_json::to_value(&pod.pod).unwrap()
}

fn command(pod: &StaticPod) -> Vec<String> {
    let command = &document(pod)["spec"]["containers"][0]["command"];
    serde_json::from_value(command.clone()).unwrap()
}

fn arg(name: &str, value: &str) -> Arg {
    Arg {
        name: name.into(),
        value: value.into(),
    }
}

#[test]
fn every_manifest_is_what_kubeadm_writes() {
    for (config, reference) in [
        (testing::default_config(), testing::DEFAULT),
        (testing::ha_config(), testing::HA),
        (testing::external_etcd_config(), testing::EXTERNAL_ETCD),
    ] {
        for pod in all(&config) {
            let path = format!("etc/kubernetes/manifests/{}.yaml", pod.component);
            assert_eq!(
                pod.to_yaml().unwrap(),
                testing::reference_file(reference, &path),
                "{reference} {path}"
            );
        }
    }
}

#[test]
fn every_flag_has_a_source() {
    for config in [testing::default_config(), testing::ha_config()] {
        for pod in all(&config) {
            for text in command(&pod).iter().skip(1) {
                let flag = text.split('=').next().unwrap();
                assert!(
                    pod.sources.iter().any(|source| source.value == flag),
                    "{} {flag}",
                    pod.component
                );
            }
        }
    }
    let pod = kube_apiserver::pod(&context(&testing::ha_config())).unwrap();
    let from = |value: &str| -> Vec<&str> {
        let matching = pod.sources.iter().filter(|source| source.value == value);
        matching.map(|source| source.from.as_str()).collect()
    };
    assert_eq!(
        from("--secure-port"),
        ["InitConfiguration.localAPIEndpoint.bindPort"]
    );
    assert_eq!(from("--allow-privileged"), [flags::KUBEADM_DEFAULT]);
    assert_eq!(
        from("--service-account-issuer"),
        [
            "ClusterConfiguration.apiServer.extraArgs[2]",
            "ClusterConfiguration.apiServer.extraArgs[3]"
        ]
    );
    assert_eq!(
        from("spec.containers[0].image"),
        [
            "ClusterConfiguration.imageRepository",
            "ClusterConfiguration.kubernetesVersion"
        ]
    );
    assert_eq!(
        from("spec.volumes[audit-policy]"),
        ["ClusterConfiguration.apiServer.extraVolumes[1]"]
    );
}

/// Quirk 1: kubeadm takes the node's name as it finds it; here it is lower case by its type, and etcd gets
/// the same name as certificates and the kubelet.
#[test]
fn etcd_is_named_after_the_node() {
    let mut config = testing::default_config();
    config.node.name = "node-a.example".parse().unwrap();
    let command = command(&etcd_pod(&config));
    assert!(command.contains(&"--name=node-a.example".to_owned()));
    assert!(
        command.contains(&"--initial-cluster=node-a.example=https://192.168.10.11:2380".into())
    );
}

/// Quirk 2.
#[test]
fn authorization_mode_is_passed_through_unfiltered() {
    let mut config = testing::default_config();
    config.cluster.api_server.extra_args = vec![arg("authorization-mode", "RBAC,Bogus")];
    let command = command(&kube_apiserver::pod(&context(&config)).unwrap());
    let modes: Vec<_> = command
        .iter()
        .filter(|flag| flag.contains("authorization"))
        .collect();
    assert_eq!(modes, ["--authorization-mode=RBAC,Bogus"]);
}

/// Quirk 3.
#[test]
fn authorization_config_removes_the_default_mode() {
    let mut config = testing::default_config();
    config.cluster.api_server.extra_args = vec![arg("authorization-config", "/etc/authz.yaml")];
    let command = command(&kube_apiserver::pod(&context(&config)).unwrap());
    let modes: Vec<_> = command
        .iter()
        .filter(|flag| flag.contains("authorization"))
        .collect();
    assert_eq!(modes, ["--authorization-config=/etc/authz.yaml"]);
}

/// Quirk 4.
#[test]
fn secure_port_override_moves_neither_probes_nor_annotation() {
    let mut config = testing::default_config();
    config.cluster.api_server.extra_args = vec![arg("secure-port", "7443")];
    let pod = kube_apiserver::pod(&context(&config)).unwrap();
    assert!(command(&pod).contains(&"--secure-port=7443".to_owned()));
    let document = document(&pod);
    assert_eq!(
        document["spec"]["containers"][0]["ports"][0]["containerPort"],
        6443
    );
    assert_eq!(
        document["metadata"]["annotations"]["kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"],
        "192.168.10.11:6443"
    );
}

/// Quirk 5.
#[test]
fn metrics_url_override_moves_etcds_probes_and_keeps_the_unspecified_address() {
    let mut config = testing::default_config();
    let local = config.cluster.etcd.local.as_mut().unwrap();
    local.extra_args = vec![arg("listen-metrics-urls", "https://[::]:2390,http://x:1")];
    let document = document(&etcd_pod(&config));
    let container = &document["spec"]["containers"][0];
    assert_eq!(container["ports"][0]["containerPort"], 2390);
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        assert_eq!(container[probe]["httpGet"]["host"], "::");
        assert_eq!(container[probe]["httpGet"]["scheme"], "HTTPS");
    }
}

/// Quirk 6.
#[test]
fn advertise_client_urls_override_reaches_the_api_server_but_not_the_annotation() {
    let mut config = testing::default_config();
    let local = config.cluster.etcd.local.as_mut().unwrap();
    local.extra_args = vec![
        arg("advertise-client-urls", "https://old:2379"),
        arg("advertise-client-urls", "https://etcd.example.com:2379"),
    ];
    let server = kube_apiserver::pod(&context(&config)).unwrap();
    assert!(command(&server).contains(&"--etcd-servers=https://etcd.example.com:2379".into()));
    let source = server
        .sources
        .iter()
        .find(|s| s.value == "--etcd-servers")
        .unwrap();
    assert_eq!(source.from, "ClusterConfiguration.etcd.local.extraArgs[1]");
    assert_eq!(
        document(&etcd_pod(&config))["metadata"]["annotations"]["kubeadm.kubernetes.io/etcd.advertise-client-urls"],
        "https://192.168.10.11:2379"
    );
}

/// Quirk 7.
#[test]
fn the_controller_manager_knows_services_only_with_a_pod_network() {
    let has = |config: &ValidConfig, flag: &str| {
        let pod = kube_controller_manager::pod(&context(config)).unwrap();
        command(&pod).iter().any(|text| text.starts_with(flag))
    };
    let mut config = testing::default_config();
    for flag in [
        "--service-cluster-ip-range=",
        "--cluster-cidr=",
        "--allocate-node-cidrs=",
    ] {
        assert!(!has(&config, flag), "{flag}");
    }
    config.cluster.networking.pod_subnet = "10.244.0.0/16".into();
    for flag in [
        "--service-cluster-ip-range=",
        "--cluster-cidr=",
        "--allocate-node-cidrs=",
    ] {
        assert!(has(&config, flag), "{flag}");
    }
    assert!(!has(&config, "--node-cidr-mask-size"));
}

/// Quirk 8, as far as manifests go: both families reach the flags as they are written.
#[test]
fn dual_stack_subnets_are_passed_as_written() {
    let mut config = testing::default_config();
    config.cluster.networking.service_subnet = "10.96.0.0/16,fd00::/112".into();
    config.cluster.networking.pod_subnet = "10.244.0.0/16,fd01::/56".into();
    let server = command(&kube_apiserver::pod(&context(&config)).unwrap());
    assert!(server.contains(&"--service-cluster-ip-range=10.96.0.0/16,fd00::/112".to_owned()));
    let manager = command(&kube_controller_manager::pod(&context(&config)).unwrap());
    assert!(manager.contains(&"--cluster-cidr=10.244.0.0/16,fd01::/56".to_owned()));
}

/// Quirk 9.
#[test]
fn an_extra_volume_without_path_type_has_an_empty_one() {
    let mut config = testing::default_config();
    config.cluster.scheduler.extra_volumes = vec![HostPathMount {
        name: "a".into(),
        host_path: "/x".into(),
        mount_path: "/y".into(),
        read_only: false,
        path_type: String::new(),
    }];
    let text = kube_scheduler::pod(&context(&config))
        .unwrap()
        .to_yaml()
        .unwrap();
    assert!(text.contains("  - hostPath:\n      path: /x\n      type: \"\"\n    name: a\n"));
    assert!(text.contains("    - mountPath: /y\n      name: a\n    - mountPath:"));
}

#[test]
fn ca_directories_of_the_host_are_mounted_sorted_by_name() {
    let mut config = testing::default_config();
    config.facts.ca_directories = vec![
        "/usr/share/ca-certificates".into(),
        "/etc/pki/tls/certs".into(),
        "/opt/unknown".into(),
    ];
    let context = context(&config);
    let names = |pod: &StaticPod| -> Vec<String> {
        let volumes = document(pod)["spec"]["volumes"].clone();
        let volumes: Vec<Value> = serde_json::from_value(volumes).unwrap();
        volumes
            .iter()
            .map(|v| v["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&kube_apiserver::pod(&context).unwrap()),
        [
            "ca-certs",
            "etc-pki-tls-certs",
            "k8s-certs",
            "usr-share-ca-certificates"
        ]
    );
    assert_eq!(
        names(&kube_controller_manager::pod(&context).unwrap()),
        [
            "ca-certs",
            "etc-pki-tls-certs",
            "k8s-certs",
            "kubeconfig",
            "usr-share-ca-certificates"
        ]
    );
    assert_eq!(
        names(&kube_scheduler::pod(&context).unwrap()),
        ["kubeconfig"]
    );
}

#[test]
fn ipv6_addresses_are_in_brackets_where_a_port_follows() {
    let config = testing::ipv6_config();
    let etcd = etcd_pod(&config);
    let flags = command(&etcd);
    for expected in [
        "--listen-client-urls=https://[::1]:2379,https://[2001:db8::10]:2379",
        "--listen-metrics-urls=http://[::1]:2381",
        "--initial-cluster=cp1=https://[2001:db8::10]:2380",
    ] {
        assert!(
            flags.contains(&expected.to_owned()),
            "{expected}\n{flags:#?}"
        );
    }
    assert_eq!(
        document(&etcd)["spec"]["containers"][0]["livenessProbe"]["httpGet"]["host"],
        "::1"
    );
    let server = kube_apiserver::pod(&context(&config)).unwrap();
    let flags = command(&server);
    assert!(flags.contains(&"--advertise-address=2001:db8::10".to_owned()));
    assert!(flags.contains(&"--etcd-servers=https://[::1]:2379".to_owned()));
    assert_eq!(
        document(&server)["metadata"]["annotations"],
        json!({"kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint": "[2001:db8::10]:6443"})
    );
    let manager = command(&kube_controller_manager::pod(&context(&config)).unwrap());
    assert!(manager.contains(&"--bind-address=127.0.0.1".to_owned()));
}

#[test]
fn with_an_external_ca_the_controller_manager_signs_nothing() {
    let config = testing::default_config();
    let external = PodContext {
        config: &config,
        external_ca: true,
        etcd_members: etcd::EtcdMembers::Own,
    };
    let flags = command(&kube_controller_manager::pod(&external).unwrap());
    assert!(flags.contains(&"--cluster-signing-cert-file=".to_owned()));
    assert!(flags.contains(&"--cluster-signing-key-file=".to_owned()));
    assert!(flags.contains(&"--root-ca-file=/etc/kubernetes/pki/ca.crt".to_owned()));
}

#[test]
fn proxies_reach_every_component_but_etcd() {
    let mut config = testing::default_config();
    config.facts.proxies = BTreeMap::from([("HTTPS_PROXY".into(), "http://proxy:3128".into())]);
    for pod in all(&config) {
        let env = document(&pod)["spec"]["containers"][0]["env"].clone();
        if pod.component == etcd::NAME {
            assert_eq!(env, Value::Null);
        } else {
            assert_eq!(
                env,
                json!([{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}])
            );
        }
    }
}
