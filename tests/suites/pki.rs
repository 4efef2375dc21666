//! Every chain, checked by two implementations that did not make it: webpki and openssl.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::repository;
use libtest_mimic::Trial;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::pem::Pem;

use super::{case, case_with};

const ALGORITHMS: &[&str] = &[
    "RSA-2048",
    "RSA-3072",
    "RSA-4096",
    "ECDSA-P256",
    "ECDSA-P384",
];

/// Leaf files below `pki/`, the CA that signs each, and whether it serves and is a client.
const LEAVES: &[(&str, &str, bool, bool)] = &[
    ("apiserver", "ca", true, false),
    ("apiserver-kubelet-client", "ca", false, true),
    ("front-proxy-client", "front-proxy-ca", false, true),
    ("etcd/server", "etcd/ca", true, true),
    ("etcd/peer", "etcd/ca", true, true),
    ("etcd/healthcheck-client", "etcd/ca", false, true),
    ("apiserver-etcd-client", "etcd/ca", false, true),
];

const KUBECONFIGS: &[&str] = &[
    "admin",
    "super-admin",
    "kubelet",
    "controller-manager",
    "scheduler",
];

pub fn cases() -> Vec<Trial> {
    let mut trials = Vec::new();
    for algorithm in ALGORITHMS {
        trials.push(case(
            format!("pki::webpki_verifies_every_chain_{algorithm}"),
            move || with_webpki(algorithm),
        ));
        trials.push(case_with(
            &["openssl"],
            format!("pki::openssl_verifies_every_chain_{algorithm}"),
            move || with_openssl(algorithm),
        ));
    }
    trials
}

/// Installs a plan of `algorithm` with public test keys where keys would take seconds, real ones elsewhere.
fn installed(algorithm: &str) -> Result<(Planned, PathBuf)> {
    let config = fs::read_to_string(repository().join("fixtures/single-node-ecdsa.yaml"))?;
    ensure!(
        config.contains("ECDSA-P256"),
        "the fixture does not name its algorithm"
    );
    let config = config.replace("ECDSA-P256", algorithm);
    let planned = if matches!(algorithm, "RSA-3072" | "RSA-4096") {
        Planned::with_test_keys(&config)?
    } else {
        Planned::config(&config)?
    };
    planned.install(&["--allow-test-only"])?.expect(0)?;
    let kubernetes = planned.root().join("etc/kubernetes");
    Ok((planned, kubernetes))
}

fn der(pem: &[u8]) -> Result<Vec<u8>> {
    let blocks: Vec<Pem> = Pem::iter_from_buffer(pem).collect::<Result<_, _>>()?;
    let first = blocks
        .into_iter()
        .find(|block| block.label == "CERTIFICATE")
        .context("no certificate")?;
    Ok(first.contents)
}

/// The certificate embedded in a kubeconfig, as PEM.
fn embedded(kubeconfig: &Path, field: &str) -> Result<Vec<u8>> {
    let text = fs::read_to_string(kubeconfig)?;
    let value = text
        .lines()
        .find_map(|line| {
            line.trim()
                .strip_prefix(field)
                .and_then(|rest| rest.strip_prefix(": "))
        })
        .with_context(|| format!("{} has no {field}", kubeconfig.display()))?;
    decode_base64(value)
}

fn decode_base64(text: &str) -> Result<Vec<u8>> {
    use base64::Engine as _;
    Ok(base64::engine::general_purpose::STANDARD.decode(text)?)
}

/// Leaf PEM, CA PEM, whether it serves, whether it is a client.
type Leaf = (Vec<u8>, Vec<u8>, bool, bool);

/// Every leaf of the installation with its CA, by name.
fn leaves(kubernetes: &Path) -> Result<BTreeMap<String, Leaf>> {
    let mut all = BTreeMap::new();
    let pki = kubernetes.join("pki");
    let read = |name: &str| {
        fs::read(pki.join(format!("{name}.crt"))).with_context(|| format!("reading {name}.crt"))
    };
    for (leaf, ca, server, client) in LEAVES {
        all.insert(
            (*leaf).to_owned(),
            (read(leaf)?, read(ca)?, *server, *client),
        );
    }
    for name in KUBECONFIGS {
        let file = kubernetes.join(format!("{name}.conf"));
        let ca = embedded(&file, "certificate-authority-data")?;
        ensure!(ca == read("ca")?, "{name}.conf embeds another CA");
        all.insert(
            format!("{name}.conf"),
            (embedded(&file, "client-certificate-data")?, ca, false, true),
        );
    }
    Ok(all)
}

fn with_webpki(algorithm: &str) -> Result<()> {
    let (_planned, kubernetes) = installed(algorithm)?;
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_795_170_205));
    for (name, (leaf, ca, server, client)) in leaves(&kubernetes)? {
        let (leaf, ca) = (
            CertificateDer::from(der(&leaf)?),
            CertificateDer::from(der(&ca)?),
        );
        let anchors = [anchor_from_trusted_cert(&ca)
            .with_context(|| format!("CA of {name}"))?
            .to_owned()];
        let leaf = EndEntityCert::try_from(&leaf).with_context(|| name.clone())?;
        let verify = |usage| {
            leaf.verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &anchors,
                &[],
                now,
                usage,
                None,
                None,
            )
            .map(drop)
        };
        ensure!(
            verify(KeyUsage::server_auth()).is_ok() == server,
            "{name}: serverAuth should be {server}"
        );
        ensure!(
            verify(KeyUsage::client_auth()).is_ok() == client,
            "{name}: clientAuth should be {client}"
        );
    }
    Ok(())
}

fn with_openssl(algorithm: &str) -> Result<()> {
    let (planned, kubernetes) = installed(algorithm)?;
    let pki = kubernetes.join("pki");
    for (name, (leaf, ca, _, _)) in leaves(&kubernetes)? {
        let (leaf_file, ca_file) = (planned.path("leaf.pem"), planned.path("ca.pem"));
        fs::write(&leaf_file, leaf)?;
        fs::write(&ca_file, ca)?;
        let args = [
            "verify",
            "-x509_strict",
            "-attime",
            "1795170205",
            "-CAfile",
            text(&ca_file)?,
            text(&leaf_file)?,
        ];
        openssl(&args).with_context(|| name.clone())?;
    }
    // Keys belong to their certificates, in kubeadm's PEM forms.
    let label = if algorithm.starts_with("RSA") {
        "RSA PRIVATE KEY"
    } else {
        "EC PRIVATE KEY"
    };
    for name in LEAVES
        .iter()
        .map(|leaf| leaf.0)
        .chain(["ca", "front-proxy-ca", "etcd/ca"])
    {
        let (key, certificate) = (
            pki.join(format!("{name}.key")),
            pki.join(format!("{name}.crt")),
        );
        ensure!(
            fs::read_to_string(&key)?.starts_with(&format!("-----BEGIN {label}-----\n")),
            "{name}.key has another form"
        );
        let of_key = openssl(&["pkey", "-in", text(&key)?, "-pubout"])?;
        let of_certificate = openssl(&["x509", "-in", text(&certificate)?, "-noout", "-pubkey"])?;
        ensure!(
            of_key == of_certificate,
            "{name}.key is not the key of {name}.crt"
        );
    }
    let of_key = openssl(&["pkey", "-in", text(&pki.join("sa.key"))?, "-pubout"])?;
    ensure!(
        of_key == fs::read(pki.join("sa.pub"))?,
        "sa.pub is not the public half of sa.key"
    );
    Ok(())
}

fn openssl(args: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new("openssl").args(args).output()?;
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "openssl {args:?}: {err}");
    Ok(output.stdout)
}
