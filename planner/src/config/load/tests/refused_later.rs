//! What kubeadm accepts, and the kubelet, the API server or a client refuses on the host.

use super::*;

/// What a configuration must give.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// No finding.
    Silent,
    /// A warning with this text.
    Warning(&'static str),
    /// An error with this text.
    Error(&'static str),
}
use Expected::{Error, Silent, Warning};

fn check(lines: &str, text: &str, expected: Expected) {
    let (report, is_error) = match load_one(text) {
        Ok(loaded) => (loaded.warnings.to_string(), false),
        Err(report) => (report.to_string(), true),
    };
    match expected {
        Silent => assert_eq!(report, "", "{lines}"),
        Warning(part) => assert!(!is_error && report.contains(part), "{lines}: {report}"),
        Error(part) => assert!(is_error && report.contains(part), "{lines}: {report}"),
    }
}

#[test]
fn endpoints_that_clients_cannot_use_are_refused() {
    for (endpoint, expected) in [
        ("api.example.com:6443", Silent),
        ("192.168.10.100", Silent),
        ("fd00::10:5", Silent),
        ("'[fd00::5]:6443'", Silent),
        (
            "fd00::5:6443",
            Error("`[fd00::5]:6443`, or `[fd00::5:6443]:PORT`"),
        ),
        ("0.0.0.0:6443", Error("is the unspecified address")),
        ("'[::]:6443'", Error("is the unspecified address")),
        ("'::'", Error("is the unspecified address")),
        ("224.0.0.1:6443", Error("multicast or broadcast")),
        ("'[fe80::1]:6443'", Error("link-local")),
        ("10.0.0.256:6443", Error("it has only numbers")),
        ("'6443'", Error("it has only numbers")),
        ("localhost:6443", Warning("is the host itself")),
        ("127.0.0.1", Warning("is the host itself")),
        ("'[::1]:6443'", Warning("is the host itself")),
    ] {
        let lines = format!("controlPlaneEndpoint: {endpoint}\n");
        check(&lines, &with_cluster(&lines), expected);
    }
    for (endpoint, expected) in [
        ("https://10.0.0.21:2379", Silent),
        ("unix:///run/etcd.sock", Silent),
        (
            "https://localhost:2379",
            Warning("each API server connects to its own host"),
        ),
        ("https://0.0.0.0:2379", Error("is the unspecified address")),
        ("'https://[::]:2379'", Error("is the unspecified address")),
        ("https://10.0.0.256:2379", Error("it has only numbers")),
        ("https://:2379", Error("has no host")),
        ("https://", Error("has no host")),
    ] {
        let lines = format!("etcd: {{external: {{endpoints: [{endpoint}]}}}}\n");
        check(&lines, &with_cluster(&lines), expected);
    }
    for component in ["apiServer", "controllerManager", "scheduler"] {
        let lines = format!(
            "{component}: {{extraEnvs: [{{name: HTTPS_PROXY, value: 'http://0.0.0.0:1'}}]}}\n"
        );
        check(&lines, &with_cluster(&lines), Warning("extraEnvs[0].value"));
    }
    let lines = "apiServer: {certSANs: [10.0.0.256]}\n";
    check(lines, &with_cluster(lines), Error("certSANs[0]"));
}

#[test]
fn networks_that_share_addresses_are_found_in_every_pair() {
    for (lines, expected) in [
        (
            "networking: {podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12}",
            Silent,
        ),
        (
            "networking: {podSubnet: 10.96.0.0/12, serviceSubnet: 10.96.0.0/12}",
            Error("gives no node a subnet"),
        ),
        (
            "networking: {podSubnet: 10.100.0.0/16, serviceSubnet: 10.96.0.0/12}",
            Error("gives no node a subnet"),
        ),
        (
            "networking: {podSubnet: 'fd00::/120,10.244.0.0/16', serviceSubnet: '10.96.0.0/12,fd00::/108'}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size-ipv6, value: '124'}]}",
            Error("fd00::/120 lies in the network of the Services"),
        ),
        (
            "networking: {podSubnet: 10.96.0.0/16, serviceSubnet: 10.96.0.0/12}\ncontrollerManager: {extraArgs: [{name: allocate-node-cidrs, value: 'false'}]}",
            Warning("may get the same address"),
        ),
        (
            "networking: {podSubnet: 10.96.0.0/16, serviceSubnet: 10.96.0.0/12}\ncontrollerManager: {extraArgs: [{name: allocate-node-cidrs, value: F}]}",
            Warning("may get the same address"),
        ),
        (
            "networking: {podSubnet: 10.96.0.0/16, serviceSubnet: 10.96.0.0/12}\ncontrollerManager: {extraArgs: [{name: allocate_node_cidrs, value: 'False'}]}",
            Warning("may get the same address"),
        ),
        (
            "networking: {podSubnet: 10.96.0.0/16, serviceSubnet: 10.96.0.0/12}\ncontrollerManager: {extraArgs: [{name: allocate-node-cidrs, value: T}]}",
            Error("gives no node a subnet"),
        ),
        (
            "networking: {podSubnet: 'fd00::/48'}\ncontrollerManager: {extraArgs: [{name: allocate-node-cidrs, value: '0'}]}",
            Warning("there is no IPv4 network of Pods"),
        ),
        (
            "networking: {podSubnet: 10.0.0.0/8, serviceSubnet: 10.96.0.0/12}",
            Warning("contains the network of the Services"),
        ),
        (
            "networking: {podSubnet: 10.244.0.0/16, serviceSubnet: 10.244.0.0/24}",
            Warning("contains the network of the Services"),
        ),
        (
            "networking: {podSubnet: 192.168.0.0/16}",
            Warning("the network of the Pods, 192.168.0.0/16, contains the address of cp1"),
        ),
        (
            "networking: {serviceSubnet: 192.168.0.0/16}",
            Warning("the network of the Services, 192.168.0.0/16, contains the address of cp1"),
        ),
        (
            "networking: {serviceSubnet: 192.168.10.10/24}\ncontrolPlaneEndpoint: 192.168.10.1:6443",
            Error("is the address of the Service `kubernetes`"),
        ),
        (
            "networking: {serviceSubnet: '192.168.10.1/28'}\ndns: {}",
            Warning("contains the address of cp1"),
        ),
        (
            "controlPlaneEndpoint: 10.96.7.7:6443",
            Warning("lies in the network of the Services, 10.96.0.0/12"),
        ),
        (
            "networking: {podSubnet: 10.244.0.0/16}\netcd: {external: {endpoints: ['http://10.244.0.5:2379']}}",
            Warning("etcd.external.endpoints[0]: 10.244.0.5 lies in the network of the Pods"),
        ),
        (
            "networking: {podSubnet: 'fd00::/48'}",
            Error("there is no IPv4 network of Pods"),
        ),
        (
            "networking: {podSubnet: 10.244.0.0/16, serviceSubnet: '10.96.0.0/12,fd00::/108'}",
            Warning("there is no IPv6 network of Pods"),
        ),
        (
            "networking: {podSubnet: '10.244.0.0/16,fd01::/48', serviceSubnet: 10.96.0.0/12}",
            Silent,
        ),
        ("networking: {podSubnet: 127.0.0.0/16}", Error("loopback")),
        (
            "networking: {serviceSubnet: 224.0.0.0/16}",
            Error("multicast"),
        ),
        (
            "networking: {podSubnet: 239.0.0.0/16}",
            Error("multicast addresses (224.0.0.0/4)"),
        ),
        (
            "networking: {podSubnet: 240.0.0.0/8}",
            Warning("reserved addresses (240.0.0.0/4), which Linux routes"),
        ),
        (
            "networking: {serviceSubnet: 250.1.0.0/16}",
            Warning("reserved addresses"),
        ),
        (
            "networking: {podSubnet: 240.0.0.0/4}\ncontrollerManager: {extraArgs: [{name: allocate-node-cidrs, value: 'false'}]}",
            Warning("reserved addresses"),
        ),
        (
            "networking: {podSubnet: 255.255.0.0/16}",
            Error("the broadcast address (255.255.255.255/32)"),
        ),
        ("networking: {podSubnet: 0.0.0.0/8}", Error("do not route")),
        (
            "networking: {serviceSubnet: 169.254.0.0/16}",
            Warning("link-local"),
        ),
    ] {
        check(lines, &with_cluster(&format!("{lines}\n")), expected);
    }
}

#[test]
fn values_of_a_node_that_kubelet_or_api_server_refuse_are_errors() {
    let long = "a".repeat(64);
    let longest = "a".repeat(63);
    let dotted = format!("{}.{}", "b".repeat(31), "c".repeat(31));
    for (registration, expected) in [
        (format!("{{name: {longest}}}"), Silent),
        (format!("{{name: {dotted}}}"), Silent),
        (format!("{{name: {long}}}"), Error("has 64 characters")),
        (
            format!("{{name: {long}, kubeletExtraArgs: [{{name: node-labels, value: 'kubernetes.io/hostname=a'}}]}}"),
            Silent,
        ),
        (
            format!("{{name: {long}, kubeletExtraArgs: [{{name: node_labels, value: 'kubernetes.io/hostname=a'}}]}}"),
            Silent,
        ),
        (
            "{name: a, taints: [{key: a, effect: NoSchedule}, {key: a, effect: NoExecute}]}".to_owned(),
            Silent,
        ),
        (
            "{name: a, taints: [{key: a, effect: NoSchedule}, {key: a, value: b, effect: NoSchedule}]}".to_owned(),
            Error("taints[1]: a second taint with key `a`"),
        ),
        (
            "{name: a, kubeletExtraArgs: [{name: register-with-taints, value: 'a=b:NoSchedule,c-'}]}".to_owned(),
            Silent,
        ),
        (
            "{name: a, kubeletExtraArgs: [{name: register-with-taints, value: 'a=b'}]}".to_owned(),
            Error("the kubelet will not start"),
        ),
        (
            "{name: a, kubeletExtraArgs: [{name: register_with_taints, value: 'a=b'}]}".to_owned(),
            Error("the kubelet will not start"),
        ),
        (
            "{name: a, kubeletExtraArgs: [{name: register-with-taints, value: ''}]}".to_owned(),
            Silent,
        ),
        (
            "{name: a, kubeletExtraArgs: [{name: register-with-taints, value: \"'a=b:NoSchedule'\"}]}".to_owned(),
            Silent,
        ),
        (
            "{name: a, kubeletExtraArgs: [{name: register-with-taints, value: 'a:NoSchedule,'}]}".to_owned(),
            Error("`` is not a valid taint"),
        ),
        (
            "{name: a, kubeletExtraArgs: [{name: register-with-taints, value: '-'}]}".to_owned(),
            Error("`-` is not a valid taint"),
        ),
        (
            "{name: a, kubeletExtraArgs: [{name: register-with-taints, value: 'a:Never-'}]}".to_owned(),
            Error("`a:Never-` is not a valid taint"),
        ),
        (
            "{name: a, kubeletExtraArgs: [{name: register-with-taints, value: 'a:NoSchedule--'}]}".to_owned(),
            Error("`a:NoSchedule--` is not a valid taint"),
        ),
        (
            "{name: a, kubeletExtraArgs: [{name: register-with-taints, value: 'a:NoSchedule-'}]}".to_owned(),
            Warning("the kubelet adds no taint"),
        ),
        (
            "{name: a, kubeletExtraArgs: [{name: register-with-taints, value: 'a:NoSchedule,a=b:NoSchedule'}]}".to_owned(),
            Error("a second taint"),
        ),
        ("{name: a, kubeletExtraArgs: [{name: --v, value: '4'}]}".to_owned(), Error("write `v`")),
        ("{name: a, kubeletExtraArgs: [{name: -v, value: '4'}]}".to_owned(), Error("write `v`")),
        ("{name: a, kubeletExtraArgs: [{name: 'v ', value: '4'}]}".to_owned(), Error("write `v`")),
        (
            "{name: a, kubeletExtraArgs: [{name: '--v=4', value: ''}]}".to_owned(),
            Error("write `name: v` and `value: \"4\"`"),
        ),
        ("{name: a, kubeletExtraArgs: [{name: --, value: ''}]}".to_owned(), Error("is not the name of a flag")),
        ("{name: a, kubeletExtraArgs: [{name: \"a\\nb\", value: ''}]}".to_owned(), Error("is not the name of a flag")),
    ] {
        let text = INIT.replace("{name: cp1}", &registration) + CLUSTER;
        check(&registration, &text, expected);
    }
    for component in ["apiServer", "controllerManager", "scheduler"] {
        let lines = format!("{component}: {{extraArgs: [{{name: --v, value: '4'}}]}}\n");
        check(&lines, &with_cluster(&lines), Error("write `v`"));
    }
}

#[test]
fn image_references_that_a_runtime_refuses_are_errors() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    for (lines, expected) in [
        ("imageRepository: My.Repo/k8s".to_owned(), Silent),
        (
            "imageRepository: My.Repo/K8s".to_owned(),
            Error("is not a valid image repository"),
        ),
        (
            "imageRepository: https://my.repo/k8s".to_owned(),
            Error("is not a valid image repository"),
        ),
        ("dns: {imageTag: v1.14.2}".to_owned(), Silent),
        (
            format!("etcd: {{local: {{imageTag: '3.6.8-0@{digest}'}}}}"),
            Silent,
        ),
        (
            format!("dns: {{imageTag: 'v1@sha512:{}'}}", "0a".repeat(64)),
            Silent,
        ),
        (
            format!("dns: {{imageTag: 'v1@sha512:{}'}}", "0a".repeat(32)),
            Error("or sha384 (96) or sha512 (128)"),
        ),
        (
            "etcd: {local: {imageTag: '3.6:8'}}".to_owned(),
            Error("is not a valid image tag"),
        ),
        (
            "dns: {imageTag: .v1}".to_owned(),
            Error("is not a valid image tag"),
        ),
        (
            "dns: {imageTag: 'v1@sha256:0a'}".to_owned(),
            Error("is not a valid image tag"),
        ),
        (
            format!("dns: {{imageTag: {}}}", "a".repeat(129)),
            Error("is not a valid image tag"),
        ),
    ] {
        check(&lines, &with_cluster(&format!("{lines}\n")), expected);
    }
}
