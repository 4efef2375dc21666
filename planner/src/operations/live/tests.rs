//! The objects together: order, names, steps, holes, what is left out. Their texts are compared with kubeadm's in the
//! cross-crate suite.

use kubeplan_bundle::index::hole;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::step::{AnnotateNode, LabelAndTaintNode};

use super::*;
use crate::config::ValidConfig;
use crate::operations::of;
use crate::phases::Pods;
use crate::pki::Material;
use crate::pki::MaterialSource;
use crate::pki::credentials::Token;
use crate::plan::PlannedContent;
use crate::render::kubelet::KubeletTexts;
use crate::render::objects::NODE_BOOTSTRAPPERS;
use crate::render::static_pod::PodContext;
use crate::testing;

fn material() -> Material {
    let token = |text| Token::parse(text);
    let mut material = testing::material();
    material.credentials.bootstrap_tokens = token("aaaaaa.0123456789abcdef").into_iter().collect();
    material.credentials.upload_token = token("bbbbbb.0123456789abcdef");
    material.credentials.certificate_key = Some(SecretBytes::new(vec![1; 32]));
    material.credentials.salt = Some(SecretBytes::new(vec![2; 32]));
    material
}

fn config(upload_certs: bool) -> ValidConfig {
    let mut config = testing::default_config();
    let token = serde_json::json!({
        "ttl": "24h0m0s",
        "usages": ["signing", "authentication"],
        "groups": [NODE_BOOTSTRAPPERS],
    });
    config.init.bootstrap_tokens = vec![serde_json::from_value(token).unwrap()];
    config.upload_certs = upload_certs;
    config
}

fn live(config: &ValidConfig, material: MaterialSource<'_>) -> Result<LivePlan, ObjectError> {
    let operation = of(config);
    let selection = operation.selection(config);
    let pods = Pods::new(PodContext {
        config,
        external_ca: material.external_ca(),
        etcd_members: operation.etcd_members,
    });
    let kubelet = crate::config::kubelet::EffectiveKubelet::of(config).unwrap();
    let context = PhaseContext {
        config,
        selection: &selection,
        pods: &pods,
        kubelet: &kubelet,
        kubelet_texts: &KubeletTexts::default(),
    };
    let parts = outline(operation, &context)?;
    fill(
        operation,
        &parts,
        &selection,
        &KeyedContext { config, material },
    )
}

fn planned(config: &ValidConfig, material: &Material) -> (Vec<PlannedObject>, Vec<Step>) {
    let planned = live(config, MaterialSource::Issued(material)).unwrap();
    (planned.objects, planned.steps)
}

fn text(object: &PlannedObject) -> String {
    let bytes = match &object.content {
        PlannedContent::Public(bytes) => bytes.clone(),
        PlannedContent::Secret { bytes, .. } => bytes.expose().to_vec(),
        PlannedContent::Directory => panic!("a directory"),
    };
    String::from_utf8(bytes).unwrap()
}

#[test]
fn phases_come_in_kubeadms_order_and_names_sort_in_it() {
    let (objects, steps) = planned(&config(true), &material());
    let phases: Vec<&str> = steps.iter().map(|step| step.phase().as_str()).collect();
    assert_eq!(
        phases,
        [
            "kubelet-start",
            "wait-control-plane",
            "wait-control-plane",
            "wait-control-plane",
            "upload-config/kubeadm",
            "upload-config/kubelet",
            "upload-certs",
            "mark-control-plane",
            "bootstrap-token",
            "kubelet-finalize/enable-client-cert-rotation",
            "addon/coredns",
            "addon/kube-proxy",
            "show-join-command",
        ]
    );
    assert_eq!(objects.len(), 33);
    assert!(objects.is_sorted_by(|a, b| a.entry < b.entry));
    let applied: Vec<&EntryName> = steps
        .iter()
        .filter_map(|step| match step {
            Step::ApplyObjects(ApplyObjects { entries, .. }) => Some(entries),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(
        applied,
        objects.iter().map(|o| &o.entry).collect::<Vec<_>>()
    );
    assert_eq!(
        objects[3].entry.as_str(),
        "objects/04-upload-config-kubeadm-rolebinding-kubeadm-nodes-kubeadm-config.yaml"
    );
}

#[test]
fn what_is_disabled_or_not_asked_for_is_left_out() {
    let mut config = config(false);
    config.cluster.dns.disabled = true;
    config.cluster.proxy.disabled = true;
    let (objects, steps) = planned(&config, &material());
    for phase in ["upload-certs", "addon/coredns", "addon/kube-proxy"] {
        assert!(steps.iter().all(|step| step.phase().as_str() != phase));
        assert!(objects.iter().all(|object| object.phase.as_str() != phase));
    }
    let uploaded = text(&objects[1]);
    assert!(
        uploaded.contains("    dns:\n      disabled: true\n"),
        "{uploaded}"
    );
    assert!(
        uploaded.contains("    proxy:\n      disabled: true\n"),
        "{uploaded}"
    );
}

#[test]
fn holes_are_where_their_placeholders_are() {
    let (objects, _) = planned(&config(true), &material());
    let with_holes: Vec<(&str, String)> = objects
        .iter()
        .flat_map(|object| {
            let hole = |hole: &Hole| (object.name.as_str(), hole.to_string());
            object.holes.iter().map(hole)
        })
        .collect();
    let owner = &objects[7];
    assert_eq!(
        with_holes,
        [
            (
                "bootstrap-token-bbbbbb",
                "data/expiration: filled with the time of the call plus 2h0m0s".to_owned()
            ),
            (
                "kubeadm-certs",
                format!(
                    "metadata/ownerReferences/0/uid: filled with the uid of {}",
                    owner.entry
                )
            ),
            (
                "bootstrap-token-aaaaaa",
                "data/expiration: filled with the time of the call plus 24h0m0s".to_owned()
            ),
        ]
    );
    for object in &objects {
        assert!(
            hole::agrees(&object.holes, text(object).as_bytes()),
            "{}",
            object.entry
        );
    }
}

#[test]
fn a_token_without_end_has_no_expiry_and_no_hole() {
    let mut config = config(false);
    config.init.bootstrap_tokens[0].ttl = "0s".into();
    let (objects, _) = planned(&config, &material());
    let token = objects.iter().find(|o| o.name == "bootstrap-token-aaaaaa");
    let token = token.unwrap();
    assert!(token.holes.is_empty() && !text(token).contains("expiration"));
}

#[test]
fn tokens_without_a_name_take_the_stores_in_order() {
    let mut config = config(false);
    let given = serde_json::json!({"token": "cccccc.fedcba9876543210", "ttl": "1h0m0s"});
    config
        .init
        .bootstrap_tokens
        .insert(0, serde_json::from_value(given).unwrap());
    let (objects, _) = planned(&config, &material());
    let names: Vec<&str> = objects
        .iter()
        .filter(|object| object.kind == "Secret")
        .map(|object| object.name.as_str())
        .collect();
    assert_eq!(names, ["bootstrap-token-cccccc", "bootstrap-token-aaaaaa"]);
}

#[test]
fn the_key_of_an_external_ca_is_uploaded_empty() {
    let mut material = material();
    material.certificates.get_mut("ca").unwrap().key_pem = None;
    let (objects, _) = planned(&config(true), &material);
    let upload = text(&objects[8]);
    assert!(upload.contains("  ca.key: null\n"), "{upload}");
    assert!(!upload.contains("  ca.crt: null\n"), "{upload}");
    let mut external = config(true);
    external.cluster.etcd.local = None;
    let refused = live(&external, MaterialSource::Issued(&material));
    assert!(matches!(refused, Err(ObjectError::ExternalEtcd)));
}

#[test]
fn without_a_key_store_nothing_is_secret_and_placeholders_show_it() {
    let objects = live(&config(true), MaterialSource::None).unwrap().objects;
    let all: String = objects.iter().map(text).collect();
    assert!(
        objects
            .iter()
            .all(|object| matches!(object.content, PlannedContent::Public(_)))
    );
    for placeholder in [
        "certificate-authority-data: <ca>\n",
        "  name: bootstrap-token-<token-id>\n",
        "  token-secret: <sealed>\n",
        "  ca.key: <ca.key>\n",
    ] {
        assert!(all.contains(placeholder), "{placeholder}");
    }
}

#[test]
fn the_node_gets_kubeadms_labels_and_the_configured_taints() {
    let step = |taints: Option<serde_json::Value>| {
        let mut config = config(false);
        config.init.node_registration.taints =
            taints.map(|taints| serde_json::from_value(taints).unwrap());
        let (_, steps) = planned(&config, &material());
        let mark = |step: Step| match step {
            Step::LabelAndTaintNode(LabelAndTaintNode { labels, taints, .. }) => {
                Some((labels, taints))
            }
            _ => None,
        };
        steps.into_iter().find_map(mark).unwrap()
    };
    let taints = |taints: Option<serde_json::Value>| -> Vec<String> {
        step(taints).1.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        taints(None),
        ["node-role.kubernetes.io/control-plane:NoSchedule"]
    );
    assert!(taints(Some(serde_json::json!([]))).is_empty());
    assert_eq!(
        taints(Some(
            serde_json::json!([{"key": "a", "value": "b", "effect": "NoExecute"}])
        )),
        ["a=b:NoExecute"]
    );
    let labels: Vec<String> = step(None).0.into_keys().collect();
    assert_eq!(
        labels,
        [
            "node-role.kubernetes.io/control-plane",
            "node.kubernetes.io/exclude-from-external-load-balancers"
        ]
    );
}

#[test]
fn the_socket_is_an_annotation_where_no_file_of_the_kubelet_has_it() {
    let annotated = |minor: u64, gate: Option<bool>| {
        let mut config = config(false);
        config.release = crate::kubeadm::releases::find(minor).unwrap();
        let gates = gate.map(|on| ("NodeLocalCRISocket".to_owned(), on));
        config.cluster.feature_gates = gates.into_iter().collect();
        let (_, steps) = planned(&config, &material());
        let names: Vec<&str> = steps.iter().map(|step| step.phase().as_str()).collect();
        let at = steps
            .iter()
            .position(|step| matches!(step, Step::AnnotateNode(_)))?;
        assert_eq!(names[at - 1..=at], ["upload-config/kubelet"; 2]);
        match &steps[at] {
            Step::AnnotateNode(AnnotateNode { annotations, .. }) => Some(annotations.clone()),
            _ => None,
        }
    };
    let socket = "unix:///var/run/containerd/containerd.sock".to_owned();
    let expected = Some([("kubeadm.alpha.kubernetes.io/cri-socket".to_owned(), socket)].into());
    for (minor, gate, is_annotated) in [
        (33, None, true),
        (33, Some(true), false),
        (34, None, false),
        (34, Some(false), true),
        (35, Some(false), true),
        (36, Some(false), false),
        (37, None, false),
    ] {
        let found = annotated(minor, gate);
        assert_eq!(
            found,
            expected.clone().filter(|_| is_annotated),
            "{minor} {gate:?}"
        );
    }
}

#[test]
fn proxies_reach_kube_proxy_behind_its_node_name() {
    let mut config = config(false);
    config.facts.proxies = [("https_proxy", "http://p:3128"), ("NO_PROXY", ".svc")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let (objects, _) = planned(&config, &material());
    let daemon_set = objects.iter().find(|o| o.kind == "DaemonSet").unwrap();
    let text = text(daemon_set);
    let node_name = text.find("- name: NODE_NAME").unwrap();
    let no_proxy = text.find("- name: NO_PROXY").unwrap();
    let https = text.find("- name: https_proxy").unwrap();
    assert!(node_name < no_proxy && no_proxy < https, "{text}");
}

fn skipping(mut config: ValidConfig, names: &[&str]) -> ValidConfig {
    config.init.skip_phases = names.iter().map(|name| (*name).to_owned()).collect();
    config
}

fn only(mut config: ValidConfig, names: &[&'static str]) -> ValidConfig {
    config.only_phases = names.to_vec();
    config
}

fn names(objects: &[PlannedObject]) -> Vec<&str> {
    objects.iter().map(|object| object.entry.as_str()).collect()
}

/// admin.conf is of no use before the binding is there.
#[test]
fn the_binding_moves_to_the_first_phase_that_uses_the_api() {
    let material = material();
    for (skipped, first) in [
        (
            &["wait-control-plane"][..],
            "objects/01-upload-config-kubeadm-clusterrolebinding-kubeadm-cluster-admins.yaml",
        ),
        (
            &["wait-control-plane", "upload-config"],
            "objects/01-mark-control-plane-clusterrolebinding-kubeadm-cluster-admins.yaml",
        ),
        (
            &[
                "wait-control-plane",
                "upload-config",
                "upload-certs",
                "mark-control-plane",
            ],
            "objects/01-bootstrap-token-clusterrolebinding-kubeadm-cluster-admins.yaml",
        ),
    ] {
        let config = skipping(config(false), skipped);
        let (objects, steps) = planned(&config, &material);
        assert_eq!(names(&objects)[0], first);
        assert!(names(&objects).is_sorted());
        let applied = steps.iter().find_map(|step| match step {
            Step::ApplyObjects(ApplyObjects {
                phase,
                entries,
                fallback_kubeconfig: Some(_),
            }) => Some((phase, entries)),
            _ => None,
        });
        let (phase, entries) = applied.unwrap();
        assert_eq!(*phase, objects[0].phase);
        assert_eq!(entries[0], objects[0].entry);
    }
    let none = [
        "wait-control-plane",
        "upload-config",
        "upload-certs",
        "mark-control-plane",
        "bootstrap-token",
        "addon",
    ];
    assert!(
        planned(&skipping(config(false), &none), &material)
            .0
            .is_empty()
    );
    let alone = only(config(false), &["addon/coredns"]);
    let (objects, _) = planned(&alone, &material);
    assert!(
        objects
            .iter()
            .all(|object| object.name != "kubeadm:cluster-admins")
    );
}

#[test]
fn an_object_has_the_same_name_whatever_is_left_out() {
    let material = material();
    let (whole, _) = planned(&config(true), &material);
    let whole = names(&whole);
    for names_of in [
        planned(&only(config(true), &["addon", "upload-certs"]), &material).0,
        planned(&skipping(config(true), &["upload-config"]), &material).0,
    ] {
        let some = names(&names_of);
        assert!(!some.is_empty() && some.len() < whole.len());
        assert!(some.iter().all(|name| whole.contains(name)), "{some:?}");
    }
}

/// Owners are found by position, which a moved binding shifts.
#[test]
fn holes_name_their_owner_in_front_of_which_a_binding_was_put() {
    let before = ["wait-control-plane", "upload-config"];
    let (objects, _) = planned(&skipping(config(true), &before), &material());
    let phase: Vec<&PlannedObject> = objects
        .iter()
        .filter(|object| object.phase.as_str() == "upload-certs")
        .collect();
    assert_eq!(phase[0].name, "kubeadm:cluster-admins");
    let owner = phase
        .iter()
        .flat_map(|object| &object.holes)
        .find_map(|hole| match hole {
            Hole::OwnerUid { owner, .. } => Some(owner),
            Hole::TokenExpiry { .. } | Hole::EtcdInitialCluster { .. } => None,
        });
    let owner = objects
        .iter()
        .find(|object| Some(&object.entry) == owner)
        .unwrap();
    assert!(owner.kind == "Secret" && owner.name.starts_with("bootstrap-token-"));
}

#[test]
fn what_cannot_be_made_does_not_stand_in_the_way_of_others() {
    let mut external = config(true);
    external.cluster.etcd.local = None;
    let (objects, _) = planned(&only(external, &["addon"]), &material());
    assert!(!objects.is_empty());
}

/// As in kubeadm, where both phases share one object and kubelet-start changes it.
#[test]
fn the_uploaded_resolver_file_is_kubelet_starts() {
    let mut config = config(false);
    config.facts.systemd_resolved = true;
    let uploaded = |config: &ValidConfig| {
        let (objects, _) = planned(config, &material());
        let object = objects.iter().find(|o| o.name == "kubelet-config").unwrap();
        text(object).contains("resolvConf: /run/systemd/resolve/resolv.conf")
    };
    assert!(config.release.uploads_resolv_conf && uploaded(&config));
    assert!(!uploaded(&skipping(config.clone(), &["kubelet-start"])));
    assert!(!uploaded(&only(config, &["upload-config"])));
}

#[test]
fn labels_that_a_kubelet_may_not_set_are_set_with_kubeadms() {
    let mut config = config(false);
    let label = "node-restriction.kubernetes.io/rack".to_owned();
    config.node.marks = [(label.clone(), "r1".to_owned())].into();
    let (_, steps) = planned(&config, &material());
    let labels = steps.into_iter().find_map(|step| match step {
        Step::LabelAndTaintNode(LabelAndTaintNode { labels, .. }) => Some(labels),
        _ => None,
    });
    let labels = labels.unwrap();
    assert_eq!(labels.len(), 3);
    assert_eq!(labels[&label], "r1");
}

#[test]
fn the_clusters_kubelet_configuration_is_uploaded_and_not_the_nodes() {
    let mut config = config(false);
    let uploaded = |config: &ValidConfig| {
        let (objects, _) = planned(config, &material());
        let object = objects.iter().find(|o| o.name == "kubelet-config").unwrap();
        text(object).to_owned()
    };
    config.kubelet.value["maxPods"] = 50.into();
    assert!(!uploaded(&config).contains("maxPods"));
    config.cluster_kubelet.value["maxPods"] = 60.into();
    assert!(uploaded(&config).contains("maxPods: 60"));
}
