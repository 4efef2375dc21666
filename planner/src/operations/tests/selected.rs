//! Plans of some phases only: each alone, all of them together, and what they leave to others.

use std::collections::{BTreeMap, BTreeSet};

use kubeplan_bundle::step::Step;

use super::*;
use crate::kubeadm::phase_tree::{self, NAMES};

fn only(config: &ValidConfig, name: &'static str) -> ValidConfig {
    let mut config = config.clone();
    config.only_phases = vec![name];
    config
}

fn skipping(config: &ValidConfig, names: &[&str]) -> ValidConfig {
    let mut config = config.clone();
    config.init.skip_phases = names.iter().map(|name| (*name).to_owned()).collect();
    config
}

/// Whatever can be in a plan: tokens, the upload of certificates, the drop-in.
fn everything() -> ValidConfig {
    let mut config = testing::default_config();
    config.node.kubelet_drop_in = true;
    config
}

fn bytes(content: &PlannedContent) -> (char, Vec<u8>) {
    match content {
        PlannedContent::Directory => ('d', Vec::new()),
        PlannedContent::Public(bytes) => ('p', bytes.clone()),
        PlannedContent::Secret { bytes, .. } => ('s', bytes.expose().to_vec()),
    }
}

/// Place, mode and bytes of everything, without the phase: a directory belongs to the first phase that needs it.
fn contents(plan: &NodePlan) -> BTreeMap<String, (String, (char, Vec<u8>))> {
    let entries = plan.entries.iter().map(|entry| {
        let mode = entry.placement.mode.to_string();
        let path = entry.placement.path.to_string();
        (path, (mode, bytes(&entry.content)))
    });
    let objects = plan.live.objects.iter().map(|object| {
        let place = format!("{} {:?}", object.phase, object.holes);
        (object.entry.to_string(), (place, bytes(&object.content)))
    });
    entries.chain(objects).collect()
}

/// The live steps but the one that tells of tokens: alone it has none to tell of.
fn steps(plan: &NodePlan) -> Vec<&Step> {
    plan.live
        .steps
        .iter()
        .filter(|step| !matches!(step, Step::ShowJoinCommand(_)))
        .collect()
}

#[test]
fn every_phase_of_the_tables_has_kubeadms_name_and_order() {
    let position = |name: &str| {
        let found = NAMES.iter().position(|known| *known == name);
        found.unwrap_or_else(|| panic!("{name}"))
    };
    let plan = plan(&everything());
    let live: Vec<usize> = plan
        .live
        .steps
        .iter()
        .map(|step| position(step.phase().as_str()))
        .collect();
    assert!(live.is_sorted() && !live.is_empty());
}

/// What each phase alone plans, in files, certificates and live steps; `-` for one that plans nothing.
#[test]
fn each_phase_alone_plans_exactly_its_set() {
    let config = everything();
    let whole = plan(&config);
    for name in NAMES {
        let alone = plan(&only(&config, name));
        let own: BTreeSet<&str> = phase_tree::INIT.with_children(name).collect();
        for entry in &alone.entries {
            assert!(
                own.contains(entry.phase.as_str()),
                "{name}: {}",
                entry.phase
            );
        }
        let files = |plan: &NodePlan| -> Vec<String> {
            plan.entries
                .iter()
                .filter(|entry| !matches!(entry.content, PlannedContent::Directory))
                .filter(|entry| own.contains(entry.phase.as_str()))
                .map(|entry| entry.placement.path.to_string())
                .collect()
        };
        assert_eq!(files(&alone), files(&whole), "{name}");
        let objects = |plan: &NodePlan| -> Vec<String> {
            plan.live
                .objects
                .iter()
                .filter(|object| own.contains(object.phase.as_str()))
                .map(|object| object.entry.to_string())
                .collect()
        };
        assert_eq!(objects(&alone), objects(&whole), "{name}");
        assert_eq!(alone.live.objects.len(), objects(&alone).len(), "{name}");
        let live: Vec<&Step> = steps(&whole)
            .into_iter()
            .filter(|step| own.contains(step.phase().as_str()))
            .collect();
        assert_eq!(steps(&alone), live, "{name}");
        let certificates: Vec<_> = whole
            .certificates
            .iter()
            .filter(|row| own.contains((INIT.phase_of_certificate)(&row.name, &config).as_str()))
            .cloned()
            .collect();
        assert_eq!(alone.certificates, certificates, "{name}");
        assert_eq!(alone.all_certificates, whole.certificates, "{name}");
        assert!(!alone.left_out.is_empty() && !own.iter().any(|own| alone.left_out.contains(own)));
    }
}

#[test]
fn phases_alone_are_together_the_whole_plan() {
    for config in [
        everything(),
        testing::ha_config(),
        testing::external_etcd_config(),
    ] {
        let whole = contents(&plan(&config));
        let mut union = BTreeMap::new();
        let mut live = 0;
        for name in NAMES
            .iter()
            .filter(|name| phase_tree::INIT.with_children(name).count() == 1)
        {
            let alone = plan(&only(&config, name));
            live += steps(&alone).len();
            for (name, content) in contents(&alone) {
                assert_eq!(whole.get(&name), Some(&content), "{name}");
                union.insert(name, content);
            }
        }
        assert_eq!(union, whole);
        assert_eq!(live, steps(&plan(&config)).len());
    }
}

/// A phase that stands alone finds the directories of its files made, in its transaction and in front of them.
#[test]
fn whatever_is_left_out_files_have_their_directories() {
    let config = everything();
    let alone = NAMES.iter().map(|name| only(&config, name));
    let without = NAMES.iter().map(|name| skipping(&config, &[name]));
    for config in alone.chain(without) {
        let plan = plan(&config);
        let made: Vec<usize> = plan
            .transactions
            .iter()
            .flat_map(|transaction| transaction.entries.clone())
            .collect();
        assert_eq!(made.len(), plan.entries.len());
        for (at, index) in made.iter().enumerate() {
            let entry = &plan.entries[*index];
            if matches!(entry.content, PlannedContent::Directory) {
                continue;
            }
            let directory = entry.placement.path.as_str().rsplit_once('/').unwrap().0;
            let known = made[..at]
                .iter()
                .any(|index| plan.entries[*index].placement.path.as_str() == directory);
            assert!(known, "{}: {:?}", entry.placement.path, plan.left_out);
        }
        assert!(plan.transactions.iter().all(|t| !t.entries.is_empty()));
    }
}

#[test]
fn directories_belong_to_the_parent_or_to_the_phase_that_needs_them() {
    let directories = |config: &ValidConfig| -> Vec<String> {
        plan(config)
            .entries
            .iter()
            .filter(|entry| matches!(entry.content, PlannedContent::Directory))
            .map(|entry| {
                let at = &entry.placement;
                format!("{} {} {}", entry.phase, at.mode, at.path)
            })
            .collect()
    };
    let config = testing::default_config();
    assert_eq!(
        directories(&only(&config, "certs/etcd-ca")),
        [
            "certs/etcd-ca 0755 /etc/kubernetes",
            "certs/etcd-ca 0755 /etc/kubernetes/pki",
            "certs/etcd-ca 0755 /etc/kubernetes/pki/etcd",
        ]
    );
    assert_eq!(
        directories(&only(&config, "certs/sa")),
        [
            "certs/sa 0755 /etc/kubernetes",
            "certs/sa 0755 /etc/kubernetes/pki",
        ]
    );
    assert_eq!(
        directories(&only(&config, "control-plane")),
        [
            "control-plane/apiserver 0755 /etc/kubernetes",
            "control-plane/apiserver 0700 /etc/kubernetes/manifests",
        ]
    );
    assert_eq!(
        directories(&skipping(&config, &["certs", "etcd", "kubelet-start"])),
        [
            "kubeconfig/admin 0755 /etc/kubernetes",
            "control-plane/apiserver 0700 /etc/kubernetes/manifests",
        ]
    );
    let no_etcd = [
        "certs/etcd-ca",
        "certs/etcd-server",
        "certs/etcd-peer",
        "certs/etcd-healthcheck-client",
    ];
    let directories = directories(&skipping(&config, &no_etcd));
    assert_eq!(directories[1], "certs 0755 /etc/kubernetes/pki");
    assert_eq!(directories[2], "etcd/local 0700 /var/lib/etcd");
}

#[test]
fn what_two_phases_want_differently_is_still_refused() {
    let mut config = testing::default_config();
    config.cluster.etcd.local.as_mut().unwrap().data_dir = "/etc/kubernetes/manifests".into();
    let error = plan_node(&config, MaterialSource::None).unwrap_err();
    assert!(matches!(error, PlanError::PlannedTwice { .. }), "{error}");
}

#[test]
fn material_that_a_phase_does_not_need_may_be_missing() {
    let config = testing::default_config();
    let mut material = testing::material();
    material.certificates.get_mut("apiserver").unwrap().key_pem = None;
    let planned = |config: &ValidConfig| plan_node(config, MaterialSource::Issued(&material));
    assert!(planned(&config).is_err());
    assert!(planned(&only(&config, "kubeconfig")).is_ok());
    assert!(planned(&skipping(&config, &["certs/apiserver"])).is_ok());
}

#[test]
fn phases_that_put_nothing_into_the_plan_are_named_with_the_reason() {
    let notices = |config: &ValidConfig| {
        let plan = plan(config);
        let material = testing::material();
        let names = &config.only_phases;
        renders_nothing(names, config, MaterialSource::Issued(&material), &plan)
    };
    let config = testing::default_config();
    for (name, why) in [
        ("upload-certs", "it needs --upload-certs"),
        (
            "show-join-command",
            "it prints the tokens of phase bootstrap-token, and the plan has none",
        ),
    ] {
        let config = only(&config, name);
        assert_eq!(
            notices(&config),
            [format!("phase {name} has nothing to render: {why}")]
        );
        assert!(plan(&config).is_empty());
    }
    for name in [
        "preflight",
        "certs",
        "etcd/local",
        "kubelet-start",
        "mark-control-plane",
        "kubelet-finalize",
        "addon/coredns",
    ] {
        let config = only(&config, name);
        assert!(
            notices(&config).is_empty() && !plan(&config).is_empty(),
            "{name}"
        );
    }
    let external = only(&testing::external_etcd_config(), "etcd");
    assert!(notices(&external)[0].ends_with("etcd is external"));
    let external = only(&testing::external_etcd_config(), "certs/etcd-ca");
    assert!(notices(&external)[0].ends_with("etcd is external"));
    let mut disabled = only(&config, "addon/coredns");
    disabled.cluster.dns.disabled = true;
    assert!(notices(&disabled)[0].ends_with("it is skipped or disabled"));
}

#[test]
fn a_patch_of_a_phase_that_is_left_out_is_named() {
    use crate::patches::{PatchFile, Patches};
    let file = |name: &str| {
        let read = PatchFile::read(name, "metadata: {labels: {a: b}}").unwrap();
        read.unwrap_or_else(|ignored| panic!("{name}: {ignored}"))
    };
    let mut config = skipping(&testing::default_config(), &["etcd"]);
    config.patches = Patches::new(vec![file("etcd.yaml"), file("kube-apiserver.yaml")]).into();
    assert_eq!(
        patch_notices(&config).unwrap(),
        ["etcd.yaml: phase etcd/local is skipped, so there is nothing to patch"]
    );
}
