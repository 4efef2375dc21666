//! Single phases of `kubeadm join`, and what is said of them.

use super::*;

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
        (worker(), "certs/ca", "the node's command has no such phase"),
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
    let coredns = "corednsdeployment.yaml: only the first control-plane node writes CoreDNS's Deployment, so there is nothing to patch";
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
