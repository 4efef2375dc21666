//! JoinConfiguration: the defaults that kubeadm prints, and every rule with an input that breaks it.

use super::*;
use crate::yaml;

#[test]
fn the_defaults_are_kubeadms() {
    let ours = yaml::documents(&[join_defaults()]);
    let theirs = include_str!("../load/kubeadm-1.36.2/join-defaults.yaml");
    let (comment, theirs) = theirs.split_once('\n').unwrap();
    assert!(comment.starts_with("# kubeadm v1.36.2"));
    assert_eq!(ours, theirs);
}

const HASH: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A valid document in which `replaced` replaces the line that starts with the same field, or is added.
fn text(replaced: &str) -> String {
    let lines = [
        "nodeRegistration: {name: worker-1}",
        "caCertPath: /etc/kubernetes/pki/ca.crt",
        &format!(
            "discovery: {{bootstrapToken: {{token: abcdef.0123456789abcdef, apiServerEndpoint: 'api.example.com:6443', caCertHashes: ['{HASH}']}}}}"
        ),
    ];
    let field = |line: &str| line.split(':').next().unwrap().to_owned();
    let mut text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n".to_owned();
    for line in lines.iter().filter(|line| field(line) != field(replaced)) {
        text.push_str(line);
        text.push('\n');
    }
    text + replaced + "\n"
}

fn check_text(text: &str, given: &[Given]) -> Result<Option<Report>, Report> {
    let source = Source {
        name: "join.yaml",
        text,
    };
    check(&[source], given, false)
}

#[test]
fn what_kubeadm_accepts_has_no_findings() {
    for line in [
        "",
        "controlPlane: {}",
        "controlPlane: {localAPIEndpoint: {advertiseAddress: 10.0.0.3, bindPort: 7443}}",
        "nodeRegistration: {}",
        "discovery: {file: {kubeConfigPath: /root/cluster-info.conf}}",
        "discovery: {file: {kubeConfigPath: 'https://example.com/x'}, tlsBootstrapToken: abcdef.0123456789abcdef}",
        "discovery: {bootstrapToken: {token: abcdef.0123456789abcdef, apiServerEndpoint: '[fd00::1]:6443', unsafeSkipCAVerification: true}}",
    ] {
        let report = check_text(&text(line), &[]).unwrap().unwrap();
        assert!(report.is_empty(), "{line}: {report}");
    }
}

#[test]
fn every_error_names_the_field_that_was_written() {
    let token = "token: abcdef.0123456789abcdef";
    let by_token = |rest: &str| format!("discovery: {{bootstrapToken: {{{rest}}}}}");
    for (line, field, message) in [
        (
            "discovery: {}".to_owned(),
            "discovery",
            "neither `bootstrapToken` nor `file` is set",
        ),
        (
            format!("discovery: {{file: {{kubeConfigPath: /a}}, bootstrapToken: {{{token}}}}}"),
            "discovery",
            "`bootstrapToken` and `file` are both set",
        ),
        (
            by_token("token: hunter2"),
            "discovery.bootstrapToken.token",
            "does not have the form",
        ),
        (
            by_token(token),
            "discovery.bootstrapToken.apiServerEndpoint",
            "is not set",
        ),
        (
            by_token(&format!("{token}, apiServerEndpoint: 10.0.0.1")),
            "discovery.bootstrapToken.apiServerEndpoint",
            "`10.0.0.1` is not a valid `host:port`",
        ),
        (
            by_token(&format!("{token}, apiServerEndpoint: 0.0.0.0:6443")),
            "discovery.bootstrapToken.apiServerEndpoint",
            "is the unspecified address",
        ),
        (
            by_token(&format!("{token}, apiServerEndpoint: 10.0.0.256:6443")),
            "discovery.bootstrapToken.apiServerEndpoint",
            "it has only numbers",
        ),
        (
            by_token(&format!("{token}, apiServerEndpoint: 'a:1'")),
            "discovery.bootstrapToken.caCertHashes",
            "no hash of the cluster's CA",
        ),
        (
            by_token(&format!(
                "{token}, apiServerEndpoint: 'a:1', caCertHashes: [sha256:ab]"
            )),
            "discovery.bootstrapToken.caCertHashes[0]",
            "not a valid hash of a public key",
        ),
        (
            "discovery: {file: {kubeConfigPath: /a}, tlsBootstrapToken: hunter2}".to_owned(),
            "discovery.tlsBootstrapToken",
            "does not have the form",
        ),
        (
            "discovery: {file: {}}".to_owned(),
            "discovery.file.kubeConfigPath",
            "is not set",
        ),
        (
            "discovery: {file: {kubeConfigPath: 'http://a/b'}}".to_owned(),
            "discovery.file.kubeConfigPath",
            "not a valid https URL",
        ),
        (
            "caCertPath: pki/ca.crt".to_owned(),
            "caCertPath",
            "absolute path",
        ),
        (
            "caCertPath: /pki/ca.pem".to_owned(),
            "caCertPath",
            "absolute path",
        ),
        ("caCertPath: /pki/../ca.crt".to_owned(), "caCertPath", ""),
        (
            "controlPlane: {certificateKey: hunter2}".to_owned(),
            "controlPlane.certificateKey",
            "64 hexadecimal digits",
        ),
        (
            "controlPlane: {localAPIEndpoint: {bindPort: 70000}}".to_owned(),
            "controlPlane.localAPIEndpoint.bindPort",
            "not a valid port",
        ),
        (
            "controlPlane: {localAPIEndpoint: {advertiseAddress: 127.0.0.1}}".to_owned(),
            "controlPlane.localAPIEndpoint.advertiseAddress",
            "",
        ),
        (
            "nodeRegistration: {name: a_b}".to_owned(),
            "nodeRegistration.name",
            "DNS name",
        ),
        (
            "nodeRegistration: {imagePullPolicy: Sometimes}".to_owned(),
            "nodeRegistration.imagePullPolicy",
            "unknown pull policy",
        ),
        (
            "timeouts: {discovery: -1s}".to_owned(),
            "timeouts.discovery",
            "negative",
        ),
    ] {
        let text = text(&line);
        let shown = match check_text(&text, &[]) {
            Err(report) | Ok(Some(report)) => report.to_string(),
            Ok(None) => panic!("{line}"),
        };
        let place = format!("JoinConfiguration.{field}: ");
        let found = shown.lines().find(|line| line.contains(&place));
        let found = found.unwrap_or_else(|| panic!("{line}: {shown}"));
        assert!(found.contains(message), "{line}: {shown}");
        assert!(
            found.starts_with("error: join.yaml:") || line == "discovery: {}",
            "{shown}"
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn flags_set_fields_as_in_kubeadm_join() {
    let flag = |name: &str, text: &str| Given {
        flag: flags::FLAGS.iter().find(|flag| flag.name == name).unwrap(),
        texts: vec![text.to_owned()],
    };
    let given = [flag("node-name", "Upper"), flag("apiserver-bind-port", "x")];
    let (given, _) = flags::of_join(&given, true).unwrap();
    let report = check_text(&text(""), &given).unwrap_err().to_string();
    assert!(
        report.contains("--node-name: JoinConfiguration.nodeRegistration.name"),
        "{report}"
    );
    assert!(
        report.contains("controlPlane.localAPIEndpoint.bindPort"),
        "{report}"
    );
}

#[test]
fn a_new_cluster_cannot_be_planned_from_it() {
    let text = text("");
    let source = Source {
        name: "join.yaml",
        text: &text,
    };
    let report = super::super::load(&[source], Default::default())
        .unwrap_err()
        .to_string();
    assert!(report.contains("kubeplan plan --join FACTS"), "{report}");
}

#[test]
fn a_cluster_that_runs_is_warned_of() {
    for (lines, expected) in [
        ("", ""),
        (
            "networking: {podSubnet: 10.96.0.0/12, serviceSubnet: 10.96.0.0/12}",
            "gives no node a subnet for its Pods",
        ),
        (
            "networking: {podSubnet: 'fd00::/48', serviceSubnet: 10.96.0.0/12}",
            "have no endpoints",
        ),
        (
            "controlPlaneEndpoint: 10.96.0.1:6443",
            "is the address of the Service `kubernetes`",
        ),
        (
            "controlPlaneEndpoint: 0.0.0.0:6443",
            "clients cannot connect to it",
        ),
    ] {
        let configuration = format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n{lines}\n"
        );
        let kubelet = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nclusterDNS: [10.96.0.10]\nclusterDomain: cluster.local\nstaticPodPath: /etc/kubernetes/manifests\n";
        let cluster = RunningCluster {
            file: "facts.json",
            server: "https://api.example.com:6443",
            cluster_configuration: &configuration,
            kubelet_configuration: kubelet,
            control_plane: false,
            bootstrap_kubeconfig: crate::config::SecretText::default(),
            token_endpoint: None,
            certificate_key: false,
        };
        let text = text("");
        let source = Source {
            name: "join.yaml",
            text: &text,
        };
        let loaded = load_join(&[source], crate::config::Options::default(), &cluster);
        let said = loaded.unwrap().warnings.to_string();
        assert!(said.contains(expected), "{lines}: {said}");
    }
}
