//! The steps and the checks of nodes that join.

use kubeplan_bundle::step::Preflight;

use super::*;

#[test]
fn steps_come_in_kubeadms_order() {
    let control_plane = testing::joining_control_plane_config();
    let worker = testing::joining_worker_config();
    let before = "kubelet-start wait-for-control-plane";
    let start = "kubelet-start start-service";
    let healthy = "kubelet-wait-bootstrap wait-for-endpoints";
    let rotated = "kubelet-wait-bootstrap use-rotated-certificate";
    let free = "kubelet-start require-free-node-name";
    let finish = "kubelet-wait-bootstrap finish-tls-bootstrap";
    let etcd = "etcd-join join-etcd";
    let mark = "control-plane-join/mark-control-plane label-and-taint-node";
    let components = "wait-control-plane wait-for-endpoints";
    for (config, expected) in [
        (worker.clone(), &[before, start, healthy, rotated][..]),
        (
            testing::bootstrapping(worker),
            &[before, free, start, healthy, finish],
        ),
        (
            control_plane.clone(),
            &[before, start, etcd, healthy, rotated, mark, components],
        ),
        (
            testing::bootstrapping(control_plane.clone()),
            &[before, free, start, etcd, healthy, finish, mark, components],
        ),
        (
            testing::joining(testing::external_etcd_config(), "cp2", "192.168.10.12"),
            &[before, start, healthy, rotated, mark, components],
        ),
    ] {
        let plan = plan(&config);
        assert_eq!(steps(&plan), expected);
        let position = |name: &str| {
            phase_tree::JOIN
                .names
                .iter()
                .position(|known| *known == name)
                .unwrap()
        };
        let order: Vec<usize> = plan
            .live
            .steps
            .iter()
            .map(|step| position(step.phase().as_str()))
            .collect();
        assert!(order.is_sorted());
    }
}

#[test]
fn steps_say_who_asks_whom_and_how_long() {
    let mut config = testing::joining_control_plane_config();
    config.timeouts.discovery = std::time::Duration::from_secs(7);
    config.timeouts.etcd_api_call = std::time::Duration::from_secs(8);
    config.timeouts.tls_bootstrap = std::time::Duration::from_secs(9);
    config.cluster.certificates_dir = "/srv/pki/".into();
    let of = |config: &ValidConfig| -> BTreeMap<String, serde_json::Value> {
        let steps = plan(config).live.steps;
        let values = steps.iter().map(|step| serde_json::to_value(step).unwrap());
        values
            .map(|value| (value["do"].as_str().unwrap().to_owned(), value))
            .collect()
    };
    let steps = of(&config);
    assert_eq!(
        steps["wait-for-control-plane"],
        serde_json::json!({
            "do": "wait-for-control-plane", "phase": "kubelet-start",
            "kubeconfig": "/etc/kubernetes/admin.conf", "timeoutSeconds": 7,
        })
    );
    assert_eq!(
        steps["join-etcd"],
        serde_json::json!({
            "do": "join-etcd", "phase": "etcd-join", "member": "cp2",
            "peerUrl": "https://192.168.10.12:2380",
            "pods": {
                "namespace": "kube-system",
                "labels": {"component": "etcd", "tier": "control-plane"},
                "clientUrls": "kubeadm.kubernetes.io/etcd.advertise-client-urls",
            },
            "client": {
                "authority": "/srv/pki/etcd/ca.crt",
                "certificate": "/srv/pki/etcd/healthcheck-client.crt",
                "key": "/srv/pki/etcd/healthcheck-client.key",
            },
            "transaction": "etcd", "timeoutSeconds": 8,
        })
    );
    let bootstrap = of(&testing::bootstrapping(config));
    assert_eq!(
        bootstrap["wait-for-control-plane"]["kubeconfig"], "/etc/kubernetes/admin.conf",
        "the kubelet's points at the node itself"
    );
    assert_eq!(
        bootstrap["require-free-node-name"],
        serde_json::json!({
            "do": "require-free-node-name", "phase": "kubelet-start", "node": "cp2",
            "bootstrapKubeconfig": "/etc/kubernetes/bootstrap-kubelet.conf",
            "kubeconfig": "/etc/kubernetes/kubelet.conf",
        })
    );
    assert_eq!(bootstrap["finish-tls-bootstrap"]["timeoutSeconds"], 9);

    let worker = testing::joining_worker_config();
    for (config, kubeconfig) in [
        (worker.clone(), "/etc/kubernetes/kubelet.conf"),
        (
            testing::bootstrapping(worker),
            "/etc/kubernetes/bootstrap-kubelet.conf",
        ),
    ] {
        assert_eq!(
            of(&config)["wait-for-control-plane"]["kubeconfig"],
            kubeconfig
        );
    }
}

#[test]
fn a_token_reaches_a_host_as_a_secret_and_a_control_plane_asks_itself() {
    let worker = testing::bootstrapping(testing::joining_worker_config());
    let control_plane = testing::bootstrapping(testing::joining_control_plane_config());
    for (config, server) in [
        (&worker, "https://192.168.10.10:6443"),
        (&control_plane, "https://192.168.10.12:6443"),
    ] {
        // The token does not come from a key store.
        for material in [
            MaterialSource::Issued(&testing::material()),
            MaterialSource::None,
        ] {
            let plan = plan_node(config, material).unwrap();
            let bootstrap = entry(&plan, "/etc/kubernetes/bootstrap-kubelet.conf");
            assert!(matches!(
                bootstrap.content,
                PlannedContent::Secret {
                    class: SecretClass::Kubeconfig,
                    ..
                }
            ));
            assert!(text(bootstrap).contains(&format!("    server: {server}\n")));
            assert!(text(bootstrap).contains("abcdef.0123456789abcdef"));
            assert!(!format!("{plan:?}").contains("0123456789abcdef"));
        }
    }
}

#[test]
fn checks_are_those_of_kubeadm_join() {
    let checks = |config: &ValidConfig| -> Vec<Vec<String>> {
        let steps = plan(config).preflight;
        steps
            .iter()
            .map(|step| match step {
                Step::Preflight(Preflight { checks, .. }) => {
                    checks.iter().map(|check| check.name.to_string()).collect()
                }
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let ipv4 = "FileContent--proc-sys-net-ipv4-ip_forward".to_owned();
    let ipv6 = "FileContent--proc-sys-net-ipv6-conf-default-forwarding".to_owned();
    let mut worker = testing::joining_worker_config();
    let found = checks(&worker);
    assert_eq!(found.len(), 2);
    assert!(found[1].contains(&"FileAvailable--etc-kubernetes-kubelet.conf".to_owned()));
    assert!(found[1].contains(&"FileAvailable--etc-kubernetes-pki-ca.crt".to_owned()));
    assert!(found[1].contains(&"HTTPProxy".to_owned()));
    assert!(found[1].contains(&ipv4) && !found[1].contains(&ipv6));
    // What a plan knows and discovery does not: the networks.
    worker.pod_cidrs = vec!["fd00:1::/64".parse().unwrap()];
    let found = checks(&worker);
    assert!(found[1].contains(&ipv4) && found[1].contains(&ipv6));
    let found = checks(&testing::bootstrapping(worker));
    assert!(found[1].contains(&ipv4) && !found[1].contains(&ipv6));

    let control_plane = testing::joining_control_plane_config();
    let found = checks(&control_plane);
    assert_eq!(found.len(), 4);
    assert!(found[2].contains(&"Port-2380".to_owned()));
    assert_eq!(found[3], ["ImagePull"]);
    assert!(!found[1].contains(&"FileAvailable--etc-kubernetes-pki-ca.crt".to_owned()));
    let join = Join::of(control_plane.joining().unwrap());
    assert!(join.planned && !join.certificate_key);
}
