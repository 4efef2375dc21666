//! `kubeapply discover` against a real API server, with tokens and certificates that real kubeadm handles.
//!
//! Needs what `real_api` needs, and kubeadm. The host that joins is a directory; it asks from inside the control plane's network.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use kubeplan_bundle::join_facts::{JoinFacts, JoinSecrets};
use kubeplan_bundle::seal::Identities;
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_testhosts::components::Programs;
use kubeplan_testhosts::control_plane::{ControlPlane, User};
use kubeplan_testsuite::planned::Planned;
use kubeplan_testsuite::programs::{self, kubeapply};
use libtest_mimic::Trial;
use serde_json::Value;

use super::real_api::{DEFAULTS, Run, case_with_programs, fixture, planned_objects, started};

const ENDPOINT: &str = "192.168.10.11:6443";

pub fn cases() -> Vec<Trial> {
    let cases: [(&str, Run); 5] = [
        ("a_token_of_kubeadms_finds_the_cluster", finds),
        ("what_kubeadm_uploaded_is_decrypted", shared_certificates),
        (
            "attack_wrong_token_wrong_pin_and_another_cluster_are_refused",
            wrong,
        ),
        ("a_token_that_expired_is_refused", expired),
        ("attack_a_changed_description_is_refused", tampered),
    ];
    cases
        .into_iter()
        .map(|(name, run)| case_with_programs(&format!("discovery::{name}"), &["kubeadm"], run))
        .collect()
}

/// A cluster with every planned object, and the host that is to join it.
struct Cluster {
    planned: Planned,
    plane: ControlPlane,
    kubeadm: PathBuf,
    host: tempfile::TempDir,
}

impl Cluster {
    fn start(programs: &Programs) -> Result<Self> {
        let (planned, plane) = started(&fixture(DEFAULTS)?, programs)?;
        for (name, text) in planned_objects(&planned)? {
            plane
                .kubectl_text(
                    User::SuperAdmin,
                    &["apply", "--server-side", "-f", "-"],
                    &text,
                )
                .with_context(|| name.clone())?;
        }
        let host = tempfile::tempdir()?;
        let key = PrivateKey::from_ed25519_seed(&[9; 32], "")?;
        fs::create_dir_all(host.path().join("root/etc/ssh"))?;
        let at = host.path().join("root/etc/ssh/ssh_host_ed25519_key");
        fs::write(&at, key.to_openssh(None)?.expose())?;
        fs::set_permissions(&at, fs::Permissions::from_mode(0o600))?;
        fs::write(at.with_extension("pub"), key.public().to_openssh())?;
        fs::write(host.path().join("root/etc/hostname"), "w1\n")?;
        Ok(Self {
            planned,
            plane,
            kubeadm: programs.path("kubeadm")?.to_owned(),
            host,
        })
    }

    fn path(&self, name: &str) -> String {
        self.host.path().join(name).display().to_string()
    }

    /// What kubeadm prints, run by the administrator inside the network.
    fn kubeadm(&self, args: &[&str]) -> Result<String> {
        let kubeconfig = self.planned.root().join("etc/kubernetes/super-admin.conf");
        let mut command = Command::new(&self.kubeadm);
        command.args(args).arg("--kubeconfig").arg(kubeconfig);
        self.plane.in_network(move || {
            let output = command.output()?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "kubeadm failed: {said}");
            Ok(String::from_utf8(output.stdout)?)
        })
    }

    /// Makes a token with these further arguments; returns it and the pin of the CA, as kubeadm prints them.
    fn token(&self, more: &[&str]) -> Result<(String, String)> {
        let mut args = vec!["token", "create", "--print-join-command"];
        args.extend(more);
        let printed = self.kubeadm(&args)?;
        let after = |flag: &str| {
            let mut words = printed.split_whitespace();
            words.find(|word| *word == flag);
            words
                .next()
                .map(str::to_owned)
                .with_context(|| format!("kubeadm printed no {flag}: {printed}"))
        };
        Ok((after("--token")?, after("--discovery-token-ca-cert-hash")?))
    }

    fn discover(&self, token: &str, pin: &str, more: &[&str]) -> Result<programs::Run> {
        let out = self.path("out.json");
        let _ = fs::remove_file(&out);
        fs::write(self.path("token"), token)?;
        let mut args: Vec<String> = [
            "discover",
            ENDPOINT,
            "--root",
            &self.path("root"),
            "--output",
            &out,
            "--token-file",
            &self.path("token"),
            "--discovery-token-ca-cert-hash",
            pin,
            "--discovery-timeout",
            "15s",
            "--format",
            "json",
        ]
        .map(str::to_owned)
        .to_vec();
        args.extend(more.iter().map(|word| (*word).to_owned()));
        let run = self.plane.in_network(move || Ok(kubeapply(&args)))?;
        let secret = token.split('.').next_back().unwrap_or(token);
        let seen = run.text().contains(secret) || run.err.contains(secret);
        ensure!(!seen, "the token is shown: {}{}", run.text(), run.err);
        if run.code != 0 {
            ensure!(!Path::new(&out).exists(), "a refusal wrote {out}");
        }
        Ok(run)
    }

    /// A refusal with this exit code, and what it says.
    fn refused(&self, token: &str, pin: &str, code: u8, expected: &str) -> Result<()> {
        let run = self.discover(token, pin, &[])?.expect(code)?;
        ensure!(run.err.contains(expected), "{expected}: {}", run.err);
        Ok(())
    }

    fn facts(&self) -> Result<(JoinFacts, JoinSecrets)> {
        let facts = JoinFacts::parse(&fs::read(self.path("out.json"))?)?;
        let key = fs::read(self.path("root/etc/ssh/ssh_host_ed25519_key"))?;
        let key = kubeplan_bundle::secret::SecretBytes::new(key);
        let secrets = facts.open(&Identities::parse(&key, "the host's key")?)?;
        Ok((facts, secrets))
    }

    fn installed(&self, path: &str) -> Result<String> {
        let path = self.planned.root().join(path);
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }

    fn cluster_info(&self) -> Result<Value> {
        let args = [
            "get",
            "configmap",
            "cluster-info",
            "-n",
            "kube-public",
            "-o",
            "json",
        ];
        Ok(serde_json::from_str(&self.plane.kubectl_text(
            User::SuperAdmin,
            &args,
            "",
        )?)?)
    }

    /// Waits until the description is signed with the token, or is not any more.
    fn wait_signed(&self, id: &str, signed: bool) -> Result<()> {
        let begin = Instant::now();
        let key = format!("/data/jws-kubeconfig-{id}");
        while self.cluster_info()?.pointer(&key).is_some() != signed {
            ensure!(
                begin.elapsed() < Duration::from_secs(90),
                "the signature for {id} did not change"
            );
            std::thread::sleep(Duration::from_millis(500));
        }
        Ok(())
    }
}

fn finds(programs: &Programs) -> Result<()> {
    let cluster = Cluster::start(programs)?;
    let (token, pin) = cluster.token(&[])?;
    // At once: the signature may take its time.
    let run = cluster.discover(&token, &pin, &[])?.expect(0)?;
    let report: Value = serde_json::from_str(&run.text())?;
    ensure!(report["node"] == "w1", "{report}");
    ensure!(report["caCertHashes"][0] == pin.as_str(), "{report}");
    let (facts, secrets) = cluster.facts()?;
    ensure!(
        facts.server == format!("https://{ENDPOINT}"),
        "{}",
        facts.server
    );
    ensure!(
        facts.ca_certificates == cluster.installed("etc/kubernetes/pki/ca.crt")?,
        "another CA was found"
    );
    for (text, expected) in [
        (&facts.cluster_configuration, "kind: ClusterConfiguration"),
        (&facts.kubelet_configuration, "kind: KubeletConfiguration"),
        (
            facts
                .kube_proxy_configuration
                .as_ref()
                .context("there is no configuration of the proxy")?,
            "kind: KubeProxyConfiguration",
        ),
    ] {
        ensure!(text.contains(expected), "{text}");
    }
    // The cluster takes what the kubelet would bootstrap with.
    let kubeconfig = cluster.path("bootstrap.conf");
    fs::write(&kubeconfig, secrets.bootstrap_kubeconfig.expose())?;
    let kubectl = programs.path("kubectl")?.to_owned();
    let who = cluster.plane.in_network(move || {
        let mut command = Command::new(kubectl);
        command.args(["--kubeconfig", &kubeconfig, "auth", "whoami", "-o", "json"]);
        Ok(command.output()?)
    })?;
    let said = String::from_utf8_lossy(&who.stdout);
    ensure!(said.contains("system:bootstrappers:kubeadm"), "{said}");
    // A worker has no business with the certificates that control planes share.
    ensure!(
        !facts.control_plane && secrets.files.is_empty(),
        "a worker has files"
    );

    // The same by a file with the administrator's credentials, and by one with none but the CA.
    let file = cluster.planned.root().join("etc/kubernetes/admin.conf");
    let args: Vec<String> = [
        "discover",
        "--root",
        &cluster.path("root"),
        "--output",
        &cluster.path("out.json"),
        "--discovery-file",
        &file.display().to_string(),
    ]
    .map(str::to_owned)
    .to_vec();
    cluster
        .plane
        .in_network(move || Ok(kubeapply(&args)))?
        .expect(0)?;
    let (by_file, _) = cluster.facts()?;
    ensure!(
        by_file.cluster_configuration == facts.cluster_configuration
            && by_file.token_endpoint.is_none(),
        "the file led elsewhere"
    );
    Ok(())
}

fn shared_certificates(programs: &Programs) -> Result<()> {
    let cluster = Cluster::start(programs)?;
    let pki = cluster.planned.root().join("etc/kubernetes/pki");
    let key: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
    let config = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\ncertificateKey: {key}\n\
         localAPIEndpoint: {{advertiseAddress: 192.168.10.11}}\nnodeRegistration: {{name: cp1, criSocket: 'unix:///run/none.sock'}}\n---\n\
         apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\ncertificatesDir: {}\n",
        pki.display()
    );
    fs::write(cluster.path("init.yaml"), config)?;
    cluster.kubeadm(&[
        "init",
        "phase",
        "upload-certs",
        "--upload-certs",
        "--config",
        &cluster.path("init.yaml"),
    ])?;
    let (token, pin) = cluster.token(&[])?;
    fs::write(cluster.path("key"), &key)?;
    let file = cluster.path("key");
    let more = ["--control-plane", "--certificate-key-file", &file];
    let run = cluster.discover(&token, &pin, &more)?.expect(0)?;
    ensure!(
        !run.text().contains(&key) && !run.err.contains(&key),
        "the key is shown"
    );
    let (facts, secrets) = cluster.facts()?;
    ensure!(
        facts.control_plane && facts.certificate_key,
        "no control plane"
    );
    ensure!(secrets.files.len() == 8, "{} files", secrets.files.len());
    for (name, content) in &secrets.files {
        ensure!(
            content.expose() == fs::read(pki.join(name))?,
            "{name} is not the file that was uploaded"
        );
    }
    fs::write(cluster.path("key"), "00".repeat(32))?;
    let run = cluster.discover(&token, &pin, &more)?.expect(4)?;
    ensure!(
        run.err.contains("the certificate key does not open"),
        "{}",
        run.err
    );
    Ok(())
}

fn wrong(programs: &Programs) -> Result<()> {
    let cluster = Cluster::start(programs)?;
    let (token, pin) = cluster.token(&[])?;
    let (id, _) = token.split_once('.').context("no token")?;
    cluster.wait_signed(id, true)?;
    let other = format!("{id}.0000000000000000");
    cluster.refused(&other, &pin, 4, "is not signed with the token")?;
    let pins = format!("sha256:{}", "00".repeat(32));
    cluster.refused(&token, &pins, 4, "not a pinned one")?;
    cluster.refused(
        "zzzzzz.0000000000000000",
        &pin,
        4,
        "no signature for the token with id",
    )?;
    // An attacker with the same token, at the same address, and another CA.
    let between = Cluster::start(programs)?;
    between.token(&[&token])?;
    between.refused(&token, &pin, 4, "not a pinned one")?;
    // A node of this name that runs.
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: w1}\n";
    cluster
        .plane
        .kubectl_text(User::SuperAdmin, &["create", "-f", "-"], node)?;
    let ready = r#"{"status":{"conditions":[{"type":"Ready","status":"True"}]}}"#;
    let patch = [
        "patch",
        "node",
        "w1",
        "--subresource=status",
        "--type=merge",
        "-p",
        ready,
    ];
    cluster.plane.kubectl_text(User::SuperAdmin, &patch, "")?;
    cluster.refused(&token, &pin, 5, "another host uses this name")?;
    // No user may list nodes any more.
    let binding = ["delete", "clusterrolebinding", "kubeadm:get-nodes"];
    cluster.plane.kubectl_text(User::SuperAdmin, &binding, "")?;
    let begin = Instant::now();
    // The API server learns of it a moment later.
    loop {
        let run = cluster.discover(&token, &pin, &[])?;
        if run.code == 1 && run.err.contains("kubeadm:get-nodes") {
            return Ok(());
        }
        if begin.elapsed() > Duration::from_secs(20) {
            bail!("nodes can still be read: {}", run.err);
        }
    }
}

fn expired(programs: &Programs) -> Result<()> {
    let cluster = Cluster::start(programs)?;
    let (token, pin) = cluster.token(&["--ttl", "30s"])?;
    let (id, _) = token.split_once('.').context("no token")?;
    cluster.discover(&token, &pin, &[])?.expect(0)?;
    cluster.wait_signed(id, false)?;
    cluster.refused(&token, &pin, 4, "it is unknown, has expired")
}

fn tampered(programs: &Programs) -> Result<()> {
    let cluster = Cluster::start(programs)?;
    let (token, pin) = cluster.token(&[])?;
    let (id, _) = token.split_once('.').context("no token")?;
    cluster.wait_signed(id, true)?;
    // The signer is gone, so it stays unsigned.
    cluster.plane.kill("kube-controller-manager")?;
    let mut info = cluster.cluster_info()?;
    let text = info["data"]["kubeconfig"]
        .as_str()
        .context("there is no description")?
        .replace("192.168.10.11", "192.168.10.66");
    info["data"]["kubeconfig"] = Value::from(text);
    cluster
        .plane
        .kubectl_text(User::SuperAdmin, &["replace", "-f", "-"], &info.to_string())?;
    cluster.refused(&token, &pin, 4, "the description was changed on the way")
}
