//! The kubelet's files against kubeadm's own, and the rules behind them.

use super::*;
use crate::config::kubeadm::Arg;
use crate::testing;

fn arg(name: &str, value: &str) -> Arg {
    Arg {
        name: name.into(),
        value: value.into(),
    }
}

#[test]
fn every_file_is_what_kubeadm_writes() {
    for (config, reference) in [
        (testing::default_config(), testing::DEFAULT),
        (testing::ha_config(), testing::HA),
        (testing::external_etcd_config(), testing::EXTERNAL_ETCD),
    ] {
        for (name, text) in [
            ("config.yaml", config_yaml(&config).unwrap().text),
            ("instance-config.yaml", instance_config_yaml(&config).text),
            ("kubeadm-flags.env", flags_env(&config).text),
        ] {
            let path = format!("var/lib/kubelet/{name}");
            assert_eq!(text, testing::reference_file(reference, &path), "{name}");
        }
    }
}

#[test]
fn the_cri_socket_and_the_pause_image_are_flags_in_releases_that_want_them() {
    let mut config = testing::default_config();
    config.init.node_registration.kubelet_extra_args = vec![arg("v", "4"), arg("b", "")];
    let socket = "--container-runtime-endpoint=unix:///var/run/containerd/containerd.sock";
    let pause = "--pod-infra-container-image=registry.k8s.io/pause:";
    for (version, expected) in [
        (
            "1.33.0",
            format!("--b= {socket} --hostname-override=cp1 {pause}3.10 --v=4"),
        ),
        (
            "1.33.8",
            format!("{socket} --hostname-override=cp1 {pause}3.10 --v=4 --b="),
        ),
        (
            "1.34.9",
            format!("--hostname-override=cp1 {pause}3.10.1 --v=4 --b="),
        ),
        ("1.35.0", "--b= --hostname-override=cp1 --v=4".to_owned()),
        ("1.37.1", "--hostname-override=cp1 --v=4 --b=".to_owned()),
    ] {
        config.release = crate::kubeadm::releases::of_version(version).unwrap();
        let expected = format!("KUBELET_KUBEADM_ARGS=\"{expected}\"\n");
        assert_eq!(flags_env(&config).text, expected, "{version}");
    }

    config.release = crate::kubeadm::releases::find(33).unwrap();
    assert!(!has_instance_config(&config));
    let gates = &mut config.cluster.feature_gates;
    gates.insert("NodeLocalCRISocket".into(), true);
    assert!(has_instance_config(&config));
    // Where the gate is gone, it cannot be turned off.
    config
        .cluster
        .feature_gates
        .insert("NodeLocalCRISocket".into(), false);
    config.release = crate::kubeadm::releases::find(37).unwrap();
    assert!(has_instance_config(&config));
}

/// Quirk: the ConfigMap has an empty endpoint, the file on the host the node's socket.
#[test]
fn the_cri_socket_is_in_the_file_but_not_in_the_cluster_wide_document() {
    let config = testing::default_config();
    assert_eq!(config.kubelet.value["containerRuntimeEndpoint"], "");
    let file = config_yaml(&config).unwrap();
    assert!(
        file.text
            .contains("containerRuntimeEndpoint: unix:///var/run/containerd/containerd.sock\n")
    );
    let from: Vec<&str> = file
        .sources
        .iter()
        .filter(|source| source.value == "containerRuntimeEndpoint")
        .map(|source| source.from.as_str())
        .collect();
    assert_eq!(from, ["InitConfiguration.nodeRegistration.criSocket"]);
}

/// Quirk: the gate is called locked, but kubeadm 1.36.2 still honours `false`.
#[test]
fn without_the_node_local_socket_it_is_a_flag() {
    let mut config = testing::default_config();
    assert!(has_instance_config(&config));
    let gates = &mut config.cluster.feature_gates;
    gates.insert("NodeLocalCRISocket".into(), false);
    assert!(!has_instance_config(&config));
    assert_eq!(
        flags_env(&config).text,
        "KUBELET_KUBEADM_ARGS=\"--container-runtime-endpoint=unix:///var/run/containerd/containerd.sock --hostname-override=cp1\"\n"
    );
    assert!(
        config_yaml(&config)
            .unwrap()
            .text
            .contains("containerRuntimeEndpoint: \"\"\n")
    );
}

#[test]
fn the_host_is_told_its_name_only_if_it_differs() {
    let mut config = testing::default_config();
    for (host_name, expected) in [
        (None, "\"--hostname-override=cp1\""),
        (Some("other"), "\"--hostname-override=cp1\""),
        (Some("cp1"), "\"\""),
        (Some(" CP1\n"), "\"\""),
    ] {
        config.facts.hostname = host_name.map(str::to_owned);
        assert_eq!(
            flags_env(&config).text,
            format!("KUBELET_KUBEADM_ARGS={expected}\n")
        );
    }
}

#[test]
fn extra_args_replace_and_follow_defaults() {
    let mut config = testing::default_config();
    config.init.node_registration.kubelet_extra_args = vec![
        arg("v", "4"),
        arg("node-labels", "a=\"b\""),
        arg("hostname-override", "NODE-B"),
    ];
    assert_eq!(
        flags_env(&config).text,
        "KUBELET_KUBEADM_ARGS=\"--v=4 --node-labels=a=\\\"b\\\" --hostname-override=NODE-B\"\n"
    );
    let sources = flags_env(&config).sources;
    assert_eq!(
        sources.last().unwrap().from,
        "InitConfiguration.nodeRegistration.kubeletExtraArgs[2]"
    );
}

#[test]
fn systemd_resolved_decides_only_what_the_user_left_open() {
    let mut config = testing::default_config();
    config.facts.systemd_resolved = true;
    let file = config_yaml(&config).unwrap();
    assert!(
        file.text
            .contains("resolvConf: /run/systemd/resolve/resolv.conf\n")
    );
    assert!(
        file.sources
            .iter()
            .any(|source| source.value == "resolvConf" && source.from.starts_with("facts:"))
    );
    config.kubelet.value["resolvConf"] = "/etc/resolv.conf".into();
    assert!(
        config_yaml(&config)
            .unwrap()
            .text
            .contains("resolvConf: /etc/resolv.conf\n")
    );
}

#[test]
fn a_worker_registers_with_its_taints_and_a_control_plane_does_not() {
    let taints = serde_json::json!([
        {"key": "a", "value": "b", "effect": "NoSchedule"},
        {"key": "c.d/e", "effect": "NoExecute"},
    ]);
    let mut worker = testing::joining_worker_config();
    assert_eq!(flags_env(&worker).text, "KUBELET_KUBEADM_ARGS=\"\"\n");
    worker.init.node_registration.taints = serde_json::from_value(taints.clone()).unwrap();
    let flags = flags_env(&worker);
    assert_eq!(
        flags.text,
        "KUBELET_KUBEADM_ARGS=\"--register-with-taints=a=b:NoSchedule,c.d/e:NoExecute\"\n"
    );
    assert_eq!(flags.sources[0].value, "--register-with-taints");
    worker.init.node_registration.taints = Some(Vec::new());
    assert_eq!(flags_env(&worker).text, "KUBELET_KUBEADM_ARGS=\"\"\n");

    let mut control_plane = testing::joining_control_plane_config();
    control_plane.init.node_registration.taints = serde_json::from_value(taints).unwrap();
    assert_eq!(
        flags_env(&control_plane).text,
        "KUBELET_KUBEADM_ARGS=\"\"\n"
    );
}
