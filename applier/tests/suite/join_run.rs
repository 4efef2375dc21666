//! `join` as a process: a cluster that answers, a stand-in for the program that plans, an installation below a root.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::join_facts::JoinFacts;
use kubeplan_bundle::seal::{Identities, Recipient};
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::signature::PrivateKey;
use serde_json::{Value, json};

use crate::support::{FILES, Fixture, Plan};

#[path = "../../src/net/tls/server.rs"]
mod server;

/// What the servers of the program's own tests are made with.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

const TOKEN: &str = "0123456789.the-administrators-token";

/// A host, a cluster, and a program that plans when the test says so.
struct Case {
    fixture: Fixture,
    key: PrivateKey,
    /// The two programs, beside each other.
    bin: tempfile::TempDir,
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_kubeapply");

impl Case {
    fn new(policy: &str, version: &str) -> Self {
        let fixture = Fixture::new();
        let key = PrivateKey::from_ed25519_seed(&[9; 32], "").unwrap();
        let ssh = fixture.host("/etc/ssh");
        fs::create_dir_all(&ssh).unwrap();
        fs::write(fixture.host("/etc/hostname"), "cp-0\n").unwrap();
        let private = key.to_openssh(None).unwrap();
        fs::write(ssh.join("ssh_host_ed25519_key"), private.expose()).unwrap();
        fs::write(
            ssh.join("ssh_host_ed25519_key.pub"),
            key.public().to_openssh(),
        )
        .unwrap();
        let text = format!("apiVersion: kubeplan.io/v1alpha1\nkind: Policy\n{policy}");
        fs::write(fixture.host("/etc/kubeplan/policy.yaml"), text).unwrap();

        // On the same file system: a link is never busy.
        let bin = tempfile::tempdir_in(Path::new(PROGRAM).parent().unwrap()).unwrap();
        fs::hard_link(PROGRAM, bin.path().join("kubeapply")).unwrap();
        let script = format!(
            "#!/bin/sh\ncase \"$1\" in --version) echo kubeplan {version}; exit;; esac\n\
             cd {}\nfor word; do echo \"$word\"; done > words.new && mv words.new words\n\
             while [ ! -e done ]; do sleep 0.05; done\necho planned >&2\nexit \"$(cat done)\"\n",
            fixture.path(".").display()
        );
        let planner = bin.path().join("kubeplan");
        fs::write(&planner, script).unwrap();
        fs::set_permissions(&planner, fs::Permissions::from_mode(0o755)).unwrap();
        Self { fixture, key, bin }
    }

    /// A discovery file of a cluster that answers.
    fn cluster(&self) -> PathBuf {
        let authority = server::authority("cluster");
        let address = server::serve(
            &authority,
            &authority,
            Box::new(|head, _| {
                let path = head.split(' ').nth(1).unwrap_or_default();
                let known = head.contains(&format!("Bearer {TOKEN}"));
                let data = |key: &str| (200, json!({"data": {key: "kind: X\n"}}).to_string());
                match path.rsplit('/').next().unwrap_or_default() {
                    _ if !known => (401, "{}".to_owned()),
                    "kubeadm-config" => data("ClusterConfiguration"),
                    "kubelet-config" => data("kubelet"),
                    "cluster-info" => (403, "{}".to_owned()),
                    _ => (404, "{}".to_owned()),
                }
            }),
        );
        let config = json!({
            "clusters": [{"name": "c", "cluster": {"server": format!("https://{address}"),
                "certificate-authority-data": STANDARD.encode(authority.pem())}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
            "users": [{"name": "u", "user": {"token": TOKEN}}],
        });
        let path = self.fixture.path("discovery.conf");
        fs::write(&path, config.to_string()).unwrap();
        path
    }

    fn join(&self, more: &[&str]) -> Child {
        Command::new(self.bin.path().join("kubeapply"))
            .args([
                "join",
                "--root",
                &self.fixture.root(),
                "--node-name",
                "cp-0",
            ])
            .arg("--discovery-file")
            .arg(self.cluster())
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Makes the plan that the program was asked for, as it would; it ends with `code`.
    fn plan(&self, child: &mut Child, plan: Plan, code: u8) -> Vec<String> {
        let words = self.fixture.path("words");
        while !words.exists() {
            if child.try_wait().unwrap().is_some() {
                let mut said = String::new();
                let _ = child.stderr.take().unwrap().read_to_string(&mut said);
                panic!("no plan was asked for: {said}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        let words: Vec<String> = fs::read_to_string(words)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        let after = |flag: &str| {
            let at = words.iter().position(|word| word == flag).unwrap();
            Path::new(&words[at + 1]).to_owned()
        };
        // The facts are sealed for this host alone.
        let facts = JoinFacts::parse(&fs::read(after("--join")).unwrap()).unwrap();
        let identity = SecretBytes::new(fs::read(after("--identity")).unwrap());
        let secrets = facts
            .open(&Identities::parse(&identity, "key").unwrap())
            .unwrap();
        let kubeconfig = String::from_utf8(secrets.bootstrap_kubeconfig.expose().to_vec());
        assert!(kubeconfig.unwrap().contains(TOKEN));
        let key = fs::read_to_string(after("--sign-key")).unwrap();
        let key = PrivateKey::parse(&SecretBytes::from_text(key), None).unwrap();
        let recipient = Recipient::from_ssh(self.key.public()).unwrap();
        let mut bytes = Vec::new();
        plan.draft()
            .prepare()
            .unwrap()
            .write(7, &[recipient], &[&key], &mut bytes)
            .unwrap();
        fs::write(after("--output").join("cp-0.test.tar.gz"), &bytes).unwrap();
        fs::write(self.fixture.path("copy.tar.gz"), &bytes).unwrap();
        fs::write(self.fixture.path("done.new"), code.to_string()).unwrap();
        fs::rename(self.fixture.path("done.new"), self.fixture.path("done")).unwrap();
        words
    }

    /// What is left of private directories.
    fn left(&self) -> usize {
        fs::read_dir(self.fixture.host("/run")).map_or(0, Iterator::count)
    }
}

/// The process has the real clock.
fn plan() -> Plan {
    Plan {
        apply_after: "2000-01-01T00:00:00Z",
        apply_before: "9999-01-01T00:00:00Z",
        ..Plan::default()
    }
}

#[track_caller]
fn expect(output: &Output, code: i32) -> (String, String) {
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    assert!(!out.contains(TOKEN) && !err.contains(TOKEN), "{out}\n{err}");
    (out, err)
}

#[test]
fn a_host_that_may_installs_its_own_plan_and_no_other() {
    let case = Case::new("liveJoin: allow\n", env!("CARGO_PKG_VERSION"));
    let mut child = case.join(&["--format", "json"]);
    let words = case.plan(&mut child, plan(), 0);
    assert_eq!(words[0], "plan");
    let (out, err) = expect(&child.wait_with_output().unwrap(), 0);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["result"], "installed");
    assert!(out.contains("kubeapply-join"), "{out}");
    assert!(
        err.contains("\"event\":\"discovery\"") && err.contains("planned"),
        "{err}"
    );
    for path in FILES {
        assert_eq!(case.fixture.read(path), Plan::default().content(path));
    }
    assert_eq!(case.left(), 0);
    // The key of that run is gone: this host does not trust the same bundle any more.
    let copy = case.fixture.path("copy.tar.gz").display().to_string();
    let output = case.fixture.install(&copy, &[]).expect(4);
    assert!(output.stderr.contains("not listed"), "{}", output.stderr);
}

#[test]
fn what_the_policy_asks_for_besides_holds() {
    let case = Case::new("liveJoin: allow\napprovals: 1\n", env!("CARGO_PKG_VERSION"));
    let before = case.fixture.tree();
    let mut child = case.join(&[]);
    case.plan(&mut child, plan(), 0);
    let (_, err) = expect(&child.wait_with_output().unwrap(), 4);
    assert!(err.contains("1 approval(s) needed"), "{err}");
    assert_eq!(case.left(), 0);
    fs::remove_dir(case.fixture.host("/run")).unwrap();
    assert_eq!(case.fixture.tree(), before);
}

#[test]
fn a_bundle_can_be_had_for_review_without_any_policy() {
    let case = Case::new("", env!("CARGO_PKG_VERSION"));
    let out = case.fixture.path("bundles").display().to_string();
    let mut child = case.join(&["--plan-only", "--output", &out]);
    case.plan(&mut child, plan(), 0);
    let (text, _) = expect(&child.wait_with_output().unwrap(), 0);
    assert!(text.contains("bundles/cp-0.test.tar.gz"), "{text}");
    assert!(case.fixture.path("bundles/cp-0.test.tar.gz").exists());
    assert!(!case.fixture.host(FILES[0]).exists());
    assert_eq!(case.left(), 0);
}

#[test]
fn a_plan_that_fails_and_a_program_of_another_version_install_nothing() {
    let case = Case::new("liveJoin: allow\n", env!("CARGO_PKG_VERSION"));
    let mut child = case.join(&[]);
    case.plan(&mut child, plan(), 2);
    let (_, err) = expect(&child.wait_with_output().unwrap(), 1);
    assert!(
        err.contains("made no plan") && err.contains("planned"),
        "{err}"
    );
    assert!(!case.fixture.host(FILES[0]).exists());
    assert_eq!(case.left(), 0);
    let case = Case::new("liveJoin: allow\n", "9.9.9");
    let (_, err) = expect(&case.join(&[]).wait_with_output().unwrap(), 2);
    assert!(err.contains("is version `9.9.9`"), "{err}");
}
