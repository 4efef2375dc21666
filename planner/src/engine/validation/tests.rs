//! What is valid is planned, and what cannot be a bundle is not valid: both are asked about the same documents.

mod refused_pods;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::join_facts::{self, JoinFacts, JoinSecrets, SealedSecrets};
use kubeplan_bundle::seal::Identities;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::signature::PrivateKey;

use super::super::bundles::Bundles;
use super::super::discovered::{Discovered, Meant};
use super::super::keys::Keys;
use super::super::testing::{Directories, Shelf};
use super::*;
use crate::pki::test_pki::TestPki;
use crate::pki::{self, StoreContents};
use crate::testing;

const NODE: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: 10.0.0.11}\nnodeRegistration: {name: cp1}\n";
const CLUSTER: &str = "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\nencryptionAlgorithm: ECDSA-P256\n";
const INVENTORY: &str =
    "---\napiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nmetadata: {name: c}\n";
const NODES: &str = "nodes:\n- {name: cp1, role: control-plane, address: 10.0.0.11}\n- {name: cp2, role: control-plane, address: 10.0.0.12}\n- {name: w1, role: worker}\n";

fn now() -> Timestamp {
    "2026-11-20T10:23:25Z".parse().unwrap()
}

fn directories() -> Directories {
    Directories(
        [
            (
                "good",
                vec![("kube-apiserver.yaml", "metadata: {labels: {a: b}}")],
            ),
            (
                "typo",
                vec![("kube-apiserver.yaml", "spec: {containers: 3}")],
            ),
            ("no-yaml", vec![("kube-apiserver.yaml", "a: [")]),
            (
                "vanishes",
                vec![("kube-apiserver.yaml", "spec: {nodeNmae: x}")],
            ),
            (
                "refused",
                vec![(
                    "etcd.yaml",
                    "spec: {containers: [{name: etcd, livenessProbe: {periodSeconds: -1}}]}",
                )],
            ),
            (
                "kubelet",
                vec![(
                    "kubeletconfiguration+json.yaml",
                    "[{op: remove, path: /nothing}]",
                )],
            ),
            (
                "address",
                vec![(
                    "kube-scheduler+json.yaml",
                    "[{op: add, path: /spec/containers/0/command/-, value: --bind-address=169.254.169.254}]",
                )],
            ),
        ]
        .into(),
    )
}

fn open(text: &str) -> Result<Session, EngineError> {
    let sources = [Source {
        name: "c.yaml",
        text,
    }];
    let (options, choices) = (Options::default(), Choices::default());
    Session::open(&sources, options, &choices, &directories(), &mut Silent)
}

fn verdict(text: &str) -> Verdict {
    let sources = [Source {
        name: "c.yaml",
        text,
    }];
    validate(&sources, Options::default(), &directories(), now()).unwrap()
}

/// Writes the bundles of all nodes; how many there are.
fn write(session: &Session, keys: &mut Keys) -> Result<usize, EngineError> {
    let author = PrivateKey::generate_ed25519("author").unwrap();
    let (_, recipient) = Identities::generate();
    let shelf = Shelf::default();
    let own = keys.take_own(session);
    Bundles::new(session, keys, &author, now())?.write_all(
        own,
        &shelf,
        |_| (vec![recipient.clone()], ()),
        |_, _, _| (),
        &mut Silent,
    )?;
    Ok(shelf.0.into_inner().unwrap().len())
}

/// Plans the documents with new keys; `checked` as the command does, else straight to the writer.
fn plan(text: &str, checked: bool) -> Result<usize, EngineError> {
    let mut session = open(text)?;
    if checked {
        session.refuse_unplannable(Prospect::of_new_keys(now()))?;
    }
    let store = StoreContents::default();
    let mut keys = session.issue(store, now(), &TestPki::new("1"), &mut Silent)?;
    write(&session, &mut keys)
}

/// Whose answer is asked for besides that of `validate` and `plan`.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    /// The session says no before anything is written.
    Session,
    /// The writer gives the same answer, without any check before it.
    Writer,
}
use Who::{Session as BySession, Writer as ByWriter};

/// Both commands say the same of `text`, and why, if they refuse it.
fn agree(text: &str, who: Who, refused: Option<&str>) {
    let verdict = verdict(text);
    let said = verdict.report.to_string();
    let planned = plan(text, true);
    assert_eq!(
        verdict.is_valid(),
        planned.is_ok(),
        "{text}{said}{planned:?}"
    );
    assert_eq!(verdict.is_valid(), refused.is_none(), "{text}{said}");
    if who == ByWriter {
        let written = plan(text, false);
        assert_eq!(written.is_ok(), planned.is_ok(), "{text}{said}{written:?}");
    }
    if let Some(why) = refused {
        assert!(said.contains(why), "{text}{said}");
    }
}

#[test]
fn what_is_valid_is_planned_and_what_is_refused_is_not_valid() {
    let no_phase = "skipPhases: [preflight, certs, kubeconfig, etcd, control-plane, kubelet-start, wait-control-plane, upload-config, upload-certs, mark-control-plane, bootstrap-token, kubelet-finalize, addon, show-join-command]";
    // InitConfiguration, who says no, why.
    for (init, who, refused) in [
        ("", ByWriter, None),
        ("patches: {directory: good}", ByWriter, None),
        ("patches: {directory: vanishes}", ByWriter, None),
        (
            "patches: {directory: absent}",
            BySession,
            Some(
                "c.yaml:5: InitConfiguration.patches.directory: `absent` is not a directory of this machine",
            ),
        ),
        (
            "patches: {directory: no-yaml}",
            BySession,
            Some("cannot be read"),
        ),
        (
            "patches: {directory: typo}",
            ByWriter,
            Some("planning with patches: the user's patches cannot be applied"),
        ),
        (
            "patches: {directory: kubelet}",
            ByWriter,
            Some("planning with patches"),
        ),
        (
            "patches: {directory: address}",
            ByWriter,
            Some("https://169.254.169.254:10259/livez"),
        ),
        ("skipPhases: [addon]", ByWriter, None),
        (no_phase, BySession, Some("put nothing into a bundle")),
    ] {
        agree(&format!("{NODE}{init}\n{CLUSTER}"), who, refused);
    }
}

/// Lines of ClusterConfiguration that a bundle cannot hold, and the field that the refusal names.
const UNFIT: &[(&str, Option<&str>)] = &[
    ("", None),
    // Destinations.
    ("certificatesDir: /srv/pki", None),
    (
        "certificatesDir: /etc/cron.d",
        Some("ClusterConfiguration.certificatesDir"),
    ),
    (
        "certificatesDir: /root/pki",
        Some("ClusterConfiguration.certificatesDir"),
    ),
    (
        "certificatesDir: /proc/pki",
        Some("ClusterConfiguration.certificatesDir"),
    ),
    (
        "etcd: {local: {dataDir: /var/lib/kubeplan/etcd}}",
        Some("ClusterConfiguration.etcd.local.dataDir"),
    ),
    (
        "etcd: {local: {dataDir: /etc/kubernetes/manifests}}",
        Some("ClusterConfiguration.etcd.local.dataDir"),
    ),
    (
        "etcd: {local: {dataDir: /etc/kubernetes/admin.conf/x}}",
        Some("ClusterConfiguration.etcd.local.dataDir"),
    ),
    (
        "etcd: {external: {endpoints: ['https://10.0.0.9:2379'], caFile: /proc/1/ca.crt, certFile: /etc/e.crt, keyFile: /etc/e.key}}",
        Some("ClusterConfiguration.etcd.external.caFile"),
    ),
    // Addresses.
    (
        "controlPlaneEndpoint: 1.2.3",
        Some("ClusterConfiguration.controlPlaneEndpoint"),
    ),
    (
        "etcd: {external: {endpoints: ['https://1.2.3:2379'], caFile: /etc/e.ca, certFile: /etc/e.crt, keyFile: /etc/e.key}}",
        Some("ClusterConfiguration.etcd.external.endpoints[0]"),
    ),
    (
        "scheduler: {extraArgs: [{name: bind-address, value: 169.254.1.1}]}",
        Some("ClusterConfiguration.scheduler.extraArgs[0].value"),
    ),
    // Times: minRemaining is 30 days.
    ("caCertificateValidityPeriod: 1000h", None),
    (
        "caCertificateValidityPeriod: 24h",
        Some("ClusterConfiguration.caCertificateValidityPeriod"),
    ),
    (
        "certificateValidityPeriod: 24h",
        Some("ClusterConfiguration.certificateValidityPeriod"),
    ),
];

#[test]
fn what_the_writer_refuses_of_a_node_is_not_valid() {
    for (cluster, refused) in UNFIT {
        let session = *cluster == "certificateValidityPeriod: 24h";
        let who = if session { BySession } else { ByWriter };
        agree(&format!("{NODE}{CLUSTER}{cluster}\n"), who, *refused);
    }
}

#[test]
fn what_the_writer_refuses_of_an_inventory_is_not_valid() {
    for (cluster, refused) in UNFIT {
        let endpoint = if cluster.starts_with("controlPlaneEndpoint") {
            ""
        } else {
            "controlPlaneEndpoint: api.example.com:6443\n"
        };
        let text = format!("{}{endpoint}{cluster}\n{INVENTORY}{NODES}", &CLUSTER[4..]);
        let session = *cluster == "certificateValidityPeriod: 24h";
        let who = if session { BySession } else { ByWriter };
        agree(&text, who, *refused);
    }
}

#[test]
fn what_does_not_fit_a_kubelet_is_found_where_it_was_written() {
    let nodes = "nodes:\n- {name: cp1, role: control-plane, address: 10.0.0.11}\n- name: cp2\n  role: control-plane\n  address: 10.0.0.12\n  kubelet:\n    \
        kubeletExtraArgs: [{name: pod-manifest-path, value: /srv/manifests}]\n- name: w1\n  role: worker\n  kubelet:\n    \
        kubeletExtraArgs: [{name: v, value: '2'}, {name: config, value: /srv/kubelet.yaml}]\n- name: cp3\n  role: control-plane\n  address: 10.0.0.13\n  kubelet:\n    \
        config: {staticPodPath: /srv/pods}\n";
    let text = format!("{NODE}{CLUSTER}controlPlaneEndpoint: api.example.com\n{INVENTORY}{nodes}");
    let report = verdict(&text).report;
    for (path, value) in [
        (
            "Cluster.nodes[1].kubelet.kubeletExtraArgs[0]",
            "/srv/manifests",
        ),
        (
            "Cluster.nodes[2].kubelet.kubeletExtraArgs[1]",
            "/srv/kubelet.yaml",
        ),
        ("Cluster.nodes[3].kubelet.config.staticPodPath", "/srv/pods"),
    ] {
        let line = text.lines().position(|line| line.contains(value)).unwrap() + 1;
        let found = report.findings().iter().find(|finding| {
            finding.path == path && finding.line == Some(u64::try_from(line).unwrap())
        });
        let found = found.unwrap_or_else(|| panic!("{path} in line {line}: {report:#?}"));
        assert!(found.message.contains(value), "{found:?}");
    }
}

#[test]
fn a_workers_ca_can_lie_in_any_directory() {
    for path in [
        "/ca.crt",
        "/etc/ca.crt",
        "/etc/kubernetes/ca.crt",
        "/etc/kubernetes/ssl/ca.crt",
        "/var/lib/ca.crt",
        "/var/lib/kubelet/ca.crt",
        "/var/lib/kubelet/own/ca.crt",
    ] {
        let text = format!(
            "{NODE}{CLUSTER}controlPlaneEndpoint: api.example.com\n{INVENTORY}nodes:\n- {{name: cp1, role: control-plane, address: 10.0.0.11}}\n\
             - {{name: w1, role: worker, kubelet: {{config: {{authentication: {{x509: {{clientCAFile: {path}}}}}}}}}}}\n"
        );
        let verdict = verdict(&text);
        assert!(verdict.is_valid(), "{path}: {:#?}", verdict.report);
    }
}

#[test]
fn what_does_not_fit_a_bundle_is_not_valid() {
    let tokens = |count: usize| {
        let token = |at: usize| format!("- {{token: '{at:06}.0123456789abcdef'}}\n");
        let tokens: String = (0..count).map(token).collect();
        format!("{NODE}bootstrapTokens:\n{tokens}{CLUSTER}")
    };
    agree(&tokens(100), ByWriter, None);
    agree(&tokens(1100), ByWriter, Some("more than 1024 entries"));
    let recipients = |count: usize| {
        let recipients: Vec<String> = (0..count)
            .map(|_| Identities::generate().1.to_text())
            .collect();
        let node = format!(
            "nodes:\n- {{name: cp1, role: control-plane, address: 10.0.0.11, recipients: [{}]}}\n",
            recipients.join(", ")
        );
        format!("{}{INVENTORY}{node}", &CLUSTER[4..])
    };
    agree(&recipients(64), BySession, None);
    agree(
        &recipients(65),
        BySession,
        Some("Cluster.nodes[0].recipients"),
    );
    let names: Vec<String> = (0..20_000).map(|at| format!("check-{at}")).collect();
    let ignored = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {{advertiseAddress: 10.0.0.11}}\nnodeRegistration: {{name: cp1, ignorePreflightErrors: [{}]}}\n{CLUSTER}",
        names.join(", ")
    );
    agree(&ignored, ByWriter, Some("number of values in all steps"));
}

#[test]
fn a_ca_that_the_key_store_has_is_judged_by_its_own_dates() {
    let text = format!("{NODE}{CLUSTER}caCertificateValidityPeriod: 24h\n");
    let refused = |held: &(dyn Fn(&str) -> bool + Sync)| {
        let prospect = Prospect { now: now(), held };
        open(&text).unwrap().refuse_unplannable(prospect).is_err()
    };
    assert!(refused(&|_| false) && refused(&|base| base == "ca"));
    assert!(!refused(&|_| true));
}

/// What a worker's host learnt from a cluster whose certificates the tests have.
fn discovered() -> Discovered {
    let config = testing::default_config();
    let source = TestPki::new("1");
    let ensured = pki::ensure(&config, StoreContents::default(), now(), &source, &|_| {});
    let ca = ensured.unwrap().material.certificates["ca"].clone();
    let kubeconfig = format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {}\n    server: https://api.example.com:6443\n  name: c\ncontexts:\n- context:\n    cluster: c\n    user: u\n  name: u@c\ncurrent-context: u@c\nkind: Config\nusers:\n- name: u\n  user:\n    token: abcdef.0123456789abcdef\n",
        STANDARD.encode(&ca.certificate_pem)
    );
    let facts = JoinFacts {
        format: join_facts::FORMAT.to_owned(),
        discovered: now(),
        server: "https://api.example.com:6443".to_owned(),
        ca_certificates: ca.certificate_pem,
        cluster_configuration: "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\ncontrolPlaneEndpoint: api.example.com:6443\ncaCertificateValidityPeriod: 24h\n".to_owned(),
        kubelet_configuration: "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nclusterDNS: [10.96.0.10]\nclusterDomain: cluster.local\nstaticPodPath: /etc/kubernetes/manifests\n".to_owned(),
        kube_proxy_configuration: None,
        token_endpoint: Some("api.example.com:6443".to_owned()),
        control_plane: false,
        certificate_key: false,
        sealed: SealedSecrets {
            recipients: Vec::new(),
            age: String::new(),
        },
    };
    let secrets = JoinSecrets {
        bootstrap_kubeconfig: SecretBytes::from_text(kubeconfig),
        files: BTreeMap::new(),
    };
    let authorities = Meant::default().authorities(&facts).unwrap();
    Discovered::new(facts, secrets, authorities).unwrap()
}

#[test]
fn what_the_writer_refuses_of_a_node_that_joins_is_refused_before() {
    let discovered = discovered();
    for (field, refused) in [
        ("", None),
        ("caCertPath: /srv/ca.crt\n", None),
        (
            "caCertPath: /var/lib/kubelet/config.yaml/ca.crt\n",
            Some("JoinConfiguration.caCertPath"),
        ),
    ] {
        let text = format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\nnodeRegistration: {{name: w1}}\n{field}"
        );
        let sources = [Source {
            name: "j.yaml",
            text: &text,
        }];
        let open = || {
            let (options, choices) = (Options::default(), Choices::default());
            let from = ("facts.json", &discovered);
            Session::open_join(
                &sources,
                options,
                from,
                &choices,
                &directories(),
                &mut Silent,
            )
        };
        let prospect = Prospect {
            now: now(),
            held: &|_| true,
        };
        let checked = open().unwrap().refuse_unplannable(prospect).map(drop);
        let session = open().unwrap();
        let source = TestPki::new("1");
        let keys = session.issue_joining(&discovered, now(), &source, &mut Silent);
        let written = write(&session, &mut keys.unwrap());
        assert_eq!(
            checked.is_ok(),
            written.is_ok(),
            "{field}{checked:?}{written:?}"
        );
        assert_eq!(checked.is_ok(), refused.is_none(), "{field}{checked:?}");
        if let (Some(why), Err(EngineError::Nodes(failures))) = (refused, checked) {
            let (_, error) = &failures.failed[0];
            let said = format!("{:?} {}", error.field(), with_causes(error));
            assert!(said.contains(why), "{said}");
            assert!(error.is_of_configuration(), "{said}");
        }
    }
}

#[test]
fn every_node_that_cannot_be_planned_is_named() {
    let text = format!(
        "{}{INVENTORY}nodes:\n- {{name: cp1, role: control-plane, address: 10.0.0.11, patches: {{directory: good}}}}\n- {{name: w1, role: worker, patches: {{directory: kubelet}}}}\n- {{name: w2, role: worker, patches: {{directory: kubelet}}}}\n",
        &CLUSTER[4..]
    );
    let verdict = verdict(&text);
    let said = verdict.report.to_string();
    for node in ["w1", "w2"] {
        let expected = format!("error: node {node}: planning with patches: ");
        assert!(said.contains(&expected), "{said}");
    }
    assert!(!verdict.is_valid() && !said.contains("node cp1"), "{said}");
}

#[test]
fn what_only_a_running_cluster_can_tell_is_said() {
    let verdict = verdict(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\ndiscovery:\n  bootstrapToken: {apiServerEndpoint: 'cp.example.com:6443', token: abcdef.0123456789abcdef, unsafeSkipCAVerification: true}\n",
    );
    assert!(verdict.is_valid());
    assert!(verdict.notes[0].contains("kubeplan plan --join FACTS"));
}
