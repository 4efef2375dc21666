//! A wrong document does not hide the findings of the others, and is not the cause of false ones.

use crate::config::{Options, Report, Source, check_join, load_cluster, migrate};

const INIT: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {bindPort: 70000}\nnodeRegistration: {name: cp1}\n";
const CLUSTER: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\nimageRepository: 'https://x'\n";
const JOIN: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\ndiscovery: {file: {kubeConfigPath: /c.conf}}\nnodeRegistration: {name: UPPER_}\n";
const INVENTORY: &str = "apiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nmetadata: {name: c}\nnodes:\n- {name: cp1, role: control-plane, address: 10.0.0.x}\n- {name: w1, role: worker, address: 10.0.0.12}\ncredentials: {minRemaining: 9000h}\n";
const PROXY: &str =
    "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: x\n";
const KUBELET: &str = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nclusterDomain: other.example\nmaxPods: many\n";

const PORT: &str = "InitConfiguration.localAPIEndpoint.bindPort";
const IMAGES: &str = "ClusterConfiguration.imageRepository";
const ADDRESS: &str = "Cluster.nodes[0].address";
const PODS: &str = "KubeletConfiguration.maxPods";

/// `line: path` of every error, in order; a message where there is no path.
fn errors(report: &Report) -> Vec<String> {
    let errors = report.findings().iter().filter(|finding| {
        assert!(finding.line.is_some(), "{report}");
        finding.severity == crate::config::Severity::Error
    });
    errors
        .map(|finding| match finding.path.as_str() {
            "" => finding.message.clone(),
            path => path.to_owned(),
        })
        .collect()
}

fn of_cluster(text: &str) -> Report {
    let source = Source {
        name: "c.yaml",
        text,
    };
    load_cluster(&[source], Options::default()).unwrap_err()
}

#[test]
fn a_document_that_cannot_be_read_hides_nothing_and_causes_nothing() {
    let old = CLUSTER.replace("v1beta4", "v1beta2");
    let unknown = CLUSTER.replace("ClusterConfiguration", "ClusterConfigration");
    let list = "- a\n";
    let untyped = "kubernetesVersion: v1.36.2\n";
    let broken = CLUSTER.replace("imageRepository: 'https://x'", "imageRepository: [a");
    let object = "apiVersion: v1\nkind: Secret\n";
    for (wrong, first) in [
        (old.as_str(), "ClusterConfiguration"),
        (&unknown, "ClusterConfigration"),
        (object, "Secret"),
        (list, "a document must be a mapping"),
        (
            untyped,
            "`apiVersion` or `kind` is missing, or is not a string",
        ),
    ] {
        for (others, expected) in [
            (&[INIT][..], vec![PORT]),
            (&[INVENTORY], vec![ADDRESS]),
            (&[INIT, KUBELET], vec![PORT, PODS]),
            (&[INIT, INVENTORY, KUBELET], vec![PORT, ADDRESS, PODS]),
        ] {
            let text = [&[wrong], others].concat().join("---\n");
            let expected = [vec![first], expected].concat();
            assert_eq!(errors(&of_cluster(&text)), expected, "{text}");
            let text = [others, &[wrong]].concat().join("---\n");
            let found = errors(&of_cluster(&text));
            assert_eq!(found.last().map(String::as_str), Some(first), "{text}");
            assert_eq!(found.len(), expected.len(), "{text}");
        }
    }
    let text = [INIT, &broken, KUBELET].join("---\n");
    let found = errors(&of_cluster(&text));
    assert!(found[1].starts_with("not valid YAML"), "{found:?}");
    assert_eq!((&*found[0], &*found[2]), (PORT, PODS));
}

#[test]
fn a_second_document_of_a_kind_hides_nothing() {
    let text = [INIT, CLUSTER, CLUSTER].join("---\n");
    assert_eq!(
        errors(&of_cluster(&text)),
        [PORT, IMAGES, "ClusterConfiguration"]
    );
}

#[test]
fn an_unreadable_file_does_not_hide_the_findings_of_another() {
    let name = |name| move |text| Source { name, text };
    let sources = [name("a.yaml")("{"), name("b.yaml")(INIT)];
    let report = load_cluster(&sources, Options::default()).unwrap_err();
    let found = errors(&report);
    assert!(found[0].starts_with("not valid YAML"), "{found:?}");
    assert_eq!(found[1..], [PORT]);
}

#[test]
fn every_command_reports_the_findings_of_all_documents() {
    let old = CLUSTER.replace("v1beta4", "v1beta2");
    let text = [JOIN, "a: 1\n"].join("---\n");
    let source = Source {
        name: "c.yaml",
        text: &text,
    };
    let report = check_join(&[source], &[], false).unwrap_err();
    let expected = [
        "JoinConfiguration.nodeRegistration.name",
        "`apiVersion` or `kind` is missing, or is not a string",
    ];
    assert_eq!(errors(&report), expected);

    let text = [INIT, &old, JOIN].join("---\n");
    let source = Source {
        name: "c.yaml",
        text: &text,
    };
    let report = migrate(&[source], false).unwrap_err();
    let expected = [
        PORT,
        "ClusterConfiguration",
        "JoinConfiguration.nodeRegistration.name",
    ];
    assert_eq!(errors(&report), expected);
}

#[test]
fn a_cluster_without_a_control_plane_is_checked() {
    let inventory = INVENTORY.replace("control-plane", "worker");
    let text = [INIT, CLUSTER, PROXY, &inventory].join("---\n");
    let found = errors(&of_cluster(&text));
    assert_eq!(found, [PORT, IMAGES, "Cluster.nodes", ADDRESS]);
}
