//! The effective configuration equals kubeadm's, and every value of it has an origin.

use super::*;
use crate::config::init_defaults;

#[test]
fn the_effective_documents_are_those_of_kubeadm() {
    let expected: &[(&str, &str)] = &[
        (
            VALID[0].0,
            include_str!("../kubeadm-1.36.2/single-node-component-configs.yaml"),
        ),
        (
            VALID[1].0,
            include_str!("../kubeadm-1.36.2/single-node-defaults.yaml"),
        ),
        (
            VALID[2].0,
            include_str!("../kubeadm-1.36.2/single-node-dual-stack.yaml"),
        ),
        (
            VALID[3].0,
            include_str!("../kubeadm-1.36.2/single-node-ecdsa.yaml"),
        ),
        (
            VALID[4].0,
            include_str!("../kubeadm-1.36.2/single-node-endpoint.yaml"),
        ),
        (
            VALID[5].0,
            include_str!("../kubeadm-1.36.2/single-node-extra-args.yaml"),
        ),
        (
            VALID[6].0,
            include_str!("../kubeadm-1.36.2/single-node-inventory.yaml"),
        ),
        (
            VALID[7].0,
            include_str!("../kubeadm-1.36.2/single-node-ipv6.yaml"),
        ),
        (
            VALID[8].0,
            include_str!("../kubeadm-1.36.2/single-node-v1beta3.yaml"),
        ),
        (
            VALID[9].0,
            include_str!("../kubeadm-1.36.2/single-node-volumes-envs.yaml"),
        ),
    ];
    for ((name, text), (expected_name, expected)) in VALID.iter().zip(expected) {
        assert_eq!(name, expected_name);
        let loaded = load_one(text).unwrap_or_else(|report| panic!("{name}:\n{report}"));
        let ours = effective_documents(&loaded.config);
        let mut theirs = parsed(expected);
        // `kubeadm config migrate` always prints this timeout as 0s, unless the ClusterConfiguration is v1beta3.
        let timeout = "controlPlaneComponentHealthCheck";
        if *name != "single-node-v1beta3" {
            assert_eq!(theirs[0]["timeouts"][timeout], json!("0s"));
            theirs[0]["timeouts"][timeout] = ours[0]["timeouts"][timeout].clone();
        }
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(
                serde_json::to_string_pretty(ours).unwrap(),
                serde_json::to_string_pretty(theirs).unwrap(),
                "{name} {}",
                theirs["kind"]
            );
        }
    }
}

#[test]
fn init_defaults_are_those_of_kubeadm() {
    let theirs = parsed(include_str!("../kubeadm-1.36.2/init-defaults.yaml"));
    let ours = init_defaults(crate::kubeadm::releases::find(36).unwrap());
    assert_eq!(
        theirs,
        [ours.init, ours.cluster, ours.kubelet, ours.kube_proxy]
    );
}

#[test]
fn every_effective_value_has_an_origin() {
    fn visit(config: &ValidConfig, path: &str, value: &Value) {
        if let Value::Object(entries) = value
            && !entries.is_empty()
        {
            for (name, value) in entries {
                visit(config, &format!("{path}.{name}"), value);
            }
            return;
        }
        let top = path.split_once('.').unwrap().1;
        if !matches!(top, "apiVersion" | "kind") {
            assert!(config.provenance.of(path).is_some(), "{path}");
        }
    }
    for (name, text) in VALID {
        let config = load_one(text).unwrap().config;
        for document in effective_documents(&config) {
            visit(&config, document["kind"].as_str().unwrap(), &document);
        }
        assert!(config.provenance.iter().count() > 100, "{name}");
    }
    let config = load_one(VALID[0].1).unwrap().config;
    let origin = |path| config.provenance.of(path).cloned();
    assert_eq!(
        origin("KubeletConfiguration.evictionHard.memory.available"),
        Some(Origin::Written {
            file: "c.yaml".into(),
            line: 23
        })
    );
    for (path, rule) in [
        ("KubeletConfiguration.healthzPort", "kubeadm's default"),
        (
            "KubeletConfiguration.rotateCertificates",
            "kubeadm always sets it",
        ),
        (
            "KubeletConfiguration.httpCheckFrequency",
            "left unset: the component decides",
        ),
        (
            "KubeProxyConfiguration.clusterCIDR",
            "kubeadm's default: networking.podSubnet",
        ),
        ("Cluster.credentials.minRemaining", "kubeplan's default"),
    ] {
        assert_eq!(
            origin(path),
            Some(Origin::Default { rule: rule.into() }),
            "{path}"
        );
    }
}
