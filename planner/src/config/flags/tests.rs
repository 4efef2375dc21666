use serde_json::json;

use super::super::load::{Loaded, load_with};
use super::super::options::Options;
use super::super::report::Report;
use super::super::{Source, effective_documents};
use super::*;

fn given(flags: &[(&str, &str)]) -> Vec<Given> {
    let mut all: Vec<Given> = Vec::new();
    for (name, text) in flags {
        let flag = FLAGS.iter().find(|flag| flag.name == *name).unwrap();
        let texts = match flag.form {
            Form::Secret => Vec::new(),
            _ => vec![(*text).to_owned()],
        };
        match all.iter_mut().find(|given| given.flag.name == *name) {
            Some(before) => before.texts.extend(texts),
            None => all.push(Given { flag, texts }),
        }
    }
    all
}

fn load(sources: &[Source<'_>], flags: &[(&str, &str)]) -> Result<Loaded, Report> {
    let options = Options {
        flags: given(flags),
        ..Options::default()
    };
    load_with(sources, options)
}

const ENOUGH: [(&str, &str); 3] = [
    ("kubernetes-version", "v1.36.2"),
    ("apiserver-advertise-address", "192.168.10.11"),
    ("node-name", "cp1"),
];

fn enough_and(more: &[(&str, &str)]) -> Result<Loaded, Report> {
    let flags: Vec<_> = ENOUGH
        .into_iter()
        .filter(|(name, _)| !more.iter().any(|(other, _)| other == name))
        .chain(more.iter().copied())
        .collect();
    load(&[], &flags)
}

#[test]
fn flags_are_sorted_and_set_fields_that_exist() {
    assert!(FLAGS.is_sorted_by_key(|flag| flag.name));
    for flag in FLAGS {
        let mut object = flag.kind.object();
        let steps: Vec<&str> = flag.path.split('.').collect();
        for (index, step) in steps.iter().enumerate() {
            let name = step.split('[').next().unwrap();
            let field = object
                .field(name)
                .unwrap_or_else(|| panic!("{}", flag.field()));
            let mut ty = &field.ty;
            if let crate::schema::Type::List(item) = ty
                && step.contains('[')
            {
                ty = item;
            }
            match ty {
                crate::schema::Type::Object(inner) => object = inner,
                _ => assert_eq!(index + 1, steps.len(), "{}", flag.field()),
            }
        }
    }
}

#[test]
fn every_flag_sets_its_field() {
    let config = enough_and(&[
        ("apiserver-bind-port", "7443"),
        ("apiserver-cert-extra-sans", "a.example.com,10.0.0.9"),
        ("apiserver-cert-extra-sans", "B.example.com"),
        ("cert-dir", "/etc/kubernetes/keys"),
        ("control-plane-endpoint", "api.example.com"),
        ("cri-socket", "unix:///run/crio.sock"),
        (
            "feature-gates",
            "PublicKeysECDSA=T, NodeLocalCRISocket=true,",
        ),
        ("image-repository", "registry.example.com/k8s"),
        ("pod-network-cidr", "10.244.0.0/16"),
        ("service-cidr", "10.97.0.0/16"),
        ("service-dns-domain", "k8s.example.com"),
        ("token-ttl", "90m"),
    ])
    .unwrap()
    .config;
    let [init, cluster, ..] = effective_documents(&config)
        .try_into()
        .unwrap_or_else(|documents: Vec<Value>| -> [Value; 4] { panic!("{documents:?}") });
    assert_eq!(
        init["localAPIEndpoint"],
        json!({"advertiseAddress": "192.168.10.11", "bindPort": 7443})
    );
    assert_eq!(init["nodeRegistration"]["name"], "cp1");
    assert_eq!(
        init["nodeRegistration"]["criSocket"],
        "unix:///run/crio.sock"
    );
    assert_eq!(init["bootstrapTokens"][0]["ttl"], "1h30m0s");
    assert_eq!(
        cluster["apiServer"]["certSANs"],
        json!(["a.example.com", "10.0.0.9", "b.example.com"])
    );
    assert_eq!(cluster["certificatesDir"], "/etc/kubernetes/keys");
    assert_eq!(cluster["controlPlaneEndpoint"], "api.example.com:7443");
    assert_eq!(
        cluster["featureGates"],
        json!({"NodeLocalCRISocket": true, "PublicKeysECDSA": true})
    );
    assert_eq!(cluster["imageRepository"], "registry.example.com/k8s");
    assert_eq!(
        cluster["networking"],
        json!({"dnsDomain": "k8s.example.com", "podSubnet": "10.244.0.0/16", "serviceSubnet": "10.97.0.0/16"})
    );
    let origin = |path| config.provenance.of(path).cloned();
    assert_eq!(
        origin("ClusterConfiguration.apiServer.certSANs[2]"),
        Some(Origin::Flag {
            name: "apiserver-cert-extra-sans".into()
        })
    );
    assert_eq!(
        origin("InitConfiguration.nodeRegistration.name"),
        Some(Origin::Flag {
            name: "node-name".into()
        })
    );
}

#[test]
fn the_token_has_a_description_only_without_a_file() {
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: 192.168.10.11}\n\
                ---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n";
    let source = Source {
        name: "c.yaml",
        text,
    };
    let description = |loaded: Loaded| loaded.config.init.bootstrap_tokens[0].description.clone();
    assert_eq!(description(enough_and(&[]).unwrap()), TOKEN_DESCRIPTION);
    let with_file = load(&[source], &[("node-name", "cp1")]).unwrap();
    assert_eq!(description(with_file), "");
}

#[test]
fn a_flag_that_contradicts_the_inventory_gets_a_way_out() {
    let text = "apiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nmetadata: {name: a}\nnodes: [{name: cp1, role: control-plane, address: 10.0.0.1}]\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n";
    let source = Source {
        name: "c.yaml",
        text,
    };
    let report = load(&[source], &[("node-name", "cp9")])
        .unwrap_err()
        .to_string();
    assert!(
        report.contains("hint: omit --node-name, or set Cluster.nodes[0].name to `cp9`"),
        "{report}"
    );
    let source = Source {
        name: "c.yaml",
        text,
    };
    assert!(load(&[source], &[("node-name", "cp1")]).is_ok());
}

#[test]
fn the_node_name_is_not_lower_cased() {
    let report = enough_and(&[("node-name", "NODE-A")])
        .unwrap_err()
        .to_string();
    assert!(
        report.contains("error: --node-name: InitConfiguration.nodeRegistration.name: `NODE-A`")
            && report.contains("hint: write `node-a`"),
        "{report}"
    );
    assert!(enough_and(&[("node-name", "node-a")]).is_ok());
    let report = enough_and(&[("node-name", " cp1")])
        .unwrap_err()
        .to_string();
    assert!(report.contains("is not a valid DNS name"), "{report}");
}

#[test]
fn a_text_that_a_flag_does_not_accept_is_reported_with_the_flag() {
    for (name, text, expected) in [
        (
            "apiserver-bind-port",
            "x",
            "--apiserver-bind-port: InitConfiguration.localAPIEndpoint.bindPort: `x` is not a 32-bit integer",
        ),
        ("apiserver-bind-port", "0x10", "is not a 32-bit integer"),
        ("apiserver-bind-port", "70000", "70000 is not a valid port"),
        (
            "apiserver-advertise-address",
            "cp1",
            "--apiserver-advertise-address: ",
        ),
        ("token-ttl", "5", "`5` is not a valid duration"),
        (
            "feature-gates",
            "PublicKeysECDSA",
            "is not of the form GATE=true|false",
        ),
        (
            "feature-gates",
            "PublicKeysECDSA=yes",
            "of the form GATE=true|false",
        ),
        (
            "feature-gates",
            "PublicKeyECDSA=true",
            "did you mean `PublicKeysECDSA`?",
        ),
        ("dry-run", "maybe", "is not a boolean"),
        (
            "skip-phases",
            "preflight,cert/ca",
            "--skip-phases: InitConfiguration.skipPhases[1]: kubeadm init has no phase `cert/ca`",
        ),
        (
            "ignore-preflight-errors",
            "all,Swap",
            "ignorePreflightErrors: `all` is listed together",
        ),
        ("kubernetes-version", "stable-1", "is a label"),
    ] {
        let report = enough_and(&[(name, text)]).unwrap_err().to_string();
        assert!(report.contains(expected), "{name} {text}: {report}");
    }
    assert!(enough_and(&[("dry-run", "false")]).is_ok());
    let loaded = enough_and(&[("dry-run", "true"), ("ignore-preflight-errors", "Swap,ALL")]);
    let report = loaded.unwrap_err().to_string();
    assert!(
        report.contains("warning: --dry-run: InitConfiguration.dryRun: the field has no effect"),
        "{report}"
    );
    assert!(report.contains("`all` is listed together"), "{report}");
    assert!(enough_and(&[("dry-run", "true"), ("ignore-preflight-errors", "Swap")]).is_ok());
}

#[test]
fn secrets_are_refused() {
    for name in ["token", "certificate-key"] {
        let report = enough_and(&[(name, "abcdef.0123456789abcdef")]).unwrap_err();
        let shown = format!("{report} {report:?}");
        assert!(
            shown.contains("does not accept a secret on the command line"),
            "{shown}"
        );
        assert!(!shown.contains("abcdef.0123"), "{shown}");
    }
}

#[test]
fn checks_are_added_to_those_of_the_file_and_phases_replace_those_of_the_file() {
    let before = ["NumCPU", "Swap"].map(str::to_owned).into_iter();
    let texts = ["swap,Mem".to_owned()];
    let joined = value(Form::Union, &texts, before.clone()).unwrap_or_default();
    assert_eq!(joined, json!(["mem", "numcpu", "swap"]));
    let replaced = value(Form::List, &texts, before).unwrap_or_default();
    assert_eq!(replaced, json!(["swap", "Mem"]));
}

#[test]
fn skipped_phases_replace_those_of_the_file_unless_the_list_is_empty() {
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: 192.168.10.11}\n\
                nodeRegistration: {name: cp1}\nskipPhases: [certs/ca, nothing]\n---\n\
                apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n";
    let source = [Source {
        name: "c.yaml",
        text,
    }];
    let config = load(
        &source,
        &[
            ("skip-phases", "preflight,"),
            ("skip-phases", "addon/coredns"),
        ],
    )
    .unwrap()
    .config;
    assert_eq!(config.init.skip_phases, ["preflight", "addon/coredns"]);
    assert!(config.cluster.dns.disabled);
    let report = load(&source, &[("skip-phases", "preflight,x")])
        .unwrap_err()
        .to_string();
    assert!(
        report.starts_with("error: --skip-phases: InitConfiguration.skipPhases[1]: "),
        "{report}"
    );
    for empty in ["", ","] {
        let report = load(&source, &[("skip-phases", empty)])
            .unwrap_err()
            .to_string();
        assert!(report.starts_with("error: c.yaml:5: "), "{report}");
    }
}

#[test]
fn what_neither_flags_nor_a_file_set_is_missing() {
    let report = load(&[], &[("kubernetes-version", "v1.36.2")])
        .unwrap_err()
        .to_string();
    assert!(
        report.contains("nodeRegistration.name: the node has no name"),
        "{report}"
    );
    assert!(
        report.contains("advertiseAddress: the API server has no address"),
        "{report}"
    );
}
