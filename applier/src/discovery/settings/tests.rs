use super::*;
use crate::kubeadm::protocol::{CONFIG_KIND, CONFIG_VERSIONS};

const TOKEN: &str = "abcdef.0123456789abcdef";

fn pin() -> String {
    format!("sha256:{}", "ab".repeat(32))
}

fn secret(text: &str) -> Option<SecretBytes> {
    Some(SecretBytes::from_text(text.to_owned()))
}

fn options() -> Options {
    Options {
        endpoint: Some("192.0.2.1:6443".to_owned()),
        token: secret(TOKEN),
        pins: vec![pin()],
        ..Options::default()
    }
}

fn by_token(settings: &Settings) -> &ByToken {
    match &settings.source {
        Source::Token(found) => found,
        Source::File(_) => panic!("a file"),
    }
}

#[test]
fn flags_name_the_cluster() {
    let settings = Settings::of_options(options(), "Host1").unwrap();
    let found = by_token(&settings);
    assert_eq!(found.endpoint, "192.0.2.1:6443");
    assert_eq!(found.bootstrap_token, found.token);
    assert_eq!(found.pins.len(), 1);
    assert_eq!(settings.node.as_str(), "host1");
    assert_eq!(settings.timeout, Duration::from_secs(300));
    let settings = Settings::of_options(
        Options {
            bootstrap_token: secret("aaaaaa.0123456789abcdef"),
            control_plane: true,
            certificate_key: secret(&"0a".repeat(32)),
            node: Some("cp2".to_owned()),
            endpoint: Some("[2001:db8::1]:6443".to_owned()),
            pins: vec![],
            without_pins: true,
            ..options()
        },
        "host1",
    )
    .unwrap();
    assert_eq!(by_token(&settings).bootstrap_token.id(), "aaaaaa");
    assert!(settings.certificate_key.is_some() && settings.node.as_str() == "cp2");
    let file = Options {
        discovery_file: Some("file:///tmp/cluster.conf".to_owned()),
        ..Options::default()
    };
    let Source::File(found) = Settings::of_options(file, "a").unwrap().source else {
        panic!("a token");
    };
    assert_eq!(found.location, Location::Path("/tmp/cluster.conf".into()));
}

#[test]
fn what_is_wrong_with_a_flag_is_said_before_anything_is_asked() {
    let cases: Vec<(Options, &str)> = vec![
        (Options::default(), "API-SERVER-ENDPOINT"),
        (
            Options {
                endpoint: Some("192.0.2.1".into()),
                ..options()
            },
            "not HOST:PORT",
        ),
        (
            Options {
                endpoint: Some("a:0".into()),
                ..options()
            },
            "not HOST:PORT",
        ),
        (
            Options {
                endpoint: Some("a/b:1".into()),
                ..options()
            },
            "not HOST:PORT",
        ),
        (
            Options {
                endpoint: Some("a@b:1".into()),
                ..options()
            },
            "not HOST:PORT",
        ),
        (
            Options {
                token: None,
                ..options()
            },
            "--token-file",
        ),
        (
            Options {
                token: secret("hunter2"),
                ..options()
            },
            "not a bootstrap token",
        ),
        (
            Options {
                bootstrap_token: secret("hunter2"),
                ..options()
            },
            "--tls-bootstrap-token-file",
        ),
        (
            Options {
                pins: vec!["sha256:12".into()],
                ..options()
            },
            "is not a pin",
        ),
        (
            Options {
                pins: vec![],
                ..options()
            },
            "a pin of the cluster's CA is needed",
        ),
        (
            Options {
                without_pins: true,
                ..options()
            },
            "not both",
        ),
        (
            Options {
                discovery_file: Some("a".into()),
                ..options()
            },
            "not by both",
        ),
        (
            Options {
                discovery_file: Some("a".into()),
                without_pins: true,
                ..Options::default()
            },
            "names the CA itself",
        ),
        (
            Options {
                discovery_file: Some("http://a/b".into()),
                ..Options::default()
            },
            "https URL",
        ),
        (
            Options {
                discovery_file: Some(String::new()),
                ..Options::default()
            },
            "https URL",
        ),
        (
            Options {
                certificate_key: secret("hunter2"),
                control_plane: true,
                ..options()
            },
            "not a certificate key",
        ),
        (
            Options {
                certificate_key: secret(&"0a".repeat(32)),
                ..options()
            },
            "--control-plane",
        ),
        (
            Options {
                node: Some("a_b".into()),
                ..options()
            },
            "--node-name",
        ),
    ];
    for (options, expected) in cases {
        let error = Settings::of_options(options, "host1")
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

/// A configuration with these lines below `discovery`.
fn config(discovery: &str, more: &str) -> String {
    format!(
        "apiVersion: {}\nkind: {CONFIG_KIND}\ndiscovery:\n{discovery}{more}",
        CONFIG_VERSIONS[0]
    )
}

fn token_discovery() -> String {
    format!(
        "  bootstrapToken:\n    token: {TOKEN}\n    apiServerEndpoint: cp.example:6443\n    caCertHashes: ['{}']\n",
        pin()
    )
}

fn read(text: &str) -> Result<Settings, String> {
    let text = SecretBytes::from_text(text.to_owned());
    Settings::of_config(&text, Options::default(), "host1").map_err(|error| error.to_string())
}

#[test]
fn a_configuration_says_the_same_as_flags() {
    let more = format!(
        "nodeRegistration:\n  name: W1\n  anything: else\ntimeouts:\n  discovery: 1m30s\ncontrolPlane:\n  certificateKey: '{}'\n",
        "0a".repeat(32)
    );
    let text = format!("kind: Other\n---\n{}", config(&token_discovery(), &more));
    let settings = read(&text).unwrap();
    assert_eq!(by_token(&settings).endpoint, "cp.example:6443");
    assert_eq!(settings.node.as_str(), "w1");
    assert_eq!(settings.timeout, Duration::from_secs(90));
    assert!(settings.control_plane && settings.certificate_key.is_some());
    let file = "  file:\n    kubeConfigPath: https://a.example/c\n  tlsBootstrapToken: aaaaaa.0123456789abcdef\n";
    let settings = read(&config(file, "")).unwrap();
    assert!(!settings.control_plane);
    let Source::File(found) = settings.source else {
        panic!("a token");
    };
    assert_eq!(found.location, Location::Url("https://a.example/c".into()));
    assert_eq!(found.bootstrap_token.unwrap().id(), "aaaaaa");
}

#[test]
fn the_kubelets_own_argument_names_the_node() {
    for arguments in [
        "  kubeletExtraArgs:\n  - {name: hostname-override, value: other}\n",
        "  kubeletExtraArgs: {hostname-override: other}\n",
    ] {
        let more = format!("nodeRegistration:\n  name: w1\n{arguments}");
        let settings = read(&config(&token_discovery(), &more)).unwrap();
        assert_eq!(settings.node.as_str(), "other");
    }
}

#[test]
fn a_configuration_is_read_strictly_where_trust_comes_from() {
    let cases = [
        (String::new(), "it has no"),
        ("a: [".to_owned(), "not YAML"),
        (
            config(&token_discovery(), "").replace("v1beta4", "v1beta2"),
            "apiVersion: `kubeadm",
        ),
        (
            format!("{0}---\n{0}", config(&token_discovery(), "")),
            "more than one",
        ),
        (
            config("  bootstrapToken: {}\n", ""),
            "discovery.bootstrapToken.token",
        ),
        (config("  {}\n", ""), "exactly one of"),
        (
            config(
                &format!("{}  file: {{kubeConfigPath: /a}}\n", token_discovery()),
                "",
            ),
            "exactly one of",
        ),
        (
            config(&token_discovery().replace("caCertHashes", "caCertHash"), ""),
            "discovery.bootstrapToken.caCertHash: unknown field",
        ),
        (
            config(&format!("{}  typo: 1\n", token_discovery()), ""),
            "discovery.typo",
        ),
        (
            config(&token_discovery().replace(TOKEN, "hunter2"), ""),
            "discovery.bootstrapToken.token: not a bootstrap token",
        ),
        (
            config(&token_discovery().replace(&pin(), "sha256:1"), ""),
            "discovery.bootstrapToken.caCertHashes[0]",
        ),
        (
            config(&token_discovery().replace(&format!("'{}'", pin()), ""), ""),
            "a pin of the cluster's CA is needed",
        ),
        (
            config(&token_discovery().replace("cp.example:6443", "12"), ""),
            "must be text",
        ),
        (
            config(
                &token_discovery(),
                "controlPlane: {certificateKey: hunter2}\n",
            ),
            "controlPlane.certificateKey",
        ),
        (
            config(&token_discovery(), "timeouts: {discovery: soon}\n"),
            "timeouts.discovery",
        ),
    ];
    for (text, expected) in cases {
        let error = read(&text).unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn flags_beside_a_configuration_are_refused() {
    let text = SecretBytes::from_text(config(&token_discovery(), ""));
    let named = Options {
        node: Some("w2".into()),
        ..Options::default()
    };
    let settings = Settings::of_config(&text, named, "host1").unwrap();
    assert_eq!(settings.node.as_str(), "w2");
    let error = Settings::of_config(&text, options(), "host1").unwrap_err();
    assert_eq!(error.at, "API-SERVER-ENDPOINT");
    let more = Options {
        control_plane: true,
        ..Options::default()
    };
    let error = Settings::of_config(&text, more, "host1").unwrap_err();
    assert_eq!(error.at, "--control-plane");
}
