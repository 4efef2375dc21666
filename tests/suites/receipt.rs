//! Receipts: what a host says it installed is believed from that host only, and only of that bundle.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::index::SecretClass;
use kubeplan_bundle::redact;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{Run, kubeplan};
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;

use super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "receipt::a_signed_receipt_of_the_host_is_accepted",
            signed_by_host,
        ),
        case("receipt::an_unsigned_receipt_is_not_accepted", unsigned),
        case("receipt::what_was_left_is_a_difference", left),
        case("receipt::a_receipt_is_for_one_bundle", other_bundle),
        case(
            "receipt::an_installation_without_changes_keeps_it",
            unchanged,
        ),
        case("receipt::it_holds_no_secret", secrets),
    ]
}

/// Nothing but files, so that nothing remains below a root.
const FILES: &[&str] = &[
    "--phase",
    "certs,kubeconfig,etcd,control-plane,kubelet-start",
];

const CONFIG: &str = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 10.0.0.1}
nodeRegistration: {name: cp1}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P256
";

struct Host {
    planned: Planned,
    key: PrivateKey,
}

impl Host {
    /// A host with a key of its own, and a bundle for it.
    fn new() -> Result<Self> {
        let planned = Planned::config(CONFIG)?;
        let ssh = planned.root().join("etc/ssh");
        fs::create_dir_all(&ssh)?;
        let key = PrivateKey::generate_ed25519("host")?;
        fs::write(
            ssh.join("ssh_host_ed25519_key"),
            key.to_openssh(None)?.expose(),
        )?;
        fs::write(
            ssh.join("ssh_host_ed25519_key.pub"),
            key.public().to_openssh(),
        )?;
        Ok(Self { planned, key })
    }

    fn fingerprint(&self) -> String {
        self.key.public().fingerprint().to_string()
    }

    fn receipt(&self) -> Result<PathBuf> {
        let directory = self.planned.root().join("var/lib/kubeplan/receipts");
        let files = fs::read_dir(directory)?.map(|file| Ok(file?.path()));
        let files = files.collect::<Result<Vec<_>>>()?;
        let mut receipts = files
            .into_iter()
            .filter(|path| path.extension().is_some_and(|end| end == "json"));
        let receipt = receipts.next().context("there is no receipt")?;
        ensure!(receipts.next().is_none(), "there are several receipts");
        Ok(receipt)
    }

    fn verify(&self, more: &[&str]) -> Result<Run> {
        let signers = self.planned.path("allowed_signers");
        let receipt = self.receipt()?;
        let mut args = vec![
            "verify",
            text(&self.planned.bundle)?,
            "--now",
            "2026-11-20T10:00:00Z",
        ];
        args.extend([
            "--allowed-signers",
            text(&signers)?,
            "--receipt",
            text(&receipt)?,
        ]);
        args.extend(more);
        Ok(kubeplan(&args))
    }
}

fn signed_by_host() -> Result<()> {
    let host = Host::new()?;
    host.planned.plan(FILES)?.expect(0)?;
    let installed = host.planned.install(&["--sign-receipt"])?.expect(0)?;
    ensure!(
        installed.text().contains("/var/lib/kubeplan/receipts/"),
        "{}",
        installed.text()
    );
    // The bundle is sealed to an age identity: nothing in it names the host's key.
    let unknown = host.verify(&[])?.expect(4)?;
    ensure!(
        unknown.err.contains("which is not a known key of the host"),
        "{}",
        unknown.err
    );
    let known = host
        .verify(&["--host-key", &host.fingerprint()])?
        .expect(0)?;
    ensure!(
        known.text().contains("signed by the host"),
        "{}",
        known.text()
    );
    let json = host
        .verify(&["--host-key", &host.fingerprint(), "--format", "json"])?
        .expect(0)?;
    let json: serde_json::Value = serde_json::from_str(&json.text())?;
    ensure!(json["receipt"]["signedByHost"] == true, "{json:#}");
    ensure!(json["receipt"]["open"] == serde_json::json!([]), "{json:#}");
    // After one changed byte the signature is not valid.
    let receipt = host.receipt()?;
    let before = fs::read_to_string(&receipt)?;
    fs::write(&receipt, before.replacen("cp1", "cp2", 1))?;
    let changed = host
        .verify(&["--host-key", &host.fingerprint()])?
        .expect(4)?;
    ensure!(
        changed.err.contains("signature of the receipt is refused"),
        "{}",
        changed.err
    );
    Ok(())
}

fn unsigned() -> Result<()> {
    let host = Host::new()?;
    host.planned.install(&[])?.expect(0)?;
    let said = host
        .verify(&["--host-key", &host.fingerprint()])?
        .expect(4)?;
    ensure!(said.text().contains("UNSIGNED"), "{}", said.text());
    ensure!(said.err.contains("--sign-receipt"), "{}", said.err);
    // Asked for later, it is made for the same bundle.
    host.planned.install(&["--sign-receipt"])?.expect(0)?;
    host.verify(&["--host-key", &host.fingerprint()])?
        .expect(3)?;
    Ok(())
}

fn left() -> Result<()> {
    let host = Host::new()?;
    host.planned.plan(FILES)?.expect(0)?;
    host.planned.install(&[])?.expect(0)?;
    let manifest = host
        .planned
        .root()
        .join("etc/kubernetes/manifests/etcd.yaml");
    fs::write(&manifest, "changed by hand\n")?;
    fs::remove_file(host.receipt()?)?;
    host.planned.install(&["--sign-receipt"])?.expect(0)?;
    let said = host
        .verify(&["--host-key", &host.fingerprint()])?
        .expect(3)?;
    ensure!(
        said.text().contains(
            "changed on the host, left as it is: files/etc/kubernetes/manifests/etcd.yaml"
        ),
        "{}",
        said.text()
    );
    ensure!(
        said.err.contains("1 of the bundle's entries"),
        "{}",
        said.err
    );
    Ok(())
}

fn other_bundle() -> Result<()> {
    let (host, other) = (Host::new()?, Host::new()?);
    host.planned.install(&["--sign-receipt"])?.expect(0)?;
    other.planned.install(&["--sign-receipt"])?.expect(0)?;
    let receipt = other.receipt()?;
    let said = host.verify(&[
        "--receipt-signature",
        &format!("{}.sig", text(&host.receipt()?)?),
    ])?;
    ensure!(said.code == 4, "{}", said.err);
    fs::copy(&receipt, host.receipt()?)?;
    fs::copy(
        format!("{}.sig", text(&receipt)?),
        format!("{}.sig", text(&host.receipt()?)?),
    )?;
    let said = host
        .verify(&["--host-key", &other.fingerprint()])?
        .expect(4)?;
    ensure!(said.err.contains("is about another bundle"), "{}", said.err);
    Ok(())
}

fn unchanged() -> Result<()> {
    let host = Host::new()?;
    host.planned.install(&["--sign-receipt"])?.expect(0)?;
    let before = tree::read(&host.planned.root())?;
    let again = host.planned.install(&["--sign-receipt"])?.expect(0)?;
    ensure!(!again.text().contains("receipt:"), "{}", again.text());
    ensure!(
        tree::read(&host.planned.root())? == before,
        "a run that changes nothing wrote"
    );
    Ok(())
}

fn secrets() -> Result<()> {
    let host = Host::new()?;
    host.planned.install(&["--sign-receipt"])?.expect(0)?;
    let receipt = fs::read_to_string(host.receipt()?)?;
    ensure!(!receipt.contains("PRIVATE KEY"), "{receipt}");
    let key = host.planned.root().join("etc/kubernetes/pki/ca.key");
    let key = SecretBytes::new(fs::read(key)?);
    // What a twin keeps of the key is all that may be found again.
    let twin = redact::twin(SecretClass::PrivateKey, key.expose())?;
    let kept = String::from_utf8(twin)?;
    for line in std::str::from_utf8(key.expose())?
        .lines()
        .filter(|line| !kept.contains(line))
    {
        ensure!(!receipt.contains(line), "a line of a key");
    }
    Ok(())
}
