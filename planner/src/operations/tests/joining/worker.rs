//! The files of a worker that joins.

use super::*;

/// What a worker has that joined with kubeadm, without what the kubelet makes.
const WORKER_FILES: &[&str] = &[
    "0644 /etc/kubernetes/pki/ca.crt",
    "0644 /var/lib/kubelet/instance-config.yaml",
    "0644 /var/lib/kubelet/config.yaml",
    "0644 /var/lib/kubelet/kubeadm-flags.env",
];

#[test]
fn a_worker_gets_the_ca_its_credentials_and_the_kubelets_files() {
    let certificate = testing::joining_worker_config();
    let bootstrap = testing::bootstrapping(certificate.clone());
    for (config, credentials) in [
        (&certificate, "0600 /etc/kubernetes/kubelet.conf"),
        (&bootstrap, "0600 /etc/kubernetes/bootstrap-kubelet.conf"),
    ] {
        let plan = plan(config);
        let mut expected = vec![credentials];
        expected.extend(WORKER_FILES);
        assert_eq!(files(&plan), expected);
        assert_eq!(plan.role, NodeRole::Worker);
        assert_eq!(transactions(&plan), ["kubelet-start kubelet-start"]);
        assert!(plan.live.objects.is_empty() && plan.live.api.is_none());
        assert!(plan.left_out.is_empty());
        let directories: Vec<String> = plan
            .entries
            .iter()
            .filter(|entry| matches!(entry.content, PlannedContent::Directory))
            .map(|entry| format!("{} {}", entry.placement.mode, entry.placement.path))
            .collect();
        assert_eq!(
            directories,
            [
                "0755 /etc/kubernetes",
                "0755 /etc/kubernetes/pki",
                "0700 /var/lib/kubelet"
            ]
        );
        let secrets: Vec<String> = plan.secrets().map(|(name, _)| name.to_string()).collect();
        let path = credentials.trim_start_matches("0600 ");
        assert_eq!(secrets, [format!("files{path}")]);
    }
}

/// The worker of the reference had these texts.
#[test]
fn the_kubelets_files_are_kubeadms() {
    for config in [
        testing::joining_worker_config(),
        testing::joining_control_plane_config(),
    ] {
        let plan = plan(&config);
        for name in ["config.yaml", "instance-config.yaml", "kubeadm-flags.env"] {
            let path = format!("/var/lib/kubelet/{name}");
            let found = text(entry(&plan, &path));
            let expected = testing::reference_file(testing::DEFAULT, &path[1..]);
            if name == "kubeadm-flags.env" {
                assert_eq!(found, "KUBELET_KUBEADM_ARGS=\"\"\n");
            } else {
                assert_eq!(found, expected, "{name}");
            }
        }
    }
}

#[test]
fn a_planned_kubelet_is_handed_off_and_talks_to_who_answers_for_all() {
    let mut config = testing::joining_worker_config();
    let planned = plan(&config);
    let kubelet = entry(&planned, "/etc/kubernetes/kubelet.conf");
    assert!(kubelet.handoff);
    let found = text(kubelet);
    assert!(
        found.contains("    server: https://192.168.10.10:6443\n"),
        "{found}"
    );
    assert!(found.contains("current-context: system:node:w1@kubernetes\n"));
    config.control_plane_endpoint = None;
    config.cluster.control_plane_endpoint = String::new();
    let planned = plan(&config);
    let found = text(entry(&planned, "/etc/kubernetes/kubelet.conf"));
    assert!(
        found.contains("    server: https://192.168.10.11:6443\n"),
        "of the node that founds the cluster: {found}"
    );

    let mut config = testing::joining_control_plane_config();
    let local = text(entry(&plan(&config), "/etc/kubernetes/kubelet.conf"));
    assert!(local.contains("    server: https://192.168.10.12:6443\n"));
    config.release = crate::kubeadm::releases::find(34).unwrap();
    let gates = &mut config.cluster.feature_gates;
    gates.insert("ControlPlaneKubeletLocalMode".into(), false);
    let shared = text(entry(&plan(&config), "/etc/kubernetes/kubelet.conf"));
    assert!(shared.contains("    server: https://192.168.10.10:6443\n"));
}

#[test]
fn a_worker_needs_no_endpoint_of_its_own() {
    let config = testing::joining_worker_config();
    let mut without = config.clone();
    without.init.local_api_endpoint = Default::default();
    for (left, right) in [
        (config.clone(), without.clone()),
        (
            testing::bootstrapping(config),
            testing::bootstrapping(without),
        ),
    ] {
        let (left, right) = (plan(&left), plan(&right));
        assert_eq!(files(&left), files(&right));
        assert_eq!(left.live.steps, right.live.steps);
        assert_eq!(left.preflight, right.preflight);
        for (left, right) in left.entries.iter().zip(&right.entries) {
            if !matches!(left.content, PlannedContent::Directory) {
                assert_eq!(text(left), text(right));
            }
        }
    }
}
