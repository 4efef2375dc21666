//! The rules of single fields, one line of configuration each.

use super::*;

#[test]
fn values_that_kubeadm_does_not_recommend_are_warned_of() {
    let quiet = load_one(&with_cluster("")).unwrap();
    assert!(quiet.warnings.is_empty(), "{}", quiet.warnings);
    let cases = [
        (
            "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nreadOnlyPort: 10255\n",
            "KubeletConfiguration.readOnlyPort: kubeadm recommends 0; 10255 is kept",
        ),
        (
            "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nrotateCertificates: false\n",
            "always set it to true",
        ),
        (
            "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nclusterDNS: []\n",
            "KubeletConfiguration.clusterDNS: kubeadm recommends [\"10.96.0.10\"]; [] is kept",
        ),
        (
            "certificateValidityPeriod: 90000h\n",
            "is longer than caCertificateValidityPeriod",
        ),
        (
            "featureGates: {PublicKeysECDSA: true}\n",
            "ClusterConfiguration.featureGates.PublicKeysECDSA: the gate is deprecated",
        ),
        (
            "networking: {serviceSubnet: \"fec0::/112\"}\n",
            "site-local",
        ),
        (
            "controlPlaneEndpoint: api.example.com:16443\n",
            "ClusterConfiguration.controlPlaneEndpoint: its port 16443 overrides bindPort 6443",
        ),
        (
            "apiServer: {extraArgs: [{name: authorization-mode, value: 'Node,Webhook,RBAC'}]}\n",
            "extraArgs[0].value: `Node,Webhook,RBAC` replaces kubeadm's default, `Node,RBAC`",
        ),
        (
            "apiServer: {extraArgs: [{name: authorization-mode, value: RBAC}, {name: authorization-mode, value: 'Node,Nod,RBAC'}]}\n",
            "extraArgs[1].value: kubeadm does not know the authorization mode `Nod`",
        ),
        (
            "networking: {serviceSubnet: \"fd00::/112,10.96.0.0/16\"}\n",
            "InitConfiguration.localAPIEndpoint.advertiseAddress: 192.168.10.11 is of another family than the first Service network",
        ),
    ];
    for (lines, expected) in cases {
        let warnings = load_one(&with_cluster(lines)).unwrap().warnings;
        assert!(
            warnings.to_string().contains(expected),
            "{expected}:\n{warnings}"
        );
        assert!(
            warnings
                .findings()
                .iter()
                .all(|f| f.severity == Severity::Warning)
        );
    }
    for quiet in [
        "controlPlaneEndpoint: api.example.com\n",
        "controlPlaneEndpoint: api.example.com:6443\n",
        "apiServer: {extraArgs: [{name: authorization-mode, value: 'Node,RBAC'}]}\n",
        "apiServer: {extraArgs: [{name: authorization-mode, value: RBAC}, {name: authorization-config, value: /a}]}\n",
    ] {
        let warnings = load_one(&with_cluster(quiet)).unwrap().warnings;
        assert!(warnings.is_empty(), "{quiet}{warnings}");
    }
    let socket = INIT.replace("{name: cp1}", "{name: cp1, criSocket: /run/crio.sock}") + CLUSTER;
    let loaded = load_one(&socket).unwrap();
    assert_eq!(
        loaded.config.init.node_registration.cri_socket,
        "unix:///run/crio.sock"
    );
    assert!(loaded.warnings.to_string().contains("criSocket"));
}

#[test]
fn the_gate_overrides_the_algorithm_in_both_directions() {
    use crate::pki::KeyAlgorithm as A;
    for (lines, expected) in [
        ("", A::Rsa2048),
        ("encryptionAlgorithm: ECDSA-P384\n", A::EcdsaP384),
        ("featureGates: {PublicKeysECDSA: true}\n", A::EcdsaP256),
        (
            "encryptionAlgorithm: ECDSA-P384\nfeatureGates: {PublicKeysECDSA: false}\n",
            A::Rsa2048,
        ),
    ] {
        assert_eq!(
            load_one(&with_cluster(lines)).unwrap().config.key_algorithm,
            expected,
            "{lines}"
        );
    }
}

/// Lines of ClusterConfiguration, and the expected finding; empty if they are accepted.
#[test]
fn cluster_rules_are_kubeadms() {
    let cases: &[(&str, &str)] = &[
        ("networking: {serviceSubnet: 10.96.0.0/12}", ""),
        (
            "networking: {serviceSubnet: 10.96.0.0/11}",
            "use a prefix length of 12 or more",
        ),
        (
            "networking: {serviceSubnet: 'fd00::/107'}",
            "use a prefix length of 108 or more",
        ),
        ("networking: {serviceSubnet: 10.96.0.0/28}", ""),
        (
            "networking: {serviceSubnet: 10.96.0.0/29}",
            "has 8 addresses, but the cluster needs at least 10",
        ),
        (
            "networking: {serviceSubnet: '10.0.0.0/24,fd00::/112,10.1.0.0/24'}",
            "more than one network of a family",
        ),
        ("networking: {podSubnet: 10.244.0.0/24}", ""),
        (
            "networking: {podSubnet: 10.244.0.0/7}",
            "is too large for node subnets of /24",
        ),
        ("networking: {podSubnet: 11.244.0.0/8}", ""),
        (
            "networking: {podSubnet: 'fd00::/48', serviceSubnet: 'fd01::/112'}",
            "",
        ),
        (
            "networking: {podSubnet: 'fd00::/47', serviceSubnet: 'fd01::/112'}",
            "is too large for node subnets of /64",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/29}\ncontrollerManager: {extraArgs: [{name: allocate-node-cidrs, value: 'false'}]}",
            "at least 14",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/27}\ncontrollerManager: {extraArgs: [{name: allocate-node-cidrs, value: 'false'}]}",
            "",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/26}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size-ipv4, value: '26'}]}",
            "",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/26}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size, value: '26'}]}",
            "smaller than the subnet of one node, /24",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/16}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size-ipv4, value: x}]}",
            "exits because of `--node-cidr-mask-size-ipv4=x`",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/16}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size-ipv4, value: '0x18'}]}",
            "is not a decimal number",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/16}\ncontrollerManager: {extraArgs: [{name: allocate-node-cidrs, value: maybe}]}",
            "kube-controller-manager of Kubernetes 1.36 exits because of `--allocate-node-cidrs=maybe`",
        ),
        (
            "controllerManager: {extraArgs: [{name: concurrent_job_syncs, value: '0x5'}]}\nscheduler: {extraArgs: [{name: leader-elect-lease-duration, value: 15s}]}",
            "",
        ),
        (
            "scheduler: {extraArgs: [{name: leader-elect-lease-duration, value: '15'}]}",
            "kube-scheduler of Kubernetes 1.36 exits because of `--leader-elect-lease-duration=15`",
        ),
        (
            "apiServer: {extraArgs: [{name: bind-address, value: '10.0.0.256'}]}",
            "kube-apiserver of Kubernetes 1.36 exits because of `--bind-address=10.0.0.256`",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/24}\ncontrollerManager: {extraArgs: [{name: allocate-node-cidrs, value: 'False'}]}",
            "",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/26}\ncontrollerManager: {extraArgs: [{name: allocate-node-cidrs, value: 'False'}]}",
            "smaller than the subnet of one node, /24",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/16}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size, value: '25'}]}",
            "",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/16}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size, value: '0'}]}",
            "",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/24}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size, value: '20'}]}",
            "10.244.0.0/24, the network of the Pods, is smaller than the subnet of one node, /20",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/24}\ncontrollerManager: {extraArgs: [{name: node_cidr_mask_size, value: '20'}]}",
            "smaller than the subnet of one node, /20",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/24}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size, value: '20'}, {name: allocate-node-cidrs, value: 'False'}]}",
            "",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/24}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size, value: '20'}, {name: allocate-node-cidrs, value: 'false'}]}",
            "",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/24}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size, value: '33'}]}",
            "is longer than an address",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/24}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size, value: 'x'}]}",
            "exits because of `--node-cidr-mask-size=x`",
        ),
        (
            "networking: {podSubnet: '10.244.0.0/16,fd00::/48', serviceSubnet: '10.96.0.0/16,fd01::/112'}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size, value: '24'}]}",
            "does not start with node-cidr-mask-size and Pods of both families",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/16}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size, value: '24'}, {name: node-cidr-mask-size-ipv4, value: '24'}]}",
            "beside node-cidr-mask-size-ipv4",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/16}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size, value: '24'}, {name: node-cidr-mask-size-ipv6, value: '64'}]}",
            "hint: remove node-cidr-mask-size",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/16}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size-ipv6, value: '64'}]}",
            "if all Pods have IPv4 addresses",
        ),
        (
            "networking: {podSubnet: 'fd00::/48', serviceSubnet: 'fd01::/112'}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size-ipv4, value: '24'}]}",
            "if all Pods have IPv6 addresses",
        ),
        ("controlPlaneEndpoint: 'fd00::1'", ""),
        (
            "controlPlaneEndpoint: '[fd00::1]'",
            "is not a valid `host[:port]`",
        ),
        (
            "controlPlaneEndpoint: 'api.example.com:70000'",
            "port `70000`",
        ),
        (
            "controlPlaneEndpoint: 'API.example.com'",
            "lower-case DNS name",
        ),
        ("clusterName: \"with\\u0000nul\"", "clusterName"),
        ("certificatesDir: /etc/kubeplan/pki", "belongs to kubeapply"),
        ("certificatesDir: /etc/../pki", "contains `..`"),
        ("certificatesDir: /etc/../pki", "hint: write `/pki`"),
        ("certificatesDir: /etc/kubernetes//pki/./", ""),
        ("etcd: {local: {dataDir: /var/lib/etcd/}}", ""),
        ("certificatesDir: /", "does not name a file"),
        (
            "metadata: {name: x}",
            "hint: remove it: this document has no metadata",
        ),
        (
            "featureGates: {ControlPlaneKubeletLocalMode: true}",
            "kubeadm 1.36 removed this feature gate: its feature is always on",
        ),
        (
            "featureGates: {IPv6DualStack: true}",
            "kubeadm 1.24 removed this feature gate",
        ),
        (
            "featureGates: {ControlPlaneKubeletLocalMod: true}",
            "kubeadm does not have this feature gate",
        ),
        (
            "kubernetesVersions: v1.36.2",
            "did you mean `kubernetesVersion`?",
        ),
        (
            "etcd: {local: {}, external: {endpoints: ['https://a:1']}}",
            "are both set",
        ),
        ("etcd: {external: {endpoints: ['http://a:1']}}", ""),
        (
            "etcd: {external: {endpoints: ['http://a:1'], caFile: /ca.crt}}",
            "is not an https URL",
        ),
        (
            "apiServer: {extraEnvs: [{name: A, valueFrom: {fieldRef: {fieldpath: x}}}]}",
            "write `fieldPath`",
        ),
        (
            "apiServer: {certSANs: [\"*.example.com\", 010.0.0.1, 'fd00::1']}",
            "",
        ),
        (
            "featureGates: {n: true}",
            "ClusterConfiguration.featureGates.false: kubeadm does not have this feature gate",
        ),
        ("featureGates: {PublicKeysECDSA: y}", ""),
        ("dns: {}\nproxy: {}", ""),
        ("dns: {imageTag: ''}\nproxy: {disabled: no}", ""),
        (
            "caCertificateValidityPeriod: -1h",
            "cannot be valid for -1h0m0s",
        ),
    ];
    for (lines, expected) in cases {
        match load_one(&with_cluster(lines)) {
            Ok(_) => assert_eq!(*expected, "", "{lines}: accepted"),
            Err(report) => {
                assert!(!expected.is_empty(), "{lines}:\n{report}");
                assert!(
                    report.to_string().contains(expected),
                    "{lines}: {expected}:\n{report}"
                );
            }
        }
    }
}

/// Lines of InitConfiguration besides address and name, and the expected finding; empty if they are accepted.
#[test]
fn init_rules_are_kubeadms() {
    let cases: &[(&str, &str)] = &[
        ("bootstrapTokens: [{ttl: 0s, usages: [authentication]}]", ""),
        (
            "bootstrapTokens: [{groups: ['system:bootstrappers:a'], usages: [signing]}]",
            "groups need the usage",
        ),
        (
            "bootstrapTokens: [{expires: '2027-01-02T15:04:05+01:00'}]",
            "cannot be combined with `ttl`",
        ),
        (
            "bootstrapTokens: [{expires: tomorrow}]",
            "is not a valid time",
        ),
        (
            "bootstrapTokens: [{token: 123456.1234567890123456}]",
            "expected a bootstrap token, found a number",
        ),
        ("timeouts: {controlPlaneComponentHealthCheck: 0s}", ""),
        (
            "timeouts: {controlPlaneComponentHealthCheck: -1s}",
            "cannot be negative",
        ),
        ("timeouts: {kubeletHealthCheck: 240s, discovery: 300s}", ""),
        ("timeouts: {tlsBootstrap: 6m}", ""),
        ("timeouts: {etcdAPICall: -6m}", "cannot be negative"),
        (
            "dryRun: false\nskipPhases: []\npatches: {}\ncertificateKey: ''",
            "",
        ),
        ("certificateKey: abc", "not 64 hexadecimal digits"),
        ("localApiEndpoint: {}", "write `localAPIEndpoint`"),
    ];
    for (lines, expected) in cases {
        let text = INIT.replace("---\n", &format!("{lines}\n---\n")) + CLUSTER;
        match load_one(&text) {
            Ok(_) => assert_eq!(*expected, "", "{lines}: accepted"),
            Err(report) => {
                assert!(!expected.is_empty(), "{lines}:\n{report}");
                assert!(
                    report.to_string().contains(expected),
                    "{lines}: {expected}:\n{report}"
                );
            }
        }
    }
    // A default that is written out is supported.
    let taint = "{name: cp1, taints: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule, value: ''}]}";
    assert!(load_one(&(INIT.replace("{name: cp1}", taint) + CLUSTER)).is_ok());
}

#[test]
fn addresses_that_only_the_host_knows_are_errors() {
    for (address, expected) in [
        ("192.168.10.11", ""),
        ("0.0.0.0", "stands for an address"),
        ("'::'", "stands for an address"),
        ("'::1'", "stands for an address"),
        ("'fe80::1'", "link-local"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("cp1.example.com", "is not a valid IP address"),
    ] {
        let text = INIT.replace("192.168.10.11", address) + CLUSTER;
        match load_one(&text) {
            Ok(_) => assert_eq!(expected, ""),
            Err(report) => assert!(
                !expected.is_empty() && report.to_string().contains(expected),
                "{address}: {report}"
            ),
        }
    }
}

#[test]
fn sockets_are_judged_as_kubeadm_judges_them() {
    for (socket, expected) in [
        ("unix:///var/run/containerd/containerd.sock", ""),
        ("unix:////var/run/containerd/containerd.sock", ""),
        ("/run/crio.sock", ""),
        ("unix://run/crio.sock", "is not a valid unix socket"),
        ("tcp://10.0.0.1:5", "is not a valid unix socket"),
        (
            "npipe:////./pipe/containerd-containerd",
            "is a socket of Windows",
        ),
    ] {
        let with = format!("{{name: cp1, criSocket: '{socket}'}}");
        let text = INIT.replace("{name: cp1}", &with) + CLUSTER;
        match load_one(&text) {
            Ok(loaded) => {
                assert_eq!(expected, "", "{socket}");
                let used = &loaded.config.init.node_registration.cri_socket;
                assert!(used.ends_with(socket), "{used}");
            }
            Err(report) => {
                assert!(
                    !expected.is_empty() && report.to_string().contains(expected),
                    "{report}"
                );
                assert_eq!(
                    report
                        .findings()
                        .iter()
                        .filter(|f| f.severity == Severity::Error)
                        .count(),
                    1,
                    "{report}"
                );
            }
        }
    }
}

#[test]
fn old_api_versions_are_refused_where_kubeadm_does_not_read_them() {
    for (version, release, expected) in [
        ("v1beta3", "v1.36.2", ""),
        (
            "v1beta3",
            "v1.37.0",
            "error: c.yaml:6: ClusterConfiguration: kubeadm 1.37 does not read the API version `kubeadm.k8s.io/v1beta3`\n  hint: run `kubeplan config migrate`",
        ),
        ("v1beta4", "v1.37.0", ""),
        (
            "v1beta2",
            "v1.36.2",
            "`kubeadm config migrate` of kubeadm v1.22, and the result with `kubeplan config migrate`",
        ),
        (
            "v1beta1",
            "v1.36.2",
            "of kubeadm v1.15, then of v1.22, and the result",
        ),
    ] {
        let text = with_cluster("")
            .replace("v1beta4", version)
            .replace("v1.36.2", release);
        let found = load_one(&text).err().map(|report| report.to_string());
        assert_eq!(found.is_none(), expected.is_empty(), "{found:?}");
        assert!(found.is_none_or(|found| found.contains(expected)), "{text}");
    }
}
