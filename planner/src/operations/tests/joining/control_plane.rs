//! The files of a control-plane node that joins.

use super::*;

/// Paths of `live-join-controlplane`, without what the kubelet makes.
const CONTROL_PLANE_FILES: &[&str] = &[
    "0600 /etc/kubernetes/admin.conf",
    "0600 /etc/kubernetes/controller-manager.conf",
    "0600 /etc/kubernetes/kubelet.conf",
    "0600 /etc/kubernetes/manifests/etcd.yaml",
    "0600 /etc/kubernetes/manifests/kube-apiserver.yaml",
    "0600 /etc/kubernetes/manifests/kube-controller-manager.yaml",
    "0600 /etc/kubernetes/manifests/kube-scheduler.yaml",
    "0644 /etc/kubernetes/pki/apiserver-etcd-client.crt",
    "0600 /etc/kubernetes/pki/apiserver-etcd-client.key",
    "0644 /etc/kubernetes/pki/apiserver-kubelet-client.crt",
    "0600 /etc/kubernetes/pki/apiserver-kubelet-client.key",
    "0644 /etc/kubernetes/pki/apiserver.crt",
    "0600 /etc/kubernetes/pki/apiserver.key",
    "0644 /etc/kubernetes/pki/ca.crt",
    "0600 /etc/kubernetes/pki/ca.key",
    "0644 /etc/kubernetes/pki/etcd/ca.crt",
    "0600 /etc/kubernetes/pki/etcd/ca.key",
    "0644 /etc/kubernetes/pki/etcd/healthcheck-client.crt",
    "0600 /etc/kubernetes/pki/etcd/healthcheck-client.key",
    "0644 /etc/kubernetes/pki/etcd/peer.crt",
    "0600 /etc/kubernetes/pki/etcd/peer.key",
    "0644 /etc/kubernetes/pki/etcd/server.crt",
    "0600 /etc/kubernetes/pki/etcd/server.key",
    "0644 /etc/kubernetes/pki/front-proxy-ca.crt",
    "0600 /etc/kubernetes/pki/front-proxy-ca.key",
    "0644 /etc/kubernetes/pki/front-proxy-client.crt",
    "0600 /etc/kubernetes/pki/front-proxy-client.key",
    "0600 /etc/kubernetes/pki/sa.key",
    "0644 /etc/kubernetes/pki/sa.pub",
    "0600 /etc/kubernetes/scheduler.conf",
    "0644 /var/lib/kubelet/config.yaml",
    "0644 /var/lib/kubelet/instance-config.yaml",
    "0644 /var/lib/kubelet/kubeadm-flags.env",
];

#[test]
fn a_control_plane_gets_the_files_that_kubeadm_gives_it() {
    let config = testing::joining_control_plane_config();
    for (config, kubelet) in [
        (config.clone(), "kubelet.conf"),
        (testing::bootstrapping(config), "bootstrap-kubelet.conf"),
    ] {
        let plan = plan(&config);
        let found: BTreeSet<String> = files(&plan).into_iter().collect();
        let expected: BTreeSet<String> = CONTROL_PLANE_FILES
            .iter()
            .map(|line| line.replace("kubernetes/kubelet.conf", &format!("kubernetes/{kubelet}")))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(
            transactions(&plan),
            [
                "control-plane-prepare/certs certs",
                "control-plane-prepare/kubeconfig kubeconfig",
                "kubelet-start kubelet-start",
                "control-plane-prepare/control-plane control-plane",
                "etcd-join etcd",
            ]
        );
        let etcd = paths(&plan, &plan.transactions[4].entries);
        assert_eq!(
            etcd,
            ["/var/lib/etcd", "/etc/kubernetes/manifests/etcd.yaml"]
        );
        assert_eq!(
            entry(&plan, "/var/lib/etcd").placement.mode.to_string(),
            "0700"
        );
        let admin = text(entry(&plan, "/etc/kubernetes/admin.conf"));
        assert!(admin.contains("    server: https://192.168.10.10:6443\n"));
        let scheduler = text(entry(&plan, "/etc/kubernetes/scheduler.conf"));
        assert!(scheduler.contains("    server: https://192.168.10.12:6443\n"));
        assert!(plan.live.objects.is_empty());
        let api = plan.live.api.as_ref().unwrap();
        assert_eq!(api.kubeconfig.as_str(), "/etc/kubernetes/admin.conf");
        assert_eq!(api.server, "https://192.168.10.10:6443");
    }
}

/// kubeadm's own manifest of `cp2` that joined `cp1` had this size; all of it but the address, the name and the two flags of the
/// members is that of the first node.
#[test]
fn the_manifest_of_a_member_that_joins_is_kubeadms_once_its_hole_is_filled() {
    let mut config = testing::joining_control_plane_config();
    config.facts.ca_directories = [
        "/etc/ca-certificates",
        "/usr/local/share/ca-certificates",
        "/usr/share/ca-certificates",
    ]
    .map(str::to_owned)
    .to_vec();
    config.cluster.networking.pod_subnet = "10.244.0.0/16".into();
    config.pod_cidrs = vec!["10.244.0.0/16".parse().unwrap()];
    let plan = plan(&config);
    let manifest = entry(&plan, "/etc/kubernetes/manifests/etcd.yaml");
    let [Hole::EtcdInitialCluster { at }] = manifest.holes.as_slice() else {
        panic!("{:?}", manifest.holes)
    };
    let found = text(manifest);
    let document: serde_json::Value = serde_yaml::from_str(&found).unwrap();
    let word = document.pointer(&format!("/{at}")).unwrap();
    assert_eq!(word, "--initial-cluster=<hole:etcd-initial-cluster>");
    assert!(plan.entries.iter().all(|entry| {
        entry.holes.is_empty() || entry.placement.path == manifest.placement.path
    }));

    let members = "cp1=https://192.168.10.11:2380,cp2=https://192.168.10.12:2380";
    let filled = found.replace("<hole:etcd-initial-cluster>", members);
    let first = testing::reference_file(testing::DEFAULT, "etc/kubernetes/manifests/etcd.yaml");
    let expected = first
        .replace("192.168.10.11", "192.168.10.12")
        .replace("--name=cp1", "--name=cp2")
        .replace(
            "--initial-cluster=cp1=https://192.168.10.12:2380\n",
            &format!("--initial-cluster={members}\n    - --initial-cluster-state=existing\n"),
        );
    assert_eq!(filled, expected);
    assert_eq!(filled.len(), 2662);
    for (name, size) in [
        ("kube-apiserver", 3959),
        ("kube-controller-manager", 3229),
        ("kube-scheduler", 1726),
    ] {
        let path = format!("/etc/kubernetes/manifests/{name}.yaml");
        assert_eq!(text(entry(&plan, &path)).len(), size, "{name}");
    }
}

#[test]
fn a_manifest_that_leaves_no_room_for_the_members_is_refused() {
    let mut config = testing::joining_control_plane_config();
    config.cluster.etcd.local.as_mut().unwrap().extra_args = vec![Arg {
        name: "initial-cluster".into(),
        value: "cp2=https://192.168.10.12:2380".into(),
    }];
    let error = plan_node(&config, MaterialSource::None).unwrap_err();
    assert!(matches!(error, PlanError::InitialCluster), "{error}");
    assert!(error.to_string().contains("--initial-cluster"));
}
