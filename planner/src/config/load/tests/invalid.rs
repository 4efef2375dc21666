//! Every file of `fixtures/invalid` with the place of each of its findings.

#![expect(clippy::disallowed_methods, reason = "a test lists fixtures")]

use super::{VALID, load_one};
use crate::config::Source;

macro_rules! invalid {
    ($($name:literal: [$($finding:literal),* $(,)?]),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../../fixtures/invalid/", $name, ".yaml")), &[$($finding),*])),*]
    };
}

/// Name, text, and the `line: path: ` (or message) of every finding, in order.
pub(super) type Invalid = (&'static str, &'static str, &'static [&'static str]);

pub(super) const INVALID: &[Invalid] = invalid!(
    "bad-address": [
        "5: InitConfiguration.localAPIEndpoint.advertiseAddress",
        "12: ClusterConfiguration.controlPlaneEndpoint",
    ],
    "bad-certificate-key": [
        "8: InitConfiguration.certificateKey",
    ],
    "bad-cidr": [
        "13: ClusterConfiguration.networking.serviceSubnet",
        "14: ClusterConfiguration.networking.podSubnet",
    ],
    "bad-names": [
        "7: InitConfiguration.nodeRegistration.name",
        "8: InitConfiguration.nodeRegistration.criSocket",
        "9: InitConfiguration.nodeRegistration.imagePullPolicy",
        "14: ClusterConfiguration.clusterName",
        "15: ClusterConfiguration.certificatesDir",
        "16: ClusterConfiguration.imageRepository",
        "17: ClusterConfiguration.encryptionAlgorithm",
        "18: ClusterConfiguration.featureGates.EtcdLearnerMode",
        "18: ClusterConfiguration.featureGates.PublicKeyECDSA",
        "20: ClusterConfiguration.networking.dnsDomain",
        "22: ClusterConfiguration.apiServer.certSANs[1]",
        "24: ClusterConfiguration.apiServer.extraArgs[0].name",
        "27: ClusterConfiguration.etcd.local.dataDir",
    ],
    "bad-taints": [
        "9: InitConfiguration.nodeRegistration.taints[0].key",
        "10: InitConfiguration.nodeRegistration.taints[1].key",
        "11: InitConfiguration.nodeRegistration.taints[2].value",
        "11: InitConfiguration.nodeRegistration.taints[2].effect",
        "12: InitConfiguration.nodeRegistration.taints[3].timeAdded",
    ],
    "bad-token": [
        "9: InitConfiguration.bootstrapTokens[0].token",
        "10: InitConfiguration.bootstrapTokens[1].token",
        "10: InitConfiguration.bootstrapTokens[1].groups",
        "11: InitConfiguration.bootstrapTokens[1].usages[1]",
        "14: InitConfiguration.bootstrapTokens[2].expires",
        "15: InitConfiguration.bootstrapTokens[2].groups[0]",
    ],
    "cidr-families": [
        "13: ClusterConfiguration.networking.serviceSubnet",
        "14: ClusterConfiguration.networking.podSubnet",
    ],
    "contradiction": [
        "10: InitConfiguration.localAPIEndpoint.advertiseAddress",
        "12: InitConfiguration.nodeRegistration.name",
    ],
    "duplicate-field": [
        "13: ClusterConfiguration.clusterName",
        "18: ClusterConfiguration.controllerManager.extraArgs",
    ],
    "duplicate-kind": [
        "13: ClusterConfiguration",
    ],
    "duration": [
        "9: InitConfiguration.timeouts.controlPlaneComponentHealthCheck",
        "14: ClusterConfiguration.certificateValidityPeriod",
        "15: ClusterConfiguration.caCertificateValidityPeriod",
        "19: KubeletConfiguration.syncFrequency",
    ],
    "external-etcd": [
        "13: ClusterConfiguration.etcd.external",
        "15: ClusterConfiguration.etcd.external.endpoints[0]",
        "16: ClusterConfiguration.etcd.external.endpoints[1]",
        "17: ClusterConfiguration.etcd.external.endpoints[2]",
        "18: ClusterConfiguration.etcd.external.httpEndpoints[0]",
        "19: ClusterConfiguration.etcd.external.caFile",
    ],
    "host-work": [
        "8: InitConfiguration.nodeRegistration.imagePullPolicy",
        "9: InitConfiguration.nodeRegistration.imagePullSerial",
        "10: InitConfiguration.nodeRegistration.ignorePreflightErrors",
        "11: InitConfiguration.dryRun",
        "13: InitConfiguration.timeouts.kubeletHealthCheck",
        "14: InitConfiguration.timeouts.discovery",
        "15: InitConfiguration.timeouts.upgradeManifests",
    ],
    "inventory": [
        "4: Cluster.metadata.name",
        "7: Cluster.nodes[0].role",
        "9: Cluster.nodes[0].recipients[0]",
        "9: Cluster.nodes[0].recipients[1]",
        "10: Cluster.nodes[0].match.sshHostKey",
        "10: Cluster.nodes[0].match.hostname",
        "10: Cluster.nodes[0].match.machineIdHash",
        "11: Cluster.nodes[0].platform.os",
        "11: Cluster.nodes[0].platform.arch",
        "12: Cluster.nodes[0].labels.site",
        "13: Cluster.credentials.clockTolerance",
        "13: Cluster.credentials.minRemaining",
        "14: Cluster.payload",
    ],
    "join-configuration": [
        "5: JoinConfiguration.nodeRegistration.name",
        "6: JoinConfiguration.nodeRegistration.criSockets",
        "7: JoinConfiguration.caCertPath",
        "10: JoinConfiguration.discovery.bootstrapToken.token",
        "11: JoinConfiguration.discovery.bootstrapToken.apiServerEndpoint",
        "12: JoinConfiguration.discovery.bootstrapToken.caCertHashes[0]",
        "13: JoinConfiguration.discovery.tlsBootstrapToken",
        "16: JoinConfiguration.controlPlane.localAPIEndpoint.advertiseAddress",
        "17: JoinConfiguration.controlPlane.localAPIEndpoint.bindPort",
        "18: JoinConfiguration.controlPlane.certificateKey",
        "19: JoinConfiguration.skipPhases[0]",
        "21: JoinConfiguration.timeouts.discovery",
    ],
    "join-credential": [
        "7: Cluster.credentials.join",
        "8: Cluster.kubelet",
    ],
    "kubelet-flags": [
        "8: Cluster.nodes[0].caCertPath",
        "11: Cluster.nodes[1].caCertPath",
        "14: Cluster.nodes[1].kubelet.kubeletExtraArgs[0].name",
        "15: Cluster.nodes[1].kubelet.kubeletExtraArgs[1].name",
        "16: Cluster.nodes[1].kubelet.kubeletExtraArgs[2].value",
        "17: Cluster.nodes[1].kubelet.kubeletExtraArgs[3].value",
    ],
    "label-version": [
        "11: ClusterConfiguration.kubernetesVersion",
    ],
    "loopback-address": [
        "5: InitConfiguration.localAPIEndpoint.advertiseAddress",
    ],
    "merge-key": [
        "18: KubeletConfiguration.systemReserved.<<",
    ],
    "missing-host-facts": [
        ": InitConfiguration.nodeRegistration.name",
        ": InitConfiguration.localAPIEndpoint.advertiseAddress",
        "2: ClusterConfiguration.kubernetesVersion",
    ],
    "no-control-plane": [
        "4: Cluster.nodes",
    ],
    "no-endpoint": [
        "9: Cluster.credentials.validity",
        "11: ClusterConfiguration.controlPlaneEndpoint",
    ],
    "no-kind": [
        "13: `apiVersion` or `kind` is missing, or is not a string",
        "15: a document must be a mapping",
    ],
    "no-kubeadm-document": [
        ": the configuration contains neither an InitConfiguration nor a ClusterConfiguration",
    ],
    "node-identities": [
        "9: Cluster.nodes[1].name",
        "11: Cluster.nodes[1].addresses",
        "12: Cluster.nodes[1].recipients",
        "16: Cluster.nodes[3].match.sshHostKey",
        "17: Cluster.nodes[3].match.machineIdHash",
        "18: Cluster.nodes[3].match.hostname",
    ],
    "node-labels": [
        "10: Cluster.nodes[0].labels.a/b/c",
        "14: Cluster.nodes[1].labels.node-role.kubernetes.io/worker",
        "15: Cluster.nodes[1].labels.node-restriction.kubernetes.io/rack",
        "16: Cluster.nodes[1].labels.example.com/site",
        "17: Cluster.nodes[1].labels.tier",
    ],
    "node-refused": [
        "6: InitConfiguration.localAPIEndpoint.bindPort",
        "8: InitConfiguration.nodeRegistration.name",
        "11: InitConfiguration.nodeRegistration.taints[1]",
        "13: InitConfiguration.nodeRegistration.kubeletExtraArgs[0].name",
        "14: InitConfiguration.nodeRegistration.kubeletExtraArgs[1].name",
        "15: InitConfiguration.nodeRegistration.kubeletExtraArgs[2].value",
        "22: ClusterConfiguration.etcd.local.imageTag",
        "27: KubeletConfiguration.registerWithTaints[0].key",
        "27: KubeletConfiguration.registerWithTaints[0].effect",
    ],
    "nodes": [
        "6: Cluster.nodes[1].role",
        "7: Cluster.nodes[2].role",
        "8: Cluster.nodes[3].name",
        "9: Cluster.nodes[4].name",
        "10: Cluster.nodes[5].address",
        "11: Cluster.nodes[6].address",
        "14: Cluster.nodes[7].addresses[0]",
        "14: Cluster.nodes[7].addresses[1]",
        "14: Cluster.nodes[7].addresses[2]",
        "18: Cluster.nodes[8].addresses",
        "22: Cluster.nodes[9].taints[0].effect",
        "23: Cluster.nodes[9].systemIds",
        "25: Cluster.nodes[9].kubelet.criSocket",
        "25: Cluster.nodes[9].kubelet.criSocket",
        "27: Cluster.nodes[9].kubelet.kubeletExtraArgs[0].name",
        "29: Cluster.nodes[9].kubelet.config.maxPod",
        "30: Cluster.nodes[9].kubelet.config.clusterDomain",
        "31: Cluster.nodes[9].kubelet.config.systemReserved.<<",
        "32: Cluster.nodes[9].patches.folder",
    ],
    "not-in-release": [
        "12: ClusterConfiguration.encryptionAlgorithm",
        "14: ClusterConfiguration.featureGates.EtcdLearnerMode",
        "18: KubeletConfiguration.memoryReservationPolicy",
        "19: KubeletConfiguration.defaultPodSysctls",
    ],
    "old-api-version": [
        "2: InitConfiguration",
        "5: ClusterConfiguration",
    ],
    "out-of-range": [
        "6: InitConfiguration.localAPIEndpoint.bindPort",
        "16: KubeletConfiguration.maxPods",
        "18: KubeletConfiguration.logging.verbosity",
    ],
    "phases": [
        "9: InitConfiguration.skipPhases[0]",
        "10: InitConfiguration.skipPhases[1]",
        "11: InitConfiguration.skipPhases[2]",
        "12: InitConfiguration.skipPhases[3]",
        "13: InitConfiguration.skipPhases[4]",
        "14: InitConfiguration.skipPhases[5]",
    ],
    "system-ids": [
        "18: Cluster.nodes[0].systemIds.users.kubeadm-ks",
        "20: Cluster.nodes[0].systemIds.users.kubeadm-kas",
        "21: Cluster.nodes[0].systemIds.users.kubeadm-kcm",
        "22: Cluster.nodes[0].systemIds.groups.kubeadm-etcd",
        "22: Cluster.nodes[0].systemIds.groups.kubeadm-sa-key-readers",
    ],
    "system-ids-missing": [
        "12: ClusterConfiguration.featureGates.RootlessControlPlane",
    ],
    "system-ids-unused": [
        "16: Cluster.nodes[0].systemIds",
    ],
    "typo": [
        "8: InitConfiguration.nodeRegistration.criSockt",
        "9: InitConfiguration.podSubnet",
        "15: ClusterConfiguration.networking.servicSubnet",
        "16: ClusterConfiguration.networking.DNSDomain",
        "18: ClusterConfiguration.apiServer.timeoutForControlPlane",
        "19: ClusterConfiguration.banana",
    ],
    "unknown-document": [
        "13: ConfigMap",
        "17: KubeletConfig",
        "20: KubeProxyConfiguration",
    ],
    "unsupported-version": [
        "11: ClusterConfiguration.kubernetesVersion",
    ],
    "unusable-hosts": [
        "5: InitConfiguration.localAPIEndpoint.advertiseAddress",
        "12: ClusterConfiguration.controlPlaneEndpoint",
        "14: ClusterConfiguration.apiServer.certSANs[1]",
        "16: ClusterConfiguration.networking.serviceSubnet",
        "17: ClusterConfiguration.networking.podSubnet",
        "21: ClusterConfiguration.etcd.external.endpoints[0]",
        "22: ClusterConfiguration.etcd.external.endpoints[1]",
        "23: ClusterConfiguration.etcd.external.endpoints[2]",
        "24: ClusterConfiguration.etcd.external.endpoints[3]",
        "25: ClusterConfiguration.etcd.external.endpoints[4]",
    ],
    "v1beta3": [
        "2: InitConfiguration",
        "8: InitConfiguration.nodeRegistration.imagePullSerial",
        "9: InitConfiguration.dryRun",
        "11: ClusterConfiguration",
        "16: ClusterConfiguration.apiServer.extraArgs",
        "20: ClusterConfiguration.scheduler.extraArgs.v",
    ],
    "wrong-type": [
        "9: InitConfiguration.nodeRegistration.kubeletExtraArgs",
        "14: ClusterConfiguration.clusterName",
        "15: ClusterConfiguration.networking",
        "17: ClusterConfiguration.apiServer.certSANs",
        "20: ClusterConfiguration.apiServer.extraArgs[0].value",
        "24: KubeletConfiguration.maxPods",
        "25: KubeletConfiguration.failSwapOn",
    ],
    "yaml-syntax": [
        "14: not valid YAML: illegal placement of ':' indicator",
    ],
);

#[test]
fn every_error_is_reported_at_its_place() {
    for (name, text, expected) in INVALID {
        let source = Source {
            name: "c.yaml",
            text,
        };
        let report = match crate::config::check_join(&[source], &[], false) {
            Ok(None) => load_one(text).unwrap_err(),
            Ok(Some(report)) | Err(report) => report,
        };
        let found: Vec<String> = report
            .findings()
            .iter()
            .map(|finding| {
                let line = finding
                    .line
                    .map_or_else(String::new, |line| line.to_string());
                let what = if finding.path.is_empty() {
                    &finding.message
                } else {
                    &finding.path
                };
                format!("{line}: {what}")
            })
            .collect();
        assert_eq!(found, *expected, "{name}:\n{report}");
        assert!(report.has_errors());
    }
}

#[test]
fn every_invalid_fixture_is_in_the_table_and_in_the_index() {
    let names = |directory: &str| -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .filter_map(|entry| {
                entry
                    .unwrap()
                    .file_name()
                    .into_string()
                    .unwrap()
                    .strip_suffix(".yaml")
                    .map(str::to_owned)
            })
            .collect();
        names.sort();
        names
    };
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures");
    let invalid: Vec<&str> = INVALID.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names(&format!("{here}/invalid")), invalid);
    let index = include_str!("../../../../../fixtures/INDEX.md");
    for name in VALID.iter().map(|(name, _)| *name).chain(invalid) {
        assert!(
            index.contains(&format!("{name}.yaml")),
            "INDEX.md lacks {name}"
        );
    }
}
