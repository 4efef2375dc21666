//! Plans of nodes that join: the four kinds, against what kubeadm v1.36.2 did on real hosts.

use std::collections::BTreeMap;

use kubeplan_bundle::index::{Hole, NodeRole};
use kubeplan_bundle::step::Step;

use super::*;
use crate::config::kubeadm::Arg;
use crate::kubeadm::phase_tree;
use crate::phases::preflight::Join;
use crate::pki::profiles;

/// Files of `plan` with their modes.
fn files(plan: &NodePlan) -> Vec<String> {
    plan.entries
        .iter()
        .filter(|entry| !matches!(entry.content, PlannedContent::Directory))
        .map(|entry| format!("{} {}", entry.placement.mode, entry.placement.path))
        .collect()
}

fn text(entry: &PlannedEntry) -> String {
    let bytes = match &entry.content {
        PlannedContent::Public(bytes) => bytes.as_slice(),
        PlannedContent::Secret { bytes, .. } => bytes.expose(),
        PlannedContent::Directory => panic!("a folder"),
    };
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Phase and first word of every step, commits with their transaction.
fn steps(plan: &NodePlan) -> Vec<String> {
    let live = plan.live.steps.iter().map(|step| {
        let value = serde_json::to_value(step).unwrap();
        format!("{} {}", step.phase(), value["do"].as_str().unwrap())
    });
    live.collect()
}

fn transactions(plan: &NodePlan) -> Vec<String> {
    let all = plan.transactions.iter();
    all.map(|it| format!("{} {}", it.phase, it.name)).collect()
}

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
        let folders: Vec<String> = plan
            .entries
            .iter()
            .filter(|entry| matches!(entry.content, PlannedContent::Directory))
            .map(|entry| format!("{} {}", entry.placement.mode, entry.placement.path))
            .collect();
        assert_eq!(
            folders,
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
fn a_worker_cannot_reach_the_key_of_a_ca() {
    let material = testing::material();
    let planned = plan(&testing::joining_worker_config());
    let own = "key of kubelet.conf\n";
    for entry in &planned.entries {
        let found = match &entry.content {
            PlannedContent::Secret { .. } | PlannedContent::Public(_) => text(entry),
            PlannedContent::Directory => continue,
        };
        let keys = material.certificates.values().filter_map(|certificate| {
            let key = certificate.key_pem.as_ref()?;
            Some(String::from_utf8(key.expose().to_vec()).unwrap())
        });
        let account = "key of sa\n".to_owned();
        for key in keys.chain([account]).filter(|key| key != own) {
            use base64::Engine as _;
            let encoded = base64::engine::general_purpose::STANDARD.encode(&key);
            assert!(!found.contains(&key) && !found.contains(&encoded), "{key}");
        }
    }
    let config = testing::joining_worker_config();
    let mut none = material.clone();
    none.certificates.remove("ca");
    let error = plan_node(&config, MaterialSource::Issued(&none)).unwrap_err();
    assert!(matches!(error, PlanError::NoCertificate(_)), "{error}");
    none = material;
    none.certificates.remove("kubelet.conf");
    let error = plan_node(&config, MaterialSource::Issued(&none)).unwrap_err();
    assert!(matches!(error, PlanError::Kubeconfig(_)), "{error}");
    assert!(
        plan_node(
            &testing::bootstrapping(config),
            MaterialSource::Issued(&none)
        )
        .is_ok()
    );
}

#[test]
fn certificates_are_those_of_the_node() {
    let names = |config: &ValidConfig| -> Vec<String> {
        let rows = plan(config).certificates;
        rows.into_iter()
            .map(|row| format!("{} {}", row.name, row.path))
            .collect()
    };
    let mut worker = testing::joining_worker_config();
    if let crate::config::valid::Membership::Joins(joining) = &mut worker.membership {
        joining.ca_cert_path = "/srv/cluster/ca.crt".into();
    }
    assert_eq!(
        names(&worker),
        [
            "ca /srv/cluster/ca.crt",
            "kubelet.conf /etc/kubernetes/kubelet.conf"
        ]
    );
    assert_eq!(
        names(&testing::bootstrapping(worker)),
        ["ca /srv/cluster/ca.crt"]
    );
    let control_plane = testing::joining_control_plane_config();
    let found = names(&control_plane);
    assert_eq!(found.len(), 14);
    assert!(found.iter().all(|name| !name.starts_with("super-admin")));
    let found = names(&testing::bootstrapping(control_plane.clone()));
    assert_eq!(found.len(), 13);
    for config in [
        control_plane.clone(),
        testing::bootstrapping(control_plane.clone()),
    ] {
        let wanted: Vec<&str> = profiles(&config)
            .iter()
            .map(|profile| profile.name)
            .collect();
        let planned: Vec<String> = plan(&config)
            .certificates
            .into_iter()
            .map(|row| row.name)
            .collect();
        assert_eq!(planned, wanted);
    }
}

#[test]
fn the_ca_lies_where_the_configuration_says() {
    let with_path = |mut config: ValidConfig, path: &str| {
        if let crate::config::valid::Membership::Joins(joining) = &mut config.membership {
            joining.ca_cert_path = path.into();
        }
        config
    };
    let places = |config: &ValidConfig| -> Vec<String> {
        let found = files(&plan(config)).into_iter();
        found.filter(|file| file.ends_with("ca.crt")).collect()
    };
    let worker = testing::joining_worker_config();
    for path in ["/etc/kubernetes/ca.crt", "/srv/cluster/ca.crt"] {
        let found = places(&with_path(worker.clone(), path));
        assert_eq!(found, [format!("0644 {path}")]);
    }
    let control_plane = testing::joining_control_plane_config();
    let beside = with_path(control_plane.clone(), "/etc/kubernetes/pki/join-ca.crt");
    assert_eq!(places(&beside).len(), 4, "{:?}", places(&beside));
    // Alone, the phase writes what it finds there otherwise.
    let mut alone = control_plane;
    alone.only_phases = vec!["kubelet-start"];
    assert_eq!(places(&alone), ["0644 /etc/kubernetes/pki/ca.crt"]);
}

#[test]
fn without_a_key_store_there_is_a_plan_to_review() {
    for config in [
        testing::joining_worker_config(),
        testing::joining_control_plane_config(),
    ] {
        let plan = plan_node(&config, MaterialSource::None).unwrap();
        assert!(plan.secrets().next().is_none());
        let kubelet = text(entry(&plan, "/etc/kubernetes/kubelet.conf"));
        assert!(kubelet.contains("client-key-data: <sealed>"), "{kubelet}");
        assert!(files(&plan).iter().all(|file| !file.ends_with(".crt")));
    }
}

#[test]
fn checks_are_those_of_kubeadm_join() {
    let checks = |config: &ValidConfig| -> Vec<Vec<String>> {
        let steps = plan(config).preflight;
        steps
            .iter()
            .map(|step| match step {
                Step::Preflight { checks, .. } => {
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

#[test]
fn each_phase_alone_plans_its_part_and_together_they_are_the_plan() {
    for config in [
        testing::joining_worker_config(),
        testing::joining_control_plane_config(),
        testing::bootstrapping(testing::joining_control_plane_config()),
    ] {
        let whole = plan(&config);
        let mut union: BTreeSet<String> = BTreeSet::new();
        let mut live = 0;
        for name in JOIN
            .tree
            .names
            .iter()
            .filter(|name| phase_tree::JOIN.with_children(name).count() == 1)
        {
            let mut only = config.clone();
            only.only_phases = vec![name];
            let alone = plan(&only);
            live += alone.live.steps.len();
            for entry in &alone.entries {
                assert_eq!(entry.phase.as_str(), *name);
            }
            union.extend(files(&alone));
            let committed: usize = alone.transactions.iter().map(|t| t.entries.len()).sum();
            assert_eq!(committed, alone.entries.len());
        }
        assert_eq!(union, files(&whole).into_iter().collect());
        assert_eq!(live, whole.live.steps.len());
    }
}

#[test]
fn phases_of_join_that_put_nothing_into_the_plan_are_named_with_the_reason() {
    let notices = |mut config: ValidConfig, name: &'static str| {
        config.only_phases = vec![name];
        let plan = plan(&config);
        let material = testing::material();
        renders_nothing(&[name], &config, MaterialSource::Issued(&material), &plan)
    };
    let worker = testing::joining_worker_config;
    let control_plane = testing::joining_control_plane_config;
    for (config, name, why) in [
        (worker(), "etcd-join", "it is for control-plane nodes"),
        (worker(), "certs/ca", "it is no phase of the node's command"),
        (
            control_plane(),
            "control-plane-prepare/download-certs",
            "what it would download is part of the plan",
        ),
        (
            testing::joining(testing::external_etcd_config(), "cp2", "192.168.10.12"),
            "etcd-join",
            "etcd is external",
        ),
        (control_plane(), "check-etcd", "etcd-join asks etcd itself"),
    ] {
        assert_eq!(
            notices(config, name),
            [format!("phase {name} has nothing to render: {why}")]
        );
    }
    assert!(notices(worker(), "kubelet-start").is_empty());
}

#[test]
fn a_patch_of_what_the_node_does_not_have_is_named() {
    use crate::patches::{PatchFile, Patches};
    let file = |name: &str| {
        let read = PatchFile::read(name, "metadata: {labels: {a: b}}").unwrap();
        read.unwrap_or_else(|ignored| panic!("{name}: {ignored}"))
    };
    let patches = || Patches::new(vec![file("etcd.yaml"), file("corednsdeployment.yaml")]);
    let coredns = "corednsdeployment.yaml: only the node that founds the cluster writes CoreDNS's Deployment, so there is nothing to patch";
    let mut worker = testing::joining_worker_config();
    worker.patches = patches().into();
    assert_eq!(
        patch_notices(&worker).unwrap(),
        [
            "etcd.yaml: only a control-plane node runs the Pod, so there is nothing to patch",
            coredns
        ]
    );
    let mut control_plane = testing::joining_control_plane_config();
    control_plane.patches = patches().into();
    assert_eq!(patch_notices(&control_plane).unwrap(), [coredns]);
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
