//! Plans of whole nodes: paths, modes, order, transactions.

mod joining;
mod live_steps;
mod selected;

use std::collections::BTreeSet;

use kubeplan_bundle::index::SecretClass;

use super::*;
use crate::kubeadm::layout;
use crate::phases::Work;
use crate::pki::MaterialSource;
use crate::plan::{NodePlan, PlannedContent, PlannedEntry};
use crate::render::kubelet::KubeletTexts;
use crate::testing;

/// The plan of the operation that brings the node into its cluster.
fn plan_node(config: &ValidConfig, material: MaterialSource<'_>) -> Result<NodePlan, PlanError> {
    super::plan_node(of(config), config, material)
}

fn patch_notices(config: &ValidConfig) -> Result<Vec<String>, PlanError> {
    let input = OutlineInput {
        kubelet_texts: &KubeletTexts::default(),
        external_ca: false,
    };
    let outline = Outline::of(of(config), config, input)?;
    Ok(outline.patch_notices().to_vec())
}

fn renders_nothing(
    names: &[&'static str],
    config: &ValidConfig,
    material: MaterialSource<'_>,
    plan: &NodePlan,
) -> Vec<String> {
    super::renders_nothing(of(config), names, config, material, plan)
}

/// The parts that write files, of an operation.
fn parts_with_files(operation: &Operation) -> Vec<&'static Part> {
    let parts = operation.parts();
    parts
        .filter(|part| matches!(part.work, Work::Files(_)))
        .collect()
}

fn plan(config: &ValidConfig) -> NodePlan {
    plan_node(config, MaterialSource::Issued(&testing::material())).unwrap()
}

fn entry<'a>(plan: &'a NodePlan, path: &str) -> &'a PlannedEntry {
    let mut matching = plan
        .entries
        .iter()
        .filter(|e| e.placement.path.as_str() == path);
    matching.next().unwrap_or_else(|| panic!("no {path}"))
}

fn paths<'a>(plan: &'a NodePlan, indexes: &[usize]) -> Vec<&'a str> {
    let entries = indexes.iter().map(|index| &plan.entries[*index]);
    entries.map(|entry| entry.placement.path.as_str()).collect()
}

#[test]
fn files_and_modes_are_kubeadms() {
    for (config, reference) in [
        (testing::default_config(), testing::DEFAULT),
        (testing::ha_config(), testing::HA),
        (testing::external_etcd_config(), testing::EXTERNAL_ETCD),
    ] {
        let plan = plan(&config);
        let found: BTreeSet<String> = plan
            .entries
            .iter()
            .filter(|entry| !matches!(entry.content, PlannedContent::Directory))
            .map(|entry| format!("{:o} {}", entry.placement.mode.bits(), entry.placement.path))
            .collect();
        let expected = testing::reference_file(reference, "modes.txt");
        let expected: BTreeSet<String> = expected.lines().map(str::to_owned).collect();
        assert_eq!(found, expected, "{reference}");
        assert!(
            plan.entries
                .iter()
                .all(|e| e.placement.uid == 0 && e.placement.gid == 0)
        );
    }
}

#[test]
fn directories_have_kubeadms_modes() {
    let plan = plan(&testing::ha_config());
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
            "0755 /etc/kubernetes/pki/etcd",
            "0700 /data/etcd",
            "0700 /etc/kubernetes/manifests",
            "0700 /var/lib/kubelet",
        ]
    );
}

/// An external etcd cluster has its own certificates, and its own directories for them.
#[test]
fn an_external_etcd_leaves_no_trace_on_the_node() {
    let plan = plan(&testing::external_etcd_config());
    assert!(
        plan.entries
            .iter()
            .all(|entry| !entry.placement.path.as_str().contains("etcd"))
    );
    assert!(
        plan.certificates
            .iter()
            .all(|row| !row.name.contains("etcd"))
    );
    assert_eq!(plan.certificates.len(), 10);
    let names: Vec<&str> = plan.transactions.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(
        names,
        ["certs", "kubeconfig", "kubelet-start", "control-plane"]
    );
}

#[test]
fn every_entry_is_in_one_transaction_behind_its_directory() {
    let mut config = testing::default_config();
    config.node.kubelet_drop_in = true;
    let plan = plan(&config);
    let mut done: Vec<usize> = Vec::new();
    for transaction in &plan.transactions {
        for index in &transaction.entries {
            assert!(!done.contains(index));
            let path = &plan.entries[*index].placement.path;
            for (other, entry) in plan.entries.iter().enumerate() {
                let directory = matches!(entry.content, PlannedContent::Directory);
                if directory && other != *index && path.is_within(&entry.placement.path) {
                    assert!(
                        done.contains(&other),
                        "{path} before {}",
                        entry.placement.path
                    );
                    assert!(other < *index);
                }
            }
            done.push(*index);
        }
    }
    assert_eq!(done.len(), plan.entries.len());
}

#[test]
fn manifests_are_committed_last() {
    let plan = plan(&testing::default_config());
    let names: Vec<&str> = plan.transactions.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "certs",
            "kubeconfig",
            "kubelet-start",
            "etcd",
            "control-plane"
        ]
    );
    assert_eq!(
        paths(&plan, &plan.transactions[3].entries),
        [
            "/var/lib/etcd",
            "/etc/kubernetes/manifests",
            "/etc/kubernetes/manifests/etcd.yaml"
        ]
    );
    assert_eq!(
        paths(&plan, &plan.transactions[4].entries),
        [
            "/etc/kubernetes/manifests/kube-apiserver.yaml",
            "/etc/kubernetes/manifests/kube-controller-manager.yaml",
            "/etc/kubernetes/manifests/kube-scheduler.yaml",
        ]
    );
    for transaction in &plan.transactions[..3] {
        let early = paths(&plan, &transaction.entries);
        assert!(early.iter().all(|path| !path.contains("/manifests")));
        assert_eq!(transaction.phase.as_str(), transaction.name.as_str());
    }
}

#[test]
fn phases_are_named_and_ordered_as_in_kubeadm() {
    let parts = parts_with_files(&INIT);
    let names: Vec<&str> = parts.iter().map(|part| part.phase).collect();
    let position = |name: &str| names.iter().position(|known| *known == name).unwrap();
    assert!(position("certs/sa") < position("kubeconfig/admin"));
    assert!(position("kubeconfig/scheduler") < position("etcd/local"));
    assert!(position("control-plane/scheduler") < position("kubelet-start"));
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for operation in [&INIT, &JOIN] {
        for part in parts_with_files(operation) {
            let transactions = operation.transactions;
            assert!(transactions.iter().any(|def| def.holds(part)));
        }
    }
    let plan = plan(&testing::default_config());
    assert_eq!(
        entry(&plan, "/etc/kubernetes/pki/etcd/healthcheck-client.key")
            .phase
            .as_str(),
        "certs/etcd-healthcheck-client"
    );
}

#[test]
fn whatever_holds_a_key_is_secret() {
    let plan = plan(&testing::default_config());
    for entry in &plan.entries {
        let path = entry.placement.path.as_str();
        match &entry.content {
            PlannedContent::Secret { class, spki, .. } => {
                assert_eq!(entry.placement.mode.to_string(), "0600", "{path}");
                if path.ends_with(".key") {
                    assert_eq!(*class, SecretClass::PrivateKey);
                    assert!(spki.is_some(), "{path}");
                } else {
                    assert_eq!(*class, SecretClass::Kubeconfig, "{path}");
                    assert!(path.ends_with(".conf"));
                }
            }
            PlannedContent::Public(bytes) => {
                assert!(
                    !path.ends_with(".key") && !path.ends_with(".conf"),
                    "{path}"
                );
                assert!(
                    !String::from_utf8_lossy(bytes).starts_with("key of"),
                    "{path}"
                );
            }
            PlannedContent::Directory => {}
        }
        assert_eq!(entry.handoff, path.ends_with("/kubelet.conf"), "{path}");
        assert!(!entry.sources.is_empty(), "{path}");
    }
}

#[test]
fn certificates_are_listed_with_their_paths() {
    let mut config = testing::default_config();
    config.cluster.certificates_dir = "/opt/pki/".into();
    let plan = plan(&config);
    let rows: Vec<(&str, &str)> = plan
        .certificates
        .iter()
        .map(|row| (row.name.as_str(), row.path.as_str()))
        .collect();
    assert_eq!(rows.len(), 15);
    assert_eq!(rows[0], ("ca", "/opt/pki/ca.crt"));
    assert_eq!(rows[6], ("etcd-server", "/opt/pki/etcd/server.crt"));
    assert_eq!(rows[10], ("admin.conf", "/etc/kubernetes/admin.conf"));
    for (_, path) in rows {
        entry(&plan, path);
    }
}

#[test]
fn keys_precede_their_certificates() {
    let plan = plan(&testing::default_config());
    let position = |path: &str| {
        let found = plan
            .entries
            .iter()
            .position(|e| e.placement.path.as_str() == path);
        found.unwrap()
    };
    assert!(position("/etc/kubernetes/pki/ca.key") < position("/etc/kubernetes/pki/ca.crt"));
    assert!(position("/etc/kubernetes/pki/sa.key") < position("/etc/kubernetes/pki/sa.pub"));
}

#[test]
fn the_key_of_a_ca_may_be_kept_elsewhere_but_no_other() {
    let config = testing::default_config();
    let mut material = testing::material();
    for name in ["ca", "front-proxy-ca", "etcd-ca"] {
        material.certificates.get_mut(name).unwrap().key_pem = None;
    }
    let plan = plan_node(&config, MaterialSource::Issued(&material)).unwrap();
    assert!(
        plan.entries
            .iter()
            .all(|e| !e.placement.path.as_str().ends_with("ca.key"))
    );
    let manifest = entry(
        &plan,
        "/etc/kubernetes/manifests/kube-controller-manager.yaml",
    );
    let PlannedContent::Public(text) = &manifest.content else {
        panic!("not public")
    };
    assert!(String::from_utf8_lossy(text).contains("--cluster-signing-key-file=\n"));

    material.certificates.get_mut("apiserver").unwrap().key_pem = None;
    let error = plan_node(&config, MaterialSource::Issued(&material)).unwrap_err();
    assert!(matches!(error, PlanError::NoKey(name) if name == "apiserver"));
    material.certificates.remove("ca");
    let error = plan_node(&config, MaterialSource::Issued(&material)).unwrap_err();
    assert!(matches!(error, PlanError::NoCertificate(name) if name == "ca"));
}

#[test]
fn without_a_key_store_nothing_is_secret_and_no_certificate_is_made_up() {
    let plan = plan_node(&testing::default_config(), MaterialSource::None).unwrap();
    assert!(plan.certificates.is_empty());
    for entry in &plan.entries {
        let path = entry.placement.path.as_str();
        assert!(
            !matches!(entry.content, PlannedContent::Secret { .. }),
            "{path}"
        );
        assert!(
            ![".crt", ".key", ".pub"]
                .iter()
                .any(|end| path.ends_with(end)),
            "{path}"
        );
    }
    let kubeconfig = entry(&plan, "/etc/kubernetes/admin.conf");
    assert_eq!(kubeconfig.placement.mode.to_string(), "0600");
}

#[test]
fn the_drop_in_is_written_where_it_is_asked_for() {
    let mut config = testing::default_config();
    config.node.kubelet_drop_in = true;
    let plan = plan(&config);
    let unit = entry(
        &plan,
        "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
    );
    assert_eq!(unit.placement.mode.to_string(), "0644");
    assert_eq!(unit.phase.as_str(), "kubelet-start");
}

/// Quirk: kubeadm 1.36.2 still honours the gate, and writes no instance configuration then.
#[test]
fn without_the_node_local_socket_there_is_no_instance_configuration() {
    let mut config = testing::default_config();
    let gates = &mut config.cluster.feature_gates;
    gates.insert("NodeLocalCRISocket".into(), false);
    let plan = plan(&config);
    let found = plan
        .entries
        .iter()
        .filter(|e| e.placement.path.as_str().contains("instance"));
    assert_eq!(found.count(), 0);
}

#[test]
fn a_place_no_bundle_can_write_to_is_named() {
    let mut config = testing::default_config();
    config.cluster.certificates_dir = "/var/lib/kubeplan/pki".into();
    let error = plan_node(&config, MaterialSource::None).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("/var/lib/kubeplan/pki cannot"),
        "{error}"
    );
    config.cluster.certificates_dir = "/etc/kubernetes/manifests".into();
    let error = plan_node(&config, MaterialSource::None).unwrap_err();
    assert!(matches!(error, PlanError::PlannedTwice { .. }), "{error}");
    config.cluster.certificates_dir = "/etc/kubernetes".into();
    assert!(plan_node(&config, MaterialSource::None).is_ok());
}

#[test]
fn the_parts_of_an_operation_are_phases_of_its_command_in_their_order() {
    for operation in [&INIT, &JOIN] {
        let names = operation.tree.names;
        let positions: Vec<usize> = operation
            .parts()
            .map(|part| {
                let found = names.iter().position(|name| *name == part.phase);
                found.unwrap_or_else(|| panic!("{}", part.phase))
            })
            .collect();
        assert!(positions.is_sorted(), "{positions:?}");
    }
}

#[test]
fn every_certificate_has_its_phase() {
    let files = layout::CERTIFICATE_FILES.iter().map(|(name, _)| *name);
    let clients = crate::render::kubeconfig::FILES
        .iter()
        .map(|file| file.file_name);
    for name in files.chain(clients) {
        for config in [
            testing::default_config(),
            testing::joining_control_plane_config(),
            testing::joining_worker_config(),
        ] {
            let operation = of(&config);
            let selection = operation.selection(&config);
            assert!(
                operation.writes_certificate(name, &selection, &config),
                "{name}"
            );
        }
    }
}
