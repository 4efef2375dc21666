//! `discover` and `join`: what is refused before anybody is asked anything.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use kubeplan_bundle::signature::PrivateKey;

use crate::support::{Fixture, Run};

const TOKEN: &str = "abcdef.0123456789abcdef";

/// A host with an SSH key and a token in a file.
fn host() -> Fixture {
    let fixture = Fixture::new();
    let key = PrivateKey::from_ed25519_seed(&[9; 32], "").unwrap();
    fs::create_dir_all(fixture.host("/etc/ssh")).unwrap();
    let public = format!("{}\n", key.public().to_openssh());
    fs::write(fixture.host("/etc/ssh/ssh_host_ed25519_key.pub"), public).unwrap();
    fs::write(fixture.path("token"), TOKEN).unwrap();
    fixture
}

fn pin() -> String {
    format!("sha256:{}", "ab".repeat(32))
}

/// `discover` with the token in its file and these further arguments.
fn discover(fixture: &Fixture, run: &Run, more: &[&str]) -> crate::support::Output {
    let out = fixture.path("out.json").display().to_string();
    let mut args = vec!["discover", "--output", &out, "--node-name", "w1"];
    args.extend(more);
    let output = fixture.run(run, &args);
    assert!(!fixture.path("out.json").exists());
    assert!(!output.stderr.contains("0123456789abcdef"), "{output:?}");
    output
}

#[test]
fn a_secret_in_an_argument_is_refused_and_not_repeated() {
    let fixture = host();
    for (flag, instead) in [
        ("--token", "--token-file"),
        ("--discovery-token", "--token-file"),
        ("--tls-bootstrap-token", "--tls-bootstrap-token-file"),
        ("--certificate-key", "--certificate-key-file"),
    ] {
        let output = discover(&fixture, &Run::default(), &["192.0.2.1:6443", flag, TOKEN]);
        let output = output.expect(2);
        assert!(output.stderr.contains(instead), "{}", output.stderr);
    }
}

#[test]
fn what_is_wrong_is_said_before_the_cluster_is_asked() {
    let fixture = host();
    let token = fixture.path("token").display().to_string();
    let token = token.as_str();
    let pin = pin();
    let cases: [(&[&str], &str); 5] = [
        (&[], "API-SERVER-ENDPOINT"),
        (
            &["192.0.2.1:6443"],
            "--token-file: a bootstrap token is needed",
        ),
        (
            &["192.0.2.1:6443", "--token-file", token],
            "a pin of the cluster's CA is needed",
        ),
        (
            &[
                "192.0.2.1",
                "--token-file",
                token,
                "--discovery-token-ca-cert-hash",
                &pin,
            ],
            "not HOST:PORT",
        ),
        (
            &[
                "192.0.2.1:6443",
                "--token-file",
                "-",
                "--certificate-key-file",
                "-",
            ],
            "standard input cannot be both the token and the certificate key",
        ),
    ];
    for (args, expected) in cases {
        let output = discover(&fixture, &Run::default(), args).expect(2);
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
    // The same from standard input.
    let typed = Run {
        stdin: "hunter2\n",
        ..Run::default()
    };
    let output = discover(&fixture, &typed, &["192.0.2.1:6443", "--token-file", "-"]).expect(2);
    assert!(
        output.stderr.contains("not a bootstrap token") && !output.stderr.contains("hunter2"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_host_without_a_key_cannot_seal() {
    let fixture = Fixture::new();
    let output = discover(&fixture, &Run::default(), &["192.0.2.1:6443"]).expect(2);
    assert!(output.stderr.contains("--recipient"), "{}", output.stderr);
}

#[test]
fn a_host_that_does_not_allow_live_joins_refuses_before_anything_else() {
    let fixture = host();
    let before = fixture.snapshot();
    let args = ["join", "192.0.2.1:6443", "--token-file", "/nowhere"];
    let output = fixture.run(&Run::default(), &args).expect(4);
    assert!(
        output.stderr.contains("`liveJoin: allow`"),
        "{}",
        output.stderr
    );
    let again = "`kubeapply join 192.0.2.1:6443 --token-file /nowhere --plan-only -o DIR --root ";
    assert!(output.stderr.contains(again), "{}", output.stderr);
    assert_eq!(fixture.snapshot(), before);
    // A policy that others could write is not believed.
    let policy = fixture.host("/etc/kubeplan/policy.yaml");
    fs::write(
        &policy,
        "apiVersion: kubeplan.io/v1alpha1\nkind: Policy\nliveJoin: allow\n",
    )
    .unwrap();
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o666)).unwrap();
    let output = fixture.run(&Run::default(), &args).expect(4);
    assert!(
        output.stderr.contains("users other than its owner"),
        "{}",
        output.stderr
    );
}
